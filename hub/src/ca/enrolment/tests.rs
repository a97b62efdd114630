//! Joining, renewing, being retired and banned, on a real ledger.

use std::sync::Arc;

use capstan_proto::{ClusterName, Moment};
use rcgen::KeyPair;
use uuid::Uuid;

use super::{
    BanError, EnrolError, Enrolled, Enrolment, Entropy, NewToken, RETRY_AFTER_END_MS, Refusal,
    RenewError, Request, TokenError, TokenText,
};
use crate::ca::tests::{authority_of, new_key, public};
use crate::ca::{FleetId, Identity, Issued, SPOKE_LIFE_MS};
use crate::ledger::records::{Records, TokenRight, keys};
use crate::ledger::{Embedded, Ledger};

const NOW: Moment = Moment::from_unix_ms(1_800_000_000_000);
const FLEET: FleetId = FleetId(Uuid::from_u128(1));
const TTL_MS: u64 = 15 * 60 * 1000;

struct Hub {
    _directory: tempfile::TempDir,
    enrolment: Enrolment,
    ledger: Arc<Embedded>,
}

fn hub() -> Hub {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Embedded::create(&directory.path().join("ledger")).unwrap());
    let records = Records::new(ledger.clone());
    let enrolment = Enrolment::new(records, Arc::new(authority_of(FLEET, NOW)));
    Hub {
        _directory: directory,
        enrolment,
        ledger,
    }
}

fn name(text: &str) -> ClusterName {
    ClusterName::try_new(text).unwrap()
}

fn entropy() -> Entropy {
    Entropy {
        cluster: Uuid::new_v4(),
        serial: rand::random(),
    }
}

impl Hub {
    async fn token(&self, cluster: &str, right: TokenRight) -> Result<TokenText, TokenError> {
        let new = NewToken {
            cluster: name(cluster),
            right,
            ttl_ms: TTL_MS,
            by: "admin".into(),
        };
        let mut random = [0; 28];
        random.fill_with(rand::random);
        self.enrolment.create_token(new, random, NOW).await
    }

    async fn enrol_at(
        &self,
        token: &TokenText,
        key: &KeyPair,
        uid: &str,
        now: Moment,
    ) -> Result<Enrolled, EnrolError> {
        let request = Request {
            token: token.to_string(),
            key: public(key),
            cluster_uid: uid.to_owned(),
        };
        self.enrolment.enrol(&request, entropy(), now).await
    }

    async fn enrol(&self, token: &TokenText, key: &KeyPair) -> Result<Enrolled, EnrolError> {
        self.enrol_at(token, key, "uid-1", NOW).await
    }

    /// A cluster that joined, as its certificate shows it.
    async fn joined(&self, cluster: &str, uid: &str) -> Identity {
        let token = self.token(cluster, TokenRight::Enrol).await.unwrap();
        identity(
            &self
                .enrol_at(&token, &new_key(), uid, NOW)
                .await
                .unwrap()
                .issued,
        )
    }

    async fn renew(&self, identity: &Identity, key: &KeyPair) -> Result<Issued, RenewError> {
        self.enrolment
            .renew(identity, &public(key), entropy(), NOW)
            .await
    }

    async fn opens(&self, identity: &Identity) -> Result<String, Refusal> {
        let admission = self.enrolment.open_session(identity, NOW).await.unwrap();
        admission.map(|admitted| admitted.name.to_string())
    }
}

fn identity(issued: &Issued) -> Identity {
    Identity::from_certificate(&issued.certificate, FLEET).unwrap()
}

#[tokio::test]
async fn a_token_and_a_key_become_an_identity() {
    let hub = hub();
    let token = hub.token("prod-eu-1", TokenRight::Enrol).await.unwrap();
    let enrolled = hub.enrol(&token, &new_key()).await.unwrap();
    assert_eq!(
        (enrolled.name.as_str(), enrolled.again),
        ("prod-eu-1", false)
    );
    let identity = identity(&enrolled.issued);
    assert_eq!(identity.cluster, enrolled.id);
    assert_eq!(identity.serial.renewal(), 1);
    assert_eq!(hub.opens(&identity).await.unwrap(), "prod-eu-1");
}

