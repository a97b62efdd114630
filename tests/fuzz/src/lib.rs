//! What hostile input must never do to the hub's core: one function for each way in.
//!
//! A target reads any bytes, and panics where a law is broken: a limit is passed, an answer is not
//! the same twice, something is refused without a word. The fuzzers in `fuzz/` and the replay of
//! the seeds in `tests/` run the same functions.

#![forbid(unsafe_code)]

pub mod fleet;
pub mod inventory;
pub mod mutate;
pub mod text;

/// What a target says of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was understood.
    Good,
    /// It was refused, or has problems.
    Refused,
}

impl From<bool> for Answer {
    fn from(good: bool) -> Self {
        if good { Self::Good } else { Self::Refused }
    }
}

/// One way for bytes into the core.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the fuzzer, and of the directory of its seeds.
    pub name: &'static str,
    /// Hands it bytes. Panics where a law is broken.
    pub run: fn(&[u8]) -> Answer,
}

/// Every target.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "load",
        run: fleet::load,
    },
    Target {
        name: "render",
        run: fleet::render,
    },
    Target {
        name: "cel",
        run: text::cel,
    },
    Target {
        name: "glob",
        run: text::glob,
    },
    Target {
        name: "template",
        run: text::template,
    },
    Target {
        name: "inventory",
        run: inventory::inventory,
    },
];
