//! What the agent counts. Labels are words of ours, so their number is fixed.

use std::sync::Arc;

use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// What a request to the API server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabel {
    verb: Verb,
}

/// Requests to the API server, by verb. Watches and lists are reads.
#[derive(Debug, Default)]
pub struct ApiCalls {
    by_verb: Family<VerbLabel, Counter>,
}

impl ApiCalls {
    /// Counts one request.
    pub fn count(&self, method: &Method) {
        let verb = match method.as_str() {
            "GET" => Verb::Get,
            "POST" => Verb::Post,
            "PUT" => Verb::Put,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ => Verb::Other,
        };
        self.by_verb.get_or_create(&VerbLabel { verb }).inc();
    }
}

/// Everything that is counted in one process.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests to the API server.
    pub api_calls: Arc<ApiCalls>,
    /// 1 while a session with the hub is open.
    pub connected: Gauge,
    /// 1 while the Lease is held.
    pub leading: Gauge,
    /// Sessions that were opened.
    pub sessions: Counter,
    /// Contents fetched from the hub.
    pub contents: Counter,
    /// Bytes of them, decompressed.
    pub content_bytes: Counter,
    /// Generation of the accepted snapshot.
    pub generation: Gauge,
    /// Drifts found.
    pub drifts: Counter,
    /// Drifts put back.
    pub heals: Counter,
    /// Objects deleted because the snapshot lacks them.
    pub prunes: Counter,
    /// Calls of the core to the API server that are under way.
    pub calls_in_flight: Gauge,
    /// When the certificate ends, in seconds since 1970.
    pub certificate_end: Gauge,
}

impl Metrics {
    /// A registry that shows them.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("capstan_spoke");
        let r = &mut registry;
        r.register(
            "api_requests",
            "Requests to the API server",
            self.api_calls.by_verb.clone(),
        );
        r.register(
            "connected",
            "1 while a session with the hub is open",
            self.connected.clone(),
        );
        r.register("leading", "1 while the Lease is held", self.leading.clone());
        r.register(
            "sessions",
            "Sessions with the hub that were opened",
            self.sessions.clone(),
        );
        r.register(
            "contents",
            "Contents fetched from the hub",
            self.contents.clone(),
        );
        r.register_with_unit(
            "content",
            "Contents fetched from the hub, decompressed",
            Unit::Bytes,
            self.content_bytes.clone(),
        );
        r.register(
            "generation",
            "Generation of the accepted snapshot",
            self.generation.clone(),
        );
        r.register("drifts", "Drifts found", self.drifts.clone());
        r.register("heals", "Drifts put back", self.heals.clone());
        r.register(
            "prunes",
            "Objects deleted because the snapshot lacks them",
            self.prunes.clone(),
        );
        r.register(
            "calls_in_flight",
            "Calls of the core to the API server that are under way",
            self.calls_in_flight.clone(),
        );
        r.register_with_unit(
            "certificate_end_timestamp",
            "When the certificate ends, since 1970",
            Unit::Seconds,
            self.certificate_end.clone(),
        );
        registry
    }
}
