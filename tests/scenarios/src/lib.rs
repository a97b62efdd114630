//! Golden transcripts: a script writes fleet files, commits them and calls `hub`; what is said is
//! compared with what was said before.
//!
//! # A script
//!
//! | line | meaning |
//! |---|---|
//! | `## text` | a heading, copied to the transcript |
//! | `-- path` | the lines that follow are this file's, up to the next line of this table |
//! | `rm path` | removes a file |
//! | `commit [message]` | commits everything |
//! | `tag name` | names the last commit |
//! | `shallow N` | cuts history off, so that the last N commits stay |
//! | `$ hub ...` | calls the command in the fleet's directory and writes down what it says |
//!
//! In a file, `@Kind {metadata} {spec}` stands for a document of ours with these; the spec may go on
//! over several lines. Every line stays one line, so that places are true.
//!
//! Commands run in this process, through the same entry as the program's, one script after the
//! other: a process has one working directory.

mod play;
mod script;

pub use play::play;
pub use script::{Line, parse};

#[cfg(test)]
mod tests;
