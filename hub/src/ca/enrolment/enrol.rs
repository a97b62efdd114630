//! From a token and a key to an identity: one compare-and-set. The first key wins; the same key again gets the same
//! answer again.

use capstan_proto::{ClusterName, Moment};

use super::{
    ATTEMPTS_MAX, Enrolment, Entropy, Failure, RETRY_AFTER_END_MS, TokenText, credential_of,
    reissued, to_text,
};
use crate::ca::{ClusterId, Issued, PublicKey, Serial};
use crate::ledger::records::{
    Ban, Batch, ByUid, Credential, Identified, Registration, Token, TokenRight, TokenUse,
    Versioned, keys,
};

/// A request to join.
#[derive(Clone, Debug)]
pub struct Request {
    /// The token as it was sent.
    pub token: String,
    /// The key that shall be the cluster's.
    pub key: PublicKey,
    /// The UID of the cluster's `kube-system` namespace.
    pub cluster_uid: String,
}

/// A cluster that joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Its name.
    pub name: ClusterName,
    /// Its id.
    pub id: ClusterId,
    /// Its certificate.
    pub issued: Issued,
    /// Whether this is an answer given before.
    pub again: bool,
}

/// Why a cluster may not join.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// No such token, or its secret half is wrong.
    #[error(
        "the token is not valid (check that it was copied whole, or make a new one with `hub token create`)"
    )]
    BadToken,
    /// Too late.
    #[error(
        "the token for cluster {name} expired at {at} (make a new one with `hub token create {name}`)"
    )]
    Expired {
        /// The name it was for.
        name: ClusterName,
        /// Its end.
        at: Moment,
    },
    /// Used by somebody else.
    #[error(
        "the token for cluster {name} was used already, with another key (if that was not you, ban {name}; otherwise make a new token with `hub token create {name} --re-enrol`)"
    )]
    Used {
        /// The name it was for.
        name: ClusterName,
        /// Attempts of this kind so far: each is worth an alert.
        refused: u32,
    },
    /// The name was enrolled since the token was made.
    #[error(
        "cluster {name} is enrolled already (make a token with `hub token create {name} --re-enrol`)"
    )]
    AlreadyEnrolled {
        /// The name.
        name: ClusterName,
    },
    /// The name belongs to another cluster.
    #[error(
        "{name} is another cluster: its kube-system namespace has UID {registered}, this one {found} (check the kubeconfig context; to let this cluster take the name use `hub token create {name} --replace`)"
    )]
    OtherCluster {
        /// The name.
        name: ClusterName,
        /// The UID registered.
        registered: String,
        /// The UID sent.
        found: String,
    },
    /// The cluster has another name.
    #[error("this cluster is enrolled already, as {name} (use a token for that name)")]
    OtherName {
        /// Its name.
        name: ClusterName,
    },
    /// It may not connect.
    #[error("cluster {name} is banned (an administrator of the fleet can unban it)")]
    Banned {
        /// Its name.
        name: ClusterName,
    },
    /// The UID cannot be one.
    #[error("the UID of the kube-system namespace is missing or malformed")]
    BadUid,
    /// The bookkeeping failed.
    #[error("the enrolment could not be recorded")]
    Failed(#[from] Failure),
}

/// The records that an enrolment looks at.
struct Seen {
    token: Versioned<Token>,
    registration: Option<Versioned<Registration>>,
    by_uid: Option<Versioned<ByUid>>,
    ban: Option<Versioned<Ban>>,
}

/// What is to be done.
#[derive(Debug)]
enum Decision {
    /// Give the same certificate again.
    Again(ClusterId, TokenUse),
    /// Count an attempt with another key.
    Count,
    /// Issue a certificate.
    Issue { id: ClusterId, serial: Serial },
}

