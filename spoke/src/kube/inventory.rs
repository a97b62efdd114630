//! The inventory of each bundle: a Secret that is an ApplySet parent (KEP-3659), so that kubectl keeps its hands off.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use capstan_proto::{BundleName, Digest};
use capstan_spoke_core::inventory::{Rows, from_bytes, to_bytes};

use super::blob::{self, BlobRef};
use super::secret::{Secret, SecretError, Secrets};

const STATE: &str = "inventory";
const PREFIX: &str = "capstan-inventory";
const SHARDS: &str = "capstan-spoke-rows";

/// Rows that fit into the parent itself, compressed; larger ones go into shards that the parent names.
const INLINE_BYTES_MAX: usize = 900_000;

/// One bundle's inventory in the cluster. One owner.
#[derive(Debug)]
pub struct Inventory {
    secrets: Secrets,
    bundle: BundleName,
    version: Option<String>,
    shards: Option<BlobRef>,
}

/// Reads every inventory.
///
/// # Errors
/// When one cannot be read: without it nothing may be judged as ours.
pub async fn load(secrets: &Secrets) -> Result<Vec<(Inventory, Rows)>, SecretError> {
    let mut all = Vec::new();
    for secret in secrets.list(STATE).await? {
        let garbled = || SecretError::Garbled {
            name: secret.name.clone(),
        };
        let bundle = secret
            .name
            .strip_prefix(PREFIX)
            .and_then(|rest| BundleName::parse(rest.strip_prefix('.')?).ok())
            .ok_or_else(garbled)?;
        let mut inventory = Inventory::new(secrets.clone(), bundle);
        inventory.version.clone_from(&secret.version);
        let bytes = inventory.bytes(&secret).await?;
        let rows = from_bytes(&bytes).map_err(|_| garbled())?;
        all.push((inventory, rows));
    }
    Ok(all)
}

impl Inventory {
    /// One that is not stored yet.
    #[must_use]
    pub fn new(secrets: Secrets, bundle: BundleName) -> Self {
        Self {
            secrets,
            bundle,
            version: None,
            shards: None,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn bundle(&self) -> &BundleName {
        &self.bundle
    }

    async fn bytes(&mut self, secret: &Secret) -> Result<Vec<u8>, SecretError> {
        let garbled = || SecretError::Garbled {
            name: secret.name.clone(),
        };
        if let Some(rows) = secret.data.get("rows") {
            return blob::decompress(rows).ok_or_else(garbled);
        }
        let shards = secret.data.get("shards").ok_or_else(garbled)?;
        let shards: BlobRef = serde_json::from_slice(shards).map_err(|_| garbled())?;
        let bytes = blob::read(&self.secrets, &shards).await?;
        self.shards = Some(shards);
        Ok(bytes)
    }

    /// Replaces it; no rows: deletes it.
    ///
    /// # Errors
    /// When it is not durable; what was stored before still counts.
    pub async fn write(&mut self, rows: &Rows) -> Result<(), SecretError> {
        let name = format!("{PREFIX}.{}", self.bundle);
        if rows.is_empty() {
            let version = self.version.as_deref();
            self.secrets.delete_version(&name, version).await?;
            self.version = None;
            return self.sweep(None).await;
        }
        let mut secret = parent(&name, self.secrets.namespace(), rows);
        secret.version.clone_from(&self.version);
        let bytes = to_bytes(rows);
        let compressed = blob::compress(&bytes);
        let shards = match compressed.len() <= INLINE_BYTES_MAX {
            true => {
                secret.data.insert("rows".to_owned(), compressed);
                None
            }
            false => {
                let prefix = format!("{SHARDS}.{}", self.bundle);
                let shards = blob::write(&self.secrets, &prefix, &bytes).await?;
                let named = serde_json::to_vec(&shards).expect("a reference has only text keys");
                secret.data.insert("shards".to_owned(), named);
                Some(shards)
            }
        };
        self.version = Some(self.secrets.write(&secret).await?);
        self.sweep(shards).await
    }

    /// Deletes the shards that the parent named before.
    async fn sweep(&mut self, now: Option<BlobRef>) -> Result<(), SecretError> {
        let before = std::mem::replace(&mut self.shards, now);
        let Some(before) = before.filter(|before| Some(before) != self.shards.as_ref()) else {
            return Ok(());
        };
        for name in before.secrets() {
            self.secrets.delete(&name).await?;
        }
        Ok(())
    }
}

/// An ApplySet parent without its rows. Its id and annotations are those that KEP-3659 prescribes.
fn parent(name: &str, namespace: &str, rows: &Rows) -> Secret {
    let mut secret = Secret::state(name, STATE);
    let id = Digest::of(format!("{name}.{namespace}.Secret.").as_bytes());
    let id = format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(id.as_bytes()));
    secret
        .labels
        .insert("applyset.kubernetes.io/id".to_owned(), id);
    let kinds: BTreeSet<String> = rows
        .keys()
        .map(|key| capstan_spoke_core::Kind::of(key).to_string())
        .collect();
    let namespaces: BTreeSet<&str> = rows
        .keys()
        .map(|key| key.namespace.as_str())
        .filter(|text| !text.is_empty() && *text != namespace)
        .collect();
    let joined = |texts: Vec<&str>| texts.join(",");
    let mut annotate = |key: &str, value: String| {
        secret
            .annotations
            .insert(format!("applyset.kubernetes.io/{key}"), value);
    };
    annotate("tooling", "capstan/v1".to_owned());
    annotate(
        "contains-group-kinds",
        joined(kinds.iter().map(String::as_str).collect()),
    );
    annotate(
        "additional-namespaces",
        joined(namespaces.into_iter().collect()),
    );
    secret
}
