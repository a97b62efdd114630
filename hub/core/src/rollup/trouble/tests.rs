//! Tests of what spokes say is wrong.

use capstan_proto::state::ObjectState;
use capstan_proto::{Digest, Generation, Incarnation, Number, Triple};
use expect_test::{Expect, expect};

use super::*;
use crate::fixture::{Hub, bundle, cluster, fleet};
use crate::rollup::rollup;
use crate::session::Standing;

const NOW: Moment = Moment::from_unix_ms(1_000_000);

fn object(name: &str, sync: Sync, health: Health, message: &str) -> ObjectState {
    ObjectState {
        object: ObjectKey::new("apps", "Deployment", "shop", name),
        sync,
        health,
        reason: "Said".to_owned(),
        message: message.to_owned(),
    }
}

fn state(sync: Sync, health: Health, attention: Vec<ObjectState>) -> BundleState {
    let incarnation = Incarnation {
        counter: 1,
        random: 0,
    };
    BundleState {
        bundle: bundle("web"),
        snapshot: Triple {
            number: Number {
                incarnation,
                generation: Generation(5),
            },
            digest: Digest::of(b"a snapshot"),
        },
        sync,
        health,
        reason: "AllOfIt".to_owned(),
        message: "as a whole".to_owned(),
        objects: 2,
        objects_synced: 1,
        objects_healthy: 1,
        attention,
        drifts: Vec::new(),
        judged_at: NOW.minus_ms(60_000),
    }
}

fn heard(state: BundleState) -> Observed {
    let mut observed = Observed {
        standing: Standing::Enrolled,
        open: true,
        heard_at: Some(NOW),
        ..Observed::default()
    };
    observed.take(true, vec![state], &[]);
    observed
}

