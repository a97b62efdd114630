//! Random fleets through random commits: nothing leaves unasked, and order does not matter.

use proptest::prelude::*;

use super::*;
use crate::desired::Budget;

/// A fleet of up to eight clusters over which placements and files change at random.
fn commits() -> impl Strategy<Value = Vec<String>> {
    let commit = (
        proptest::collection::btree_set(0..8_usize, 0..8),
        proptest::collection::btree_set(0..8_usize, 0..8),
        0..40_usize,
        0..12_usize,
        any::<bool>(),
    )
        .prop_map(|(web, db, objects, others, placed)| {
            let except = |set: &std::collections::BTreeSet<usize>| {
                let names: Vec<_> = set.iter().map(|n| format!("c{n}")).collect();
                if names.is_empty() {
                    String::new()
                } else {
                    format!(", except: [{{names: [{}]}}]", names.join(", "))
                }
            };
            let all: Vec<String> = (0..objects.max(1)).map(|n| format!("w{n}")).collect();
            let more: Vec<String> = (0..others.max(1)).map(|n| format!("d{n}")).collect();
            let refs = |v: &[String]| v.to_vec();
            let (all, more) = (refs(&all), refs(&more));
            let names: Vec<&str> = all.iter().map(String::as_str).collect();
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let db = if placed {
                format!(
                    "@Placement db\nspec: {{bundles: [db], clusters: [{{}}]{}}}\n",
                    except(&db)
                )
            } else {
                String::new()
            };
            [
                clusters(&["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]),
                BUNDLES.to_owned(),
                maps("w/w.yaml", &names),
                maps("d/d.yaml", &more),
                format!(
                    "== p.yaml\n@Placement web\nspec: {{bundles: [web], clusters: [{{}}]{}}}\n{db}",
                    except(&web)
                ),
            ]
            .concat()
        });
    proptest::collection::vec(commit, 2..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Counted by hand from the snapshots, not from the log: without an approval, within one
    /// window, no cluster loses more than its budget or everything, and no placement more clusters
    /// than its budget.
    #[test]
    fn no_more_than_the_budget_leaves_without_approval(commits in commits()) {
        let mut hub = Hub::default();
        let mut lost: BTreeMap<_, std::collections::BTreeSet<_>> = BTreeMap::new();
        let mut peak: BTreeMap<_, usize> = BTreeMap::new();
        let mut given: BTreeMap<_, std::sync::Arc<capstan_proto::Snapshot>> = BTreeMap::new();
        for text in &commits {
            let desired = hub.commit(text);
            for (name, wanted) in &desired.clusters {
                let Some(target) = wanted.target() else { continue };
                let before = given.insert(name.clone(), target.snapshot.clone()).unwrap_or_default();
                prop_assert!(before.objects().is_empty() || !target.snapshot.objects().is_empty());
                let gone = lost.entry(name.clone()).or_default();
                gone.extend(before.objects().keys().filter(|k| !target.snapshot.objects().contains_key(*k)).cloned());
                gone.retain(|key| !target.snapshot.objects().contains_key(key));
                let most = peak.entry(name.clone()).or_default();
                *most = (*most).max(target.snapshot.objects().len() + gone.len());
                prop_assert!(gone.len() <= Budget::default().objects(*most), "{} of {} left {name}", gone.len(), most);
            }
        }
    }

    #[test]
    fn what_is_approved_goes_and_nothing_is_left_to_approve(commits in commits()) {
        let mut hub = Hub::default();
        for text in &commits {
            let held = hub.commit(text);
            for hold in &held.holds {
                hub.approve(hold);
            }
            let after = hub.commit(text);
            prop_assert_eq!(&after.holds, &Vec::new());
            let kept = after.clusters.values().filter_map(Wanted::target).flat_map(|t| &t.kept).count();
            prop_assert_eq!(kept, 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever is done to a file's bytes, the whole way goes through, and of what the broken file
    /// does not concern nothing leaves.
    #[test]
    fn no_bytes_stop_the_hub(
        at in 0.0..1.0_f64,
        length in 0..12_usize,
        with in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]:-,&*!|>'\"%@`\n \t#?$".to_vec())],
            0..6,
        ),
        web in any::<bool>(),
    ) {
        let path = if web { "w/w.yaml" } else { "p.yaml" };
        let mut hub = Hub::default();
        hub.commit(&fleet());
        let mut tree = crate::fixture::tree(2, &fleet());
        let mut bytes = tree.files[path].bytes().to_vec();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position")]
        let from = (at * bytes.len() as f64) as usize;
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, with);
        tree.files.insert(path.to_owned(), crate::spec::File::new(bytes));
        let read = crate::spec::SourceState::Read(std::sync::Arc::new(tree));
        let trees = crate::spec::Trees { sources: [(crate::fixture::source(), read)].into(), ..crate::spec::Trees::default() };
        let desired = hub.look(&trees);
        for (name, wanted) in &desired.clusters {
            let target = wanted.target().unwrap_or_else(|| panic!("{name} has no opinion"));
            let keeps = |object: &str| target.snapshot.objects().keys().any(|key| key.name == object);
            if web {
                prop_assert!(keeps("d1"));
            }
            prop_assert!(target.snapshot.objects().len() > 1 || !desired.removals.is_empty());
        }
        let again = super::super::desired(&hub.decisions, &hub.rendered, &hub.running);
        prop_assert_eq!(again, desired);
    }
}
