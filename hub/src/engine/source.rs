//! Following one Git source beside the loop: poll, fetch, read, and say what was found.
//!
//! A wake-up carries nothing; whatever woke it, the same poll runs. Git calls block and cannot be interrupted, so each
//! runs on a thread of its own, with its own time limit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use capstan_hub_core::spec::{File, Tree};
use capstan_proto::Revision;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::event::{Event, Polled};
use crate::config::Source;
use crate::git::{BlobId, Commit, Follower, Limits, Problem};
use crate::metrics::{Metrics, Result as Ended};
use crate::{clock, telemetry};

/// What a follower needs.
#[derive(Debug)]
pub(crate) struct Following {
    /// What to follow.
    pub(crate) source: Source,
    /// Where its copy is.
    pub(crate) directory: PathBuf,
    /// Wakes it.
    pub(crate) wake: Arc<Notify>,
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
    /// The commit that was read last.
    read: Option<Revision>,
    /// Files by Git's id of their content, so that an unchanged one is read once.
    blobs: BTreeMap<BlobId, File>,
}

/// A commit with its files.
type Head = (Commit, Arc<Tree>);

/// Follows until it is stopped.
pub(crate) async fn follow(following: Following) {
    let Following {
        source,
        directory,
        wake,
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
        blobs: BTreeMap::new(),
    };
    let mut first = true;
    loop {
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
        if let Some(answer) = said(answer, first, &metrics) {
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
            () = wake.notified() => {}
            () = tokio::time::sleep(source.poll) => {}
        }
    }
}

/// What the engine is told. A copy on disk that is not there yet is no news.
fn said(answer: Result<Answer, Problem>, first: bool, metrics: &Metrics) -> Option<Polled> {
    let at = clock::now();
    if !first {
        metrics.polled(if answer.is_ok() {
            Ended::Ok
        } else {
            Ended::Error
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
        Err(problem) if first => {
            tracing::info!(
                error = telemetry::chain(&problem),
                "the copy on disk cannot be used"
            );
            None
        }
        Err(problem) => Some(Polled::Failed {
            at,
            message: telemetry::chain(&problem),
        }),
    }
}

/// What a look at a source found.
enum Answer {
    Nothing,
    Same,
    Head(Head),
}

impl State {
    /// What an earlier process fetched; needs no network.
    fn on_disk(&mut self) -> Result<Answer, Problem> {
        let Some(commit) = self.follower()?.head()? else {
            return Ok(Answer::Nothing);
        };
        self.read(commit)
    }

    fn poll(&mut self) -> Result<Answer, Problem> {
        let read = self.read.clone();
        let polled = self.follower()?.poll(read.as_ref());
        if let Err(Problem::Copy { .. }) = &polled
            && let Some(follower) = self.follower.take()
        {
            self.follower = Some(follower.discard()?);
            let fetched = self.follower()?.poll(read.as_ref())?;
            return self.read(fetched.commit);
        }
        let fetched = polled?;
        if read.as_ref() == Some(&fetched.commit.revision) {
            return Ok(Answer::Same);
        }
        self.read(fetched.commit)
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
        self.blobs = blobs;
        self.read = Some(commit.revision.clone());
        Ok(Answer::Head((commit, Arc::new(tree))))
    }
}

/// Reads what fleets are written in; files that are refused are shown by their absence in the core.
fn read_tree(
    tree: &crate::git::Tree,
    known: &BTreeMap<BlobId, File>,
) -> Result<(Tree, BTreeMap<BlobId, File>), Problem> {
    let listed = tree.files()?;
    let (mut files, mut blobs) = (BTreeMap::new(), BTreeMap::new());
    for (path, listed) in listed.files {
        if !is_fleet_text(&path) {
            continue;
        }
        let file = match known.get(&listed.blob).or_else(|| blobs.get(&listed.blob)) {
            Some(file) => file.clone(),
            None => File::new(tree.read(&listed.blob)?),
        };
        blobs.insert(listed.blob, file.clone());
        files.insert(path, file);
    }
    Ok((
        Tree {
            revision: tree.revision().clone(),
            files,
        },
        blobs,
    ))
}

/// Whether a file may hold fleet documents or manifests.
pub(crate) fn is_fleet_text(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["yaml", "yml", "json"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
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
    /// Revisions from `revision` backwards along first parents, the newest first, it included.
    pub(crate) fn past(&self, revision: &Revision, most: usize) -> Result<Vec<Revision>, Problem> {
        let follower = Follower::open(self.source.clone(), &self.directory, Limits::default())?;
        let commits = follower.history(revision, most)?;
        Ok(commits.into_iter().map(|commit| commit.revision).collect())
    }

    /// The files of a revision.
    pub(crate) fn tree(&self, revision: &Revision) -> Result<Arc<Tree>, Problem> {
        let limits = Limits::default();
        let tree = crate::git::Tree::open(&self.directory, &self.source, revision, limits)?;
        let (tree, _) = read_tree(&tree, &BTreeMap::new())?;
        Ok(Arc::new(tree))
    }
}
