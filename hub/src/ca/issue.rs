//! Making certificates: the hub's own, and a spoke's for a key that it has proven to hold.

use std::net::IpAddr;

use capstan_proto::Moment;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::authority::{making, new_key};
use super::{
    Authority, AuthorityError, BACKDATE_MS, ClusterId, Identity, KeyHash, PublicKey,
    SERVER_LIFE_MS, SPOKE_LIFE_MS, Serial, asn1_time,
};

/// A name under which spokes reach the hub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HubName {
    /// A DNS name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl HubName {
    /// The host of an advertised `HOST:PORT`; brackets around IPv6 addresses are taken off.
    pub fn of_advertised(advertise: &str) -> Option<Self> {
        let (host, port) = advertise.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(host).parse() {
            return Some(Self::Ip(address));
        }
        let valid = bare.is_none()
            && !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
        valid.then(|| Self::Dns(host.to_ascii_lowercase()))
    }
}

/// A spoke's new certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate in DER.
    pub certificate: CertificateDer<'static>,
    /// Its serial.
    pub serial: Serial,
    /// The hash of the key it is for.
    pub key: KeyHash,
    /// When it ends.
    pub not_after: Moment,
}

/// The hub's own certificate, chain and key. Rustls keeps the key and clears it when the last user is gone.
#[derive(Debug)]
pub struct ServerCredential {
    /// The certificate, the issuer's chain, and the roots: a spoke that has only a pin must see its root here.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
    /// When to make a new one: at half of its life.
    pub renew_at: Moment,
    /// When it ends.
    pub not_after: Moment,
}

impl Authority {
    /// Signs a spoke's certificate: for this key, this cluster and this serial, and nothing that anybody asked for.
    pub fn issue_spoke(
        &self,
        key: &PublicKey,
        cluster: ClusterId,
        serial: Serial,
        now: Moment,
    ) -> Result<Issued, AuthorityError> {
        let uri = Identity::uri(self.fleet, cluster);
        let mut params = leaf(&uri, ExtendedKeyUsagePurpose::ClientAuth)?;
        params.serial_number = Some(SerialNumber::from_slice(&serial.0));
        let not_after = self.dates(&mut params, now, SPOKE_LIFE_MS);
        let spki = SubjectPublicKeyInfo::from_der(key.spki())
            .map_err(making("read the spoke's public key"))?;
        let certificate = self.sign(&params, &spki)?;
        Ok(Issued {
            certificate,
            serial,
            key: key.hash(),
            not_after,
        })
    }

    /// Makes the hub's own key and certificate for the names it is reached by.
    pub fn issue_server(
        &self,
        names: &[HubName],
        now: Moment,
    ) -> Result<ServerCredential, AuthorityError> {
        let uri = format!("spiffe://{}/hub", self.fleet);
        let mut params = leaf(&uri, ExtendedKeyUsagePurpose::ServerAuth)?;
        for name in names {
            params.subject_alt_names.push(match name {
                HubName::Dns(name) => SanType::DnsName(ia5(name)?),
                HubName::Ip(address) => SanType::IpAddress(*address),
            });
        }
        let not_after = self.dates(&mut params, now, SERVER_LIFE_MS);
        let key = new_key()?;
        let mut chain = vec![self.sign(&params, &key)?];
        chain.extend(self.chain.iter().chain(&self.roots).cloned());
        chain.dedup();
        Ok(ServerCredential {
            chain,
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            renew_at: now.plus_ms(not_after.since_ms(now) / 2),
            not_after,
        })
    }

    /// Sets a certificate's dates: begun a little ago, ended no later than the issuer's own end.
    fn dates(&self, params: &mut CertificateParams, now: Moment, life_ms: u64) -> Moment {
        let not_after = now.plus_ms(life_ms).min(self.issuer_not_after);
        params.not_before = asn1_time(now.minus_ms(BACKDATE_MS));
        params.not_after = asn1_time(not_after);
        Moment::from_unix_ms(not_after.unix_ms().div_euclid(1000) * 1000)
    }

    fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let certificate = params
            .signed_by(key, &self.issuer)
            .map_err(making("sign a certificate"))?;
        Ok(certificate.der().clone())
    }
}

fn leaf(uri: &str, usage: ExtendedKeyUsagePurpose) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Capstan");
    params.subject_alt_names = vec![SanType::URI(ia5(uri)?)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn ia5(text: &str) -> Result<Ia5String, AuthorityError> {
    Ia5String::try_from(text).map_err(making("use a name in a certificate"))
}
