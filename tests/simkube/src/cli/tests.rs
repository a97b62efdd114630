//! The arguments.

use std::time::Duration;

use clap::CommandFactory;

use super::{Arguments, duration};

#[test]
fn the_arguments_are_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn times_have_units() {
    assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
    assert_eq!(duration("3s"), Ok(Duration::from_secs(3)));
    assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
    assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
    for wrong in ["", "s", "3h", "-1s", "1.5s"] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
}
