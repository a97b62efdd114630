//! Restricted sources: what reaches further is refused whole, and what is there stays.

use capstan_proto::SourceName;
use expect_test::{Expect, expect};

use super::show;
use crate::desired::Desired;
use crate::explain::{Question, explain};
use crate::fixture::{Hub, many, maps};
use crate::spec::{Kinds, PinName, PinState, Restriction, Rules, Trees, read_terms};
use crate::yaml::{self, Dialect};

const CLUSTERS: &str = "== a.yaml\n@Cluster a\nspec: {variables: {n: 1}}\n== b.yaml\n@Cluster b\n\
                        == x.yaml\n@Cluster x\n== y.yaml\n@Cluster y\n";

fn name(text: &str) -> SourceName {
    SourceName::try_new(text).unwrap()
}

/// A restriction to these clusters.
fn to(clusters: &str) -> Restriction {
    let list = yaml::read(clusters.as_bytes(), Dialect::Fleet).remove(0);
    let (terms, problems) = read_terms(
        &name("team"),
        &"hub.yaml".into(),
        &list.unwrap(),
        "clusters",
    );
    assert!(problems.is_empty(), "{problems:?}");
    Restriction {
        clusters: terms,
        ..Restriction::default()
    }
}

fn trees(platform: &str, team: &str, restriction: Restriction) -> Trees {
    let mut trees = many(1, &[("platform", platform), ("team", team)]);
    let rules = Rules {
        restrict: Some(restriction),
        ..Rules::default()
    };
    trees.rules.insert(name("team"), rules);
    trees
}

/// A bundle of three objects, a placement of it on these clusters, and one that is as it should be.
fn team(bundles: &str, clusters: &str, object: &str) -> String {
    let fleet = format!(
        "@Bundle web\nspec: {{path: w}}\n@Bundle db\nspec: {{path: d}}\n@Placement web\n\
         spec: {{bundles: {bundles}, clusters: {clusters}}}\n@Placement db\nspec: {{bundles: [db], \
         clusters: [{{names: [a, b]}}]}}\n"
    );
    [
        fleet,
        maps("w/w.yaml", &["w1", object]),
        maps("d/d.yaml", &["d1"]),
    ]
    .concat()
}

fn check(desired: &Desired, expected: Expect) {
    expected.assert_eq(&show(desired));
}

