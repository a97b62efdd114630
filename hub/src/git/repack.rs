//! Keeping the copy small: every fetch leaves a pack, and after many of them one takes their place.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{Error, Repository};

/// Packs that a copy may have. libgit2 asks each of them for an object that it looks for; at a commit every 10 minutes
/// this is reached after half a day, and packing what a fleet's repository has takes well under a second.
const PACKS_MAX: usize = 64;

/// Replaces the copy's packs by one, when there are too many. What no reference reaches is dropped.
pub(super) fn repack_if_due(repository: &Repository) -> Result<bool, Error> {
    repack(repository, PACKS_MAX)
}

pub(super) fn repack(repository: &Repository, most: usize) -> Result<bool, Error> {
    let folder = repository.path().join("objects").join("pack");
    let before = packs(&folder).map_err(|error| from_io(&error))?;
    if before.len() <= most {
        return Ok(false);
    }
    let mut walk = repository.revwalk()?;
    walk.push_glob("refs/capstan/*")?;
    let mut builder = repository.packbuilder()?;
    builder.insert_walk(&mut walk)?;
    builder.write(&folder, 0o444)?;
    let name = builder.name()?.map(|name| format!("pack-{name}"));
    let after = packs(&folder).map_err(|error| from_io(&error))?;
    let new = after
        .iter()
        .find(|stem| name.is_some() && file_name(stem) == name);
    let Some(new) = new else {
        return Err(Error::from_str("the new pack is not where it was written"));
    };
    for stem in before.iter().filter(|stem| *stem != new) {
        remove(stem).map_err(|error| from_io(&error))?;
    }
    Ok(true)
}

/// The packs in a folder, without their extensions.
fn packs(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut packs = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pack")
        {
            packs.insert(path.with_extension(""));
        }
    }
    Ok(packs)
}

fn file_name(stem: &Path) -> Option<String> {
    Some(stem.file_name()?.to_str()?.to_owned())
}

/// Removes a pack: its index first, so that nobody finds an index without its pack.
fn remove(stem: &Path) -> io::Result<()> {
    for extension in ["idx", "rev", "pack"] {
        match fs::remove_file(stem.with_extension(extension)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn from_io(error: &io::Error) -> Error {
    Error::from_str(&error.to_string())
}
