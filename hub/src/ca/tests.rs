//! The authority's tests: what it signs, what it reads, and what it refuses.

use capstan_proto::Moment;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SanType};
use uuid::Uuid;

use super::{
    Authority, AuthorityError, AuthorityFiles, BACKDATE_MS, BadIdentity, BadRequest, ClusterId,
    FilesError, FleetId, HubName, Identity, PublicKey, SPOKE_LIFE_MS, Serial,
};

const NOW: Moment = Moment::from_unix_ms(1_800_000_000_000);
const FLEET: FleetId = FleetId(Uuid::from_u128(1));
const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(2));

pub(crate) fn authority_of(fleet: FleetId, now: Moment) -> Authority {
    let made = Authority::make(fleet, now).unwrap();
    let (roots, chain) = (&made.root_certificate, &made.issuer_certificate);
    Authority::from_pem(fleet, roots, chain, &made.issuer_key, now).unwrap()
}

pub(crate) fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// The signing request of an agent: for this key, and with wishes that nobody grants.
pub(crate) fn request_of(key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["hub.example".to_owned()]).unwrap();
    let wish = Identity::uri(FLEET, ClusterId(Uuid::from_u128(99)));
    params
        .subject_alt_names
        .push(SanType::URI(wish.as_str().try_into().unwrap()));
    params.serialize_request(key).unwrap().der().to_vec()
}

pub(crate) fn public(key: &KeyPair) -> PublicKey {
    PublicKey::from_request(&request_of(key)).unwrap()
}

#[test]
fn a_spoke_certificate_says_what_the_hub_decided_and_nothing_that_was_wished() {
    let authority = authority_of(FLEET, NOW);
    let key = new_key();
    let serial = Serial::new(7, 0xdead_beef);
    let issued = authority
        .issue_spoke(&public(&key), CLUSTER, serial, NOW)
        .unwrap();
    let identity = Identity::from_certificate(&issued.certificate, FLEET).unwrap();
    let expected = Identity {
        fleet: FLEET,
        cluster: CLUSTER,
        serial,
        not_before: NOW.minus_ms(BACKDATE_MS),
        not_after: NOW.plus_ms(SPOKE_LIFE_MS),
        key: public(&key).hash(),
    };
    assert_eq!(identity, expected);
    assert_eq!(
        (identity.serial.renewal(), issued.not_after),
        (7, identity.not_after)
    );
    assert_eq!(
        authority.identify_expired(&issued.certificate),
        Ok(expected)
    );
}

#[test]
fn an_identity_of_another_fleet_or_authority_is_refused() {
    let (ours, theirs) = (authority_of(FLEET, NOW), authority_of(FLEET, NOW));
    let key = public(&new_key());
    let issued = theirs
        .issue_spoke(&key, CLUSTER, Serial::new(1, 1), NOW)
        .unwrap();
    assert_eq!(
        ours.identify_expired(&issued.certificate),
        Err(BadIdentity::NotOurs)
    );
    let other = FleetId(Uuid::from_u128(5));
    let error = Identity::from_certificate(&issued.certificate, other).unwrap_err();
    assert_eq!(error, BadIdentity::OtherFleet { found: FLEET });
    let server = ours
        .issue_server(&[HubName::Dns("hub.example".into())], NOW)
        .unwrap();
    let error = Identity::from_certificate(&server.chain[0], FLEET).unwrap_err();
    assert_eq!(error, BadIdentity::NotOneUri);
    let server = ours.issue_server(&[], NOW).unwrap();
    let error = Identity::from_certificate(&server.chain[0], FLEET).unwrap_err();
    assert!(matches!(error, BadIdentity::WrongShape { .. }), "{error}");
    assert_eq!(
        Identity::from_certificate(b"junk", FLEET),
        Err(BadIdentity::Malformed)
    );
    let longer = [issued.certificate.as_ref(), b"x"].concat();
    assert_eq!(
        Identity::from_certificate(&longer, FLEET),
        Err(BadIdentity::Malformed)
    );
}

