//! How a value looks inside sled: with its schema, generation, length and checksum. Pure.

/// The version of this shape.
const SCHEMA: u8 = 1;

/// Bytes before the payload: schema, generation, length, checksum.
const HEAD_BYTES: usize = 1 + 8 + 4 + 4;

/// Wraps a payload that is stored under `key`; the checksum covers the key, so that a value cannot stand in another's place.
pub(super) fn wrap(key: &[u8], generation: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("values are at most 16 KiB");
    let mut out = Vec::with_capacity(HEAD_BYTES + payload.len());
    out.push(SCHEMA);
    out.extend_from_slice(&generation.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    let checksum = checksum(key, &out, payload);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
    out
}

/// Unwraps a value; `None` when anything about it is not as it was written.
pub(super) fn unwrap<'v>(key: &[u8], value: &'v [u8]) -> Option<(u64, &'v [u8])> {
    let (head, payload) = value.split_at_checked(HEAD_BYTES)?;
    let generation = u64::from_le_bytes(head[1..9].try_into().ok()?);
    let length = u32::from_le_bytes(head[9..13].try_into().ok()?);
    let stored = u32::from_le_bytes(head[13..17].try_into().ok()?);
    let sound = head[0] == SCHEMA
        && length as usize == payload.len()
        && stored == checksum(key, &head[..13], payload);
    sound.then_some((generation, payload))
}

fn checksum(key: &[u8], head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(key), head), payload)
}
