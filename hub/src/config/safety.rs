//! `safety`: how much may be removed without asking.

use capstan_hub_core::desired::Budget;
use capstan_hub_core::yaml::Node;

use super::reader::{Fields, Reader, at};
use super::values::{count, duration, percent};

const PERCENT: &str = "a percentage such as 20%";
const COUNT: &str = "a whole number such as 10";

pub(super) fn read(reader: &mut Reader<'_>, node: Option<Node>) -> Option<Budget> {
    let default = Budget::default();
    let Some(node) = node else {
        return Some(default);
    };
    let mut fields = reader.map(node, "safety")?;
    let clusters = fields.take("maxRemovedClusters");
    let minimum = fields.take("minimum");
    let window = fields.take("window");
    let mut safety = Budget {
        clusters_percent: reader
            .parsed(clusters, "safety.maxRemovedClusters", PERCENT, percent)
            .unwrap_or(default.clusters_percent),
        clusters_min: reader
            .parsed(minimum, "safety.minimum", COUNT, count)
            .unwrap_or(default.clusters_min),
        window_ms: reader
            .parsed(
                window,
                "safety.window",
                "a duration such as 24h",
                milliseconds,
            )
            .unwrap_or(default.window_ms),
        ..default
    };
    if let Some(node) = fields.take("objectsPerCluster") {
        objects(reader, node, &mut safety)?;
    }
    placement_may_change(reader, &mut fields);
    reader.close(fields, "safety");
    Some(safety)
}

fn objects(reader: &mut Reader<'_>, node: Node, safety: &mut Budget) -> Option<()> {
    let mut fields = reader.map(node, "safety.objectsPerCluster")?;
    let (number, share) = (fields.take("count"), fields.take("percent"));
    if let Some(number) = reader.parsed(number, "safety.objectsPerCluster.count", COUNT, count) {
        safety.objects_min = number;
    }
    let share = reader.parsed(share, "safety.objectsPerCluster.percent", PERCENT, percent);
    if let Some(share) = share {
        safety.objects_percent = share;
    }
    reader.close(fields, "safety.objectsPerCluster");
    Some(())
}

/// Placements have no `safety` of their own yet, so `true` would promise what does not happen.
fn placement_may_change(reader: &mut Reader<'_>, fields: &mut Fields) {
    let Some(node) = fields.take("placementMayChange") else {
        return;
    };
    let at = at(&node);
    if reader.flag(node, "safety.placementMayChange") == Some(true) {
        let message = "`safety.placementMayChange`: placements cannot change the budget in this \
                       version";
        reader.wrong(at, message, "set it to false");
    }
}

fn milliseconds(text: &str) -> Result<u64, String> {
    duration(text).map(|window| u64::try_from(window.as_millis()).unwrap_or(u64::MAX))
}
