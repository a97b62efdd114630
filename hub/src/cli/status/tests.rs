//! What the fleet at a glance must not hide.

use capstan_proto::wire;

use super::super::output::Show as _;
use super::{Glance, wrong};

fn lines(fleet: wire::Fleet) -> String {
    let lines = Glance(fleet).lines(false, true).join("\n");
    anstream::adapter::strip_str(&lines).to_string()
}

#[test]
fn what_is_wrong_with_files_is_counted_with_where_to_look() {
    let said = lines(wire::Fleet {
        errors: 2,
        warnings: 1,
        ..wire::Fleet::default()
    });
    assert!(
        said.contains("problems  2 errors, 1 warning: hub get problems"),
        "{said}"
    );
    assert_eq!(wrong(0, 0), None);
}
