//! Following one Git source beside the loop: poll, fetch, read, and say what was found.
//!
//! A wake-up carries nothing; whatever woke it, the same poll runs. Git calls block and cannot be interrupted, so each
//! runs on a thread of its own, with its own time limit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use capstan_hub_core::spec::{File, Tree};
use capstan_proto::Revision;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Polled};
use super::waker::Waker;
use crate::config::Source;
use crate::git::{BlobId, Commit, Fetched, Follower, Limits, Problem, Relation};
use crate::history::{Past, read_tree};
use crate::metrics::{Metrics, Result as Ended};
use crate::{clock, telemetry};

/// What a follower needs.
#[derive(Debug)]
pub(crate) struct Following {
    /// What to follow.
    pub(crate) source: Source,
    /// Where its copy is.
    pub(crate) directory: PathBuf,
    /// Wakes it, and says what a person accepted.
    pub(crate) waker: Arc<Waker>,
    /// The commits that clusters were given, as the store remembers them: should the copy be lost, only a head that
    /// has them among its ancestors is followed.
    pub(crate) remembered: BTreeSet<Revision>,
    /// Where to say what was found.
    pub(crate) events: mpsc::Sender<Event>,
    /// Counts polls.
    pub(crate) metrics: Metrics,
    /// Ends it.
    pub(crate) stop: CancellationToken,
}

/// What is kept between polls, handed to the blocking thread and back.
struct State {
    source: crate::git::Source,
    directory: PathBuf,
    follower: Option<Follower>,
    /// The commit that was read last: the one in force.
    read: Option<Revision>,
    /// The commits that were in force before, where the copy does not say it.
    remembered: BTreeSet<Revision>,
    /// The rewritten head that a person accepted, until it was read.
    accepted: Option<Revision>,
    /// Files by Git's id of their content, so that an unchanged one is read once.
    blobs: BTreeMap<BlobId, File>,
    /// Whether tags are otherwise than the engine was told.
    tags_moved: bool,
}

/// A commit with its files.
type Head = (Commit, Arc<Tree>);

