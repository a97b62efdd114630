//! Whole fleets for the renderer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    capstan_fuzz::fleet::render(bytes);
});
