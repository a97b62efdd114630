//! What a reviewer would otherwise check by hand. The checks are in `tests/`; here is how they
//! look at the checkout.

use std::fs;
use std::path::{Path, PathBuf};

/// The checkout's root.
///
/// # Panics
/// When this crate was moved away from `tests/tidy`.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("this crate lives two directories below the root")
        .to_owned()
}

/// Every file of the checkout with one of these extensions, sorted; build output and hidden
/// directories are not looked at.
///
/// # Panics
/// When a directory cannot be read.
#[must_use]
pub fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.retain(|path| {
        path.extension()
            .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
    });
    found.sort();
    found
}

/// A path as it is written from the root.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The text of a file.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a Rust file holds tests only.
#[must_use]
pub fn is_test(path: &Path) -> bool {
    let path = shown(path);
    path.starts_with("tests/it/")
        || path.starts_with("tests/e2e/")
        || path.contains("/tests/") && !path.starts_with("tests/")
        || path.matches("tests/").count() > 1
        || path.ends_with("/tests.rs")
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        if hidden || name == "target" {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found)
        } else {
            found.push(path)
        }
    }
}