fn all(observed: impl IntoIterator<Item = (&'static str, Observed)>) -> Vec<Trouble> {
    told(observed).troubles
}

fn told(observed: impl IntoIterator<Item = (&'static str, Observed)>) -> Told {
    let mut hub = Hub::default();
    let desired = hub.commit(&fleet());
    let observed = observed
        .into_iter()
        .map(|(name, observed)| (cluster(name), observed))
        .collect();
    troubles(&rollup(&hub.decisions, &desired, &observed, NOW), &observed)
}

fn check(observed: impl IntoIterator<Item = (&'static str, Observed)>, expected: Expect) {
    let line = |trouble: &Trouble| {
        let What {
            wrong,
            bundle,
            object,
            ..
        } = &trouble.what;
        let object = object.as_ref().map(ToString::to_string);
        let on: Vec<&str> = trouble.on.keys().map(ClusterName::as_str).collect();
        let (severity, on) = (wrong.severity(), on.join(" "));
        let object = object.unwrap_or_default();
        format!(
            "{severity} {wrong} {bundle} {object} on {on}: {}\n",
            trouble.sentence()
        )
    };
    expected.assert_eq(&all(observed).iter().map(line).collect::<String>());
}

#[test]
fn what_many_clusters_say_alike_is_one_trouble() {
    let says = |message: &str| {
        let objects = vec![
            object("web", Sync::Failed, Health::Unknown, message),
            object("api", Sync::Synced, Health::Degraded, "no pod is ready"),
        ];
        heard(state(Sync::Failed, Health::Degraded, objects))
    };
    check(
        [("a", says("forbidden")), ("b", says("forbidden"))],
        expect![[r#"
            error Failed main.web Deployment.apps shop/web on a b: Said: forbidden
            error Degraded main.web Deployment.apps shop/api on a b: Said: no pod is ready
        "#]],
    );
    check(
        [("a", says("forbidden")), ("b", says("forbidden here"))],
        expect![[r#"
            error Failed main.web Deployment.apps shop/web on a b: Said: forbidden (so says a; the others put it in other words)
            error Degraded main.web Deployment.apps shop/api on a b: Said: no pod is ready
        "#]],
    );
}

#[test]
fn a_bundle_stands_for_itself_where_no_object_accounts_for_it() {
    let conflict = object("web", Sync::Conflict, Health::Healthy, "somebody writes it");
    check(
        [
            ("a", heard(state(Sync::Failed, Health::Unknown, Vec::new()))),
            (
                "b",
                heard(state(Sync::Failed, Health::Healthy, vec![conflict.clone()])),
            ),
            (
                "c",
                heard(state(Sync::Conflict, Health::Healthy, vec![conflict])),
            ),
        ],
        expect![[r#"
            error Failed main.web  on a b: AllOfIt: as a whole
            error Conflict main.web Deployment.apps shop/web on b c: Said: somebody writes it
        "#]],
    );
}

#[test]
fn what_is_fine_waits_or_cannot_be_heard_is_no_error() {
    let missing = |sync| heard(state(sync, Health::Missing, Vec::new()));
    let mut silent = heard(state(Sync::Failed, Health::Unknown, Vec::new()));
    silent.open = false;
    silent.heard_at = Some(NOW.minus_ms(600_000));
    let mut unreported = heard(state(Sync::Failed, Health::Unknown, Vec::new()));
    unreported.unreported = true;
    check(
        [
            ("a", missing(Sync::Applying)),
            ("b", silent),
            ("c", unreported),
        ],
        expect![""],
    );
    check(
        [("a", missing(Sync::Synced)), ("b", missing(Sync::Held))],
        expect![[r#"
            error Missing main.web  on a: AllOfIt: as a whole
            warning Held main.web  on b: AllOfIt: as a whole
        "#]],
    );
}

#[test]
fn a_trouble_keeps_its_beginning_until_it_is_over() {
    let mut observed = heard(state(Sync::Failed, Health::Unknown, Vec::new()));
    let later = |sync, message: &str| BundleState {
        message: message.to_owned(),
        judged_at: NOW,
        ..state(sync, Health::Unknown, Vec::new())
    };
    let since = |observed: &Observed| {
        all([("a", observed.clone())])
            .first()
            .and_then(Trouble::since)
    };
    observed.take(true, vec![later(Sync::Failed, "still")], &[]);
    assert_eq!(since(&observed), Some(NOW.minus_ms(60_000)));
    observed.take(false, vec![later(Sync::Synced, "")], &[]);
    assert_eq!(since(&observed), None);
    observed.take(false, vec![later(Sync::Failed, "again")], &[]);
    assert_eq!(since(&observed), Some(NOW));
    observed.take(false, Vec::new(), &[bundle("web")]);
    assert_eq!(
        (since(&observed), &observed.troubles),
        (None, &Troubles::default())
    );
}

#[test]
fn one_cluster_that_says_too_much_hides_nothing_that_others_say() {
    let many = (0..20_000).map(|n| object(&format!("o-{n}"), Sync::Failed, Health::Unknown, ""));
    let many = many.chain([object("z", Sync::Synced, Health::Degraded, "")]);
    let liar = heard(state(Sync::Failed, Health::Unknown, many.collect()));
    let web = object("web", Sync::Synced, Health::Degraded, "no pod is ready");
    let honest = heard(state(Sync::Synced, Health::Degraded, vec![web]));
    let told = told([("a", liar), ("b", honest)]);
    let (of_a, of_b): (Vec<&Trouble>, Vec<&Trouble>) = told
        .troubles
        .iter()
        .partition(|trouble| trouble.on.contains_key(&cluster("a")));
    assert_eq!((of_a.len(), of_b.len()), (limits::CLUSTER_TROUBLES_MAX, 1));
    // The worst of it is listed, and the rest counted.
    assert!(
        of_a.iter()
            .all(|trouble| trouble.what.wrong == Wrong::Failed)
    );
    let more = told.more.unwrap();
    assert_eq!(
        more.message,
        "19901 more things are wrong than the 100 that are listed of a cluster on a"
    );
    assert_eq!(more.cluster(), Some(&cluster("a")));
}