/// A certificate with these names and uses, self-signed: reading an identity is not about signatures.
fn certificate(uris: &[&str], usage: rcgen::ExtendedKeyUsagePurpose) -> Vec<u8> {
    let mut params = CertificateParams::default();
    let uri = |uri: &&str| SanType::URI((*uri).try_into().unwrap());
    params.subject_alt_names = uris.iter().map(uri).collect();
    params.extended_key_usages = vec![usage];
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&Serial::new(1, 1).0));
    params.self_signed(&new_key()).unwrap().der().to_vec()
}

#[test]
fn only_one_spelling_of_an_identity_is_read() {
    let client = || rcgen::ExtendedKeyUsagePurpose::ClientAuth;
    let good = Identity::uri(FLEET, CLUSTER);
    assert!(Identity::from_certificate(&certificate(&[&good], client()), FLEET).is_ok());
    let (fleet, cluster) = (FLEET.0.simple().to_string(), CLUSTER.to_string());
    let wrong = [
        format!("{good}/"),
        format!("{good}?x=y"),
        format!("{good}1"),
        good.to_uppercase()
            .replace("SPIFFE://", "spiffe://")
            .replace("CLUSTER", "cluster"),
        good.replace("spiffe://", "SPIFFE://"),
        good.replace("/cluster/", "/clusters/"),
        good.replace("/cluster/", "/cluster//"),
        good.replace("spiffe://", "spiffe://x@"),
        format!("spiffe://{fleet}/cluster/{cluster}"),
        format!("spiffe://{FLEET}/hub"),
        format!("spiffe://{FLEET}/cluster/"),
        format!("{good}/cluster/{cluster}"),
        String::new(),
    ];
    for uri in wrong.iter().filter(|uri| **uri != good) {
        let read = Identity::from_certificate(&certificate(&[uri], client()), FLEET);
        assert!(read.is_err(), "{uri}");
    }
    let two = certificate(&[&good, &good], client());
    assert_eq!(
        Identity::from_certificate(&two, FLEET),
        Err(BadIdentity::NotOneUri)
    );
    for usage in [
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        rcgen::ExtendedKeyUsagePurpose::Any,
    ] {
        let read = Identity::from_certificate(&certificate(&[&good], usage), FLEET);
        assert_eq!(read, Err(BadIdentity::WrongUse));
    }
}

#[test]
fn a_request_must_prove_its_key_which_must_be_p256() {
    let request = request_of(&new_key());
    assert!(PublicKey::from_request(&request).is_ok());
    let mut forged = request.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(PublicKey::from_request(&forged), Err(BadRequest::NotProven));
    let ed25519 = request_of(&KeyPair::generate_for(&PKCS_ED25519).unwrap());
    assert_eq!(PublicKey::from_request(&ed25519), Err(BadRequest::WrongKey));
    assert_eq!(PublicKey::from_request(b"junk"), Err(BadRequest::Malformed));
    let longer = [request.as_slice(), b"x"].concat();
    assert_eq!(PublicKey::from_request(&longer), Err(BadRequest::Malformed));
    assert_eq!(
        PublicKey::from_request(&vec![0x30; 5000]),
        Err(BadRequest::TooLarge)
    );
}

#[test]
fn no_certificate_outlives_its_issuer() {
    let authority = authority_of(FLEET, NOW);
    let late = authority.issuer_not_after.minus_ms(1000);
    let key = public(&new_key());
    let issued = authority
        .issue_spoke(&key, CLUSTER, Serial::new(1, 1), late)
        .unwrap();
    assert_eq!(issued.not_after, authority.issuer_not_after);
}