#[tokio::test]
async fn checking_a_token_uses_nothing_up() {
    let hub = hub();
    let token = hub.token("prod", TokenRight::Enrol).await.unwrap();
    let check = async |uid: &str, now| hub.enrolment.check(&token.to_string(), uid, now).await;
    assert_eq!(check("uid-1", NOW).await.unwrap(), name("prod"));
    let late = check("uid-1", NOW.plus_ms(TTL_MS + 1)).await.unwrap_err();
    assert!(matches!(late, EnrolError::Expired { .. }), "{late}");

    hub.enrol(&token, &new_key()).await.unwrap();
    // For the cluster that used it a second installation is a repair; for another it is too late.
    assert_eq!(check("uid-1", NOW).await.unwrap(), name("prod"));
    let used = check("uid-2", NOW).await.unwrap_err();
    assert!(
        matches!(used, EnrolError::Used { refused: 0, .. }),
        "{used}"
    );
    let wrong = hub
        .enrolment
        .check("nonsense", "uid-1", NOW)
        .await
        .unwrap_err();
    assert!(matches!(wrong, EnrolError::BadToken), "{wrong}");
}

#[tokio::test]
async fn the_secret_half_of_a_token_is_kept_nowhere() {
    let hub = hub();
    let token = hub.token("a", TokenRight::Enrol).await.unwrap();
    hub.enrol(&token, &new_key()).await.unwrap();
    let text = token.to_string();
    let secret = text.split_once('.').unwrap().1;
    let everything = crate::ledger::list_all(hub.ledger.as_ref(), "")
        .await
        .unwrap();
    for entry in everything.entries {
        assert!(
            !String::from_utf8_lossy(&entry.value).contains(secret),
            "{}",
            entry.key
        );
        assert!(!entry.key.as_str().contains(secret));
    }
    assert!(!format!("{token:?}").contains(secret));
}

