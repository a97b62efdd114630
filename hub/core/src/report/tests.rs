//! The words that people read.

use std::collections::BTreeMap;

use capstan_proto::drift::{Drift, Field, Outcome, Values};
use capstan_proto::state::{BundleState, ObjectState};
use capstan_proto::{Generation, Health, Incarnation, Moment, Number, ObjectKey, Sync, Triple};
use expect_test::{Expect, expect};

use super::{ago, lint, status};
use crate::explain::{Question, explain};
use crate::fixture::{Hub, bundle, cluster, fleet, trees};
use crate::rollup::{Observed, rollup};
use crate::spec::load;

fn check_lint(text: &str, expected: Expect) {
    let trees = trees(1, text);
    let (_, problems) = load(&trees, None);
    expected.assert_eq(&lint(&problems, &trees));
}

#[test]
fn problems_are_printed_as_a_compiler_prints_them() {
    check_lint(
        "@Placement p\nspec:\n  bundles: [web]\n  clusters:\n  - matchLables: {env: prod}\n  - names: [\"a\"]\n",
        expect![[r#"
            error[E0102]: `spec.clusters` has no field `matchLables`
             --> fleet.yaml:8:5
              |
            8 |   - matchLables: {env: prod}
              |     ^^^^^^^^^^^
              = help: did you mean `matchLabels`?

            1 error; what a code means: hub lint --explain E0102
        "#]],
    );
    check_lint(
        "@Cluster a\n",
        expect![[r#"
        no problems
    "#]],
    );
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let long = format!(
        "@Cluster a\nspec: {{variables: {{x: {}, 9y: 1}}}}\n",
        "v".repeat(300)
    );
    check_lint(
        &long,
        expect![[r#"
            error[E0105]: `9y` cannot be the name of a variable
             --> fleet.yaml:5:325
              |
            5 | vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv, 9y: 1}}
              |                                                             ^^
              = help: use letters, digits, _ and -, beginning with a letter or _

            1 error; what a code means: hub lint --explain E0105
        "#]],
    );
}

/// Why web is, or is not, on cluster a after these commits.
fn check_explain(commits: &[&str], expected: Expect) {
    let mut hub = Hub::default();
    let mut desired = crate::desired::Desired::default();
    for text in commits {
        desired = hub.commit(text);
    }
    let question = Question {
        cluster: cluster("a"),
        bundle: bundle("web"),
    };
    expected.assert_eq(&super::explain(&explain(
        &hub.decisions,
        &desired,
        &question,
    )));
}

#[test]
fn a_placed_bundle_is_explained_by_the_lines_that_placed_it() {
    check_explain(
        &[&fleet()],
        expect![[r#"
        web is on a
          clusters.yaml:2:1  cluster a is declared with labels name=a
          bundles.yaml:2:1   bundle web is declared
          p.yaml:5:18        placement web places it
          p.yaml:5:35        this term of web selects a: `{}` is every declared cluster
    "#]],
    );
    let more = fleet().replace(
        "@Placement web\nspec: {bundles: [web], clusters: [{}]}",
        "@Placement other\nspec: {priority: 2, bundles: [web], clusters: [{matchLabels: {name: a}}], overrides: [{variables: {x: 1, y: '${z}'}}]}\n@Placement web\nspec: {bundles: [web], clusters: [{}]}",
    );
    check_explain(
        &[&more],
        expect![[r#"
            web is on a
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
              p.yaml:5:31        placement other places it
              p.yaml:5:48        this term of other selects a: label name is `a`
              p.yaml:5:87        this override applies
                                 variable x is 1, of the placement override at p.yaml:5:87
                                 variable y has no value: nothing defines the variable `z`
              p.yaml:7:1         placement web places it too and is shadowed: the higher priority, then the lower name owns it
                                 for web to own it: set `priority: 3` in web
        "#]],
    );
}

#[test]
fn a_bundle_that_is_not_there_is_explained_by_what_does_not_hold() {
    let some = |clusters: &str| {
        fleet().replace(
            "@Placement web\nspec: {bundles: [web], clusters: [{}]}",
            &format!("@Placement web\nspec: {{bundles: [web], clusters: {clusters}}}"),
        )
    };
    check_explain(
        &[&some("[{matchLabels: {name: b}}, {names: [c]}]")],
        expect![[r#"
            web is not on a
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
              p.yaml:5:35        this term of web does not select a: label name is `a`, not `b`
              p.yaml:5:61        this term of web does not select a: name a matches none of `c`
                                 the term at p.yaml:5:35 is nearest: its one key does not hold: label name is `a`, not `b`
                                 for web to select it: give a the label `name: b`
                                 or: add `{names: [a]}` to `clusters` of web
        "#]],
    );
    check_explain(
        &[&some("[{}], except: [{names: [a]}]")],
        expect![[r#"
            web is not on a
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
              p.yaml:5:35        this term of web selects a: `{}` is every declared cluster
              p.yaml:5:49        this exception of web takes it out: name matches `a`
                                 for web to select it: take the exception at p.yaml:5:49 out
        "#]],
    );
    let nobody = fleet().replace(
        "@Placement web\nspec: {bundles: [web], clusters: [{}]}\n",
        "",
    );
    check_explain(
        &[&nobody],
        expect![[r#"
            web is not on a
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
                                 no placement names bundle web
              p.yaml:2:1         for it to be there: add `web` to `bundles` of db, which selects a
        "#]],
    );
    let undeclared = fleet().replace("@Cluster\nmetadata: {name: a, labels: {name: a}}\n", "");
    check_explain(
        &[&undeclared],
        expect![[r#"
            a is not declared
                no source declares cluster a
                declare it first: `kind: Cluster` with `metadata: {name: a}`
        "#]],
    );
}

#[test]
fn what_stays_although_nobody_asks_is_explained_by_what_holds_it() {
    let none = fleet().replace(
        "[web], clusters: [{}]",
        "[web], clusters: [{matchLabels: {x: y}}]",
    );
    check_explain(
        &[&fleet(), &none],
        expect![[r#"
            web stays on a as it is
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
              p.yaml:5:35        this term of web does not select a: label x is not there, `y` is wanted
                                 for web to select it: give a the label `x: "y"`
                                 or: add `{names: [a]}` to `clusters` of web
                                 what is there stays: its removal waits for approval of b435449755fb
                                 removing 6 objects from 3 clusters waits for approval: placement web selects no cluster any more
                                 to let it go: `hub approve b435449755fb --reason "..."`
        "#]],
    );
    let broken = fleet().replace("== w/w.yaml\n", "== w/w.yaml\na: [\n");
    check_explain(
        &[&fleet(), &broken],
        expect![[r#"
            web stays on a as it is
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
              p.yaml:5:18        placement web places it
              p.yaml:5:35        this term of web selects a: `{}` is every declared cluster
                                 what is there stays: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
                                 for it to become as declared: mend that
        "#]],
    );
    check_explain(
        &[&broken],
        expect![[r#"
            web is not on a
              clusters.yaml:2:1  cluster a is declared with labels name=a
              bundles.yaml:2:1   bundle web is declared
              p.yaml:5:18        placement web places it
              p.yaml:5:35        this term of web selects a: `{}` is every declared cluster
                                 nothing of it is there: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
                                 for it to become as declared: mend that
        "#]],
    );
}

#[test]
fn the_status_counts_and_lists_whom_to_look_at() {
    let mut hub = Hub::default();
    let desired = hub.commit(&fleet());
    let now = Moment::from_unix_ms(0);
    let fleet = rollup(&hub.decisions, &desired, &BTreeMap::new(), now);
    expect![[r#"
        source main at 000000000000
        clusters  3: 3 NeverSeen
        bundles   6 on clusters: 6 Unknown
        health    6 Unknown
        as in Git 0.0 % of them: Synced, and the cluster is connected
          a  NeverSeen  Unknown  Unknown  db: it never enrolled: `hub token create a`
          b  NeverSeen  Unknown  Unknown  db: it never enrolled: `hub token create b`
          c  NeverSeen  Unknown  Unknown  db: it never enrolled: `hub token create c`
    "#]]
    .assert_eq(&status(&fleet));
}

#[test]
fn ages_are_told_in_the_largest_unit() {
    let now = Moment::from_unix_ms(10_000_000_000);
    let ages =
        [0, 59, 60, 3_599, 3_600, 172_799, 172_800].map(|s: u64| ago(now.minus_ms(s * 1000), now));
    assert_eq!(
        ages,
        [
            "0 s ago",
            "59 s ago",
            "1 min ago",
            "59 min ago",
            "1 h ago",
            "47 h ago",
            "2 d ago"
        ]
    );
}

fn deployment() -> ObjectKey {
    ObjectKey::new("apps", "Deployment", "shop", "web")
}

/// A report of web: its Deployment cannot be applied, and somebody scaled it.
fn failed(digest: capstan_proto::Digest, judged_at: Moment) -> BundleState {
    let incarnation = Incarnation {
        counter: 1,
        random: 0,
    };
    let field = |path: &str, values| Field {
        path: path.to_owned(),
        values,
    };
    let replicas = Values::Shown {
        declared: Some("2".to_owned()),
        live: Some("5".to_owned()),
    };
    BundleState {
        bundle: bundle("web"),
        snapshot: Triple {
            number: Number {
                incarnation,
                generation: Generation(5),
            },
            digest,
        },
        sync: Sync::Failed,
        health: Health::Degraded,
        reason: "Forbidden".to_owned(),
        message: "1 of 2 objects cannot be applied".to_owned(),
        objects: 2,
        objects_synced: 1,
        objects_healthy: 1,
        attention: vec![ObjectState {
            object: deployment(),
            sync: Sync::Failed,
            health: Health::Degraded,
            reason: "Forbidden".to_owned(),
            message: "the agent may not\u{1b}[2J\npatch it".to_owned(),
        }],
        drifts: vec![Drift {
            object: deployment(),
            fields: vec![
                field(".spec.replicas", replicas),
                field(".data", Values::Redacted),
            ],
            manager: "kubectl".to_owned(),
            operation: "Update".to_owned(),
            changed_at: judged_at.minus_ms(30_000),
            seen_at: judged_at.minus_ms(30_000),
            outcome: Outcome::Open,
            settled_at: None,
            times: 1,
        }],
        judged_at,
    }
}

#[test]
fn what_the_spoke_says_stands_below_the_reasons() {
    let now = Moment::from_unix_ms(1_000_000);
    let mut hub = Hub::default();
    let desired = hub.commit(&fleet());
    let digest = desired.clusters[&cluster("a")].target().unwrap().digest;
    let said = failed(digest, now.minus_ms(120_000));
    let mut observed = Observed {
        standing: crate::session::Standing::Enrolled,
        open: true,
        heard_at: Some(now.minus_ms(2_000)),
        ..Observed::default()
    };
    observed.take(true, vec![said.clone()], &[]);
    let observed = BTreeMap::from([(cluster("a"), observed)]);
    let seen = rollup(&hub.decisions, &desired, &observed, now);
    let show = |name: &str, said| {
        let summary = &seen.clusters[&cluster(name)];
        super::state(
            &cluster(name),
            (summary, &summary.bundles[&bundle("web")]),
            said,
            now,
        )
    };
    expect![[r#"
        a is Connected, heard 2 s ago
          state    Failed, Degraded: Forbidden: 1 of 2 objects cannot be applied
          report   last changed 2 min ago, of commit 000000000000
          objects  2: 1 synced, 1 healthy
            Deployment.apps shop/web: Failed, Degraded: Forbidden: the agent may not [2J patch it
          drift
            Deployment.apps shop/web: Open, changed 2 min ago by kubectl
              .spec.replicas: 5 instead of 2
              .data: the values are withheld
    "#]]
    .assert_eq(&show("a", Some(&said)));
    expect![[r#"
        b is NeverSeen
          state    Unknown, Unknown: NeverSeen: it never enrolled: `hub token create b`
          report   none of this bundle yet
    "#]]
    .assert_eq(&show("b", None));
}

#[test]
fn an_answer_says_where_it_rests_on_a_last_good_version() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let broken = fleet().replace(
        "@Placement web\nspec: {bundles",
        "@Placement web\nspec: {bundels",
    );
    let desired = hub.commit(&broken);
    let question = Question {
        cluster: cluster("a"),
        bundle: bundle("web"),
    };
    let mut answer = explain(&hub.decisions, &desired, &question);
    answer.mark_last_good(
        (hub.spec.as_ref().unwrap(), &hub.decisions),
        "hub get problems",
    );
    let text = super::explain(&answer);
    let said = "this is the last good version of placement web: its present text is broken";
    assert_eq!(text.matches("last good").count(), 1, "{text}");
    assert!(text.contains(said), "{text}");
}
