//! One request, one answer, one deadline.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde_json::Value;
use tokio::sync::watch;

use super::AccessError;
use super::answer::StatusBody;

/// For reads and writes of one object. An API server under load queues a request for at most 60 s; past 30 s the
/// same question asked again is cheaper than waiting.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// For lists: 500 objects a page, read through webhooks for conversion at worst.
pub const LIST_DEADLINE: Duration = Duration::from_secs(60);

/// No answer of ours is larger: 500 objects of at most 1.5 MiB would be, but metadata has at most 256 KiB of
/// annotations, and 64 MiB are 500 objects of 128 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

const JSON: &str = "application/json";
/// Asks for metadata only.
pub const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Asks for a list of metadata only.
pub const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

const IMPERSONATE: HeaderName = HeaderName::from_static("impersonate-user");

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    target: String,
    accept: &'static str,
    content: Option<(&'static str, Vec<u8>)>,
    etag: Option<String>,
    impersonate: Option<String>,
    deadline: Duration,
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer in time.
    #[error("the API server did not answer {method} {target} within {} s", deadline.as_secs())]
    Timeout {
        /// What was asked.
        method: Method,
        /// Of whom.
        target: String,
        /// How long we waited.
        deadline: Duration,
    },
    /// The connection failed.
    #[error("the API server cannot be reached for {method} {target}")]
    Connection {
        /// What was asked.
        method: Method,
        /// Of whom.
        target: String,
        /// What the connection said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not what the API server should send.
    #[error("the API server's answer to {method} {target} cannot be read")]
    Garbled {
        /// What was asked.
        method: Method,
        /// Of whom.
        target: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CallError {
    /// What is at the bottom of it, in few words: "Connection refused", not how we asked.
    #[must_use]
    pub fn cause(&self) -> String {
        if let Self::Timeout { deadline, .. } = self {
            return format!("no answer within {} s", deadline.as_secs());
        }
        let mut bottom: &dyn std::error::Error = self;
        while let Some(below) = bottom.source() {
            bottom = below;
        }
        crate::link::first_line(&bottom.to_string())
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON; a string where it is none.
    pub body: Value,
    /// What the server asked us to wait.
    pub retry_after: Option<Duration>,
    /// The entity tag, where there is one.
    pub etag: Option<String>,
}

impl Answer {
    /// Whether it is a success.
    #[must_use]
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as a Kubernetes `Status`; empty where it is none.
    #[must_use]
    pub fn failure(&self) -> StatusBody {
        StatusBody::read(self.status, &self.body)
    }

    /// The body of a success.
    ///
    /// # Errors
    /// When it is none.
    pub fn success(self) -> Result<Value, super::ApiError> {
        match self.ok() {
            true => Ok(self.body),
            false => Err(super::ApiError {
                status: self.failure(),
                retry_after: self.retry_after,
            }),
        }
    }
}

impl Call {
    fn new(method: Method, target: String) -> Self {
        Self {
            method,
            target,
            accept: JSON,
            content: None,
            etag: None,
            impersonate: None,
            deadline: DEADLINE,
        }
    }

    /// Reads.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target.into())
    }

    /// Creates.
    #[must_use]
    pub fn post(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, target.into()).content(JSON, body)
    }

    /// Replaces.
    #[must_use]
    pub fn put(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PUT, target.into()).content(JSON, body)
    }

    /// Deletes.
    #[must_use]
    pub fn delete(target: impl Into<String>, options: &Value) -> Self {
        Self::new(Method::DELETE, target.into()).content(JSON, options)
    }

    /// Server-side apply; the target's query says as whom.
    #[must_use]
    pub fn apply(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PATCH, target.into()).content("application/apply-patch+yaml", body)
    }

    /// A JSON patch.
    #[must_use]
    pub fn json_patch(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PATCH, target.into()).content("application/json-patch+json", body)
    }

    /// A merge patch.
    #[must_use]
    pub fn merge_patch(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PATCH, target.into()).content("application/merge-patch+json", body)
    }

    fn content(mut self, kind: &'static str, body: &Value) -> Self {
        let bytes = serde_json::to_vec(body).expect("a JSON value can be written");
        self.content = Some((kind, bytes));
        self
    }

    /// Asks for another representation.
    #[must_use]
    pub fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// The body that is sent.
    #[cfg(test)]
    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.content.as_ref().map(|(_, bytes)| bytes.as_slice())
    }

    /// The representation that is asked for.
    #[cfg(test)]
    pub(crate) fn accepts(&self) -> &'static str {
        self.accept
    }

    /// Waits for another time than [`DEADLINE`].
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Asks only for what changed since.
    #[must_use]
    pub fn unless(mut self, etag: Option<String>) -> Self {
        self.etag = etag;
        self
    }

    /// Acts as another user.
    #[must_use]
    pub fn acting_as(mut self, user: Option<String>) -> Self {
        self.impersonate = user;
        self
    }

    fn request(&self, bearer: Option<&HeaderValue>) -> Result<Request<Body>, CallError> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.target)
            .header(ACCEPT, self.accept);
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        if let Some(etag) = &self.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(user) = &self.impersonate {
            request = request.header(IMPERSONATE, user);
        }
        let body = match &self.content {
            Some((kind, bytes)) => {
                request = request.header(CONTENT_TYPE, *kind);
                Body::from(bytes.clone())
            }
            None => Body::empty(),
        };
        request.body(body).map_err(|source| self.garbled(source))
    }

    fn timeout(&self) -> CallError {
        CallError::Timeout {
            method: self.method.clone(),
            target: path(&self.target),
            deadline: self.deadline,
        }
    }

    fn connection(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
        CallError::Connection {
            method: self.method.clone(),
            target: path(&self.target),
            source: source.into(),
        }
    }

    fn garbled(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
        CallError::Garbled {
            method: self.method.clone(),
            target: path(&self.target),
            source: source.into(),
        }
    }
}

