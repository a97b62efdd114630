//! Inventory files.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    capstan_fuzz::inventory::inventory(bytes);
});
