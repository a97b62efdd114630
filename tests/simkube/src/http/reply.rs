//! Owns what goes back to a client.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::Never;
use crate::status::ApiError;

/// The body of every response.
pub(crate) type Body = UnsyncBoxBody<Bytes, Never>;

const JSON: &str = "application/json";

/// A response before it is put on the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    code: u16,
    content_type: &'static str,
    payload: Payload,
    headers: Vec<(HeaderName, String)>,
}

#[derive(Debug)]
enum Payload {
    Whole(Vec<u8>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Reply {
    /// A JSON document.
    pub(crate) fn json(code: u16, value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("JSON values always serialise");
        Self::bytes(code, JSON, bytes)
    }

    pub(crate) fn bytes(code: u16, content_type: &'static str, bytes: Vec<u8>) -> Self {
        Self {
            code,
            content_type,
            payload: Payload::Whole(bytes),
            headers: Vec::new(),
        }
    }

    pub(crate) fn text(code: u16, text: &str) -> Self {
        Self::bytes(code, "text/plain; charset=utf-8", text.as_bytes().to_vec())
    }

    /// What the server says to a path that it does not know.
    pub(crate) fn unknown_path() -> Self {
        Self::text(404, "404 page not found\n")
    }

    pub(crate) fn error(error: &ApiError) -> Self {
        let mut reply = Self::json(error.code, &error.to_value());
        let retry = error
            .details
            .as_ref()
            .and_then(|details| details["retryAfterSeconds"].as_u64());
        if let Some(seconds) = retry {
            reply = reply.header(http::header::RETRY_AFTER, seconds.to_string());
        }
        reply
    }

    /// A body that goes on until the sender is dropped.
    pub(crate) fn stream(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self {
            code: 200,
            content_type: JSON,
            payload: Payload::Stream(receiver),
            headers: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds one `Warning` header for each text.
    pub(crate) fn warn(mut self, warnings: &[String]) -> Self {
        for warning in warnings {
            let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
            self.headers
                .push((http::header::WARNING, format!("299 - \"{text}\"")));
        }
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let body = match self.payload {
            Payload::Whole(bytes) => Full::new(Bytes::from(bytes)).boxed_unsync(),
            Payload::Stream(receiver) => {
                let frames = ReceiverStream::new(receiver).map(|bytes| Ok(Frame::data(bytes)));
                StreamBody::new(frames).boxed_unsync()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(
            http::header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, private"),
        );
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }
}