#[test]
fn a_new_placement_that_reaches_too_far_places_nothing() {
    let mut hub = Hub::default();
    let team = team("[web]", "[{names: [a, x]}]", "w2");
    let desired = hub.follow(&trees(CLUSTERS, &team, to("[{names: [a, b]}]")));
    check(
        &desired,
        expect![[r#"
        a: db[d1]
        b: db[d1]
        x:
        y:
    "#]],
    );
    assert!(
        hub.decisions
            .problems
            .iter()
            .any(|p| p.to_string().contains("E0115"))
    );
}

#[test]
fn one_that_begins_to_reach_too_far_stays_where_it_was_as_it_was() {
    let mut hub = Hub::default();
    let reach = || to("[{names: [a, b]}]");
    hub.follow(&trees(
        CLUSTERS,
        &team("[web]", "[{names: [a]}]", "w2"),
        reach(),
    ));
    // More clusters, another object, and the bundle of the other placement besides.
    let wider = team("[web, db]", "[{names: [a, b, x]}]", "w3");
    let desired = hub.follow(&trees(CLUSTERS, &wider, reach()));
    let first = show(&desired);
    expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: placement web reaches further than its source may; what it brought stays
        b: db[d1]
        x:
        y:
    "#]]
    .assert_eq(&first);
    // Nor does it lose anything: not its bundle, and not its clusters.
    let other = team("[db]", "[{names: [b, x]}]", "w3");
    assert_eq!(show(&hub.follow(&trees(CLUSTERS, &other, reach()))), first);
    let mended = team("[web]", "[{names: [b]}]", "w3");
    check(
        &hub.follow(&trees(CLUSTERS, &mended, reach())),
        expect![[r#"
        a: db[d1]
        b: db[d1] web[w1 w3]
        x:
        y:
    "#]],
    );
}

#[test]
fn what_the_source_may_not_use_any_more_is_withdrawn_within_the_budget() {
    let mut hub = Hub::default();
    let all = team("[web]", "[{names: [a, b, x]}]", "w2");
    hub.follow(&trees(CLUSTERS, &all, to("[{names: [a, b, x]}]")));
    let one = hub.follow(&trees(CLUSTERS, &all, to("[{names: [a, b]}]")));
    check(
        &one,
        expect![[r#"
            a: db[d1] web[w1 w2]
              web kept: placement web reaches further than its source may; what it brought stays
            b: db[d1] web[w1 w2]
              web kept: placement web reaches further than its source may; what it brought stays
            x: web[w1 w2]
              web kept: its removal waits for approval of b1856e3f3a65
            y:
            held: removing 2 objects from 1 cluster waits for approval: cluster x would be left with nothing
        "#]],
    );
    hub.approve(&one.holds[0]);
    let two = hub.follow(&trees(CLUSTERS, &all, to("[{names: [a]}]")));
    check(
        &two,
        expect![[r#"
            a: db[d1] web[w1 w2]
              db kept: placement db reaches further than its source may; what it brought stays
              web kept: placement web reaches further than its source may; what it brought stays
            b: db[d1] web[w1 w2]
              db kept: its removal waits for approval of 42c3667c6cd0
              web kept: its removal waits for approval of e747cc0b025f
            x:
            y:
            held: removing 1 object from 1 cluster waits for approval: cluster b would be left with nothing
            held: removing 2 objects from 1 cluster waits for approval: cluster b would be left with nothing
        "#]],
    );
}

#[test]
fn after_a_restart_it_is_where_it_was() {
    let mut hub = Hub::default();
    let reach = || to("[{names: [a, b]}]");
    hub.follow(&trees(
        CLUSTERS,
        &team("[web]", "[{names: [a]}]", "w2"),
        reach(),
    ));
    let previous = hub.decisions.previous();
    let mut again = Hub {
        running: hub.running.clone(),
        decisions: crate::placement::Decisions::remembered(previous),
        ..Hub::default()
    };
    let wider = team("[web]", "[{names: [b, x]}]", "w3");
    check(
        &again.follow(&trees(CLUSTERS, &wider, reach())),
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: placement web reaches further than its source may; what it brought stays
        b: db[d1]
        x:
        y:
    "#]],
    );
}

#[test]
fn why_says_that_the_source_reaches_too_far() {
    let mut hub = Hub::default();
    let team = team("[web]", "[{names: [a, x]}]", "w2");
    hub.follow(&trees(CLUSTERS, &team, to("[{names: [a, b]}]")));
    let placement = capstan_proto::PlacementName::try_new(name("team"), "web").unwrap();
    let decision = hub.decisions.placements.get(&placement).unwrap();
    let why = |of: &str| {
        decision
            .why(&crate::fixture::cluster(of))
            .unwrap()
            .to_string()
    };
    let told = "source `team` may not use cluster x, which this term matches (fleet.yaml:15:35)";
    assert_eq!(why("a"), told);
    assert!(why("x").contains("out-of-reach"), "{}", why("x"));
}

#[test]
fn a_placement_that_reaches_too_far_is_to_be_narrowed_whatever_else_it_lacks() {
    let told = |clusters: &str, of: &str| {
        let mut hub = Hub::default();
        let team = team("[web]", clusters, "w2");
        let desired = hub.follow(&trees(CLUSTERS, &team, to("[{names: [a, b]}]")));
        let question = Question {
            cluster: crate::fixture::cluster(of),
            bundle: capstan_proto::BundleName::try_new(name("team"), "web").unwrap(),
        };
        let explanation = explain(&hub.decisions, &desired, &question);
        let advice = explanation.steps.iter().filter(|step| step.advice);
        let advice: Vec<&str> = advice.map(|step| step.text.as_str()).collect();
        advice.join("\n")
    };
    let narrow = "narrow the term at fleet.yaml:15:35 of web to clusters that source team may use: \
                  nothing of web changes anywhere before";
    // One that it matches, one that it does not, and one that its source may not use.
    for of in ["a", "b", "x"] {
        assert_eq!(told("[{names: [a, x]}]", of), narrow);
    }
    let both = told("[{names: [a, x]}, {names: [y]}]", "b");
    assert!(both.contains(" and one more term of web to"), "{both}");
    // What reaches no further is advised as ever.
    let within = told("[{names: [a]}]", "b");
    assert!(within.starts_with("for web to select it: "), "{within}");
}

/// The problems of one bundle `web` with this content, under this restriction.
fn content(spec: &str, restriction: Restriction) -> String {
    let team = format!(
        "@Bundle web\nspec: {{path: w{spec}}}\n@Placement web\nspec: {{bundles: [web], clusters: [{{}}]}}\n{}",
        maps("w/w.yaml", &["w1"])
    );
    let mut hub = Hub::default();
    let desired = hub.follow(&trees(CLUSTERS, &team, restriction));
    let objects = desired
        .clusters
        .values()
        .filter_map(|wanted| wanted.target());
    let objects: usize = objects.map(|target| target.snapshot.objects().len()).sum();
    let problems = hub.rendered.problems().map(ToString::to_string);
    format!(
        "{objects} objects\n{}",
        problems.collect::<Vec<_>>().join("\n")
    )
}

#[test]
fn a_namespace_that_is_made_is_of_a_kind_that_must_be_allowed() {
    let made = ", defaultNamespace: team-a, createNamespace: true";
    let kinds = |kinds: &[&str]| Restriction {
        kinds: Kinds::Allow(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
        ..to("[{names: [a]}]")
    };
    expect![[r#"
        0 objects
        fleet.yaml:5:14: error[E0115]: `createNamespace` makes namespace `team-a`: the source may not declare v1/Namespace (leave `createNamespace` out, or let those who run the hub allow v1/Namespace)"#]]
    .assert_eq(&content(made, kinds(&["v1/ConfigMap"])));
    let denied = Restriction {
        kinds: Kinds::Deny(["v1/Namespace".to_owned()].into()),
        ..to("[{names: [a]}]")
    };
    assert!(content(made, denied).starts_with("0 objects"));
    let both = kinds(&["v1/ConfigMap", "v1/Namespace"]);
    assert_eq!(content(made, both), "1 objects\n");
    assert_eq!(content("", kinds(&["v1/ConfigMap"])), "1 objects\n");
}

#[test]
fn a_source_that_must_name_service_accounts_places_nothing() {
    let restriction = || Restriction {
        service_account_required: true,
        ..to("[{}]")
    };
    expect![[r#"
        0 objects
        fleet.yaml:5:14: error[E0115]: the source must name a service account, and this version's bundles cannot (nothing of the source is placed until then; those who run the hub can leave `restrict.serviceAccount` out)"#]]
    .assert_eq(&content("", restriction()));
    // Nor what another source exports, unchanged.
    let platform = format!(
        "{CLUSTERS}== bundles.yaml\n@Bundle web\nspec: {{path: w}}\n{}",
        maps("w/w.yaml", &["w1"])
    );
    let team = "@Placement p\nspec: {bundles: [platform/web], clusters: [{}]}\n";
    let mut trees = trees(&platform, team, restriction());
    let rules = Rules {
        exported_bundles: ["web".to_owned()].into(),
        ..Rules::default()
    };
    trees.rules.insert(name("platform"), rules);
    let desired = Hub::default().follow(&trees);
    let mut targets = desired
        .clusters
        .values()
        .filter_map(|wanted| wanted.target());
    assert!(targets.all(|target| target.snapshot.objects().is_empty()));
}

#[test]
fn a_pinned_bundle_names_only_what_other_sources_export() {
    let platform = format!(
        "{CLUSTERS}== more.yaml\n@Bundle base\nspec: {{path: b}}\n@ClusterGroup inner\nspec: {{clusters: [{{}}]}}\n{}",
        maps("b/b.yaml", &["b1"])
    );
    let team = "@Bundle web\nspec: {path: w}\n== w/w.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: w}}\n\
                == p.yaml\n@Placement p\nspec: {bundles: [web], clusters: [{names: [a]}], revision: v1}\n";
    let pinned = |line: &str| {
        let mut trees = trees(&platform, team, to("[{names: [a]}]"));
        let text = format!(
            "@Bundle web\nspec: {{path: w{line}}}\n{}",
            maps("w/w.yaml", &["w1"])
        );
        let pin = PinName {
            source: name("team"),
            text: "v1".to_owned(),
        };
        let tree = crate::fixture::tree(9, &text);
        trees
            .pins
            .insert(pin, PinState::Read(std::sync::Arc::new(tree)));
        let (_, problems) = crate::spec::load(&trees, None);
        let told = problems.iter().map(ToString::to_string);
        (
            show(&Hub::default().follow(&trees)),
            told.collect::<Vec<_>>().join("\n"),
        )
    };
    assert_eq!(
        pinned(""),
        ("a: web[w1]\nb:\nx:\ny:\n".to_owned(), String::new())
    );
    for (line, problem) in [
        (
            ", dependsOn: [platform/base]",
            "the source `platform` does not export `base`",
        ),
        (
            ", overrides: [{clusters: [{groups: [platform/inner]}], variables: {n: 1}}]",
            "the source `platform` does not export `inner`",
        ),
    ] {
        let (shown, told) = pinned(line);
        assert!(
            shown.starts_with("a:\n  web kept: revision `v1` is pinned"),
            "{shown}"
        );
        assert!(told.contains(&format!("at `v1`: {problem}")), "{told}");
    }
}
