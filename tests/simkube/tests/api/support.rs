//! A small client: one connection per request, and watches that are read event by event.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use simkube::{Options, Running, Server};
use tokio_rustls::TlsConnector;

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const APPLY: &str = "application/apply-patch+yaml";
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A server and its administrator.
pub(crate) struct Fixture {
    pub(crate) running: Running,
    pub(crate) admin: Client,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let quick = Options {
            ready_delay: Duration::from_millis(20),
            ..Options::default()
        };
        Self::with(quick).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let running = Server::start(options).await.unwrap();
        let admin = Client::new(&running, Some(running.admin_token()));
        Self { running, admin }
    }
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct Client {
    address: std::net::SocketAddr,
    connector: TlsConnector,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The answer, which must have this code.
    #[track_caller]
    pub(crate) fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.text);
        self.body
    }
}

impl Client {
    pub(crate) fn new(running: &Running, token: Option<&str>) -> Self {
        Self::connect(running, token, None)
    }

    /// A client with the certificate of a kubeconfig.
    pub(crate) fn of_kubeconfig(running: &Running, kubeconfig: &str) -> Self {
        use base64::Engine as _;
        let field = |name: &str| {
            let line = kubeconfig.lines().find(|line| line.contains(name)).unwrap();
            let encoded = line.split_once(": ").unwrap().1;
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .unwrap()
        };
        let pair = (field("client-certificate-data"), field("client-key-data"));
        Self::connect(running, None, Some(pair))
    }

    fn connect(running: &Running, token: Option<&str>, pair: Option<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(running.ca_pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match pair {
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(&certificate).unwrap()],
                    PrivateKeyDer::from_pem_slice(&key).unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        let headers = token
            .map(|token| vec![("authorization".to_owned(), format!("Bearer {token}"))])
            .unwrap_or_default();
        let connector = TlsConnector::from(Arc::new(config));
        Self {
            address: running.address(),
            connector,
            headers,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn acting_as(&self, user: &str) -> Self {
        self.clone().with("impersonate-user", user)
    }

    async fn open(&self, method: &str, path: &str, body: (&str, Vec<u8>)) -> Response<Incoming> {
        self.try_open(method, path, body).await.unwrap()
    }

    pub(crate) async fn try_open(
        &self,
        method: &str,
        path: &str,
        body: (&str, Vec<u8>),
    ) -> hyper::Result<Response<Incoming>> {
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = self.connector.connect(name, stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("user-agent", "test/1")
            .header("content-type", body.0);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.1))).unwrap();
        sender.send_request(request).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: (&str, Vec<u8>)) -> Answer {
        let response = self.open(method, path, body).await;
        let (parts, body) = response.into_parts();
        let bytes = tokio::time::timeout(PATIENCE, body.collect())
            .await
            .unwrap()
            .unwrap()
            .to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            code: parts.status.as_u16(),
            headers: parts.headers,
            text,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, (JSON, Vec::new())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, (JSON, body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, (JSON, body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Answer {
        self.send("DELETE", path, (JSON, body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn merge(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, (MERGE, body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn apply(&self, path: &str, manager: &str, body: &Value) -> Answer {
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.send("PATCH", &path, (APPLY, body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn watch(&self, path: &str) -> Events {
        let response = self.open("GET", path, (JSON, Vec::new())).await;
        assert_eq!(response.status().as_u16(), 200);
        Events {
            body: response.into_body(),
            buffer: Vec::new(),
        }
    }

    /// Waits until the object `name` of the collection at `path` is as wanted.
    pub(crate) async fn until(
        &self,
        path: &str,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut events = self
            .watch(&format!(
                "{path}?watch=true&fieldSelector=metadata.name%3D{name}"
            ))
            .await;
        loop {
            let event = events.next().await.expect("the watch goes on");
            if wanted(&event["object"]) && event["type"] != "DELETED" {
                return event["object"].clone();
            }
        }
    }

    /// Waits until the object `name` of the collection at `path` is gone.
    pub(crate) async fn until_gone(&self, path: &str, name: &str) {
        let selector = format!("fieldSelector=metadata.name%3D{name}");
        let list = self.get(&format!("{path}?{selector}")).await.expect(200);
        if list["items"] == json!([]) {
            return;
        }
        let version = list["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut events = self
            .watch(&format!(
                "{path}?watch=true&{selector}&resourceVersion={version}"
            ))
            .await;
        while events.next().await.expect("the watch goes on")["type"] != "DELETED" {}
    }
}

/// The events of a watch.
pub(crate) struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event; `None` when the watch ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame())
                .await
                .expect("an event comes in time");
            match frame {
                Some(Ok(frame)) => self.buffer.extend(frame.into_data().unwrap()),
                _ => return None,
            }
        }
    }
}

pub(crate) fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// A Deployment of one image.
pub(crate) fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    })
}

pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
