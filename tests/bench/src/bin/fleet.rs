//! Writes a made-up fleet of any size into a directory, to try commands at size.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use capstan_bench::fleet::{Size, files, inventory};

const USAGE: &str = "usage: fleet [--clusters N] [--placements N] DIR\n\n\
    Writes a fleet into DIR/fleet, and facts of its clusters into DIR/inventory.json.\n\n\
    Example:\n  fleet --clusters 10000 --placements 1000 /tmp/large\n  \
    hub resolve --repo /tmp/large/fleet --inventory /tmp/large/inventory.json";

fn main() -> ExitCode {
    let Some((size, directory)) = arguments(std::env::args().skip(1)) else {
        return said(USAGE, 2);
    };
    match write(size, &directory) {
        Ok(count) => said(&format!("{count} files in {}", directory.display()), 0),
        Err(error) => said(&format!("{}: {error}", directory.display()), 1),
    }
}

#[expect(clippy::print_stderr, reason = "this is all that it says")]
fn said(text: &str, code: u8) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(code)
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<(Size, PathBuf)> {
    let mut size = Size {
        clusters: 10_000,
        placements: 1_000,
    };
    let mut directory = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--clusters" => size.clusters = words.next()?.parse().ok()?,
            "--placements" => size.placements = words.next()?.parse().ok()?,
            word if word.starts_with('-') || directory.is_some() => return None,
            word => directory = Some(PathBuf::from(word)),
        }
    }
    Some((size, directory?))
}

fn write(size: Size, directory: &Path) -> std::io::Result<usize> {
    let fleet = directory.join("fleet");
    let mut count = 0;
    for (path, text) in files(size) {
        let path = fleet.join(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a directory"))?;
        std::fs::write(path, text)?;
        count += 1;
    }
    std::fs::write(directory.join("inventory.json"), inventory(size))?;
    Ok(count)
}
