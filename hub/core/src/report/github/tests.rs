//! What GitHub reads.

use expect_test::{Expect, expect};

use super::github;
use crate::fixture::{cluster, source, trees};
use crate::problem::{Code, Place, Problem};

fn check(problem: Problem, prefix: &str, expected: Expect) {
    expected.assert_eq(&github(&[problem], &trees(1, FILES), prefix));
}

const FILES: &str = "\
== shop.yaml
1
2
3
4
5
6
    ünknown-field: 7
";

#[test]
fn a_sentence_that_names_the_clusters_is_enough() {
    let problem = Problem::warning(
        &place("other.yaml"),
        Code::CelFails,
        "it fails on a and 3 more",
    );
    check(
        problem.about_cluster(&cluster("a")),
        "",
        expect![[r#"
        ::warning file=other.yaml,line=7,col=5,title=E0231::it fails on a and 3 more
    "#]],
    );
}

fn place(path: &str) -> Place {
    Place {
        source: source(),
        path: path.into(),
        line: 7,
        column: 5,
    }
}

#[test]
fn a_problem_stands_beside_its_line_with_what_to_do() {
    let problem = Problem::error(&place("shop.yaml"), Code::UnknownField, "no field `x`");
    check(
        problem.hint("did you mean `y`?"),
        "fleet",
        expect![[r#"
            ::error file=fleet/shop.yaml,line=7,col=5,endLine=7,endColumn=18,title=E0102::no field `x`%0Adid you mean `y`?
        "#]],
    );
}

#[test]
fn nothing_in_a_name_or_a_sentence_ends_the_command() {
    let problem = Problem::warning(&place("a,b: 100%.yaml"), Code::BadValue, "100%\r\nno: ::x");
    check(
        problem,
        "",
        expect![[r#"
            ::warning file=a%2Cb%3A 100%25.yaml,line=7,col=5,title=E0110::100%25%0D%0Ano: ::x
        "#]],
    );
}

#[test]
fn a_problem_of_clusters_names_them() {
    let problem = Problem::of_cluster(&cluster("a"), Code::SnapshotTooLarge, "too many");
    check(
        problem,
        "",
        expect![[r#"
            ::error title=E0410::too many
        "#]],
    );
}