/// Follows until it is stopped.
pub(crate) async fn follow(following: Following) {
    let Following {
        source,
        directory,
        waker,
        remembered,
        events,
        metrics,
        stop,
    } = following;
    let name = source.git.name.clone();
    let mut state = State {
        source: source.git,
        directory,
        follower: None,
        read: None,
        remembered,
        accepted: None,
        blobs: BTreeMap::new(),
        tags_moved: false,
    };
    let mut first = true;
    loop {
        state.accepted = waker.accepted().or(state.accepted);
        let working = tokio::task::spawn_blocking(move || {
            let answer = if first { state.on_disk() } else { state.poll() };
            (state, answer)
        });
        let (back, answer) = tokio::select! {
            () = stop.cancelled() => return,
            worked = working => match worked {
                Ok(worked) => worked,
                Err(error) => {
                    tracing::error!(source = %name, %error, "a poll panicked; the source is not followed any more");
                    return;
                }
            },
        };
        state = back;
        if std::mem::take(&mut state.tags_moved)
            && events.send(Event::Tagged(name.clone())).await.is_err()
        {
            return;
        }
        if let Some(answer) = said(answer, first, (&metrics, &source.declared_at)) {
            let event = Event::Polled {
                source: name.clone(),
                answer,
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
        if std::mem::take(&mut first) {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = waker.woken() => {}
            () = tokio::time::sleep(source.poll) => {}
        }
    }
}

/// What is wrong with a source, with the place of its declaration where that may have to be corrected.
fn words(problem: &Problem, declared_at: &str) -> String {
    let words = telemetry::chain(problem);
    match problem.is_of_configuration() {
        true => format!("{declared_at}: {words}"),
        false => words,
    }
}

/// What the engine is told. A copy on disk that is not there yet is no news.
fn said(
    answer: Result<Answer, Problem>,
    first: bool,
    (metrics, declared_at): (&Metrics, &str),
) -> Option<Polled> {
    let at = clock::now();
    if !first {
        metrics.polled(match answer {
            Ok(Answer::Rewritten { .. }) | Err(_) => Ended::Error,
            Ok(_) => Ended::Ok,
        });
    }
    match answer {
        Ok(Answer::Nothing) => None,
        Ok(Answer::Head((commit, tree))) => Some(Polled::Head {
            commit: Box::new(commit),
            tree,
            at: (!first).then_some(at),
        }),
        Ok(Answer::Same) => Some(Polled::Same { at }),
        Ok(Answer::Rewritten { head, in_force }) => Some(Polled::Rewritten { at, head, in_force }),
        Err(problem) if first => {
            tracing::info!(
                error = telemetry::chain(&problem),
                "the copy on disk cannot be used"
            );
            None
        }
        Err(problem) => Some(Polled::Failed {
            at,
            message: words(&problem, declared_at),
        }),
    }
}

/// What a look at a source found.
enum Answer {
    Nothing,
    Same,
    Head(Head),
    /// The branch's head does not contain the commit in force, and nobody accepted that.
    Rewritten {
        head: Revision,
        in_force: Revision,
    },
}

impl State {
    /// What an earlier process acted upon; needs no network.
    fn on_disk(&mut self) -> Result<Answer, Problem> {
        let Some(commit) = self.follower()?.accepted()? else {
            return Ok(Answer::Nothing);
        };
        self.read(commit)
    }

    fn poll(&mut self) -> Result<Answer, Problem> {
        let fetched = self.fetch()?;
        self.tags_moved |= fetched.tags_moved;
        let head = &fetched.commit.revision;
        if fetched.relation == Relation::Same {
            self.accepted = None;
            return Ok(Answer::Same);
        }
        if let Some(in_force) = self.left_behind(&fetched)?
            && !self.is_accepted(head)?
        {
            let head = head.clone();
            return Ok(Answer::Rewritten { head, in_force });
        }
        let answer = self.read(fetched.commit)?;
        self.accepted = None;
        Ok(answer)
    }

    fn fetch(&mut self) -> Result<Fetched, Problem> {
        let in_force = self.read.clone();
        let fetched = self.follower()?.poll(in_force.as_ref());
        if let Err(Problem::Copy { .. }) = &fetched
            && let Some(follower) = self.follower.take()
        {
            self.follower = Some(follower.discard()?);
            return self.follower()?.poll(in_force.as_ref());
        }
        fetched
    }

    /// The commit in force that the new head does not contain.
    fn left_behind(&mut self, fetched: &Fetched) -> Result<Option<Revision>, Problem> {
        if self.read.is_some() {
            let rewritten = fetched.relation == Relation::Rewritten;
            return Ok(self.read.clone().filter(|_| rewritten));
        }
        for revision in self.remembered.clone() {
            if !self
                .follower()?
                .contains(&fetched.commit.revision, &revision)?
            {
                return Ok(Some(revision));
            }
        }
        Ok(None)
    }

    /// Whether a person accepted this head, or one that it contains.
    fn is_accepted(&mut self, head: &Revision) -> Result<bool, Problem> {
        match self.accepted.clone() {
            Some(accepted) => self.follower()?.contains(head, &accepted),
            None => Ok(false),
        }
    }

    fn follower(&mut self) -> Result<&mut Follower, Problem> {
        if self.follower.is_none() {
            let opened = Follower::open(self.source.clone(), &self.directory, Limits::default())?;
            self.follower = Some(opened);
        }
        Ok(self.follower.as_mut().expect("it was opened just now"))
    }

    /// Reads a commit's files; all of them, or it is a problem.
    fn read(&mut self, commit: Commit) -> Result<Answer, Problem> {
        let tree = self.follower()?.tree(&commit.revision)?;
        let (tree, blobs) = read_tree(&tree, &self.blobs)?;
        // Before it is acted upon: after a restart the hub goes on from here, whatever the branch says then.
        self.follower()?.accept(&commit.revision)?;
        self.blobs = blobs;
        self.read = Some(commit.revision.clone());
        Ok(Answer::Head((commit, Arc::new(tree))))
    }
}

/// A source's past, opened anew for each question.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// The source.
    pub(crate) source: crate::git::Source,
    /// Where its copy is.
    pub(crate) directory: PathBuf,
}

impl Archive {
    /// The copy, to look for what pins name.
    pub(crate) fn open(&self) -> Result<Follower, Problem> {
        Follower::open(self.source.clone(), &self.directory, Limits::default())
    }
}

impl Past for Archive {
    fn past(&self, revision: &Revision, most: usize) -> Result<Vec<Revision>, Problem> {
        let follower = self.open()?;
        let commits = follower.history(revision, most)?;
        Ok(commits.into_iter().map(|commit| commit.revision).collect())
    }

    fn tree(
        &self,
        revision: &Revision,
        known: &mut BTreeMap<BlobId, File>,
    ) -> Result<Arc<Tree>, Problem> {
        let limits = Limits::default();
        let tree = crate::git::Tree::open(&self.directory, &self.source, revision, limits)?;
        let (tree, blobs) = read_tree(&tree, known)?;
        *known = blobs;
        Ok(Arc::new(tree))
    }
}
