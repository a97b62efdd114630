//! `hub inventory export`: facts and selections of a live hub, as the commands without a hub read them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use capstan_hub_core::interchange::InventoryFile;
use capstan_hub_core::inventory::Facts;
use capstan_proto::wire::inventory_part::Part;
use capstan_proto::{ClusterName, wire};

use super::Outcome;
use super::args::{Export, Target};
use super::connect::{self, refusal};

pub(super) async fn export(target: &Target, args: Export) -> Outcome {
    let mut client = connect::query(connect::connect(target).await?);
    let request = wire::ExportInventoryRequest {};
    let parts = client.export_inventory(request).await;
    let mut parts = parts.map_err(|status| refusal(&status))?.into_inner();
    let mut file = InventoryFile::default();
    while let Some(part) = parts.message().await.map_err(|status| refusal(&status))? {
        add(&mut file, part).context("the hub's answer has no meaning")?;
    }
    shorten(&mut file);
    let text = serde_json::to_string_pretty(&file).context("the inventory is no JSON")?;
    match &args.output {
        Some(path) => std::fs::write(path, format!("{text}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => writeln!(std::io::stdout(), "{text}")?,
    }
    Ok(())
}

fn add(file: &mut InventoryFile, part: wire::InventoryPart) -> anyhow::Result<()> {
    match part.part {
        Some(Part::Cluster(cluster)) => {
            let facts = match cluster.unknown {
                true => Facts::Unknown,
                false => Facts::Reported(Arc::new(cluster.facts.into_iter().collect())),
            };
            let name = ClusterName::try_new(cluster.name)?;
            file.clusters.insert(name, facts);
        }
        Some(Part::Selection(selection)) => {
            let clusters = selection.clusters.into_iter().map(ClusterName::try_new);
            let clusters = clusters.collect::<Result<BTreeSet<_>, _>>()?;
            file.previous.insert(selection.placement, clusters);
        }
        // A hub that is newer than this program says more.
        None => {}
    }
    Ok(())
}

/// Where all placements are of one source, their names stand alone.
fn shorten(file: &mut InventoryFile) {
    let source = |name: &String| name.split_once('.').map(|(source, _)| source.to_owned());
    let sources: BTreeSet<_> = file.previous.keys().map(source).collect();
    if sources.len() != 1 {
        return;
    }
    file.previous = std::mem::take(&mut file.previous)
        .into_iter()
        .map(|(name, clusters)| match name.split_once('.') {
            Some((_, short)) => (short.to_owned(), clusters),
            None => (name, clusters),
        })
        .collect();
}
