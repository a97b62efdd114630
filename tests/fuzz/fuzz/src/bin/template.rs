//! Variables and the texts that use them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    capstan_fuzz::text::template(bytes);
});
