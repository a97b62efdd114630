//! How much is looked for.

use std::fmt::Write as _;

use crate::desired::Desired;
use crate::explain::{Question, explain};
use crate::fixture::{Hub, bundle, cluster, maps};

use super::{Advised, CHANGES_MAX, Trials};

/// A cluster `a`, and a placement `web` of bundle `web` with this selector.
fn fleet(of_cluster: &str, clusters: &str) -> (Hub, Desired) {
    let mut hub = Hub::default();
    let desired = hub.commit(&format!(
        "@Cluster\nmetadata: {{name: a}}\n{of_cluster}@Bundle web\nspec: {{path: w}}\n@Placement web\n\
         spec: {{bundles: [web], clusters: {clusters}}}\n{}",
        maps("w/w.yaml", &["w1"])
    ));
    (hub, desired)
}

fn advised(hub: &Hub, trials: &Trials) -> Advised {
    let mut placements = hub.decisions.placements.values();
    placements.next().unwrap().advice(&cluster("a"), trials)
}

/// What an explanation advises, one line each.
fn told(hub: &Hub, desired: &Desired) -> String {
    let question = Question {
        cluster: cluster("a"),
        bundle: bundle("web"),
    };
    let explanation = explain(&hub.decisions, desired, &question);
    let advice = explanation.steps.iter().filter(|step| step.advice);
    let advice: Vec<&str> = advice.map(|step| step.text.as_str()).collect();
    advice.join("\n")
}

fn taints(count: usize) -> String {
    let one = |n| format!("{{key: t{n}, effect: NoSchedule}}");
    let all: Vec<String> = (0..count).map(one).collect();
    format!("spec: {{taints: [{}]}}\n", all.join(", "))
}

#[test]
fn as_many_changes_as_are_allowed_are_advised_and_one_more_is_too_much() {
    let (hub, _) = fleet(&taints(CHANGES_MAX), "[{}]");
    let found = advised(&hub, &Trials::default());
    let changes: Vec<usize> = found.advice.iter().map(|a| a.changes().len()).collect();
    assert_eq!((changes, found.cut_short), (vec![CHANGES_MAX; 2], false));

    let (hub, desired) = fleet(&taints(CHANGES_MAX + 1), "[{}]");
    let found = advised(&hub, &Trials::default());
    assert_eq!((found.advice, found.cut_short), (Vec::new(), true));
    let told = told(&hub, &desired);
    assert!(told.contains("too much to look for"), "{told}");
    assert!(!told.contains("no change of fleet files"), "{told}");
}

#[test]
fn a_term_of_thousands_of_labels_costs_a_few_trials() {
    let mut labels = String::new();
    (0..5_000).for_each(|n| write!(labels, "l{n}: x, ").unwrap());
    let (hub, _) = fleet("", &format!("[{{matchLabels: {{{labels}}}}}]"));
    let trials = Trials::of(10);
    let found = advised(&hub, &trials);
    assert_eq!(found.advice.len(), 1, "{:?}", found.advice);
    assert_eq!(trials.left.get(), 7);
}

#[test]
fn trials_are_counted_for_all_that_is_asked_together() {
    let (hub, _) = fleet(&taints(2), "[{}]");
    let trials = Trials::of(8);
    assert_eq!(advised(&hub, &trials).advice.len(), 2);
    assert_eq!(trials.left.get(), 0);
    let found = advised(&hub, &trials);
    assert_eq!((found.advice, found.cut_short), (Vec::new(), true));
}
