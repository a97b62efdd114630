//! What the fleet at a glance must not hide.

use capstan_proto::wire;

use super::super::output::Show as _;
use super::{Glance, held_lines, wrong};

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

#[test]
fn a_held_set_says_how_much_is_not_shown_and_what_shows_it() {
    let held = |objects: u32, listed: u32| wire::HeldRemoval {
        objects,
        examples: (0..listed).map(|n| format!("a: ConfigMap c-{n}")).collect(),
        ..wire::HeldRemoval::default()
    };
    let all = held_lines(&held(30, 30)).join("\n");
    assert!(
        all.contains("c-9\n  and 20 more: hub status -o json\n"),
        "{all}"
    );
    assert!(!all.contains("c-10"), "{all}");
    let some = held_lines(&held(300, 50)).join("\n");
    assert!(
        some.contains("and 290 more: hub status -o json (it lists 50 of them)"),
        "{some}"
    );
    let one = held_lines(&held(1, 1)).join("\n");
    assert!(one.contains("(1 object)") && !one.contains("more"), "{one}");
}
