//! Tests of the playground's command line.

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn a_timeout_is_seconds_or_has_a_unit() {
    assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
    assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
    assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
    for bad in ["", "m", "1h", "-3", "1.5m"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}
