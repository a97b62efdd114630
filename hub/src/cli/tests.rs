//! Tests of the command line.

use clap::CommandFactory as _;

use super::args::Cli;

#[test]
fn every_command_is_well_formed() {
    Cli::command().debug_assert();
}
