//! What is shown of what spokes say, and of what they do not say.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use capstan_proto::state::BundleState;
use capstan_proto::{
    ClusterName, Digest, Generation, Health, Incarnation, Moment, Number, Sync, Triple,
};
use expect_test::{Expect, expect};

use super::{Conformance, Flag, Fleet, Observed, rollup};
use crate::desired::{Desired, Wanted};
use crate::fixture::{Hub, bundle, cluster, fleet};
use crate::session::{self, Standing};

const NOW: Moment = Moment::from_unix_ms(1_000_000);

fn triple(digest: Digest, generation: u64) -> Triple {
    let incarnation = Incarnation {
        counter: 1,
        random: 0,
    };
    Triple {
        number: Number {
            incarnation,
            generation: Generation(generation),
        },
        digest,
    }
}

/// A connected cluster that accepted `digest` and says this of web, and that db is fine.
fn observed(digest: Digest, sync: Sync, health: Health) -> Observed {
    let state = |name: &str, sync, health| {
        let state = BundleState {
            bundle: bundle(name),
            snapshot: triple(digest, 5),
            sync,
            health,
            reason: if sync == Sync::Synced {
                String::new()
            } else {
                "Said".to_owned()
            },
            message: if sync == Sync::Synced {
                String::new()
            } else {
                "so it says".to_owned()
            },
            objects: 2,
            objects_synced: 2,
            objects_healthy: 1,
            attention: Vec::new(),
            drifts: Vec::new(),
            judged_at: NOW.minus_ms(5_000),
        };
        (bundle(name), state)
    };
    Observed {
        standing: Standing::Enrolled,
        open: true,
        heard_at: Some(NOW),
        session: session::Status {
            held: Some(triple(digest, 5)),
            ..session::Status::default()
        },
        states: BTreeMap::from([
            state("web", sync, health),
            state("db", Sync::Synced, Health::Healthy),
        ]),
        ..Observed::default()
    }
}

fn digest(desired: &Desired, name: &str) -> Digest {
    desired.clusters[&cluster(name)].target().unwrap().digest
}

fn show(fleet: &Fleet) -> String {
    let mut out = String::new();
    for (name, c) in &fleet.clusters {
        let flags: Vec<_> = c.flags.iter().map(ToString::to_string).collect();
        let flags = flags.join(" ");
        writeln!(
            out,
            "{name}: {} {} {} [{flags}] {}: {}",
            c.connection, c.sync, c.health, c.reason, c.message
        )
        .unwrap();
        for (name, b) in &c.bundles {
            let flags: Vec<_> = b.flags.iter().map(ToString::to_string).collect();
            let flags = flags.join(" ");
            let owner = b.placement.as_ref().map_or("nobody", |p| p.name());
            writeln!(
                out,
                "  {} by {owner}: {} {} {}/{}/{} [{flags}] {}: {}",
                name.name(),
                b.sync,
                b.health,
                b.objects.all,
                b.objects.synced,
                b.objects.healthy,
                b.reason,
                b.message
            )
            .unwrap();
        }
    }
    writeln!(out, "conforms {}", fleet.counts.conformance).unwrap();
    out
}