/// Where a person would look; the query only tells how we asked.
fn path(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}

/// The API server, and the credentials for it.
#[derive(Clone)]
pub struct Kube {
    client: kube::Client,
    bearer: Option<watch::Receiver<HeaderValue>>,
    counted: Arc<crate::metrics::ApiCalls>,
}

impl std::fmt::Debug for Kube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kube")
    }
}

impl Kube {
    /// With the credentials that the settings hold.
    ///
    /// # Errors
    /// When the settings are of no use.
    pub fn new(
        config: kube::Config,
        counted: Arc<crate::metrics::ApiCalls>,
    ) -> Result<Self, AccessError> {
        Ok(Self {
            client: kube::Client::try_from(config).map_err(AccessError::Setup)?,
            bearer: None,
            counted,
        })
    }

    /// With a bearer token that somebody else keeps fresh.
    ///
    /// # Errors
    /// When the settings are of no use.
    pub fn with_bearer(
        config: &kube::Config,
        bearer: watch::Receiver<HeaderValue>,
        counted: Arc<crate::metrics::ApiCalls>,
    ) -> Result<Self, AccessError> {
        let mut kube = Self::new(super::access::anonymous(config), counted)?;
        kube.bearer = Some(bearer);
        Ok(kube)
    }

    async fn send(&self, call: &Call) -> Result<http::Response<Body>, CallError> {
        let bearer = self.bearer.as_ref().map(|bearer| bearer.borrow().clone());
        let request = call.request(bearer.as_ref())?;
        self.counted.count(&call.method);
        self.client
            .send(request)
            .await
            .map_err(|source| call.connection(source))
    }

    /// Asks, and reads the whole answer.
    ///
    /// # Errors
    /// When there is no answer in time, or none that can be read. A refusal is an answer.
    pub async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let answer = async {
            let response = self.send(&call).await?;
            let (parts, body) = response.into_parts();
            let bytes = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|source| call.connection(source))?
                .to_bytes();
            let body = match serde_json::from_slice(&bytes) {
                Ok(body) => body,
                Err(source) if parts.status.is_success() && !bytes.is_empty() => {
                    return Err(call.garbled(source));
                }
                Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            };
            let header = |name| parts.headers.get(name).and_then(|v| v.to_str().ok());
            Ok(Answer {
                status: parts.status.as_u16(),
                body,
                retry_after: header(RETRY_AFTER)
                    .and_then(|text| text.parse().ok())
                    .map(Duration::from_secs),
                etag: header(ETAG).map(str::to_owned),
            })
        };
        match tokio::time::timeout(call.deadline, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(call.timeout()),
        }
    }

    /// Asks, and gives the body of the answer as it comes; the deadline is for its beginning.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub async fn stream(&self, call: Call) -> Result<http::Response<Body>, CallError> {
        match tokio::time::timeout(call.deadline, self.send(&call)).await {
            Ok(answer) => answer,
            Err(_) => Err(call.timeout()),
        }
    }
}
