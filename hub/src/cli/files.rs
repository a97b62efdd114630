//! What the commands without a hub have in common: which files, and what is known besides them.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use capstan_hub_core::interchange::InventoryFile;

use super::Failure;
use super::args::Files;
use crate::clock;
use crate::config::Config;
use crate::offline::{Checkout, Start};

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
    let budget = match config {
        Some(file) => Config::read(file)?.safety,
        None => Default::default(),
    };
    let now = clock::now();
    Ok((
        checkout,
        Start {
            inventory,
            budget,
            now,
        },
    ))
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
