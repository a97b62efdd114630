//! Keys, pins and identities.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::pki_types::CertificateSigningRequestDer;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Identity, Key, Pin};

const FLEET: Uuid = Uuid::from_u128(7);
const CLUSTER: Uuid = Uuid::from_u128(8);

fn root() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("randomness");
    CertifiedIssuer::self_signed(params, key).expect("a root")
}

/// A certificate for `key` with these names and this use.
fn signed(key: &Key, uris: &[String], usage: ExtendedKeyUsagePurpose) -> (Vec<u8>, Vec<u8>) {
    let request = CertificateSigningRequestDer::from(key.signing_request().expect("a request"));
    let mut request = CertificateSigningRequestParams::from_der(&request).expect("PKCS#10");
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
    params.not_after = params.not_before + Duration::hours(24);
    params.extended_key_usages = vec![usage];
    params.subject_alt_names = uris
        .iter()
        .map(|uri| SanType::URI(uri.as_str().try_into().expect("ASCII")))
        .collect();
    request.params = params;
    let root = root();
    let leaf = request.signed_by(&root).expect("a certificate");
    (leaf.der().to_vec(), root.der().to_vec())
}

fn uri() -> String {
    format!("spiffe://{FLEET}/cluster/{CLUSTER}")
}

fn identity(uris: &[String], usage: ExtendedKeyUsagePurpose) -> Result<Identity, String> {
    let key = Key::generate().expect("randomness");
    let (leaf, root) = signed(&key, uris, usage);
    Identity::try_new(key, vec![leaf], vec![root], Some(FLEET))
        .map_err(|error| crate::telemetry::chain(&error))
}

#[test]
fn an_identity_is_one_uri_for_clients() {
    let identity = identity(&[uri()], ExtendedKeyUsagePurpose::ClientAuth).expect("an identity");
    assert_eq!(identity.leaf().fleet, FLEET);
    assert_eq!(identity.leaf().cluster, CLUSTER);
}

#[test]
fn other_names_and_other_uses_are_refused() {
    let client = || ExtendedKeyUsagePurpose::ClientAuth;
    for uris in [
        vec![],
        vec![uri(), uri()],
        vec![format!("{}/more", uri())],
        vec![uri().to_uppercase()],
        vec![format!("spiffe://{FLEET}/hub")],
    ] {
        assert!(identity(&uris, client()).is_err(), "{uris:?}");
    }
    assert!(identity(&[uri()], ExtendedKeyUsagePurpose::ServerAuth).is_err());
    let other = format!("spiffe://{}/cluster/{CLUSTER}", Uuid::from_u128(9));
    let error = identity(&[other], client()).expect_err("another fleet");
    assert!(error.contains("belongs to fleet"), "{error}");
}

#[test]
fn a_certificate_for_another_key_is_refused() {
    let key = Key::generate().expect("randomness");
    let (leaf, root) = signed(&key, &[uri()], ExtendedKeyUsagePurpose::ClientAuth);
    let other = Key::generate().expect("randomness");
    assert!(Identity::try_new(other, vec![leaf], vec![root], None).is_err());
}

#[test]
fn a_bundle_must_hold_authorities_only() {
    let key = Key::generate().expect("randomness");
    let (leaf, _) = signed(&key, &[uri()], ExtendedKeyUsagePurpose::ClientAuth);
    let bundle = vec![leaf.clone()];
    assert!(Identity::try_new(key, vec![leaf], bundle, None).is_err());
}

#[test]
fn renewal_falls_between_forty_and_sixty_percent_of_the_life() {
    let identity = identity(&[uri()], ExtendedKeyUsagePurpose::ClientAuth).expect("an identity");
    let begin = identity.leaf().not_before;
    let hours = |random| identity.renew_at(random).since_ms(begin) / 360_000;
    // Tenths of an hour: 9.6 h, 12 h and 14.4 h of 24 h.
    assert_eq!([hours(0.0), hours(0.5), hours(1.0)], [96, 120, 144]);
}

#[test]
fn a_key_survives_storing() {
    let key = Key::generate().expect("randomness");
    let again = Key::from_pem(&key.to_pem()).expect("a key");
    assert_eq!(key.pin(), again.pin());
    assert!(!format!("{key:?}").contains("PRIVATE"));
}

#[test]
fn pins_are_read_with_and_without_prefix() {
    let digits = "0a".repeat(32);
    let pin = Pin::parse(&digits).expect("a pin");
    assert_eq!(pin, Pin::parse(&format!("sha256:{digits}")).expect("a pin"));
    assert_eq!(pin.to_string(), format!("sha256:{digits}"));
    assert!(Pin::parse("sha256:").is_err());
    assert!(Pin::parse(&format!("sha512:{digits}")).is_err());
}
