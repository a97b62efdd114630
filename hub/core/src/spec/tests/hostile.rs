//! Files made to cost: bombs, huge values, deep nesting, a million tiny documents. Each is read in
//! time and memory that grow with its size, and what is found wrong is bounded.

use std::fmt::Write as _;

use crate::fixture::{load_all, source, trees};
use crate::limits;
use crate::problem::Problem;
use crate::spec::{SourceState, Spec, Tree, Trees, load};

const HEAD: &str = "apiVersion: capstan.dev/v1alpha1\nkind: ";

fn bytes(path: &str, bytes: Vec<u8>) -> (Spec, Vec<Problem>) {
    let tree = Tree::new(crate::fixture::revision(1), [(path.to_owned(), bytes)]);
    let trees = Trees {
        sources: [(source(), SourceState::Read(tree.into()))].into(),
        ..Trees::default()
    };
    let (spec, problems) = load(&trees, None);
    assert!(
        problems.len() <= limits::FILE_PROBLEMS_MAX + 3,
        "{} problems",
        problems.len()
    );
    for problem in &problems {
        assert!(
            problem.message.len() < 2_000,
            "{} bytes",
            problem.message.len()
        );
    }
    // With a history, everything is walked again.
    let (_, again) = load(&trees, Some(&spec));
    assert_eq!(again.len(), problems.len());
    (spec, problems)
}

fn text(text: String) -> (Spec, Vec<Problem>) {
    bytes("fleet.yaml", text.into_bytes())
}

fn codes(problems: &[Problem]) -> Vec<&str> {
    let mut codes: Vec<_> = problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect();
    codes.dedup();
    codes
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb =
        format!("{HEAD}Cluster\nmetadata: {{name: a}}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let last = i - 1;
        writeln!(
            bomb,
            "a{i}: &a{i} [{}]",
            vec![format!("*a{last}"); 10].join(", ")
        )
        .unwrap();
    }
    let (spec, problems) = text(bomb);
    assert_eq!(codes(&problems), ["E0101"]);
    assert!(spec.clusters.is_empty() && !spec.gaps.is_empty());
}

#[test]
fn aliases_cannot_nest_deeper_than_values() {
    let mut deep = format!(
        "{HEAD}Bundle\nmetadata: {{name: a}}\nspec:\n  path: x\n  helm:\n    values:\n      a0: &a0 {}{}\n",
        "[".repeat(90),
        "]".repeat(90)
    );
    for i in 1..40 {
        let last = i - 1;
        writeln!(
            deep,
            "      a{i}: &a{i} {}*a{last}{}",
            "[".repeat(90),
            "]".repeat(90)
        )
        .unwrap();
    }
    let (_, problems) = text(deep);
    assert_eq!(codes(&problems), ["E0101"], "{problems:?}");
}

#[test]
fn a_value_of_ten_megabytes_is_one_problem_of_few_words() {
    let huge = "x".repeat(10 * 1024 * 1024);
    let (_, problems) = text(format!("{HEAD}Cluster\nmetadata: {{name: {huge}}}\n"));
    assert_eq!(codes(&problems), ["E0105"]);
    let huge = "x".repeat(200 * 1024);
    for field in [
        format!("metadata: {{name: {huge}}}\n"),
        format!("metadata: {{name: a}}\n{huge}: 1\n"),
        format!("metadata: {{name: a}}\nspec: {{mode: {huge}}}\n"),
        format!("metadata: {{name: a}}\nspec: {{variables: {{a: '${{{huge}'}}}}\n"),
        format!("metadata: {{name: a}}\nspec: {{variables: {{'{huge}!': 1}}}}\n"),
        format!("metadata: {{name: a}}\nspec: {{templates: [{huge}]}}\n"),
        format!("metadata: {{name: a, labels: {{{huge}: 1}}}}\n"),
    ] {
        let (spec, problems) = text(format!("{HEAD}Cluster\n{field}"));
        assert_eq!(problems.len(), 1, "{:?}", codes(&problems));
        assert!(spec.clusters.is_empty());
    }
    for (kind, field) in [
        ("Placement", format!("bundles: [{huge}], clusters: [{{}}]")),
        (
            "Placement",
            format!("bundles: [b], clusters: [{{}}], revision: 'a {huge}'"),
        ),
        (
            "Placement",
            format!("bundles: [b], clusters: [{{}}], count: {huge}%"),
        ),
        ("ClusterGroup", format!("clusters: [{{groups: [{huge}]}}]")),
        (
            "ClusterGroup",
            format!("clusters: [{{groups: [{huge}/x]}}]"),
        ),
        ("ClusterGroup", format!("clusters: [{{names: [{huge}]}}]")),
        ("ClusterGroup", format!("clusters: [{{cel: '({huge}'}}]")),
        (
            "ClusterGroup",
            format!(
                "clusters: [{{matchLabels: {{a: b}}, facts: [{{key: k, operator: Gt, values: ['{huge}']}}]}}]"
            ),
        ),
        (
            "ClusterGroup",
            format!(
                "clusters: [{{matchLabels: {{a: {huge}}}, matchExpressions: [{{key: a, operator: NotIn, values: [{huge}]}}]}}]"
            ),
        ),
        (
            "Bundle",
            format!("path: x, patches: [{{json: [{{op: remove, path: {huge}}}]}}]"),
        ),
        ("Bundle", format!("path: ../{huge}")),
        ("Bundle", format!("path: {huge}")),
        ("Bundle", format!("path: x, defaultNamespace: {huge}")),
        ("Bundle", format!("path: x, dependsOn: [{huge}]")),
    ] {
        let (_, problems) = text(format!(
            "{HEAD}{kind}\nmetadata: {{name: a}}\nspec: {{{field}}}\n"
        ));
        assert!(
            !problems.is_empty() && problems.len() <= 2,
            "{kind} {}: {:?}",
            &field[..30],
            codes(&problems)
        );
    }
}

