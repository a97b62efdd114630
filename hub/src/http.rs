//! Health, readiness and metrics over plain HTTP.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Exposition;

/// How long a request's head may take: probes send it in one packet.
const HEAD_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Connections at once: probes and a scraper or two need a handful; each costs about 10 KB.
const CONNECTIONS_MAX: usize = 64;

/// How long to wait before accepting again when the process has no file descriptor left.
const EXHAUSTED_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// What the pages say.
pub struct Pages {
    /// Metrics.
    pub metrics: Exposition,
    /// Why the hub is not ready; `None` when it is.
    pub unready: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, pages: Pages, stop: CancellationToken) {
    let pages = Arc::new(pages);
    let room = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, or the peer went away meanwhile: others may be served a moment later.
            tokio::time::sleep(EXHAUSTED_PAUSE).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let (pages, stop) = (Arc::clone(&pages), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&pages, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "an HTTP connection broke");
                    }
                }
            }
            drop(permit);
        });
    }
}

fn answer(pages: &Pages, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return response(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET is served here\n".into(),
        );
    }
    match request.uri().path() {
        "/healthz" => response(StatusCode::OK, TEXT, "ok\n".into()),
        "/readyz" => match (pages.unready)() {
            None => response(StatusCode::OK, TEXT, "ok\n".into()),
            Some(reason) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, reason + "\n"),
        },
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, pages.metrics.text()),
        _ => {
            let text = "here are /healthz, /readyz and /metrics\n".into();
            response(StatusCode::NOT_FOUND, TEXT, text)
        }
    }
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
