//! Health, readiness and metrics over plain HTTP. Nothing here changes anything, and nothing is secret.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

/// What the endpoints show.
#[derive(Debug)]
pub struct Endpoints {
    registry: Registry,
    ready: Arc<AtomicBool>,
}

impl Endpoints {
    /// Shows `registry`, and readiness as `ready` says.
    #[must_use]
    pub fn new(registry: Registry, ready: Arc<AtomicBool>) -> Self {
        Self { registry, ready }
    }

    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, String) {
        const TEXT: &str = "text/plain; charset=utf-8";
        const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let text = |status, text: &str| (status, TEXT, format!("{text}\n"));
        if method != Method::GET && method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET");
        }
        match path {
            "/healthz" | "/livez" => text(StatusCode::OK, "ok"),
            "/readyz" if self.ready.load(Ordering::Relaxed) => text(StatusCode::OK, "ok"),
            "/readyz" => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the Lease is not held, or the stored state is not loaded yet",
            ),
            "/metrics" => {
                let mut body = String::new();
                match prometheus_client::encoding::text::encode(&mut body, &self.registry) {
                    Ok(()) => (StatusCode::OK, METRICS, body),
                    Err(_) => text(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "metrics cannot be written",
                    ),
                }
            }
            _ => text(StatusCode::NOT_FOUND, "try /healthz, /readyz or /metrics"),
        }
    }
}

/// Binds, so that a wrong address is found before anything begins.
///
/// # Errors
/// When the address cannot be used.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves for ever; dropping the future stops it.
pub async fn serve(listener: TcpListener, endpoints: Endpoints) {
    let endpoints = Arc::new(endpoints);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the http port was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let endpoints = endpoints.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (status, kind, body) = endpoints.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(response(status, kind, body)) }
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an http connection ended badly");
            }
        });
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static(kind),
    );
    response
}