impl Enrolment {
    /// Lets a cluster join.
    pub async fn enrol(
        &self,
        request: &Request,
        entropy: Entropy,
        now: Moment,
    ) -> Result<Enrolled, EnrolError> {
        let text = TokenText::parse(&request.token).ok_or(EnrolError::BadToken)?;
        for _ in 0..ATTEMPTS_MAX {
            let seen = self.look(&text, &request.cluster_uid).await?;
            let name = seen.token.value.cluster.clone();
            match decide(&seen, request, entropy, now)? {
                Decision::Again(id, used) => return again(name, id, &used),
                Decision::Count => {
                    let refused = seen.token.value.refused.saturating_add(1);
                    if self.count_refusal(&text, seen.token, refused).await? {
                        return Err(EnrolError::Used { name, refused });
                    }
                }
                Decision::Issue { id, serial } => {
                    let issued = self
                        .authority
                        .issue_spoke(&request.key, id, serial, now)
                        .map_err(Failure::from)?;
                    let batch = record(&seen, &text, request, (id, &issued), now);
                    if self.settle(batch).await? {
                        return Ok(Enrolled {
                            name,
                            id,
                            issued,
                            again: false,
                        });
                    }
                }
            }
        }
        Err(Failure::Contended {
            of: format!("token {}", text.id()),
        }
        .into())
    }

    /// Whether a token would let this cluster join, and under which name. Nothing is used up or counted. A token that
    /// this very cluster used already will do: its agent has what it was for.
    pub async fn check(
        &self,
        token: &str,
        cluster_uid: &str,
        now: Moment,
    ) -> Result<ClusterName, EnrolError> {
        let text = TokenText::parse(token).ok_or(EnrolError::BadToken)?;
        let seen = self.look(&text, cluster_uid).await?;
        let name = seen.token.value.cluster.clone();
        not_banned(&seen)?;
        if seen.token.value.used.is_none() {
            let nobody = Entropy {
                cluster: uuid::Uuid::nil(),
                serial: 0,
            };
            return issue(&seen, cluster_uid, nobody, now).map(|_| name);
        }
        let registration = seen.registration.as_ref().map(|read| &read.value);
        match registration {
            Some(registration) if registration.cluster_uid == cluster_uid => Ok(name),
            _ => Err(EnrolError::Used {
                name,
                refused: seen.token.value.refused,
            }),
        }
    }

    async fn look(&self, text: &TokenText, cluster_uid: &str) -> Result<Seen, EnrolError> {
        let uid = keys::by_uid(cluster_uid).ok_or(EnrolError::BadUid)?;
        let key = keys::token(text.id()).ok_or(EnrolError::BadToken)?;
        let token = self.records.get(&key).await.map_err(Failure::from)?;
        let token = token
            .filter(|token| text.is(&token.value))
            .ok_or(EnrolError::BadToken)?;
        let name = keys::registration(&token.value.cluster);
        let registration = self.records.get(&name).await.map_err(Failure::from)?;
        let by_uid = self.records.get(&uid).await.map_err(Failure::from)?;
        let ban = match &registration {
            Some(registration) => self
                .records
                .get(&keys::ban(registration.value.id))
                .await
                .map_err(Failure::from)?,
            None => None,
        };
        Ok(Seen {
            token,
            registration,
            by_uid,
            ban,
        })
    }

    async fn count_refusal(
        &self,
        text: &TokenText,
        token: Versioned<Token>,
        refused: u32,
    ) -> Result<bool, Failure> {
        let key = keys::token(text.id()).expect("the token was read under this id");
        let batch = Batch::new().unchanged(&key, Some(&token));
        let counted = Token {
            refused,
            ..token.value
        };
        self.settle(batch.put(&key, &counted)).await
    }
}

fn decide(
    seen: &Seen,
    request: &Request,
    entropy: Entropy,
    now: Moment,
) -> Result<Decision, EnrolError> {
    let token = &seen.token.value;
    let name = &token.cluster;
    let end = Moment::from_unix_ms(token.expires_unix_ms);
    let registration = seen.registration.as_ref().map(|read| &read.value);
    not_banned(seen)?;
    if let Some(used) = &token.used {
        return match registration {
            _ if used.key != request.key.hash() => Ok(Decision::Count),
            Some(registration) if now <= end.plus_ms(RETRY_AFTER_END_MS) => {
                Ok(Decision::Again(registration.id, used.clone()))
            }
            _ => Err(EnrolError::Expired {
                name: name.clone(),
                at: end,
            }),
        };
    }
    issue(seen, &request.cluster_uid, entropy, now)
}

fn not_banned(seen: &Seen) -> Result<(), EnrolError> {
    match &seen.ban {
        Some(_) => Err(EnrolError::Banned {
            name: seen.token.value.cluster.clone(),
        }),
        None => Ok(()),
    }
}

