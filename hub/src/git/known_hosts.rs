//! Whether a host key is among the lines of an OpenSSH `known_hosts` file. Pure.
//!
//! Certificate authorities (`@cert-authority`) are not taken, and patterns with `*` or `?` match nothing: each server
//! that a fleet comes from is worth a line of its own. A revoked key is refused whatever other lines say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Whether `key`, as the server sent it, is known for this host and port and not revoked.
pub(super) fn knows(text: &str, host: &str, port: Option<u16>, key: &[u8]) -> bool {
    let port = port.unwrap_or(22);
    let name = if port == 22 {
        host.to_owned()
    } else {
        format!("[{host}]:{port}")
    };
    let mut known = false;
    for line in text.lines().map(str::trim) {
        let (revoked, line) = match line.strip_prefix("@revoked ") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        if line.starts_with(['#', '@']) {
            continue;
        }
        let mut fields = line.split_ascii_whitespace();
        let (Some(names), Some(_kind), Some(listed)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let same_key = STANDARD.decode(listed).is_ok_and(|listed| listed == key);
        if same_key && names.split(',').any(|listed| is_named(listed, &name)) {
            if revoked {
                return false;
            }
            known = true;
        }
    }
    known
}

fn is_named(listed: &str, name: &str) -> bool {
    match listed.strip_prefix("|1|") {
        Some(hashed) => is_hash_of(hashed, name).unwrap_or(false),
        None => listed.eq_ignore_ascii_case(name),
    }
}

/// A hashed name is `SALT|HMAC-SHA1(salt, name)`, both in base 64.
fn is_hash_of(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}