#[test]
fn deep_nesting_is_refused() {
    for deep in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
    ] {
        let (_, problems) = text(format!(
            "{HEAD}Cluster\nmetadata: {{name: a}}\nspec: {deep}"
        ));
        assert_eq!(codes(&problems), ["E0101"]);
    }
}

#[test]
fn what_is_no_text_is_one_problem() {
    let mut junk = format!("{HEAD}Cluster\nmetadata: {{name: a}}\n").into_bytes();
    junk.extend((0..=255).cycle().take(1_000_000));
    let (_, problems) = bytes("fleet.yaml", junk.clone());
    assert_eq!(codes(&problems), ["E0101"]);
    let (_, problems) = bytes("fleet.json", junk);
    assert_eq!(codes(&problems), ["E0101"]);
}

#[test]
fn keys_that_stand_twice_are_refused() {
    let (spec, problems) = text(format!(
        "{HEAD}Cluster\nmetadata: {{name: a}}\nmetadata: {{name: b}}\n"
    ));
    assert_eq!(codes(&problems), ["E0101"]);
    assert!(spec.clusters.is_empty());
}

#[test]
fn a_million_tiny_documents_are_bounded() {
    let tiny = |document: &str, count| {
        let document = format!("---\n{document}\n");
        let documents = document.repeat(count);
        format!("{HEAD}Cluster\nmetadata: {{name: a}}\n{documents}")
    };
    let (_, problems) = text(tiny("a: b", 1_000_000));
    assert_eq!(codes(&problems), ["E0116"]);
    for document in [
        "a: b",
        "{}",
        "- [",
        "kind: Cluster",
        "apiVersion: capstan.dev/x",
        "name: x\nkind: Bundle",
    ] {
        let (spec, _) = text(tiny(document, 30_000));
        assert_eq!(spec.clusters.len(), 1, "{document}");
    }
    let (_, problems) = text(tiny(&format!("{HEAD}Clutser"), 30_000));
    assert!(
        codes(&problems).contains(&"E0116"),
        "{:?}",
        codes(&problems)
    );
}

#[test]
fn more_documents_than_one_file_may_have_are_in_doubt() {
    let mut many = String::new();
    for i in 0..=limits::FILE_DOCUMENTS_MAX {
        write!(many, "---\n{HEAD}Cluster\nmetadata: {{name: c{i}}}\n").unwrap();
    }
    let (spec, problems) = text(many);
    assert_eq!(codes(&problems), ["E0116"]);
    assert_eq!(spec.clusters.len(), limits::FILE_DOCUMENTS_MAX);
    assert!(
        !spec.gaps.is_empty(),
        "what is not read is unknown, not absent"
    );
}

