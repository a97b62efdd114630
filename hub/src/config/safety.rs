//! `safety`: how much may be removed without asking.

use capstan_hub_core::desired::Budget;
use capstan_hub_core::yaml::Node;

use super::reader::Reader;
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
    if let Some(node) = fields.take("placementMayChange") {
        let allowed = reader.flag(node, "safety.placementMayChange");
        safety.placement_may_change = allowed.unwrap_or_default();
    }
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

fn milliseconds(text: &str) -> Result<u64, String> {
    duration(text).map(|window| u64::try_from(window.as_millis()).unwrap_or(u64::MAX))
}
