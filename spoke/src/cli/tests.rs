//! The screens of help, as people see them.

use clap::CommandFactory as _;

use super::{Spoke, bootstrap, run};

/// A help screen at a terminal of so many columns.
fn screen(columns: usize, words: &[&str]) -> String {
    let words = ["spoke"].iter().chain(words).chain(&["--help"]);
    let shown = Spoke::command()
        .term_width(columns)
        .try_get_matches_from(words);
    shown.expect_err("help is shown").to_string()
}

#[test]
fn help_fits_80_and_100_columns() {
    for columns in [80, 100] {
        for words in [&[][..], &["bootstrap"], &["run"], &["completion"]] {
            let screen = screen(columns, words);
            for line in screen.lines() {
                assert!(line.chars().count() <= columns, "{words:?}: {line}");
                let option = line.trim_start();
                let alone = option.starts_with("--") && !option.contains("  ");
                assert!(!alone, "{words:?}: a flag without its words: {line}");
            }
        }
    }
}

#[test]
fn examples_are_shown_as_they_are_written() {
    for columns in [80, 100] {
        assert!(screen(columns, &["run"]).contains(run::EXAMPLES));
        assert!(screen(columns, &["bootstrap"]).contains(bootstrap::EXAMPLES));
    }
}
