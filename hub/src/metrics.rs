//! Every metric of the hub, by name, in one place.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Result {
    /// As it should.
    Ok,
    /// It did not work.
    Error,
}

/// The label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabel {
    /// How it ended.
    pub result: Result,
}

/// The hub's metrics. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Sessions that were opened.
    pub sessions: Counter,
    /// Sessions that are open.
    pub sessions_open: Gauge,
    /// Offers sent.
    pub offers_sent: Counter,
    /// Objects named as new or changed in offers.
    pub objects_offered: Counter,
    /// Objects and policies whose content was sent.
    pub objects_sent: Counter,
    /// Bytes of content sent, as encoded on the wire.
    pub content_bytes_sent: Counter,
    /// Answers that a spoke holds what is wanted.
    pub in_sync: Counter,
    /// Answers that nothing is known.
    pub no_opinion: Counter,
    /// Snapshots that spokes accepted.
    pub accepted: Counter,
    /// Snapshots that spokes refused.
    pub refused: Counter,
    /// Reports received.
    pub reports: Counter,
    /// Polls of Git sources.
    pub git_polls: Family<ResultLabel, Counter>,
    /// Full passes from files to snapshots.
    pub resolves: Counter,
    /// Milliseconds that the last pass took.
    pub resolve_ms: Gauge,
    /// Directories parsed, of those that passes looked at.
    pub directories_parsed: Counter,
    /// Clusters known.
    pub clusters: Gauge,
    /// Problems known.
    pub problems: Gauge,
    /// Removal sets that wait for approval.
    pub held: Gauge,
    /// Enrolments and renewals.
    pub certificates: Family<ResultLabel, Counter>,
    /// Milliseconds that the engine needed for its longest event since the start.
    pub longest_event_ms: Gauge<u64, AtomicU64>,
}

/// The metrics and the registry that names them.
#[derive(Clone, Debug)]
pub struct Exposition {
    registry: Arc<Registry>,
}

impl Metrics {
    /// Makes the metrics and registers all of them.
    #[must_use]
    pub fn new() -> (Self, Exposition) {
        let metrics = Self::default();
        let mut registry = Registry::with_prefix("capstan_hub");
        metrics.register(&mut registry);
        (
            metrics,
            Exposition {
                registry: Arc::new(registry),
            },
        )
    }

    fn register(&self, to: &mut Registry) {
        let Self {
            sessions,
            sessions_open,
            offers_sent,
            objects_offered,
            objects_sent,
            ..
        } = self;
        to.register("sessions", "Sessions opened", sessions.clone());
        to.register("sessions_open", "Sessions open now", sessions_open.clone());
        to.register("offers_sent", "Offers sent", offers_sent.clone());
        to.register(
            "objects_offered",
            "Objects named in offers",
            objects_offered.clone(),
        );
        to.register(
            "objects_sent",
            "Objects whose content was sent",
            objects_sent.clone(),
        );
        let Self {
            content_bytes_sent,
            in_sync,
            no_opinion,
            accepted,
            refused,
            ..
        } = self;
        to.register(
            "content_bytes_sent",
            "Bytes of content sent",
            content_bytes_sent.clone(),
        );
        to.register(
            "in_sync",
            "Spokes told that they are in sync",
            in_sync.clone(),
        );
        to.register(
            "no_opinion",
            "Spokes told that nothing is known",
            no_opinion.clone(),
        );
        to.register("accepted", "Snapshots accepted", accepted.clone());
        to.register("refused", "Snapshots refused", refused.clone());
        let Self {
            reports,
            git_polls,
            resolves,
            resolve_ms,
            directories_parsed,
            ..
        } = self;
        to.register("reports", "Reports received", reports.clone());
        to.register("git_polls", "Polls of Git sources", git_polls.clone());
        to.register(
            "resolves",
            "Passes from files to snapshots",
            resolves.clone(),
        );
        to.register(
            "resolve_milliseconds",
            "Length of the last pass",
            resolve_ms.clone(),
        );
        to.register(
            "directories_parsed",
            "Directories parsed",
            directories_parsed.clone(),
        );
        let Self {
            clusters,
            problems,
            held,
            certificates,
            longest_event_ms,
            ..
        } = self;
        to.register("clusters", "Clusters known", clusters.clone());
        to.register("problems", "Problems known", problems.clone());
        to.register(
            "held_removals",
            "Removal sets that wait for approval",
            held.clone(),
        );
        to.register(
            "certificates",
            "Enrolments and renewals",
            certificates.clone(),
        );
        to.register(
            "longest_event_milliseconds",
            "Longest event of the engine",
            longest_event_ms.clone(),
        );
    }

    /// Counts a poll.
    pub fn polled(&self, result: Result) {
        self.git_polls.get_or_create(&ResultLabel { result }).inc();
    }

    /// Counts an enrolment or a renewal.
    pub fn certified(&self, result: Result) {
        self.certificates
            .get_or_create(&ResultLabel { result })
            .inc();
    }
}

impl Exposition {
    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a text cannot fail");
        text
    }
}