#[test]
fn the_parts_of_an_authority_must_belong_together() {
    let (one, two) = (
        Authority::make(FLEET, NOW).unwrap(),
        Authority::make(FLEET, NOW).unwrap(),
    );
    let check = |roots: &str, chain: &str, key: &str, now: Moment| {
        Authority::from_pem(FLEET, roots, chain, key, now).unwrap_err()
    };
    let (roots, chain, key) = (
        &one.root_certificate,
        &one.issuer_certificate,
        &one.issuer_key,
    );
    let error = check(&two.root_certificate, chain, key, NOW);
    assert!(matches!(error, AuthorityError::NotSignedByRoot), "{error}");
    let error = check(roots, chain, &two.issuer_key, NOW);
    assert!(matches!(error, AuthorityError::KeyMismatch), "{error}");
    let error = check("", chain, key, NOW);
    assert!(
        matches!(error, AuthorityError::NotCertificates { .. }),
        "{error}"
    );
    let error = check(roots, chain, key, NOW.plus_ms(6 * 365 * 86_400_000));
    assert!(matches!(error, AuthorityError::NotValid { .. }), "{error}");
    let both = format!("{}{}", one.root_certificate, two.root_certificate);
    let rotating = Authority::from_pem(FLEET, &both, chain, key, NOW).unwrap();
    assert_eq!(rotating.roots().len(), 2);
    let single = Authority::from_pem(FLEET, roots, chain, key, NOW).unwrap();
    assert_eq!(rotating.pin(), single.pin());
    assert_ne!(rotating.bundle_digest(), single.bundle_digest());
    assert!(single.pin().to_string().starts_with("sha256:"));
}

#[test]
fn files_are_written_once_and_keys_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("ca");
    let files = Authority::make(FLEET, NOW).unwrap().write(&place).unwrap();
    for key in [&files.key, &AuthorityFiles::root_key_below(&place)] {
        assert_eq!(
            std::fs::metadata(key).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let loaded = files.load(FLEET, NOW).unwrap();
    let again = files.load(FLEET, NOW).unwrap();
    assert_eq!(loaded.pin(), again.pin());
    assert!(matches!(
        Authority::make(FLEET, NOW).unwrap().write(&place),
        Err(FilesError::Io {
            action: "write",
            ..
        })
    ));
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = files.load(FLEET, NOW).unwrap_err();
    assert!(open.to_string().contains("chmod 600"), "{open}");
}

#[test]
fn the_advertised_host_becomes_a_name() {
    let dns = |name: &str| Some(HubName::Dns(name.to_owned()));
    let ip = |text: &str| Some(HubName::Ip(text.parse().unwrap()));
    assert_eq!(
        HubName::of_advertised("Hub.example:7443"),
        dns("hub.example")
    );
    assert_eq!(HubName::of_advertised("127.0.0.1:7443"), ip("127.0.0.1"));
    assert_eq!(HubName::of_advertised("[::1]:7443"), ip("::1"));
    for wrong in ["hub.example", "hub.example:x", ":7443", "a b:7443", "[x]:1"] {
        assert_eq!(HubName::of_advertised(wrong), None, "{wrong}");
    }
}

#[test]
fn a_serial_begins_with_its_renewal_number() {
    let (old, new) = (Serial::new(1, u64::MAX), Serial::new(2, 0));
    assert!(old < new);
    assert_eq!((old.renewal(), new.renewal()), (1, 2));
    assert_eq!(Serial::parse(&new.to_string()), Some(new));
    assert_eq!(Serial::from_der(&new.0), Some(new));
    assert_eq!(Serial::from_der(&[1, 2, 3]), None);
    assert_eq!(Serial::from_der(&[0; 16]), None);
}

#[test]
fn the_hub_renews_its_certificate_at_half_of_its_life() {
    let credential = authority_of(FLEET, NOW).issue_server(&[], NOW).unwrap();
    let life = credential.not_after.since_ms(NOW);
    assert_eq!(credential.renew_at.since_ms(NOW), life / 2);
    assert_eq!(
        credential.chain.len(),
        3,
        "leaf, issuer and root, for who has only the pin"
    );
}
