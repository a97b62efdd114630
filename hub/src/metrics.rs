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
    /// Clusters that are not offered what they should have.
    pub offers_withheld: Gauge,
    /// Clusters in which nothing may be pruned.
    pub prunes_withheld: Gauge,
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
        self.register_sessions(to);
        self.register_answers(to);
        self.register_passes(to);
    }

    fn register_sessions(&self, to: &mut Registry) {
        let mut counter = |name, help, counter: &Counter| to.register(name, help, counter.clone());
        counter("sessions", "Sessions opened", &self.sessions);
        counter("offers_sent", "Offers sent", &self.offers_sent);
        counter(
            "objects_offered",
            "Objects named in offers",
            &self.objects_offered,
        );
        counter(
            "objects_sent",
            "Objects whose content was sent",
            &self.objects_sent,
        );
        counter(
            "content_bytes_sent",
            "Bytes of content sent",
            &self.content_bytes_sent,
        );
        to.register(
            "sessions_open",
            "Sessions open now",
            self.sessions_open.clone(),
        );
    }

    fn register_answers(&self, to: &mut Registry) {
        let mut counter = |name, help, counter: &Counter| to.register(name, help, counter.clone());
        counter(
            "in_sync",
            "Spokes told that they are in sync",
            &self.in_sync,
        );
        counter(
            "no_opinion",
            "Spokes told that nothing is known",
            &self.no_opinion,
        );
        counter("accepted", "Snapshots accepted", &self.accepted);
        counter("refused", "Snapshots refused", &self.refused);
        counter("reports", "Reports received", &self.reports);
        to.register(
            "certificates",
            "Enrolments and renewals",
            self.certificates.clone(),
        );
    }

    fn register_passes(&self, to: &mut Registry) {
        let mut gauge = |name, help, gauge: &Gauge| to.register(name, help, gauge.clone());
        gauge(
            "resolve_milliseconds",
            "Length of the last pass",
            &self.resolve_ms,
        );
        gauge("clusters", "Clusters known", &self.clusters);
        gauge("problems", "Problems known", &self.problems);
        gauge(
            "held_removals",
            "Removal sets that wait for approval",
            &self.held,
        );
        gauge(
            "offers_withheld",
            "Clusters that are not offered what they should have",
            &self.offers_withheld,
        );
        gauge(
            "prunes_withheld",
            "Clusters in which nothing may be pruned",
            &self.prunes_withheld,
        );
        let longest = self.longest_event_ms.clone();
        to.register(
            "longest_event_milliseconds",
            "Longest event of the engine",
            longest,
        );
        to.register("git_polls", "Polls of Git sources", self.git_polls.clone());
        to.register(
            "resolves",
            "Passes from files to snapshots",
            self.resolves.clone(),
        );
        let parsed = self.directories_parsed.clone();
        to.register("directories_parsed", "Directories parsed", parsed);
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
