//! Whole fleets for the loader.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    capstan_fuzz::fleet::load(bytes);
});
