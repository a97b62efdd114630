//! How a bundle's state is put together.

use capstan_proto::{
    BundleName, Digest, Generation, Health, Incarnation, Moment, Number, ObjectKey, Sync, Triple,
};

use super::{Line, Reason, Summary, Wait, assemble, batches};

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("", "ConfigMap", "shop", name)
}

fn line(key: &ObjectKey, sync: Sync, health: Health) -> Line<'_> {
    Line {
        key,
        wanted: true,
        sync,
        health,
        sync_reason: match sync {
            Sync::Synced => Reason::default(),
            _ => Reason {
                word: "Why",
                sentence: "because",
            },
        },
        health_reason: match health {
            Health::Healthy => Reason::default(),
            _ => Reason {
                word: "Sick",
                sentence: "it is",
            },
        },
        drift: None,
    }
}

fn summary(lines: Vec<Line<'_>>) -> Summary<'_> {
    let incarnation = Incarnation {
        counter: 1,
        random: 1,
    };
    Summary {
        bundle: BundleName::parse("main.web").unwrap(),
        snapshot: Triple {
            number: Number {
                incarnation,
                generation: Generation(1),
            },
            digest: Digest::of(b"x"),
        },
        lines,
        damaged: 0,
        wait: None,
        upgrade: Vec::new(),
        now: Moment::default(),
    }
}

#[test]
fn the_worst_word_stands_for_all_and_comes_first() {
    let (a, b, c) = (key("a"), key("b"), key("c"));
    let state = assemble(summary(vec![
        line(&a, Sync::Synced, Health::Healthy),
        line(&b, Sync::Synced, Health::Degraded),
        line(&c, Sync::Failed, Health::Missing),
    ]));
    assert_eq!((state.sync, state.health), (Sync::Failed, Health::Degraded));
    assert_eq!(
        (state.objects, state.objects_synced, state.objects_healthy),
        (3, 2, 1)
    );
    let names: Vec<_> = state
        .attention
        .iter()
        .map(|o| o.object.name.as_str())
        .collect();
    assert_eq!(names, ["c", "b"]);
    assert_eq!(state.message, "ConfigMap shop/c: because");
    assert_eq!(state.attention[1].reason, "Sick");
}

#[test]
fn what_is_to_be_said_of_an_object_that_is_well_is_said() {
    let (a, b) = (key("a"), key("b"));
    let noted = Line {
        sync_reason: Reason {
            word: "Foreign",
            sentence: "somebody added something",
        },
        ..line(&a, Sync::Synced, Health::Healthy)
    };
    let state = assemble(summary(vec![
        noted,
        line(&b, Sync::Synced, Health::Healthy),
    ]));
    assert_eq!((state.sync, state.health), (Sync::Synced, Health::Healthy));
    assert_eq!((state.objects_synced, state.attention.len()), (2, 1));
    assert_eq!(state.reason, "Foreign");
    assert_eq!(state.message, "ConfigMap shop/a: somebody added something");
    let sick = Line {
        health: Health::Degraded,
        health_reason: Reason {
            word: "Sick",
            sentence: "it is",
        },
        ..noted
    };
    let state = assemble(summary(vec![sick]));
    let said = &state.attention[0];
    assert_eq!(said.reason, "Sick");
    assert_eq!(said.message, "it is; somebody added something");
}

#[test]
fn a_bundle_where_all_is_well_says_nothing_more() {
    let a = key("a");
    let state = assemble(summary(vec![line(&a, Sync::Synced, Health::Healthy)]));
    assert_eq!((state.reason.as_str(), state.message.as_str()), ("", ""));
    let empty = assemble(summary(Vec::new()));
    assert_eq!((empty.sync, empty.health), (Sync::Synced, Health::Healthy));
}

#[test]
fn a_wait_is_named_but_never_hides_an_error() {
    let a = key("a");
    let wait = || {
        Some(Wait {
            sync: Sync::WaitingForDependency,
            word: "WaitingForDependency",
            sentence: "for b".to_owned(),
        })
    };
    let waiting = Summary {
        wait: wait(),
        ..summary(vec![line(&a, Sync::Applying, Health::Missing)])
    };
    assert_eq!(assemble(waiting).sync, Sync::WaitingForDependency);
    let failing = Summary {
        wait: wait(),
        ..summary(vec![line(&a, Sync::Failed, Health::Missing)])
    };
    assert_eq!(assemble(failing).sync, Sync::Failed);
}

#[test]
fn damaged_content_is_unknown_and_counted() {
    let a = key("a");
    let state = assemble(Summary {
        damaged: 2,
        ..summary(vec![line(&a, Sync::Synced, Health::Healthy)])
    });
    assert_eq!(
        (state.sync, state.health, state.objects),
        (Sync::Unknown, Health::Unknown, 3)
    );
}

#[test]
fn at_most_twenty_objects_are_listed_and_reports_are_cut() {
    let keys: Vec<_> = (0..100).map(|n| key(&format!("c{n:03}"))).collect();
    let lines = keys
        .iter()
        .map(|key| line(key, Sync::Failed, Health::Missing))
        .collect();
    let state = assemble(summary(lines));
    assert_eq!(state.attention.len(), 20);
    assert_eq!(
        batches(vec![state; 200])
            .iter()
            .map(Vec::len)
            .sum::<usize>(),
        200
    );
    assert!(batches(Vec::new()).len() == 1);
}

#[test]
fn a_sentence_that_names_its_object_is_not_said_of_it_again() {
    let a = key("a");
    let mut refused = line(&a, Sync::Failed, Health::Missing);
    refused.sync_reason.sentence = "the API server refuses ConfigMap shop/a: no";
    let state = assemble(summary(vec![refused]));
    assert_eq!(state.message, "the API server refuses ConfigMap shop/a: no");
    let other = assemble(summary(vec![line(&a, Sync::Failed, Health::Missing)]));
    assert_eq!(other.message, "ConfigMap shop/a: because");
}
