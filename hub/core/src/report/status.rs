//! The fleet at a glance.

use std::fmt::Write as _;

use capstan_proto::{ClusterName, Health, Sync};

use super::ago;
use crate::rollup::{ClusterSummary, Fleet};
use crate::session::Connection;

const INFALLIBLE: &str = "writing to a string cannot fail";

/// Clusters that are listed by name; more are counted.
const LISTED_MAX: usize = 20;

/// Counts, then the clusters that need somebody.
#[must_use]
pub fn status(fleet: &Fleet) -> String {
    let mut out = String::new();
    for (source, revision) in &fleet.revisions {
        writeln!(out, "source {source} at {}", revision.short()).expect(INFALLIBLE);
    }
    let all = fleet.clusters.len();
    let connections = words(Connection::ALL, |word| fleet.counts.connection(word));
    writeln!(out, "clusters  {all}: {connections}").expect(INFALLIBLE);
    let syncs = words(Sync::ALL, |word| fleet.counts.sync(word));
    let healths = words(Health::ALL, |word| fleet.counts.health(word));
    let conformance = fleet.counts.conformance;
    writeln!(out, "bundles   {} on clusters: {syncs}", conformance.of).expect(INFALLIBLE);
    writeln!(out, "health    {healths}").expect(INFALLIBLE);
    if conformance.of > 0 {
        writeln!(
            out,
            "as in Git {conformance} of them: Synced, and the cluster is connected"
        )
        .expect(INFALLIBLE);
    }
    if fleet.last_good > 0 {
        let count = fleet.last_good;
        writeln!(
            out,
            "last good {count} of them: what Git says now is broken"
        )
        .expect(INFALLIBLE);
    }
    match fleet.holds {
        0 => {}
        1 => writeln!(out, "held      1 removal set waits for `hub approve`").expect(INFALLIBLE),
        sets => {
            writeln!(out, "held      {sets} removal sets wait for `hub approve`").expect(INFALLIBLE)
        }
    }
    needing(&mut out, fleet);
    out
}

fn words<T: Copy + std::fmt::Display>(all: &[T], count: impl Fn(T) -> usize) -> String {
    let words: Vec<String> = all
        .iter()
        .map(|word| (count(*word), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// The clusters that are not as they should be, worst first.
fn needing(out: &mut String, fleet: &Fleet) {
    let fine = |c: &ClusterSummary| {
        c.connection == Connection::Connected
            && c.sync == Sync::Synced
            && c.health == Health::Healthy
    };
    let mut needing: Vec<(&ClusterName, &ClusterSummary)> = fleet
        .clusters
        .iter()
        .filter(|(_, cluster)| !fine(cluster))
        .collect();
    needing.sort_by_key(|(name, cluster)| {
        let severity = (cluster.sync.severity(), cluster.health.severity());
        (std::cmp::Reverse(severity), *name)
    });
    for (name, cluster) in needing.iter().take(LISTED_MAX) {
        let ClusterSummary {
            connection,
            sync,
            health,
            message,
            ..
        } = cluster;
        let heard = match cluster.heard_at {
            Some(heard) if *connection != Connection::Connected => {
                format!(", heard {}", ago(heard, fleet.at))
            }
            _ => String::new(),
        };
        writeln!(
            out,
            "  {name}  {connection}{heard}  {sync}  {health}  {message}"
        )
        .expect(INFALLIBLE);
    }
    if needing.len() > LISTED_MAX {
        let more = needing.len() - LISTED_MAX;
        writeln!(out, "  and {more} more: `hub get clusters`").expect(INFALLIBLE);
    }
}
