//! Join tokens: `id.secret`, bound to one cluster name, of which the hub keeps only a hash of the secret half.

use std::fmt;

use capstan_proto::{ClusterName, Digest, Moment};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Enrolment, Failure};
use crate::ledger::records::{Batch, Token, TokenRight, keys};

/// Digits of the public half: 64 bits, so that ids do not meet.
const ID_DIGITS: usize = 16;

/// Digits of the secret half: 160 bits, where 128 would do.
const SECRET_DIGITS: usize = 40;

/// The longest life of a token: a week, for sites that are visited on a tour.
const TTL_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// A token as its bearer has it. `Debug` does not show the secret half; `Display` does, because somebody must get it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText {
    id: String,
    secret: Zeroizing<String>,
}

impl TokenText {
    /// A new token from random bytes: 8 of the id, 20 of the secret.
    pub fn new(random: [u8; 28]) -> Self {
        let hexadecimal =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let (id, secret) = random.split_at(8);
        Self {
            id: hexadecimal(id),
            secret: Zeroizing::new(hexadecimal(secret)),
        }
    }

    /// Reads a token; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.trim().split_once('.')?;
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let digits = |part: &str, count| part.len() == count && part.bytes().all(digit);
        let valid = digits(id, ID_DIGITS) && digits(secret, SECRET_DIGITS);
        valid.then(|| Self {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
        })
    }

    /// The public half, which names the token in lists and logs.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret_hash(&self) -> Digest {
        Digest::of(self.secret.as_bytes())
    }

    /// Whether this is the token that a record is about; takes the same time whatever differs.
    pub(super) fn is(&self, record: &Token) -> bool {
        self.secret_hash()
            .as_bytes()
            .ct_eq(record.secret.as_bytes())
            .into()
    }
}

impl fmt::Display for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, *self.secret)
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenText({}.…)", self.id)
    }
}

/// What a token is to be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// The one name that it may enrol.
    pub cluster: ClusterName,
    /// What it may do with it.
    pub right: TokenRight,
    /// How long it counts.
    pub ttl_ms: u64,
    /// Who makes it.
    pub by: String,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The name is taken.
    #[error(
        "cluster {name} is enrolled already (give the same cluster a new certificate with --re-enrol, or let another one take the name with --replace)"
    )]
    AlreadyEnrolled {
        /// The name.
        name: ClusterName,
    },
    /// The name may not connect.
    #[error("cluster {name} is banned since {since}: {reason} (unban it first)")]
    Banned {
        /// The name.
        name: ClusterName,
        /// Since when.
        since: Moment,
        /// Why.
        reason: String,
    },
    /// The life asked for is none or too long.
    #[error("a token lives between 1 second and 7 days")]
    BadLife,
    /// It could not be written down.
    #[error("the token could not be recorded")]
    Failed(#[from] Failure),
}

impl Enrolment {
    /// Makes a token; the answer is the only place where its secret half ever is.
    pub async fn create_token(
        &self,
        new: NewToken,
        random: [u8; 28],
        now: Moment,
    ) -> Result<TokenText, TokenError> {
        if new.ttl_ms < 1000 || new.ttl_ms > TTL_MS_MAX {
            return Err(TokenError::BadLife);
        }
        let name = new.cluster;
        self.check_name(&name, new.right).await?;
        let text = TokenText::new(random);
        let record = Token {
            secret: text.secret_hash(),
            cluster: name.clone(),
            right: new.right,
            by: new.by,
            made_unix_ms: now.unix_ms(),
            expires_unix_ms: now.plus_ms(new.ttl_ms).unix_ms(),
            used: None,
            refused: 0,
        };
        let key = keys::token(text.id()).expect("a new token's id is 16 hexadecimal digits");
        // A write whose answer was lost is not repeated: nobody has seen this token yet, so another one does as well.
        let batch = Batch::new().unchanged(&key, None).put(&key, &record);
        match self.settle(batch).await? {
            true => Ok(text),
            false => Err(Failure::Contended {
                of: format!("cluster {name}"),
            }
            .into()),
        }
    }

    /// Removes tokens that can neither be used nor retried any more; says how many.
    pub async fn sweep_tokens(&self, now: Moment) -> Result<usize, Failure> {
        let (tokens, _) = self.records.list(&keys::tokens()).await?;
        let dead = tokens.iter().filter(|token| {
            let end = Moment::from_unix_ms(token.value.expires_unix_ms);
            now > end.plus_ms(super::RETRY_AFTER_END_MS)
        });
        let mut swept = 0;
        for token in dead {
            let Some(key) = keys::token(&token.name) else {
                continue;
            };
            if self.settle(Batch::new().delete(&key)).await? {
                swept += 1;
            }
        }
        Ok(swept)
    }

    async fn check_name(&self, name: &ClusterName, right: TokenRight) -> Result<(), TokenError> {
        let read = self
            .records
            .get(&keys::registration(name))
            .await
            .map_err(Failure::from)?;
        let Some(registration) = read else {
            return Ok(());
        };
        let key = keys::ban(registration.value.id);
        match self.records.get(&key).await.map_err(Failure::from)? {
            Some(ban) => Err(TokenError::Banned {
                name: name.clone(),
                since: Moment::from_unix_ms(ban.value.since_unix_ms),
                reason: ban.value.reason,
            }),
            None if right == TokenRight::Enrol => {
                Err(TokenError::AlreadyEnrolled { name: name.clone() })
            }
            None => Ok(()),
        }
    }
}
