//! Every file says what it owns, has a bearable size and is compiled by somebody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use capstan_tidy::{files, is_test, root, shown, text};

/// Lines of a file without its tests, which live in sibling files.
const LINES_MAX: usize = 800;

fn complaints(check: impl Fn(&Path, &str) -> Option<String>) {
    let found: Vec<_> = files(&["rs"])
        .iter()
        .filter_map(|path| check(path, &text(path)).map(|why| format!("{}: {why}", shown(path))))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_first_line_says_what_the_file_owns() {
    complaints(|_, text| {
        (!text.starts_with("//! ")).then(|| "the first line is no `//!` sentence".to_owned())
    });
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    complaints(|path, text| {
        let lines = text.lines().count();
        (lines > LINES_MAX && !is_test(path)).then(|| format!("{lines} lines"))
    });
}

#[test]
fn nobody_leaves_a_note_instead_of_the_work() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX:"),
        concat!("unimplemented", "!("),
    ];
    complaints(|_, text| {
        let line = text
            .lines()
            .find(|line| marks.iter().any(|mark| line.contains(mark)))?;
        Some(format!("`{}`", line.trim()))
    });
}

#[test]
fn no_test_waits_for_a_time_instead_of_a_state() {
    complaints(|path, text| {
        let sleeps = text.contains(concat!("thread::", "sleep("))
            || text.contains(concat!("time::", "sleep("));
        (is_test(path) && sleeps).then(|| "it sleeps".to_owned())
    });
}

#[test]
fn an_error_never_prints_its_source() {
    complaints(|_, text| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("#[error(") && line.contains("{source"))?;
        Some(format!("`{}`", line.trim()))
    });
}

#[test]
fn no_module_file_is_called_mod() {
    complaints(|path, _| (path.file_name()? == "mod.rs").then(|| "rename it".to_owned()));
}

#[test]
fn every_rust_file_is_compiled() {
    let all: BTreeSet<PathBuf> = files(&["rs"]).into_iter().collect();
    let mut reached = BTreeSet::new();
    for path in &all {
        if is_crate_root(path) {
            reach(path, true, &mut reached);
        }
    }
    let dead: Vec<_> = all.difference(&reached).map(|path| shown(path)).collect();
    assert!(dead.is_empty(), "not compiled:\n{}", dead.join("\n"));
}

fn is_crate_root(path: &Path) -> bool {
    let parent = path.parent().expect("a file has a directory");
    let directory = parent.file_name().unwrap_or_default();
    let name = path.file_name().unwrap_or_default();
    let below_manifest = parent
        .parent()
        .is_some_and(|crate_| crate_.join("Cargo.toml").exists());
    name == "build.rs"
        || below_manifest && directory == "src" && (name == "lib.rs" || name == "main.rs")
        || below_manifest
            && (directory == "tests" || directory == "benches" || directory == "examples")
        || directory == "bin"
        || name == "main.rs" && is_test_directory(parent)
}

/// `tests/NAME/` of a crate, whose `main.rs` is a test of its own.
fn is_test_directory(directory: &Path) -> bool {
    let above = directory.parent();
    above
        .and_then(Path::file_name)
        .is_some_and(|name| name == "tests")
        && above
            .and_then(Path::parent)
            .is_some_and(|crate_| crate_.join("Cargo.toml").exists())
}

/// Follows `mod name;` from a file. `root` tells that its modules lie beside it.
fn reach(path: &Path, root: bool, reached: &mut BTreeSet<PathBuf>) {
    if !path.exists() || !reached.insert(path.to_owned()) {
        return;
    }
    let directory = path.parent().expect("a file has a directory");
    let base = match root {
        true => directory.to_owned(),
        false => directory.join(path.file_stem().expect("a file has a name")),
    };
    let source = text(path);
    let mut renamed = None;
    for line in source.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("#[path = \"") {
            renamed = rest.split('"').next().map(|file| directory.join(file));
            continue;
        }
        let declaration = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        let name = declaration
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(';'));
        if let Some(name) = name {
            match renamed.take() {
                Some(file) => reach(&file, false, reached),
                None => {
                    reach(&base.join(format!("{name}.rs")), false, reached);
                    let nested = base.join(name).join("mod.rs");
                    reach(&nested, true, reached);
                }
            }
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for path in files(&["md"]) {
        let text = text(&path);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            if !path.parent().unwrap_or(&root()).join(target).exists() {
                broken.push(format!("{}: {link}", shown(&path)));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