/// The fleet of a, b and c after `commits`, where `observe` says what is heard of each.
fn check(
    commits: &[&str],
    observe: impl Fn(&Desired) -> Vec<(&'static str, Observed)>,
    expected: Expect,
) {
    let mut hub = Hub::default();
    let mut desired = Desired::default();
    for text in commits {
        desired = hub.commit(text);
    }
    let observed: BTreeMap<ClusterName, Observed> = observe(&desired)
        .into_iter()
        .map(|(name, o)| (cluster(name), o))
        .collect();
    expected.assert_eq(&show(&rollup(&hub.decisions, &desired, &observed, NOW)));
}

#[test]
fn what_was_never_heard_is_unknown_and_what_is_heard_is_shown() {
    check(
        &[&fleet()],
        |desired| {
            vec![
                (
                    "a",
                    observed(digest(desired, "a"), Sync::Synced, Health::Healthy),
                ),
                (
                    "b",
                    observed(digest(desired, "b"), Sync::Drifted, Health::Degraded),
                ),
            ]
        },
        expect![[r#"
            a: Connected Synced Healthy [] : 
              db by db: Synced Healthy 2/2/1 [] : 
              web by web: Synced Healthy 2/2/1 [] : 
            b: Connected Drifted Degraded [] Said: web: so it says
              db by db: Synced Healthy 2/2/1 [] : 
              web by web: Drifted Degraded 2/2/1 [] Said: so it says
            c: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create c`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create c`
              web by web: Unknown Unknown 2/0/0 [] NeverSeen: it never enrolled: `hub token create c`
            conforms 50.0 %
        "#]],
    );
}

#[test]
fn a_state_of_an_older_snapshot_is_on_its_way_and_not_synced() {
    check(
        &[&fleet()],
        |desired| {
            let older = observed(Digest::of(b"older"), Sync::Synced, Health::Healthy);
            let mut refused = older.clone();
            refused.session.refused =
                Some((triple(digest(desired, "b"), 6), "TooLarge: no".to_owned()));
            let mut old_agent = older.clone();
            old_agent.session.upgrade_needed = ["policy-v9".to_owned()].into();
            vec![("a", older), ("b", refused), ("c", old_agent)]
        },
        expect![[r#"
            a: Connected Applying Healthy [] Delivering: db: the snapshot is on its way
              db by db: Applying Healthy 2/2/1 [] Delivering: the snapshot is on its way
              web by web: Applying Healthy 2/2/1 [] Delivering: the snapshot is on its way
            b: Connected Failed Healthy [] Refused: db: the agent refused snapshot 1/6: TooLarge: no
              db by db: Failed Healthy 2/2/1 [] Refused: the agent refused snapshot 1/6: TooLarge: no
              web by web: Failed Healthy 2/2/1 [] Refused: the agent refused snapshot 1/6: TooLarge: no
            c: Connected UpgradeNeeded Healthy [] UpgradeNeeded: db: its agent does not know policy-v9; upgrade it
              db by db: UpgradeNeeded Healthy 2/2/1 [] UpgradeNeeded: its agent does not know policy-v9; upgrade it
              web by web: UpgradeNeeded Healthy 2/2/1 [] UpgradeNeeded: its agent does not know policy-v9; upgrade it
            conforms 0.0 %
        "#]],
    );
}

#[test]
fn silence_is_shown_and_the_last_words_are_kept_in_the_sentence() {
    check(
        &[&fleet()],
        |desired| {
            let heard = |name, seconds: u64| {
                let fine = observed(digest(desired, name), Sync::Synced, Health::Healthy);
                Observed {
                    heard_at: Some(NOW.minus_ms(seconds * 1000)),
                    ..fine
                }
            };
            let banned = Observed {
                standing: Standing::Banned,
                why: "its key leaked".to_owned(),
                ..heard("c", 1)
            };
            vec![("a", heard("a", 40)), ("b", heard("b", 100)), ("c", banned)]
        },
        expect![[r#"
            a: Stale Synced Healthy [Stale] : 
              db by db: Synced Healthy 2/2/1 [Stale] : 
              web by web: Synced Healthy 2/2/1 [Stale] : 
            b: Offline Unknown Unknown [] Offline: db: it is not heard; Synced and Healthy at 1970-01-01T00:16:35Z
              db by db: Unknown Unknown 2/2/1 [Stale] Offline: it is not heard; Synced and Healthy at 1970-01-01T00:16:35Z
              web by web: Unknown Unknown 2/2/1 [Stale] Offline: it is not heard; Synced and Healthy at 1970-01-01T00:16:35Z
            c: Banned Unknown Unknown [] Banned: db: it is banned: its key leaked; Synced and Healthy at 1970-01-01T00:16:35Z
              db by db: Unknown Unknown 2/2/1 [Stale] Banned: it is banned: its key leaked; Synced and Healthy at 1970-01-01T00:16:35Z
              web by web: Unknown Unknown 2/2/1 [Stale] Banned: it is banned: its key leaked; Synced and Healthy at 1970-01-01T00:16:35Z
            conforms 0.0 %
        "#]],
    );
}

#[test]
fn what_was_said_before_this_session_is_not_shown_as_current() {
    check(
        &[&fleet()],
        |desired| {
            let fine = observed(digest(desired, "a"), Sync::Synced, Health::Healthy);
            let before = Observed {
                unreported: true,
                ..fine
            };
            vec![("a", before)]
        },
        expect![[r#"
            a: Connected Unknown Unknown [] NotReported: db: nothing was reported in this session yet; Synced and Healthy at 1970-01-01T00:16:35Z
              db by db: Unknown Unknown 2/2/1 [] NotReported: nothing was reported in this session yet; Synced and Healthy at 1970-01-01T00:16:35Z
              web by web: Unknown Unknown 2/2/1 [] NotReported: nothing was reported in this session yet; Synced and Healthy at 1970-01-01T00:16:35Z
            b: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create b`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create b`
              web by web: Unknown Unknown 2/0/0 [] NeverSeen: it never enrolled: `hub token create b`
            c: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create c`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create c`
              web by web: Unknown Unknown 2/0/0 [] NeverSeen: it never enrolled: `hub token create c`
            conforms 0.0 %
        "#]],
    );
}

#[test]
fn what_is_kept_or_held_or_without_opinion_says_so() {
    let none = fleet().replace(
        "[web], clusters: [{}]",
        "[web], clusters: [{matchLabels: {x: y}}]",
    );
    let fine =
        |desired: &Desired, name| observed(digest(desired, name), Sync::Synced, Health::Healthy);
    check(
        &[&fleet(), &none],
        |desired| vec![("a", fine(desired, "a"))],
        expect![[r#"
            a: Connected Held Healthy [] RemovalHeld: web: its removal waits: `hub approve b435449755fb --reason "..."`
              db by db: Synced Healthy 2/2/1 [] : 
              web by web: Held Healthy 2/2/1 [Kept] RemovalHeld: its removal waits: `hub approve b435449755fb --reason "..."`
            b: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create b`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create b`
              web by web: Held Unknown 2/0/0 [Kept] RemovalHeld: its removal waits: `hub approve b435449755fb --reason "..."`
            c: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create c`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create c`
              web by web: Held Unknown 2/0/0 [Kept] RemovalHeld: its removal waits: `hub approve b435449755fb --reason "..."`
            conforms 16.6 %
        "#]],
    );
    let broken = fleet().replace("== w/w.yaml\n", "== w/w.yaml\na: [\n");
    check(
        &[&fleet(), &broken],
        |desired| vec![("a", fine(desired, "a"))],
        expect![[r#"
            a: Connected Failed Healthy [] NotRendered: web: what is there stays: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
              db by db: Synced Healthy 2/2/1 [] : 
              web by web: Failed Healthy 2/2/1 [Kept] NotRendered: what is there stays: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
            b: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create b`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create b`
              web by web: Unknown Unknown 2/0/0 [Kept] NeverSeen: it never enrolled: `hub token create b`
            c: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create c`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create c`
              web by web: Unknown Unknown 2/0/0 [Kept] NeverSeen: it never enrolled: `hub token create c`
            conforms 16.6 %
        "#]],
    );
    let gone = fleet().replace("@Cluster\nmetadata: {name: c, labels: {name: c}}\n", "");
    check(
        &[&fleet(), &gone],
        |desired| {
            assert!(matches!(
                desired.clusters[&cluster("c")],
                Wanted::NoOpinion { .. }
            ));
            vec![(
                "c",
                observed(Digest::of(b"x"), Sync::Synced, Health::Healthy),
            )]
        },
        expect![[r#"
            a: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create a`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create a`
              web by web: Unknown Unknown 2/0/0 [] NeverSeen: it never enrolled: `hub token create a`
            b: NeverSeen Unknown Unknown [] NeverSeen: db: it never enrolled: `hub token create b`
              db by db: Unknown Unknown 1/0/0 [] NeverSeen: it never enrolled: `hub token create b`
              web by web: Unknown Unknown 2/0/0 [] NeverSeen: it never enrolled: `hub token create b`
            c: Connected Unknown Healthy [Undeclared] NoOpinion: no source declares this cluster; it keeps what it has until a Cluster document names it (`hub cluster ban` shuts it out)
              db by nobody: Unknown Healthy 2/2/1 [] NoOpinion: the hub has no opinion on this cluster
              web by nobody: Unknown Healthy 2/2/1 [] NoOpinion: the hub has no opinion on this cluster
            conforms 0.0 %
        "#]],
    );
}

#[test]
fn counts_add_up_over_bundles_and_placements() {
    let mut hub = Hub::default();
    let desired = hub.commit(&fleet());
    let observed = ["a", "b"].map(|name| {
        let state = observed(digest(&desired, name), Sync::Synced, Health::Healthy);
        (cluster(name), state)
    });
    let fleet = rollup(&hub.decisions, &desired, &BTreeMap::from(observed), NOW);
    assert_eq!(
        fleet.counts.conformance,
        Conformance {
            conforming: 4,
            of: 6
        }
    );
    let of_bundles: usize = fleet
        .bundles
        .values()
        .map(|b| b.counts.conformance.of)
        .sum();
    let of_placements: usize = fleet
        .placements
        .values()
        .map(|p| p.counts.conformance.of)
        .sum();
    assert_eq!((of_bundles, of_placements), (6, 6));
    assert_eq!(fleet.bundles[&bundle("web")].clusters.len(), 3);
    assert_eq!(fleet.counts.sync(Sync::Synced), 4);
    let shown = [(0, 0), (1, 3), (999, 1000), (1999, 2000), (7, 7)]
        .map(|(conforming, of)| Conformance { conforming, of }.to_string());
    assert_eq!(shown, ["unknown", "33.3 %", "99.9 %", "99.9 %", "100 %"]);
}

#[test]
fn what_runs_by_a_last_good_version_is_not_as_in_git() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let broken = fleet().replace(
        "@Placement web\nspec: {bundles",
        "@Placement web\nspec: {bundels",
    );
    let desired = hub.commit(&broken);
    let observed = ["a", "b", "c"].map(|name| {
        let seen = observed(digest(&desired, name), Sync::Synced, Health::Healthy);
        (cluster(name), seen)
    });
    let mut fleet = rollup(&hub.decisions, &desired, &BTreeMap::from(observed), NOW);
    assert_eq!(fleet.counts.conformance.to_string(), "100 %");
    fleet.mark_last_good(hub.spec.as_ref().unwrap());
    assert_eq!(fleet.last_good, 3);
    assert_eq!(fleet.counts.conformance.to_string(), "50.0 %");
    let web = &fleet.bundles[&bundle("web")].counts.conformance;
    assert_eq!((web.conforming, web.of), (0, 3));
    let a = &fleet.clusters[&cluster("a")];
    assert!(a.flags.contains(&Flag::LastGood));
    let web = &a.bundles[&bundle("web")];
    assert_eq!((web.sync, web.reason.as_str()), (Sync::Synced, "LastGood"));
    assert!(!a.bundles[&bundle("db")].flags.contains(&Flag::LastGood));
    let status = crate::report::status(&fleet);
    assert!(
        status.contains("\nlast good 3 of them: what Git says now is broken\n"),
        "{status}"
    );
}
