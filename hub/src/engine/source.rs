//! Following one Git source beside the loop: poll, fetch, read, and say what was found.
//!
//! A wake-up carries nothing; whatever woke it, the same poll runs. Git calls block and cannot be interrupted, so each
//! runs on a thread of its own, with its own time limit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::spec::{File, Tree};
use capstan_proto::Revision;
use tokio::sync::mpsc;
use tokio::task::JoinError;
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

/// What is done on a thread of its own: the copy on disk is read first, then the source is polled.
type Look = Arc<dyn Fn(&mut State, bool) -> Result<Answer, Problem> + Send + Sync>;

/// After how many seconds a follower that panicked begins anew: the first time soon, later ever more rarely.
const RESTART_SECONDS: [u64; 4] = [1, 5, 20, 60];

/// When a follower that panicked so often, one time after the other, begins anew.
fn restart_after(panics: usize) -> Duration {
    let at = panics.clamp(1, RESTART_SECONDS.len()) - 1;
    Duration::from_secs(RESTART_SECONDS[at])
}

/// Follows until it is stopped.
pub(crate) async fn follow(following: Following) {
    let look = |state: &mut State, first: bool| match first {
        true => state.on_disk(),
        false => state.poll(),
    };
    supervise(following, Arc::new(look)).await;
}

/// Looks again and again. What panicked is thrown away and begins anew with the copy on disk, which says what is in
/// force; meanwhile the source is shown to fail.
async fn supervise(following: Following, look: Look) {
    let mut state = State::new(&following);
    let mut accepted = None;
    let (mut first, mut panics) = (true, 0);
    loop {
        accepted = following.waker.accepted().or(accepted);
        state.accepted.clone_from(&accepted);
        let looking = {
            let look = Arc::clone(&look);
            tokio::task::spawn_blocking(move || {
                let answer = look(&mut state, first);
                (state, answer)
            })
        };
        let worked = tokio::select! {
            () = following.stop.cancelled() => return,
            worked = looking => worked,
        };
        let (told, wait, anew) = match worked {
            Ok((back, answer)) => {
                state = back;
                if std::mem::take(&mut state.tags_moved) && !following.tell_of_tags().await {
                    return;
                }
                accepted.clone_from(&state.accepted);
                if !first {
                    panics = 0;
                }
                (following.said(answer, first), following.source.poll, false)
            }
            Err(error) => {
                panics += 1;
                state = State::new(&following);
                let wait = restart_after(panics);
                (Some(following.panicked(&error, wait)), wait, true)
            }
        };
        if let Some(answer) = told
            && !following.tell(answer).await
        {
            return;
        }
        // The copy on disk is read once after every beginning, and asking follows at once.
        if std::mem::replace(&mut first, anew) && !anew {
            continue;
        }
        tokio::select! {
            () = following.stop.cancelled() => return,
            () = following.waker.woken() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Following {
    async fn tell(&self, answer: Polled) -> bool {
        let source = self.source.git.name.clone();
        let event = Event::Polled { source, answer };
        self.events.send(event).await.is_ok()
    }

    async fn tell_of_tags(&self) -> bool {
        let event = Event::Tagged(self.source.git.name.clone());
        self.events.send(event).await.is_ok()
    }

    fn said(&self, answer: Result<Answer, Problem>, first: bool) -> Option<Polled> {
        said(answer, first, (&self.metrics, &self.source.declared_at))
    }

    fn panicked(&self, error: &JoinError, wait: Duration) -> Polled {
        tracing::error!(source = %self.source.git.name, %error, "following a source panicked; it begins anew");
        self.metrics.polled(Ended::Error);
        Polled::Failed {
            at: clock::now(),
            message: format!(
                "following it failed inside the hub: {error} (it is tried again in {} s; `hub refresh {}` tries now)",
                wait.as_secs(),
                self.source.git.name
            ),
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
    /// What is known before anything was read.
    fn new(following: &Following) -> Self {
        Self {
            source: following.source.git.clone(),
            directory: following.directory.clone(),
            follower: None,
            read: None,
            remembered: following.remembered.clone(),
            accepted: None,
            blobs: BTreeMap::new(),
            tags_moved: false,
        }
    }

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

#[cfg(test)]
mod tests;
