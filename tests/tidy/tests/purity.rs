//! Purity is proved by four short manifests; who may name whom is the table of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const PURE: [&str; 4] = [
    "capstan-cel",
    "capstan-proto",
    "capstan-hub-core",
    "capstan-spoke-core",
];

/// Crates that a pure crate may build with, directly.
const ALLOWED: [&str; 12] = [
    "capstan-cel",
    "capstan-proto",
    "fixedbitset",
    "prost",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha2",
    "strsim",
    "thiserror",
    "tonic",       // proto's feature `rpc` only
    "tonic-prost", // proto's feature `rpc` only
];

/// Crates that do things: clocks, sockets, files, threads.
const EFFECTS: [&str; 16] = [
    "async-std",
    "chrono",
    "git2",
    "h2",
    "hyper",
    "kube",
    "libgit2-sys",
    "mio",
    "rand",
    "rustls",
    "sled",
    "socket2",
    "tempfile",
    "tokio",
    "tonic",
    "tracing-subscriber",
];

/// Whom a crate may not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "capstan-cel",
        &[
            "capstan-proto",
            "capstan-hub-core",
            "capstan-spoke-core",
            "capstan-hub",
            "capstan-spoke",
        ],
    ),
    (
        "capstan-proto",
        &[
            "capstan-cel",
            "capstan-hub-core",
            "capstan-spoke-core",
            "capstan-hub",
            "capstan-spoke",
        ],
    ),
    (
        "capstan-hub-core",
        &["capstan-spoke-core", "capstan-hub", "capstan-spoke"],
    ),
    (
        "capstan-spoke-core",
        &["capstan-hub-core", "capstan-hub", "capstan-spoke"],
    ),
    (
        "capstan-hub",
        &[
            "capstan-cel",
            "capstan-spoke-core",
            "capstan-spoke",
            "kube",
            "simkube",
        ],
    ),
    (
        "capstan-spoke",
        &[
            "capstan-cel",
            "capstan-hub-core",
            "capstan-hub",
            "git2",
            "sled",
            "simkube",
        ],
    ),
    (
        "capstan-fuzz",
        &[
            "capstan-spoke-core",
            "capstan-hub",
            "capstan-spoke",
            "simkube",
        ],
    ),
    (
        "simkube",
        &[
            "capstan-cel",
            "capstan-proto",
            "capstan-hub-core",
            "capstan-spoke-core",
            "capstan-hub",
            "capstan-spoke",
            "kube",
        ],
    ),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(capstan_tidy::root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Each workspace member's direct dependencies, those of tests and build scripts left out.
fn direct() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"]))
            .expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("cargo lists them");
    let name = |value: &Value| value["name"].as_str().expect("cargo names it").to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .expect("cargo lists them");
            let normal = dependencies.iter().filter(|d| d["kind"].is_null());
            (name(package), normal.map(name).collect())
        })
        .collect()
}

#[test]
fn pure_crates_name_only_what_is_allowed() {
    let direct = direct();
    for pure in PURE {
        for dependency in &direct[pure] {
            assert!(
                ALLOWED.contains(&dependency.as_str()),
                "{pure} names {dependency}"
            );
        }
    }
}

#[test]
fn nothing_below_a_pure_crate_does_things() {
    for pure in PURE {
        let tree = cargo(&[
            "tree", "-p", pure, "-e", "normal", "--prefix", "none", "--format", "{p}",
        ]);
        for line in tree.lines() {
            let name = line.split(' ').next().unwrap();
            assert!(!EFFECTS.contains(&name), "{pure} builds with {name}");
        }
    }
}

#[test]
fn pure_crates_forbid_unsafe_code_and_undocumented_items() {
    for path in [
        "proto/src/lib.rs",
        "proto/cel/src/lib.rs",
        "hub/core/src/lib.rs",
        "spoke/core/src/lib.rs",
    ] {
        let text = capstan_tidy::text(&capstan_tidy::root().join(path));
        assert!(text.contains("#![forbid(unsafe_code)]"), "{path}");
        assert!(text.contains("#![deny(missing_docs)]"), "{path}");
    }
}

#[test]
fn nobody_names_whom_he_may_not() {
    let direct = direct();
    for (crate_name, others) in FORBIDDEN {
        for other in *others {
            assert!(
                !direct[*crate_name].contains(*other),
                "{crate_name} names {other}"
            );
        }
    }
}

#[test]
fn one_tls_provider_is_built() {
    let lock = capstan_tidy::text(&capstan_tidy::root().join("Cargo.lock"));
    for name in ["aws-lc-rs", "aws-lc-sys", "serde_yaml", "serde_yml"] {
        assert!(
            !lock.contains(&format!("name = \"{name}\"")),
            "{name} is in Cargo.lock"
        );
    }
}
