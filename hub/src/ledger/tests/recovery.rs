//! The pure half: whatever happens to the file's bytes ends in a state that was acknowledged, or in words.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::key;
use crate::ledger::codec::{self, Change, Commit, Kind};
use crate::ledger::recover::{Damage, recover, snapshot_of};
use crate::ledger::state::State;
use crate::ledger::{LeaseId, ModRevision};

/// A file with `frames` frames of one commit each behind the first snapshot; and where each frame begins.
fn file(frames: usize, value: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = snapshot_of(&State::default()).concat();
    let mut begins = Vec::new();
    for at in 0..frames {
        begins.push(bytes.len());
        let revision = ModRevision(at as u64 + 1);
        let put = Change::Put {
            key: key(&format!("key-{at}")),
            value: value.into(),
            lease: None,
        };
        append(
            &mut bytes,
            &[Commit {
                revision,
                changes: vec![put],
            }],
        );
    }
    begins.push(bytes.len());
    (bytes, begins)
}

fn append(bytes: &mut Vec<u8>, commits: &[Commit]) {
    let mut payload = Vec::new();
    commits
        .iter()
        .for_each(|commit| codec::encode_commit(&mut payload, commit));
    codec::frame(bytes, Kind::Commits, &payload);
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_frame() {
    let (bytes, begins) = file(5, &[b'v'; 700]);
    for length in begins[0]..=bytes.len() {
        let recovered = recover(&bytes[..length]).unwrap();
        let whole = begins.iter().filter(|begin| **begin <= length).count() - 1;
        assert_eq!(recovered.state.entries.len(), whole, "cut at {length}");
        assert_eq!(recovered.length as usize, begins[whole], "cut at {length}");
        assert_eq!(
            recovered.cut.is_some(),
            begins[whole] != length,
            "cut at {length}"
        );
    }
    for length in 0..begins[0] {
        assert!(
            recover(&bytes[..length]).is_err(),
            "cut at {length}, inside the first snapshot"
        );
    }
}

#[test]
fn a_flipped_bit_anywhere_is_damage() {
    let (bytes, _) = file(3, &[b'v'; 300]);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(recover(&flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn zeros_instead_of_the_last_frame_are_cut() {
    let (bytes, begins) = file(4, &[b'v'; 2000]);
    let last = begins[3];
    let mut zeroed = bytes.clone();
    zeroed[last..].fill(0);
    let recovered = recover(&zeroed).unwrap();
    assert_eq!(recovered.state.entries.len(), 3);
    assert_eq!(recovered.length as usize, last);
    // Every way in which whole sectors of the last frame can be missing.
    let sectors: Vec<usize> = (last..bytes.len())
        .filter(|at| *at == last || at.is_multiple_of(512))
        .collect();
    for missing in 1_u32..1 << sectors.len() {
        let mut torn = bytes.clone();
        for (at, begin) in sectors
            .iter()
            .enumerate()
            .filter(|(at, _)| missing >> at & 1 == 1)
        {
            let end = sectors.get(at + 1).copied().unwrap_or(bytes.len());
            torn[*begin..end].fill(0);
        }
        match recover(&torn) {
            Ok(recovered) => assert_eq!(recovered.state.entries.len(), 3),
            // The head's sector is gone and a later one is there: not explained, so not cut.
            Err(damage) => assert_eq!(
                damage,
                Damage::Hole {
                    offset: last as u64
                }
            ),
        }
    }
}

#[test]
fn zeros_inside_the_file_are_damage() {
    let (bytes, begins) = file(6, &[b'v'; 900]);
    for window in begins.windows(2).take(5) {
        let mut holed = bytes.clone();
        holed[window[0]..window[1]].fill(0);
        assert_eq!(
            recover(&holed).unwrap_err(),
            Damage::Hole {
                offset: window[0] as u64
            }
        );
        let mut holed = bytes.clone();
        holed[window[0] + 100..window[1]].fill(0);
        assert_eq!(
            recover(&holed).unwrap_err(),
            Damage::Checksum {
                offset: window[0] as u64
            }
        );
    }
}

#[test]
fn a_frame_that_is_missing_or_there_twice_is_damage() {
    let (bytes, begins) = file(4, b"value");
    let without = [&bytes[..begins[1]], &bytes[begins[2]..]].concat();
    let twice = [&bytes[..begins[2]], &bytes[begins[1]..]].concat();
    for bytes in [without, twice] {
        assert!(matches!(recover(&bytes), Err(Damage::Sequence { .. })));
    }
    let behind = [&bytes[..], b"something that was never written"].concat();
    assert!(matches!(recover(&behind), Err(Damage::Head { .. })));
}

#[test]
fn damage_is_told_in_words_with_its_place() {
    let (mut bytes, begins) = file(2, b"value");
    bytes[begins[0] + 20] ^= 1;
    let words = recover(&bytes).unwrap_err().to_string();
    assert_eq!(
        words,
        format!(
            "the record at byte {} does not match its checksum",
            begins[0]
        )
    );
    assert!(matches!(
        recover(b"hello"),
        Err(Damage::NotALedger { found: 5 })
    ));
}

/// A change to one of a few keys: a new value, or its removal.
type Edit = (u8, Option<Vec<u8>>);

/// Commits of such changes.
fn changes() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
    let commit = proptest::collection::btree_map(0_u8..12, value, 1..5);
    let commit = commit.prop_map(|changes| changes.into_iter().collect::<Vec<_>>());
    proptest::collection::vec(commit, 1..20)
}

fn commit_of(at: usize, changes: &[Edit]) -> Commit {
    let change = |(name, value): &Edit| {
        let key = key(&format!("k/{name}"));
        match value {
            Some(value) => Change::Put {
                key,
                value: value.as_slice().into(),
                lease: None,
            },
            None => Change::Delete { key },
        }
    };
    Commit {
        revision: ModRevision(at as u64 + 1),
        changes: changes.iter().map(change).collect(),
    }
}

/// What a map would hold after the same changes.
fn model(commits: &[Vec<Edit>]) -> BTreeMap<String, Vec<u8>> {
    let mut model = BTreeMap::new();
    for (name, value) in commits.iter().flatten() {
        match value {
            Some(value) => model.insert(format!("k/{name}"), value.clone()),
            None => model.remove(&format!("k/{name}")),
        };
    }
    model
}

fn entries(state: &State) -> BTreeMap<String, Vec<u8>> {
    let entry = |(key, entry): (&crate::ledger::Key, &crate::ledger::Entry)| {
        (key.to_string(), entry.value.to_vec())
    };
    state.entries.iter().map(entry).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_recovered_and_compaction_changes_nothing(commits in changes()) {
        let mut bytes = snapshot_of(&State::default()).concat();
        for (at, changes) in commits.iter().enumerate() {
            append(&mut bytes, &[commit_of(at, changes)]);
        }
        let state = recover(&bytes).unwrap().state;
        prop_assert_eq!(entries(&state), model(&commits));
        let compacted = recover(&snapshot_of(&state).concat()).unwrap().state;
        prop_assert_eq!(&compacted.entries, &state.entries);
        prop_assert_eq!(compacted.revision, state.revision);
        prop_assert_eq!(compacted.live_bytes(), state.live_bytes());
    }

    #[test]
    fn a_list_at_any_revision_is_the_state_of_then(commits in changes()) {
        let mut state = State::default();
        for (at, changes) in commits.iter().enumerate() {
            state.apply(&commit_of(at, changes));
        }
        for then in 0..=commits.len() {
            let page = crate::ledger::Page {
                at: Some(ModRevision(then as u64)),
                ..crate::ledger::Page::default()
            };
            let listed = state.list("k/", &page).unwrap().entries;
            let listed: BTreeMap<String, Vec<u8>> =
                listed.iter().map(|entry| (entry.key.to_string(), entry.value.to_vec())).collect();
            prop_assert_eq!(listed, model(&commits[..then]));
        }
    }

    #[test]
    fn random_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = snapshot_of(&State::default()).concat();
        bytes.extend(tail);
        drop(recover(&bytes));
    }
}

#[test]
fn leases_and_their_keys_survive_compaction() {
    let mut state = State::default();
    let lease = LeaseId(1);
    let ttl = Duration::from_secs(15);
    let leased = Change::Put {
        key: key("owner"),
        value: (*b"x").into(),
        lease: Some(lease),
    };
    let changes = vec![Change::Grant { lease, ttl }, leased];
    state.apply(&Commit {
        revision: ModRevision(1),
        changes,
    });
    let again = recover(&snapshot_of(&state).concat()).unwrap().state;
    assert_eq!(again.leases[&lease].ttl, ttl);
    assert!(again.leases[&lease].keys.contains("owner"));
}