#[test]
fn long_lists_are_read_in_time_or_refused() {
    let names = |count: usize| {
        (0..count)
            .map(|i| format!("n{i}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let long = names(limits::LIST_ITEMS_MAX);
    let (spec, _) = load_all(&[&format!(
        "@Cluster a\n@ClusterGroup g\nspec: {{clusters: [{{names: [{long}]}}]}}\n"
    )]);
    assert_eq!(spec.groups.len(), 1);
    let longer = names(limits::LIST_ITEMS_MAX + 1);
    let (_, problems) = text(format!(
        "{HEAD}ClusterGroup\nmetadata: {{name: a}}\nspec: {{clusters: [{{names: [{longer}]}}]}}\n"
    ));
    assert_eq!(codes(&problems), ["E0116"]);
    let terms = "{}, ".repeat(limits::TERMS_MAX + 1);
    let (_, problems) = text(format!(
        "{HEAD}ClusterGroup\nmetadata: {{name: a}}\nspec: {{clusters: [{terms}]}}\n"
    ));
    assert_eq!(codes(&problems), ["E0116"]);
}

#[test]
fn thousands_of_groups_in_a_circle_or_a_chain_are_settled_in_time() {
    let count = 5_000;
    let group = |i: usize, of: String| {
        format!("@ClusterGroup g{i}\nspec: {{clusters: [{{groups: [{of}]}}]}}\n")
    };
    let circle: String = (0..count)
        .map(|i| group(i, format!("g{}", (i + 1) % count)))
        .collect();
    let (spec, problems) = load(&trees(1, &circle), None);
    assert!(spec.groups.is_empty());
    assert_eq!(problems.len(), count);
    assert!(problems.iter().all(|problem| problem.message.len() < 200));
    let chain: String = (0..count)
        .map(|i| group(i, format!("g{}", i + 1)))
        .collect();
    let (spec, problems) = load(&trees(1, &chain), None);
    assert!(spec.groups.is_empty());
    assert_eq!(problems.len(), 1);
}

#[test]
fn terms_made_to_be_compared_are_given_up_on() {
    let term = |i: usize| {
        format!(
            "{{matchExpressions: [{{key: k, operator: In, values: [{}]}}]}}",
            (0..200)
                .map(|v| format!("v{}", v * 1_000 + i))
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    let terms = (0..900).map(term).collect::<Vec<_>>().join(", ");
    let (spec, problems) = text(format!(
        "{HEAD}ClusterGroup\nmetadata: {{name: a}}\nspec: {{clusters: [{terms}]}}\n"
    ));
    assert_eq!(codes(&problems), [""; 0]);
    assert_eq!(spec.groups.len(), 1);
}

/// A fleet with something of everything, to be damaged.
const SEED: &str = "apiVersion: capstan.dev/v1alpha1
kind: Placement
metadata: {name: p, labels: {a: b}}
spec:
  bundles: [b, other/b]
  clusters: [{matchLabels: {env: prod}, facts: [{key: n, operator: Gte, values: ['3']}], cel: 'cluster.name == \"a\"'}]
  except: [{names: ['a*'], groups: [g]}]
  revision: v1
  count: 25%
  prefer: [{weight: 5, matchExpressions: [{key: k, operator: In, values: [x]}]}]
  spread: [{by: region, maxSkew: 2}]
  tolerations: [{operator: Exists}]
  safety: {maxRemovedClusters: 20%}
  overrides:
  - {clusters: &t [{}], variables: {x: '${y:-z}'}, helm: {values: {a: [1]}}, patches: [{json: [{op: add, path: /a~1b, value: 1}]}]}
---
apiVersion: capstan.dev/v1alpha1
kind: Bundle
metadata: {name: b}
spec: {path: './${cluster.name}', dependsOn: [b], overrides: [{variables: {a: 1}}], helm: {chart: {oci: x/y, version: '1'}}}
---
apiVersion: capstan.dev/v1alpha1
kind: Cluster
metadata: {name: a}
spec: {templates: [t], taints: [{key: k, effect: NoSchedule}], renamedFrom: b, mode: Paused, variables: {a: '${b}', b: '${a}'}}
---
{apiVersion: capstan.dev/v1alpha1, kind: ClusterGroup, metadata: {name: g}, spec: {clusters: [{groups: [g]}]}}
";

#[test]
fn thousands_of_mutations_are_survived_and_nothing_is_refused_in_silence() {
    let splices: [&[u8]; 16] = [
        b"", b"\n", b"---\n", b"[", b"}", b": ", b"- ", b"*t", b"&t ", b"null", b"'", b"${", b"~",
        b"\xff", b"  ", b"<<: ",
    ];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut before: Option<Spec> = None;
    for round in 0..4_000 {
        let mut text = SEED.as_bytes().to_vec();
        for _ in 0..=random(4) {
            let at = random(text.len());
            let end = (at + random(6)).min(text.len());
            let splice = match random(3) {
                0 => {
                    let from = random(text.len());
                    text[from..(from + random(40)).min(text.len())].to_vec()
                }
                _ => splices[random(splices.len())].to_vec(),
            };
            text.splice(at..end, splice);
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        let path = if round % 7 == 0 { "x.json" } else { "x.yaml" };
        let tree = Tree::new(crate::fixture::revision(1), [(path.to_owned(), text)]);
        let trees = Trees {
            sources: [(source(), SourceState::Read(tree.into()))].into(),
            ..Trees::default()
        };
        let (spec, problems) = load(&trees, before.as_ref());
        assert!(
            spec.gaps.is_empty() || !problems.is_empty(),
            "refused in silence:\n{shown}"
        );
        let again = load(&trees, before.as_ref());
        assert_eq!(
            (&spec, &problems),
            (&again.0, &again.1),
            "not the same twice:\n{shown}"
        );
        before = (round % 3 == 0).then_some(spec);
    }
}
