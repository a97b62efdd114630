//! A root, an issuer, and the certificates that a hub makes.

use capstan_proto::Digest;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

type Issuer = CertifiedIssuer<'static, KeyPair>;

pub(crate) struct Authority {
    pub(crate) fleet: Uuid,
    root: Issuer,
    issuer: Issuer,
    /// Life of the certificates that spokes get.
    pub(crate) life: Duration,
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = OffsetDateTime::now_utc() - Duration::minutes(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(1);
    params
}

fn authority_params(role: &str) -> CertificateParams {
    let mut params = params();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, role);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().expect("ASCII"))
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = || KeyPair::generate().expect("randomness");
        let root = Issuer::self_signed(authority_params("root"), key()).expect("root");
        let issuer = Issuer::signed_by(authority_params("issuer"), key(), &root).expect("issuer");
        Self {
            fleet: Uuid::new_v4(),
            root,
            issuer,
            life: Duration::days(1),
        }
    }

    pub(crate) fn pin(&self) -> String {
        use rcgen::PublicKeyData as _;
        let spki = self.root.key().subject_public_key_info();
        format!("sha256:{}", Digest::of(&spki))
    }

    pub(crate) fn roots(&self) -> Vec<Vec<u8>> {
        vec![self.root.der().to_vec()]
    }

    pub(crate) fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// The hub's own chain, root included, and its key.
    pub(crate) fn server(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = params();
        params.subject_alt_names = vec![uri(&format!("spiffe://{}/hub", self.fleet))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().expect("randomness");
        let leaf = params.signed_by(&key, &self.issuer).expect("leaf");
        let chain = vec![
            leaf.der().clone(),
            self.issuer.der().clone(),
            self.root.der().clone(),
        ];
        (
            chain,
            PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8"),
        )
    }

    /// A spoke's chain for the key in a signing request.
    pub(crate) fn sign(&self, csr: &[u8], cluster: Uuid) -> Option<Vec<Vec<u8>>> {
        let der = CertificateSigningRequestDer::from(csr.to_vec());
        let mut request = CertificateSigningRequestParams::from_der(&der).ok()?;
        let mut params = params();
        params.not_before = OffsetDateTime::now_utc() - Duration::seconds(1);
        params.not_after = OffsetDateTime::now_utc() + self.life;
        params.subject_alt_names = vec![uri(&format!("spiffe://{}/cluster/{cluster}", self.fleet))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        request.params = params;
        let leaf = request.signed_by(&self.issuer).expect("leaf");
        Some(vec![leaf.der().to_vec(), self.issuer.der().to_vec()])
    }
}
