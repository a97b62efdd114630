//! CEL expressions.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    capstan_fuzz::text::cel(bytes);
});
