//! What files say without a hub is what a hub says that follows them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Spoke, World, cluster, config_map, everywhere};

/// What a command says as JSON, whatever its exit code.
fn said(world: &World, args: &[&str]) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(args)
        .args(["-o", "json"])
        .current_dir(world.directory.path())
        .env_remove("CAPSTAN_HUB")
        .output()
        .unwrap();
    serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_a_held_removal_as_the_hub_does() {
    let all = format!("{}{}{}", cluster("one"), cluster("two"), cluster("three"));
    let maps: String = (0..12)
        .map(|n| config_map(&format!("d-{n}"), "1"))
        .collect();
    let world = World::running(&[
        ("clusters.yaml", Some(&all)),
        ("web.yaml", Some(&everywhere("web"))),
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        ("apps/db/all.yaml", Some(&maps)),
    ])
    .await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let some = everywhere("db").replace("env: test", "env: other");
    let revision = world.repository.commit(&[("db.yaml", Some(&some))]);
    let planned = said(
        &world,
        &[
            "plan", "--repo", "fleet", "--from", "HEAD~1", "--to", "HEAD",
        ],
    );
    world.follows(&revision).await;
    let fleet = world.fleet(|fleet| !fleet.held.is_empty()).await;
    let held = planned["held"].as_array().unwrap();
    assert_eq!((held.len(), fleet.held.len()), (1, 1), "{planned:#}");
    assert_eq!(held[0]["digest"], fleet.held[0].digest.as_str());
    assert_eq!(held[0]["command"], fleet.held[0].command.as_str());
    assert_eq!(
        held[0]["removals"].as_array().unwrap().len(),
        usize::try_from(fleet.held[0].objects).unwrap()
    );
}

/// Everything that can be a reason, in few documents.
fn reasons() -> String {
    let header = "apiVersion: capstan.dev/v1alpha1\n";
    let mut text = String::new();
    for (name, spec) in [
        ("a", "{taints: [{key: full, effect: NoSchedule}]}"),
        ("b", "{mode: Paused}"),
        ("c", "{variables: {size: 3}}"),
        ("d", "{}"),
    ] {
        text.push_str(&format!(
            "---\n{header}kind: Cluster\nmetadata: {{name: {name}, labels: {{env: test, name: {name}}}}}\nspec: {spec}\n"
        ));
    }
    for name in ["web", "few", "late", "alone"] {
        text.push_str(&format!(
            "---\n{header}kind: Bundle\nmetadata: {{name: {name}}}\nspec: {{path: apps/web}}\n"
        ));
    }
    for (name, spec) in [
        (
            "web",
            "{bundles: [web], clusters: [{matchLabels: {env: test}}], except: [{names: [d]}], \
                 overrides: [{clusters: [{names: [c]}], variables: {colour: blue}}]}",
        ),
        (
            "too",
            "{bundles: [web], clusters: [{matchLabels: {name: b}}]}",
        ),
        (
            "few",
            "{bundles: [few], clusters: [{}], count: 2, spread: [{by: name}], tolerations: [{operator: Exists}]}",
        ),
        (
            "late",
            "{bundles: [late], clusters: [{names: [a, b]}], suspend: true}",
        ),
    ] {
        text.push_str(&format!(
            "---\n{header}kind: Placement\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        ));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_explains_what_the_files_explain() {
    let world = World::running(&[
        ("fleet.yaml", Some(&reasons())),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await;
    // What is selected now was selected before, for the hub as for the files.
    let other = config_map("a", "2");
    let revision = world
        .repository
        .commit(&[("apps/web/a.yaml", Some(&other))]);
    world.follows(&revision).await;
    let socket = world.server().addresses().socket.display().to_string();
    let live = format!("unix:{socket}");
    let file = world.directory.path().join("inventory.json");
    let file = file.to_str().unwrap();
    export(world.directory.path(), &live, file);
    for cluster in ["a", "b", "c", "d"] {
        for bundle in ["web", "few", "late", "alone"] {
            let of_hub = said(&world, &["--hub", &live, "explain", cluster, bundle]);
            let args = [
                "explain", cluster, bundle, "--repo", "fleet", "--rev", "HEAD",
            ];
            let of_files = said(&world, &[&args[..], &["--inventory", file]].concat());
            if (cluster, bundle) == ("b", "late") {
                // Only a hub knows whether it came there before it was suspended.
                assert_eq!(
                    [&of_hub["answer"], &of_files["answer"]],
                    ["NotPlaced", "Unknown"]
                );
                continue;
            }
            for member in ["answer", "placed", "summary", "reasons", "variables"] {
                let (hub, files) = (&of_hub[member], &of_files[member]);
                assert_eq!(hub, files, "{member} of {bundle} on {cluster}");
            }
        }
    }
}

fn export(directory: &Path, hub: &str, file: &str) {
    let out = Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(["--hub", hub, "inventory", "export", "-o", file])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
}
