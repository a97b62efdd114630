//! Owns who the server is: its certificate authority, its serving certificate, the
//! administrator's credentials and the key that signs ServiceAccount tokens.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde::{Deserialize, Serialize};

/// Why an identity could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The saved identity could not be read or written.
    #[error("cannot keep the identity in {path}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The saved identity is not what this program writes.
    #[error("the identity in {path} is damaged; remove the directory to start afresh")]
    Damaged {
        /// The file.
        path: String,
    },
    /// The TLS settings were refused.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// What survives a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    ca_certificate: String,
    ca_key: String,
    admin_certificate: String,
    admin_key: String,
    admin_token: String,
    token_key: String,
}

/// The server's identity.
#[derive(Debug)]
pub(crate) struct Identity {
    saved: Saved,
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) token_key: EcdsaKeyPair,
}

impl Identity {
    /// Reads the identity from `directory`, or makes one (and saves it there, if given).
    pub(crate) fn open(directory: Option<&Path>) -> Result<Self, IdentityError> {
        let saved = match directory {
            Some(directory) => load_or_make(directory)?,
            None => make()?,
        };
        Self::from_saved(saved)
    }

    fn from_saved(saved: Saved) -> Result<Self, IdentityError> {
        let tls = Arc::new(tls(&saved)?);
        let key = KeyPair::from_pem(&saved.token_key)?;
        let random = ring::rand::SystemRandom::new();
        let token_key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &key.serialize_der(),
            &random,
        )
        .map_err(|error| IdentityError::Tls(error.to_string()))?;
        Ok(Self {
            saved,
            tls,
            token_key,
        })
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.saved.ca_certificate
    }

    pub(crate) fn admin_token(&self) -> &str {
        &self.saved.admin_token
    }

    pub(crate) fn admin_certificate(&self) -> (&str, &str) {
        (&self.saved.admin_certificate, &self.saved.admin_key)
    }

    /// A client certificate and key for a user, optionally in a group, as PEM.
    pub(crate) fn issue(&self, user: &str, group: &str) -> Result<(String, String), IdentityError> {
        client_certificate(&self.saved.ca_certificate, &self.saved.ca_key, user, group)
    }
}

fn load_or_make(directory: &Path) -> Result<Saved, IdentityError> {
    let path = directory.join("identity.json");
    let file = |source| IdentityError::File {
        path: path.display().to_string(),
        source,
    };
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| IdentityError::Damaged {
            path: path.display().to_string(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let saved = make()?;
            fs::create_dir_all(directory).map_err(file)?;
            let bytes = serde_json::to_vec_pretty(&saved).expect("texts always serialise");
            write_private(&path, &bytes).map_err(file)?;
            Ok(saved)
        }
        Err(error) => Err(file(error)),
    }
}

/// Writes a file that only its owner can read, all or nothing.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

fn make() -> Result<Saved, IdentityError> {
    let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = distinguished("simkube-ca", "");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let ca = params.self_signed(&ca_key)?;
    let (ca_certificate, ca_key) = (ca.pem(), ca_key.serialize_pem());
    let (admin_certificate, admin_key) = client_certificate(
        &ca_certificate,
        &ca_key,
        "kubernetes-admin",
        "system:masters",
    )?;
    Ok(Saved {
        ca_certificate,
        ca_key,
        admin_certificate,
        admin_key,
        admin_token: format!("simkube-{}", uuid::Uuid::new_v4().simple()),
        token_key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?.serialize_pem(),
    })
}

fn distinguished(common: &str, organisation: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    if !organisation.is_empty() {
        name.push(DnType::OrganizationName, organisation);
    }
    name
}

fn client_certificate(
    ca_certificate: &str,
    ca_key: &str,
    user: &str,
    group: &str,
) -> Result<(String, String), IdentityError> {
    let issuer = Issuer::from_ca_cert_pem(ca_certificate, KeyPair::from_pem(ca_key)?)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = distinguished(user, group);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn tls(saved: &Saved) -> Result<rustls::ServerConfig, IdentityError> {
    let refused = |error: &dyn std::fmt::Display| IdentityError::Tls(error.to_string());
    let issuer =
        Issuer::from_ca_cert_pem(&saved.ca_certificate, KeyPair::from_pem(&saved.ca_key)?)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let names = [
        "127.0.0.1",
        "::1",
        "10.96.0.1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let mut params = CertificateParams::new(names.map(str::to_owned).to_vec())?;
    params.distinguished_name = distinguished("kube-apiserver", "");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &issuer)?;

    let ca = CertificateDer::from_pem_slice(saved.ca_certificate.as_bytes())
        .map_err(|error| refused(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(|error| refused(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| refused(&error))?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| refused(&error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| refused(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone(), ca], key)
        .map_err(|error| refused(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