/// What a token that nobody used yet leads to.
fn issue(
    seen: &Seen,
    cluster_uid: &str,
    entropy: Entropy,
    now: Moment,
) -> Result<Decision, EnrolError> {
    let token = &seen.token.value;
    let name = &token.cluster;
    let end = Moment::from_unix_ms(token.expires_unix_ms);
    let registration = seen.registration.as_ref().map(|read| &read.value);
    if now > end {
        return Err(EnrolError::Expired {
            name: name.clone(),
            at: end,
        });
    }
    if let Some(other) = seen
        .by_uid
        .as_ref()
        .filter(|other| other.value.name != *name)
    {
        return Err(EnrolError::OtherName {
            name: other.value.name.clone(),
        });
    }
    let new = ClusterId(entropy.cluster);
    let (id, renewal) = match registration {
        None => (new, 1),
        Some(registration) => rejoin(token, registration, cluster_uid, new)?,
    };
    Ok(Decision::Issue {
        id,
        serial: Serial::new(renewal, entropy.serial),
    })
}

/// The id and renewal number for a name that is enrolled already. Renewal numbers never go back, so that the serials
/// before are retired.
fn rejoin(
    token: &Token,
    registration: &Registration,
    cluster_uid: &str,
    new: ClusterId,
) -> Result<(ClusterId, u64), EnrolError> {
    let name = token.cluster.clone();
    let next = registration.renewals + 1;
    let same = registration.cluster_uid == cluster_uid;
    match token.right {
        TokenRight::Enrol => Err(EnrolError::AlreadyEnrolled { name }),
        TokenRight::Replace if !same => Ok((new, next)),
        TokenRight::ReEnrol | TokenRight::Replace if same => Ok((registration.id, next)),
        TokenRight::ReEnrol | TokenRight::Replace => Err(EnrolError::OtherCluster {
            name,
            registered: registration.cluster_uid.clone(),
            found: cluster_uid.to_owned(),
        }),
    }
}

/// Everything that an enrolment writes, in one transaction.
fn record(
    seen: &Seen,
    text: &TokenText,
    request: &Request,
    (id, issued): (ClusterId, &Issued),
    now: Moment,
) -> Batch {
    let token = &seen.token.value;
    let name = &token.cluster;
    let used = TokenUse {
        key: issued.key,
        serial: issued.serial,
        certificate: to_text(&issued.certificate),
        at_unix_ms: now.unix_ms(),
    };
    let before = seen.registration.as_ref().map(|read| &read.value);
    let registration = Registration {
        id,
        enrolled_unix_ms: before.map_or(now.unix_ms(), |before| before.enrolled_unix_ms),
        cluster_uid: request.cluster_uid.clone(),
        current: credential_of(issued),
        pending: None,
        renewals: issued.serial.renewal(),
        quarantine: None,
    };
    let token_key = keys::token(text.id()).expect("the token was read under this id");
    let uid_key = keys::by_uid(&request.cluster_uid).expect("the UID was read under this key");
    let registration_key = keys::registration(name);
    let mut batch = Batch::new()
        .unchanged(&token_key, Some(&seen.token))
        .unchanged(&registration_key, seen.registration.as_ref())
        .unchanged(&uid_key, seen.by_uid.as_ref())
        .put(
            &token_key,
            &Token {
                used: Some(used),
                ..token.clone()
            },
        )
        .put(&registration_key, &registration)
        .put(&uid_key, &ByUid { name: name.clone() })
        .put(&keys::identified(id), &Identified { name: name.clone() });
    if before.is_none_or(|before| before.id != id) {
        // What the one before claimed is nothing to this one.
        batch = batch.delete(&keys::recovering(name));
    }
    if let Some(before) = before.filter(|before| before.id != id) {
        batch = batch.delete(&keys::identified(before.id));
        if let Some(key) = keys::by_uid(&before.cluster_uid) {
            batch = batch.delete(&key);
        }
    }
    batch
}

fn again(name: ClusterName, id: ClusterId, used: &TokenUse) -> Result<Enrolled, EnrolError> {
    let credential = Credential {
        serial: used.serial,
        key: used.key,
        not_after_unix_ms: 0,
    };
    let mut issued = reissued(&credential, &used.certificate, &name)?;
    issued.not_after = not_after(&issued).unwrap_or(issued.not_after);
    Ok(Enrolled {
        name,
        id,
        issued,
        again: true,
    })
}

fn not_after(issued: &Issued) -> Option<Moment> {
    let certificate = crate::ca::identity::parse(&issued.certificate).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Moment::from_unix_ms(seconds.saturating_mul(1000)))
}
