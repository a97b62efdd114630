//! Receipts: what proves to a later hub that this fleet gave a cluster a snapshot.

use capstan_hub_core::session::Receipt;
use capstan_proto::{ClusterName, Triple};
use ring::hmac;

/// Makes and checks receipts with the ledger's key.
#[derive(Clone)]
pub(crate) struct Receipts {
    key: hmac::Key,
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receipts(..)")
    }
}

impl Receipts {
    /// With the ledger's key.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// The MAC over (cluster, incarnation, generation, digest).
    pub(crate) fn make(&self, cluster: &ClusterName, triple: Triple) -> Vec<u8> {
        hmac::sign(&self.key, &message(cluster, triple))
            .as_ref()
            .to_vec()
    }

    /// What a claimed receipt is worth.
    pub(crate) fn check(&self, cluster: &ClusterName, triple: Triple, mac: &[u8]) -> Receipt {
        if mac.is_empty() {
            return Receipt::Absent;
        }
        match hmac::verify(&self.key, &message(cluster, triple), mac) {
            Ok(()) => Receipt::Valid,
            Err(ring::error::Unspecified) => Receipt::Invalid,
        }
    }
}

/// Every part has a fixed length or stands after its length, so that two different triples never give the same bytes.
fn message(cluster: &ClusterName, triple: Triple) -> Vec<u8> {
    let name = cluster.as_str().as_bytes();
    let length = u8::try_from(name.len()).expect("a DNS label has at most 63 bytes");
    let mut bytes = b"capstan receipt 1\0".to_vec();
    bytes.push(length);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&triple.number.incarnation.counter.to_be_bytes());
    bytes.extend_from_slice(&triple.number.incarnation.random.to_be_bytes());
    bytes.extend_from_slice(&triple.number.generation.0.to_be_bytes());
    bytes.extend_from_slice(triple.digest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests;