#[tokio::test]
async fn a_retry_with_the_same_key_gets_the_same_certificate_for_a_day_past_the_end() {
    let hub = hub();
    let (token, key) = (hub.token("a", TokenRight::Enrol).await.unwrap(), new_key());
    let first = hub.enrol(&token, &key).await.unwrap();
    let again = hub.enrol(&token, &key).await.unwrap();
    assert!(again.again);
    assert_eq!(again.issued, first.issued);
    let late = NOW.plus_ms(TTL_MS + RETRY_AFTER_END_MS);
    assert_eq!(
        hub.enrol_at(&token, &key, "uid-1", late)
            .await
            .unwrap()
            .issued,
        first.issued
    );
    let error = hub
        .enrol_at(&token, &key, "uid-1", late.plus_ms(1))
        .await
        .unwrap_err();
    assert!(matches!(error, EnrolError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn the_first_key_wins_and_others_are_counted() {
    let hub = hub();
    let token = hub.token("a", TokenRight::Enrol).await.unwrap();
    hub.enrol(&token, &new_key()).await.unwrap();
    for attempt in 1..=2 {
        let error = hub.enrol(&token, &new_key()).await.unwrap_err();
        assert!(
            matches!(error, EnrolError::Used { refused, .. } if refused == attempt),
            "{error}"
        );
    }
}

#[tokio::test]
async fn of_many_keys_that_race_with_one_token_one_wins() {
    let hub = hub();
    let token = hub.token("a", TokenRight::Enrol).await.unwrap();
    let racers: Vec<KeyPair> = (0..10).map(|_| new_key()).collect();
    let races = racers.iter().map(|key| hub.enrol(&token, key));
    let results = futures::future::join_all(races).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let key = keys::registration(&name("a"));
    let registration = hub
        .enrolment
        .records()
        .get(&key)
        .await
        .unwrap()
        .unwrap()
        .value;
    let winner = results.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(registration.current.key, winner.issued.key);
}

#[tokio::test]
async fn tokens_that_are_wrong_or_late_are_refused_in_words() {
    let hub = hub();
    let token = hub.token("a", TokenRight::Enrol).await.unwrap();
    let mut other = TokenText::new([7; 28]).to_string();
    other.replace_range(..17, &token.to_string()[..17]);
    for text in ["", "x", "a.b", &other, &TokenText::new([9; 28]).to_string()] {
        let request = Request {
            token: text.to_owned(),
            key: public(&new_key()),
            cluster_uid: "u".into(),
        };
        let error = hub
            .enrolment
            .enrol(&request, entropy(), NOW)
            .await
            .unwrap_err();
        assert!(matches!(error, EnrolError::BadToken), "{text}: {error}");
    }
    let late = NOW.plus_ms(TTL_MS + 1);
    let error = hub
        .enrol_at(&token, &new_key(), "uid-1", late)
        .await
        .unwrap_err();
    assert!(matches!(error, EnrolError::Expired { .. }), "{error}");
    assert!(error.to_string().contains("hub token create a"), "{error}");
    for uid in ["", "a/b", &"x".repeat(65)] {
        let error = hub
            .enrol_at(&token, &new_key(), uid, NOW)
            .await
            .unwrap_err();
        assert!(matches!(error, EnrolError::BadUid), "{error}");
    }
}

#[tokio::test]
async fn an_enrolled_name_needs_a_token_that_says_so() {
    let hub = hub();
    let early = hub.token("a", TokenRight::Enrol).await.unwrap();
    let old = hub.joined("a", "uid-1").await;
    let error = hub.token("a", TokenRight::Enrol).await.unwrap_err();
    assert!(
        matches!(error, TokenError::AlreadyEnrolled { .. }),
        "{error}"
    );
    let error = hub.enrol(&early, &new_key()).await.unwrap_err();
    assert!(
        matches!(error, EnrolError::AlreadyEnrolled { .. }),
        "{error}"
    );
    let token = hub.token("a", TokenRight::ReEnrol).await.unwrap();
    let new = identity(&hub.enrol(&token, &new_key()).await.unwrap().issued);
    assert_eq!(new.cluster, old.cluster);
    assert_eq!(new.serial.renewal(), 2);
    assert!(
        matches!(hub.opens(&old).await, Err(Refusal::Retired { serial, .. }) if serial == old.serial)
    );
    assert_eq!(hub.opens(&new).await.unwrap(), "a");
}

#[tokio::test]
async fn another_cluster_takes_a_name_only_when_told_to() {
    let hub = hub();
    let old = hub.joined("a", "uid-1").await;
    let token = hub.token("a", TokenRight::ReEnrol).await.unwrap();
    let error = hub
        .enrol_at(&token, &new_key(), "uid-2", NOW)
        .await
        .unwrap_err();
    assert!(matches!(error, EnrolError::OtherCluster { .. }), "{error}");
    let token = hub.token("a", TokenRight::Replace).await.unwrap();
    let enrolled = hub
        .enrol_at(&token, &new_key(), "uid-2", NOW)
        .await
        .unwrap();
    assert_ne!(enrolled.id, old.cluster);
    assert!(matches!(
        hub.opens(&old).await,
        Err(Refusal::Unknown { .. })
    ));
    assert_eq!(hub.opens(&identity(&enrolled.issued)).await.unwrap(), "a");
    // The cluster that was replaced may join again, under a name of its own.
    hub.joined("b", "uid-1").await;
}

#[tokio::test]
async fn one_cluster_has_one_name() {
    let hub = hub();
    hub.joined("a", "uid-1").await;
    let token = hub.token("b", TokenRight::Enrol).await.unwrap();
    let error = hub
        .enrol_at(&token, &new_key(), "uid-1", NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, EnrolError::OtherName { name } if name.as_str() == "a"),
        "{error}"
    );
}

#[tokio::test]
async fn a_renewed_certificate_counts_when_it_is_used_and_then_the_old_one_is_retired() {
    let hub = hub();
    let old = hub.joined("a", "uid-1").await;
    let key = new_key();
    let issued = hub.renew(&old, &key).await.unwrap();
    assert_eq!(
        hub.renew(&old, &key).await.unwrap(),
        issued,
        "the answer may have been lost"
    );
    let new = identity(&issued);
    assert_eq!(new.serial.renewal(), 2);
    assert!(hub.opens(&old).await.is_ok(), "until the new one is used");
    assert!(
        hub.enrolment.admit(&new, NOW).await.unwrap().is_ok(),
        "a call does not switch"
    );
    assert!(hub.opens(&old).await.is_ok());
    assert!(hub.opens(&new).await.is_ok());
    let refused = hub.opens(&old).await.unwrap_err();
    assert!(matches!(refused, Refusal::Retired { .. }), "{refused}");
    let error = hub.renew(&old, &new_key()).await.unwrap_err();
    assert!(
        matches!(error, RenewError::Refused(Refusal::Retired { .. })),
        "{error}"
    );
    let error = hub.renew(&new, &key).await.unwrap_err();
    assert!(matches!(error, RenewError::SameKey), "{error}");
}

#[tokio::test]
async fn another_key_replaces_only_the_pending_certificate() {
    let hub = hub();
    let old = hub.joined("a", "uid-1").await;
    let lost = identity(&hub.renew(&old, &new_key()).await.unwrap());
    let next = identity(&hub.renew(&old, &new_key()).await.unwrap());
    assert_eq!((lost.serial.renewal(), next.serial.renewal()), (2, 3));
    assert!(matches!(
        hub.opens(&lost).await,
        Err(Refusal::Retired { .. })
    ));
    assert!(hub.opens(&old).await.is_ok());
    assert!(hub.opens(&next).await.is_ok());
}

#[tokio::test]
async fn a_certificate_newer_than_a_restored_ledger_becomes_current() {
    let hub = hub();
    let old = hub.joined("a", "uid-1").await;
    let serial = crate::ca::Serial::new(9, 1);
    let authority = hub.enrolment.authority();
    let ahead = authority
        .issue_spoke(&public(&new_key()), old.cluster, serial, NOW)
        .unwrap();
    assert!(hub.opens(&identity(&ahead)).await.is_ok());
    assert!(matches!(
        hub.opens(&old).await,
        Err(Refusal::Retired { .. })
    ));
    let next = hub.renew(&identity(&ahead), &new_key()).await.unwrap();
    assert_eq!(next.serial.renewal(), 10);
}

#[tokio::test]
async fn a_ban_keeps_a_cluster_out_until_it_is_lifted() {
    let hub = hub();
    let identity = hub.joined("a", "uid-1").await;
    let (id, before) = hub
        .enrolment
        .ban(&name("a"), "admin", "its key leaked", NOW)
        .await
        .unwrap();
    assert_eq!((id, before), (identity.cluster, None));
    let refused = hub.opens(&identity).await.unwrap_err();
    assert!(refused.to_string().contains("its key leaked"), "{refused}");
    assert!(hub.enrolment.admit(&identity, NOW).await.unwrap().is_err());
    assert!(hub.renew(&identity, &new_key()).await.is_err());
    for right in [TokenRight::ReEnrol, TokenRight::Enrol] {
        let error = hub.token("a", right).await.unwrap_err();
        assert!(error.to_string().contains("unban it first"), "{error}");
    }
    let again = hub
        .enrolment
        .ban(&name("a"), "other", "again", NOW.plus_ms(5))
        .await
        .unwrap();
    let before = again.1.unwrap();
    assert_eq!(
        (before.by.as_str(), before.reason.as_str()),
        ("admin", "its key leaked")
    );
    hub.enrolment.unban(&name("a")).await.unwrap();
    assert!(hub.opens(&identity).await.is_ok());
    let error = hub.enrolment.unban(&name("a")).await.unwrap_err();
    assert!(matches!(error, BanError::NotBanned { .. }), "{error}");
    let error = hub
        .enrolment
        .ban(&name("z"), "admin", "", NOW)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("hub get clusters"), "{error}");
}

#[tokio::test]
async fn a_ban_set_after_a_token_was_made_stops_that_token() {
    let hub = hub();
    hub.joined("a", "uid-1").await;
    let token = hub.token("a", TokenRight::ReEnrol).await.unwrap();
    hub.enrolment
        .ban(&name("a"), "admin", "", NOW)
        .await
        .unwrap();
    let error = hub.enrol(&token, &new_key()).await.unwrap_err();
    assert!(matches!(error, EnrolError::Banned { .. }), "{error}");
}

#[tokio::test]
async fn expired_and_unknown_identities_are_refused() {
    let hub = hub();
    let identity = hub.joined("a", "uid-1").await;
    let end = NOW.plus_ms(SPOKE_LIFE_MS);
    let before = hub
        .enrolment
        .admit(&identity, end.minus_ms(1))
        .await
        .unwrap();
    assert!(before.is_ok());
    let after = hub
        .enrolment
        .admit(&identity, end)
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(after, Refusal::Expired { at } if at == end),
        "{after}"
    );
    let stranger = Identity {
        cluster: crate::ca::ClusterId(Uuid::from_u128(77)),
        ..identity
    };
    let refused = hub.opens(&stranger).await.unwrap_err();
    assert!(matches!(refused, Refusal::Unknown { .. }), "{refused}");
}

