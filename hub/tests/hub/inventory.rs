//! What decisions use that does not stand in Git, taken out of a live hub.

use std::collections::BTreeMap;

use capstan_proto::wire;
use capstan_proto::wire::from_spoke::Message;
use capstan_proto::wire::inventory_part::Part;

use crate::support::{Spoke, World, cluster, config_map, eventually, everywhere};

/// Every part, in words.
async fn export(world: &World) -> Vec<String> {
    let request = wire::ExportInventoryRequest {};
    let answer = world.query().await.export_inventory(request).await;
    let mut parts = answer.unwrap().into_inner();
    let mut said = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        said.push(match part.part.unwrap() {
            Part::Cluster(cluster) => {
                let facts: BTreeMap<_, _> = cluster.facts.into_iter().collect();
                let unknown = if cluster.unknown { " unknown" } else { "" };
                format!("{} {facts:?}{unknown}", cluster.name)
            }
            Part::Selection(selection) => {
                format!("{} {}", selection.placement, selection.clusters.join(","))
            }
        });
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_and_selections_are_exported_and_what_was_never_seen_has_no_facts() {
    let clusters = format!("{}{}{}", cluster("one"), cluster("two"), cluster("three"));
    let world = World::running(&[
        ("clusters.yaml", Some(&clusters)),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await;
    let hub = world.server().addresses().spokes;
    world.enrol("two").await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, hub).await;
    spoke.takes_offer().await;
    let values = [("nodes".to_owned(), "3".to_owned())].into();
    spoke.say(Message::Facts(wire::Facts { values })).await;
    let expected = [
        "one {\"nodes\": \"3\"}",
        "two {} unknown",
        "fleet.web one,three,two",
    ];
    eventually(async || match export(&world).await {
        said if said == expected => Ok(()),
        said => Err(format!("{said:?}")),
    })
    .await;
}
