//! What the commands without a hub have in common: which files, and what is known besides them.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use capstan_hub_core::interchange::InventoryFile;
use capstan_hub_core::spec::Spec;
use capstan_proto::SourceName;

use super::Failure;
use super::args::Files;
use crate::clock;
use crate::config::{Config, Source};
use crate::offline::{Checkout, Decided, Start};

/// Longest inventory that is read: 10,000 clusters of 50 facts of 60 bytes are 30 MB.
const INVENTORY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Opens what the caller named, and reads what belongs to it.
pub(super) fn open(files: &Files) -> Result<(Checkout, Start), Failure> {
    opened(files).map_err(Failure::Usage)
}

fn opened(files: &Files) -> anyhow::Result<(Checkout, Start)> {
    let Files {
        repo,
        within,
        inventory,
        config,
        source,
    } = files;
    let checkout = Checkout::open(repo, within)?;
    let checkout = match source {
        Some(source) => checkout.called(source.clone()),
        None => checkout,
    };
    let inventory = match inventory {
        Some(file) => read(file)?,
        None => InventoryFile::default(),
    };
    let mut start = Start {
        inventory,
        now: clock::now(),
        ..Start::default()
    };
    let Some(file) = config else {
        return Ok((checkout, start));
    };
    let config = Config::read(file)?;
    let of = config_source(&config, source.as_ref(), &checkout)?;
    start.budget = config.safety;
    start.rules = of.rules.clone();
    let others = config
        .sources
        .iter()
        .filter(|other| other.git.name != of.git.name);
    start.others = others
        .map(|other| (other.git.name.clone(), other.rules.clone()))
        .collect();
    let name = of.git.name.clone();
    Ok((checkout.called(name), start))
}

/// The source of a configuration that is looked at: the one that is named, else the one that is called as the
/// directory, else the only one.
fn config_source<'a>(
    config: &'a Config,
    named: Option<&SourceName>,
    checkout: &Checkout,
) -> anyhow::Result<&'a Source> {
    let called = |name: &SourceName| config.sources.iter().find(|s| s.git.name == *name);
    let found = match (named, config.sources.as_slice()) {
        (Some(name), _) => called(name),
        (None, [only]) => Some(only),
        (None, _) => called(checkout.source()),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = config.sources.iter().map(|s| s.git.name.as_str()).collect();
        let wanted = named.unwrap_or_else(|| checkout.source());
        let file = config.file.display();
        anyhow!(
            "{file} has no source `{wanted}` (say with --source which one this is: {})",
            names.join(", ")
        )
    })
}

/// What is worth saying besides an answer: that only a folder is read, and names of the inventory that no side
/// declares.
pub(super) fn notes(checkout: &Checkout, start: &Start, sides: &[&Decided]) -> Vec<String> {
    let specs: Vec<&Spec> = sides.iter().map(|side| &*side.spec).collect();
    let undeclared = start.inventory.undeclared(checkout.source(), &specs);
    checkout.note().into_iter().chain(undeclared).collect()
}

/// Reads an inventory file; every mistake is said at once.
fn read(file: &Path) -> anyhow::Result<InventoryFile> {
    let reading = || format!("cannot read the inventory {}", file.display());
    let bytes = std::fs::metadata(file).with_context(reading)?.len();
    if bytes > INVENTORY_BYTES_MAX {
        let most = INVENTORY_BYTES_MAX / (1024 * 1024);
        return Err(anyhow!("{} has more than {most} MiB", file.display()));
    }
    let bytes = std::fs::read(file).with_context(reading)?;
    InventoryFile::parse(&bytes).map_err(|mistakes| {
        let file = file.display();
        let lines: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{file}:{mistake}"))
            .collect();
        anyhow!("the inventory is wrong\n{}", lines.join("\n"))
    })
}
