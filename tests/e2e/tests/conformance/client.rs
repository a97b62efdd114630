//! Owns sending one request to the server of a kubeconfig.

use std::sync::Arc;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio_rustls::TlsConnector;

/// What a server answered.
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) warnings: Vec<String>,
    pub(crate) body: Value,
}

/// A server and the right to talk to it. Every request has a connection of its own.
pub(crate) struct Client {
    address: String,
    token: Option<String>,
    tls: TlsConnector,
}

impl Client {
    /// The server and user of the first context of a kubeconfig.
    pub(crate) fn from_kubeconfig(text: &str) -> Result<Self> {
        let config: Value = serde_saphyr::from_str(text).context("read the kubeconfig")?;
        let cluster = &config["clusters"][0]["cluster"];
        let user = &config["users"][0]["user"];
        let decode = |value: &Value| -> Result<Vec<u8>> {
            let text = value
                .as_str()
                .context("the kubeconfig lacks a certificate")?;
            Ok(STANDARD.decode(text)?)
        };
        let authority = match cluster["certificate-authority"].as_str() {
            Some(path) => std::fs::read(path).with_context(|| format!("read {path}"))?,
            None => decode(&cluster["certificate-authority-data"])?,
        };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&authority) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let tls = match user["client-certificate-data"].as_str() {
            Some(_) => {
                let chain =
                    CertificateDer::pem_slice_iter(&decode(&user["client-certificate-data"])?)
                        .collect::<Result<Vec<_>, _>>()?;
                let key = PrivateKeyDer::from_pem_slice(&decode(&user["client-key-data"])?)?;
                builder.with_client_auth_cert(chain, key)?
            }
            None => builder.with_no_client_auth(),
        };
        let server = cluster["server"]
            .as_str()
            .context("the kubeconfig lacks a server")?;
        Ok(Self {
            address: server.trim_start_matches("https://").to_owned(),
            token: user["token"].as_str().map(str::to_owned),
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }

    /// Sends a request as the user agent `conformance`.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: Option<&str>,
    ) -> Result<Reply> {
        let stream = tokio::net::TcpStream::connect(&self.address).await?;
        let name = ServerName::try_from("127.0.0.1")?;
        let stream = self.tls.connect(name, stream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.address)
            .header("accept", "application/json")
            .header("user-agent", "conformance/1");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let (Some(content_type), Some(_)) = (content_type, body) {
            request = request.header("content-type", content_type);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default().to_owned()));
        let response = sender.send_request(request.body(body)?).await?;
        let code = response.status().as_u16();
        let warnings = response
            .headers()
            .get_all("warning")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .map(str::to_owned)
            .collect();
        let bytes = response.into_body().collect().await?.to_bytes();
        connection.abort();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Reply {
            code,
            warnings,
            body,
        })
    }
}
