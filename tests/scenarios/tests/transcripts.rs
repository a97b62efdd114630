//! Every script says today what it said before. `UPDATE_EXPECT=1` writes down what it says today.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use std::fs;
use std::path::{Path, PathBuf};

use capstan_scenarios::play;

fn scripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = fs::read_dir(directory).unwrap();
    let mut scripts: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "fleet"))
        .collect();
    scripts.sort();
    scripts
}

/// The first line that differs, with the number of it.
fn difference(expected: &str, said: &str) -> String {
    let (mut before, mut now) = (expected.lines(), said.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (before.next(), now.next()) {
            (None, None) => return "they differ in how they end".to_owned(),
            (before, now) if before == now => {}
            (before, now) => {
                let (before, now) = (before.unwrap_or("(end)"), now.unwrap_or("(end)"));
                return format!("line {number}\n  before: {before}\n  now:    {now}");
            }
        }
    }
}

// One test, because a process has one working directory.
#[test]
fn every_script_says_what_it_said_before() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let only = std::env::var("SCENARIO").ok();
    let mut wrong = Vec::new();
    for path in scripts() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let said = match play(&fs::read_to_string(&path).unwrap()) {
            Ok(said) => said,
            Err(error) => {
                wrong.push(format!("{name}: {error:#}"));
                continue;
            }
        };
        let golden = path.with_extension("out");
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if said == expected {
            continue;
        }
        match update {
            true => fs::write(&golden, said).unwrap(),
            false => wrong.push(format!("{name}: {}", difference(&expected, &said))),
        }
    }
    assert!(
        wrong.is_empty(),
        "\n{}\n\nUPDATE_EXPECT=1 writes down what is said now\n",
        wrong.join("\n")
    );
}

#[test]
fn every_transcript_has_its_script() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let script = path.with_extension("fleet");
        assert!(script.exists(), "{} has no script", path.display());
    }
}
