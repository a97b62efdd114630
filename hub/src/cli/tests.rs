//! Tests of the command line.

use clap::CommandFactory as _;

use capstan_proto::wire;

use super::args::Cli;
use super::rows;

#[test]
fn every_command_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn what_to_do_about_a_problem_stands_below_it_or_in_the_wide_table() {
    let problem = wire::Problem {
        severity: "Error".to_owned(),
        code: "UnknownField".to_owned(),
        cluster: "one".to_owned(),
        message: "no such field".to_owned(),
        hint: "remove it".to_owned(),
        ..wire::Problem::default()
    };
    let table = rows::problems(std::slice::from_ref(&problem), false).lines(false);
    assert_eq!(table.len(), 2, "{table:?}");
    assert!(table[0].ends_with("no such field"), "{table:?}");
    let column = |line: &str, words| line.find(words).unwrap();
    assert!(table[1].trim_start() == "remove it", "{table:?}");
    let wide = rows::problems(&[problem], true).lines(false);
    assert!(wide.len() == 1 && column(&wide[0], "remove it") > column(&wide[0], "no such field"));
}
