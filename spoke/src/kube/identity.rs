//! Identity and bootstrap Secrets: who we are, who we are about to become, and what got us here.

use capstan_proto::ClusterName;

use super::secret::{Secret, SecretError, Secrets};
use crate::link::Address;
use crate::tls::{Identity, Key, Pin};

/// The identity Secret's name.
pub const IDENTITY: &str = "capstan-spoke-identity";

/// The bootstrap Secret's name.
pub const BOOTSTRAP: &str = "capstan-spoke-bootstrap";

/// What `spoke bootstrap` left for the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Where the hub is.
    pub hub: Address,
    /// Its CA's key.
    pub pin: Pin,
    /// The token; gone once it was used.
    pub token: Option<String>,
}

/// What the identity Secret holds.
#[derive(Debug, Default)]
pub struct Held {
    /// The identity that the hub knows.
    pub current: Option<Identity>,
    /// The name under which it knows us.
    pub cluster: Option<ClusterName>,
    /// A key for which a certificate was asked, or is about to be.
    pub pending: Option<Key>,
    /// The public half of the token that the identity was got with.
    pub used_token: Option<String>,
    secret: Option<Secret>,
}

/// The public half of a token: what it is called, without what makes it valid.
#[must_use]
pub fn token_id(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}

/// Both Secrets of one cluster.
#[derive(Clone, Debug)]
pub struct Identities {
    secrets: Secrets,
}

impl Identities {
    /// Those in the agent's namespace.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// Reads what `spoke bootstrap` left; `None` when it left nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn bootstrap(&self) -> Result<Option<Bootstrap>, SecretError> {
        let Some(secret) = self.secrets.get(BOOTSTRAP).await? else {
            return Ok(None);
        };
        let garbled = || SecretError::Garbled {
            name: BOOTSTRAP.to_owned(),
        };
        let hub = secret
            .text("hub")
            .and_then(|text| Address::parse(text).ok());
        let pin = secret.text("ca-pin").and_then(|text| Pin::parse(text).ok());
        Ok(Some(Bootstrap {
            hub: hub.ok_or_else(garbled)?,
            pin: pin.ok_or_else(garbled)?,
            token: secret
                .text("token")
                .filter(|token| !token.is_empty())
                .map(str::to_owned),
        }))
    }

    /// Takes the token out of the bootstrap Secret: it was used.
    ///
    /// # Errors
    /// When it may still be there.
    pub async fn forget_token(&self) -> Result<(), SecretError> {
        let Some(mut secret) = self.secrets.get(BOOTSTRAP).await? else {
            return Ok(());
        };
        match secret.data.remove("token") {
            Some(_) => self.secrets.write(&secret).await.map(drop),
            None => Ok(()),
        }
    }

    /// Reads the identity. What is unreadable counts as absent, so that a new token can repair it.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn load(&self) -> Result<Held, SecretError> {
        let Some(secret) = self.secrets.get(IDENTITY).await? else {
            return Ok(Held::default());
        };
        let key = |name| secret.text(name).and_then(|pem| Key::from_pem(pem).ok());
        let chain = secret.data.get("certificate").map(|bytes| split(bytes));
        let roots = secret.data.get("ca-bundle").map(|bytes| split(bytes));
        let current = match (key("key"), chain, roots) {
            (Some(key), Some(chain), Some(roots)) => {
                Identity::try_new(key, chain, roots, None).ok()
            }
            _ => None,
        };
        Ok(Held {
            current,
            cluster: secret
                .text("cluster")
                .and_then(|name| ClusterName::try_new(name).ok()),
            pending: key("pending-key"),
            used_token: secret.text("token-id").map(str::to_owned),
            secret: Some(secret),
        })
    }

    /// Stores a key before a certificate is asked for it.
    ///
    /// # Errors
    /// When it is not durable: then nothing may be asked.
    pub async fn store_pending(&self, held: &mut Held, key: Key) -> Result<(), SecretError> {
        let mut secret = held.begin();
        let pem = key.to_pem().as_bytes().to_vec();
        secret.data.insert("pending-key".to_owned(), pem);
        self.write(held, secret).await?;
        held.pending = Some(key);
        Ok(())
    }

    /// Makes an identity the current one; its key is pending no more.
    ///
    /// # Errors
    /// When it is not durable: the old one still counts.
    pub async fn store_current(
        &self,
        held: &mut Held,
        identity: Identity,
        cluster: Option<ClusterName>,
    ) -> Result<(), SecretError> {
        let mut secret = held.begin();
        let mut set = |name: &str, bytes: Vec<u8>| secret.data.insert(name.to_owned(), bytes);
        set("key", identity.key().to_pem().as_bytes().to_vec());
        set("certificate", join(identity.chain()));
        set("ca-bundle", join(identity.roots()));
        if let Some(cluster) = &cluster {
            set("cluster", cluster.as_str().as_bytes().to_vec());
        }
        if let Some(id) = &held.used_token {
            set("token-id", id.as_bytes().to_vec());
        }
        secret.data.remove("pending-key");
        self.write(held, secret).await?;
        held.current = Some(identity);
        held.cluster = cluster.or(held.cluster.take());
        held.pending = None;
        Ok(())
    }

    async fn write(&self, held: &mut Held, mut secret: Secret) -> Result<(), SecretError> {
        secret.version = Some(self.secrets.write(&secret).await?);
        held.secret = Some(secret);
        Ok(())
    }
}

impl Held {
    fn begin(&self) -> Secret {
        self.secret
            .clone()
            .unwrap_or_else(|| Secret::state(IDENTITY, "identity"))
    }
}

/// Certificates one after the other, each after its length as four big-endian bytes.
fn join(certificates: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for der in certificates {
        let length = u32::try_from(der.len()).expect("a certificate is shorter than 2^32 bytes");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(der);
    }
    out
}

/// Reads [`join`]; what is cut off is left out.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some(der) = rest.get(..length) else {
            break;
        };
        out.push(der.to_vec());
        bytes = &rest[length..];
    }
    out
}
