//! Playing a script: a directory of its own, a repository with fixed times, and the transcript.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use capstan_hub::cli;
use git2::{IndexAddOption, Repository, Signature, Time};

use crate::{Line, parse};

/// When the first commit is made, in seconds since 1970; each one comes a minute later, so that
/// their ids are always the same.
const BEGIN: i64 = 1_700_000_000;

struct Stage {
    fleet: PathBuf,
    repository: Repository,
    commits: i64,
    transcript: String,
}

/// Plays a script in a directory of its own; gives back the transcript. The working directory of
/// this process is there while it plays.
///
/// # Errors
/// When the script has no meaning, or its directory cannot be written.
pub fn play(script: &str) -> Result<String> {
    let lines = parse(script)?;
    let directory = tempfile::tempdir()?;
    let fleet = directory.path().canonicalize()?.join("fleet");
    fs::create_dir(&fleet)?;
    let before = std::env::current_dir()?;
    std::env::set_current_dir(&fleet)?;
    let played = Stage::new(fleet).and_then(|mut stage| {
        for line in lines {
            stage.step(line)?;
        }
        Ok(stage.transcript)
    });
    std::env::set_current_dir(before)?;
    played
}

impl Stage {
    fn new(fleet: PathBuf) -> Result<Self> {
        let mut options = git2::RepositoryInitOptions::new();
        let repository = Repository::init_opts(&fleet, options.initial_head("main"))?;
        Ok(Self {
            fleet,
            repository,
            commits: 0,
            transcript: String::new(),
        })
    }

    fn step(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Heading(text) => {
                let gap = if self.transcript.is_empty() { "" } else { "\n" };
                self.transcript.push_str(&format!("{gap}## {text}\n"));
            }
            Line::File { path, content } => self.write(&path, &content)?,
            Line::Remove(path) => {
                fs::remove_file(self.fleet.join(&path)).with_context(|| path.clone())?;
            }
            Line::Commit(message) => self.commit(&message)?,
            Line::Tag(name) => {
                let head = self.repository.head()?.peel_to_commit()?;
                self.repository
                    .tag_lightweight(&name, head.as_object(), false)?;
            }
            Line::Shallow(commits) => self.shallow(commits)?,
            Line::Call { text, words } => self.call(&text, words),
        }
        Ok(())
    }

    fn write(&self, path: &str, content: &str) -> Result<()> {
        let path = self.fleet.join(path);
        let directory = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(directory)?;
        fs::write(&path, content).with_context(|| path.display().to_string())
    }

    fn commit(&mut self, message: &str) -> Result<()> {
        let mut index = self.repository.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = self.repository.find_tree(index.write_tree()?)?;
        let time = Time::new(BEGIN + 60 * self.commits, 0);
        let author = Signature::new("fleet", "fleet@example.com", &time)?;
        let parent = self
            .repository
            .head()
            .and_then(|head| head.peel_to_commit());
        let parents: Vec<_> = parent.iter().collect();
        self.repository
            .commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
        self.commits += 1;
        Ok(())
    }

    /// Notes where history begins, as `git clone --depth` does.
    fn shallow(&self, commits: usize) -> Result<()> {
        let mut first = self.repository.head()?.peel_to_commit()?;
        for _ in 1..commits {
            first = first.parent(0)?;
        }
        let path = self.repository.path().join("shallow");
        Ok(fs::write(path, format!("{}\n", first.id()))?)
    }

    fn call(&mut self, text: &str, words: Vec<String>) {
        let said = cli::offline(words.into_iter().map(Into::into));
        let out = &mut self.transcript;
        out.push_str(&format!("$ {text}\n{}{}", said.out, said.err));
        if !out.ends_with('\n') {
            out.push('\n');
        }
        if said.code != 0 {
            out.push_str(&format!("[exit {}]\n", said.code));
        }
    }
}