#[tokio::test]
async fn a_serial_with_another_key_is_not_the_identity() {
    let hub = hub();
    let identity = hub.joined("a", "uid-1").await;
    let forged = Identity {
        key: public(&new_key()).hash(),
        ..identity
    };
    assert!(hub.opens(&forged).await.is_err());
}

#[tokio::test]
async fn dead_tokens_are_swept_and_live_ones_stay() {
    let hub = hub();
    let token = hub.token("a", TokenRight::Enrol).await.unwrap();
    let end = NOW.plus_ms(TTL_MS + RETRY_AFTER_END_MS);
    assert_eq!(hub.enrolment.sweep_tokens(end).await.unwrap(), 0);
    assert_eq!(hub.enrolment.sweep_tokens(end.plus_ms(1)).await.unwrap(), 1);
    let error = hub.enrol(&token, &new_key()).await.unwrap_err();
    assert!(matches!(error, EnrolError::BadToken), "{error}");
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let hub = hub();
    let old = hub.joined("a", "uid-1").await;
    let issued = hub.renew(&old, &new_key()).await.unwrap();
    hub.joined("b", "uid-2").await;
    hub.enrolment
        .ban(&name("b"), "admin", "x", NOW)
        .await
        .unwrap();
    let before = hub
        .ledger
        .list(String::new(), Default::default())
        .await
        .unwrap();
    let path = hub._directory.path().join("ledger");
    let authority = hub.enrolment.authority().clone();
    drop((hub.enrolment, hub.ledger));
    let ledger = loop {
        match Embedded::open(&path) {
            Err(crate::ledger::OpenError::InUse { .. }) => std::thread::yield_now(),
            opened => break Arc::new(opened.unwrap()),
        }
    };
    let after = ledger
        .list(String::new(), Default::default())
        .await
        .unwrap();
    assert_eq!(after.entries, before.entries);
    let enrolment = Enrolment::new(Records::new(ledger), authority);
    assert!(
        enrolment
            .open_session(&identity(&issued), NOW)
            .await
            .unwrap()
            .is_ok()
    );
    assert!(enrolment.open_session(&old, NOW).await.unwrap().is_err());
}
