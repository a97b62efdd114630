//! The last good version of what is broken now, wherever it was then.

use super::*;

/// Commits, the newest first, and whether there were older ones.
struct Commits(Vec<Arc<Tree>>, bool);

impl Past for Commits {
    fn past(&self, revision: &Revision, most: usize) -> Result<Vec<Revision>, git::Problem> {
        let all = self.0.iter().map(|tree| tree.revision.clone());
        Ok(all.skip_while(|r| r != revision).take(most).collect())
    }

    fn tree(
        &self,
        revision: &Revision,
        _known: &mut BTreeMap<BlobId, File>,
    ) -> Result<Arc<Tree>, git::Problem> {
        let mut all = self.0.iter();
        let found = all.find(|tree| tree.revision == *revision);
        Ok(Arc::clone(found.expect("a commit of the past")))
    }

    fn is_cut_off(&self) -> bool {
        self.1
    }
}

fn commit(n: usize, path: &str, document: &str) -> Arc<Tree> {
    let text = format!("apiVersion: capstan.dev/v1alpha1\n{document}");
    Arc::new(Tree {
        revision: Revision::try_new(format!("{n:040x}")).unwrap(),
        files: [(path.to_owned(), File::new(text.into_bytes()))].into(),
        refused: BTreeMap::new(),
    })
}

/// What is declared at the newest of these commits, by somebody who sees it for the first time.
fn at_head(commits: Vec<Arc<Tree>>, cut_off: bool) -> Spec {
    let source = SourceName::try_new("main").unwrap();
    let head = SourceState::Read(Arc::clone(&commits[0]));
    let trees = Trees {
        sources: [(source.clone(), head)].into(),
        ..Trees::default()
    };
    let archives = [(source, Commits(commits, cut_off))].into();
    declared(&trees, None, &archives).0
}

const GOOD: &str = "kind: Cluster\nmetadata: {name: a}\n";
const BROKEN: &str = "kind: Cluster\nmetadata: {name: a}\nspec: {mod: Paused}\n";

#[test]
fn what_was_broken_before_it_moved_is_what_it_was_when_it_was_good() {
    let commits = [
        commit(5, "three.yaml", BROKEN),
        commit(4, "two.yaml", BROKEN),
        commit(3, "one.yaml", BROKEN),
        commit(2, "one.yaml", BROKEN),
        commit(1, "one.yaml", GOOD),
    ];
    for newest in 0..commits.len() {
        let spec = at_head(commits[newest..].to_vec(), false);
        assert_eq!(spec.members.len(), 1, "{newest}");
    }
}

#[test]
fn what_is_older_than_a_clone_is_unknown_and_not_absent() {
    let source = SourceName::try_new("main").unwrap();
    let commits = vec![commit(2, "two.yaml", BROKEN), commit(1, "one.yaml", BROKEN)];
    let cut_off = at_head(commits, true);
    assert_eq!(cut_off.members.len(), 0);
    assert!(is_unknown(&cut_off, &source));
}

/// What is broken in one source does not lose what was found of another one.
#[test]
fn the_past_of_every_source_counts_where_several_are_broken() {
    let commits = |name: &str| {
        let document =
            |spec: &str| format!("kind: Cluster\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n");
        vec![
            commit(2, "a.yaml", &document("mod: Paused")),
            commit(1, "a.yaml", &document("mode: Paused")),
        ]
    };
    let names = ["main", "team"].map(|name| SourceName::try_new(name).unwrap());
    let all = names.each_ref().map(|name| commits(name.as_str()));
    let heads = names.iter().zip(&all);
    let heads = heads.map(|(name, all)| (name.clone(), SourceState::Read(Arc::clone(&all[0]))));
    let trees = Trees {
        sources: heads.collect(),
        ..Trees::default()
    };
    let archives = names.into_iter().zip(all);
    let archives = archives
        .map(|(name, all)| (name, Commits(all, false)))
        .collect();
    let spec = declared(&trees, None, &archives).0;
    assert_eq!(spec.members.len(), 2);
    assert!(spec.gaps.is_empty());
}

/// A document of ours under a mistyped group, good before.
#[test]
fn what_is_older_than_the_walk_goes_is_unknown_and_not_absent() {
    let source = SourceName::try_new("main").unwrap();
    let text = "apiVersion: capstn.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n";
    let slip = |n: usize| {
        Arc::new(Tree {
            revision: Revision::try_new(format!("{n:040x}")).unwrap(),
            files: [("one.yaml".to_owned(), File::new(text.as_bytes().to_vec()))].into(),
            refused: BTreeMap::new(),
        })
    };
    let declared_after = |slips: usize| {
        let mut commits: Vec<_> = (2..slips + 2).rev().map(slip).collect();
        commits.push(commit(1, "one.yaml", GOOD));
        let spec = at_head(commits, false);
        (spec.members.len(), is_unknown(&spec, &source))
    };
    assert_eq!(declared_after(PAST_MAX - 2), (1, false));
    assert_eq!(declared_after(PAST_MAX + 2), (0, true));
}
