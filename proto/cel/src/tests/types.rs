//! Types that do not go together are told, and nothing else is.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::parse;

fn check(texts: &[&str], expected: Expect) {
    let mut out = String::new();
    for text in texts {
        writeln!(out, "{text}").unwrap();
        for wrong in parse(text).unwrap().mismatches() {
            let (before, message) = (&text[..wrong.offset], &wrong.message);
            writeln!(
                out,
                "{}^ {message} ({})",
                " ".repeat(before.len()),
                wrong.hint
            )
            .unwrap();
        }
    }
    expected.assert_eq(&out);
}

#[test]
fn labels_facts_and_names_are_no_numbers() {
    check(
        &[
            "cluster.labels.tier == 3",
            "3 != cluster.labels[\"a/b\"]",
            "cluster.name == null",
            "cluster.labels.tier == true",
            "cluster.facts.nodes > 3",
            "true && 2.5 <= cluster.facts[\"kubernetes.minor\"]",
            "cluster.labels.tier in [1, 2]",
            "3 in cluster.labels",
            "cluster.labels.a + 1 == 2",
        ],
        expect![[r#"
            cluster.labels.tier == 3
            ^ `==` between a string and a whole number is never true (labels are strings: write "3")
            3 != cluster.labels["a/b"]
            ^ `!=` between a whole number and a string is always true (labels are strings: write "3")
            cluster.name == null
            ^ `==` between a string and null is never true (names are strings)
            cluster.labels.tier == true
            ^ `==` between a string and a truth value is never true (labels are strings: write "true")
            cluster.facts.nodes > 3
            ^ `>` cannot stand between a string and a whole number (facts are strings: write int(cluster.facts.nodes))
            true && 2.5 <= cluster.facts["kubernetes.minor"]
                    ^ `<=` cannot stand between a number with a fraction and a string (facts are strings: write double(cluster.facts["kubernetes.minor"]))
            cluster.labels.tier in [1, 2]
            ^ a string is never in this list, whose first item is a whole number (labels are strings: write the values in quotes)
            3 in cluster.labels
            ^ a whole number is no key of a map of strings ()
            cluster.labels.a + 1 == 2
            ^ `+` cannot stand between a string and a whole number (labels are strings: write int(cluster.labels.a))
        "#]],
    );
}

#[test]
fn other_types_are_told_too() {
    check(
        &[
            "size(cluster.name) == \"3\"",
            "cluster.labels.a && cluster.name == \"b\"",
            "!cluster.labels.a",
            "cluster.labels.startsWith(\"a\")",
            "\"a\" in cluster.name",
            "cluster.labels == \"a\"",
            "(cluster.labels.a == 1) ? true : \"a\" < 2",
            "[1, 2].exists(x, cluster.labels.a)",
            "-cluster.labels.a == 1",
        ],
        expect![[r#"
            size(cluster.name) == "3"
            ^ `==` between a whole number and a string is never true (write 3 without quotes)
            cluster.labels.a && cluster.name == "b"
            ^ a string stands where a truth value is wanted (compare it with something)
            !cluster.labels.a
             ^ a string stands where a truth value is wanted (compare it with something)
            cluster.labels.startsWith("a")
            ^ `startsWith` cannot take a map (name one of its keys)
            "a" in cluster.name
                   ^ `in` looks into a list or a map, not a string (use contains(...) to look into a string)
            cluster.labels == "a"
            ^ `==` between a map and a string is never true ()
            (cluster.labels.a == 1) ? true : "a" < 2
             ^ `==` between a string and a whole number is never true (labels are strings: write "1")
                                             ^ `<` cannot stand between a string and a whole number ()
            [1, 2].exists(x, cluster.labels.a)
                             ^ a string stands where a truth value is wanted (compare it with something)
            -cluster.labels.a == 1
            ^ a string cannot be negated ()
        "#]],
    );
}

#[test]
fn what_hangs_on_a_cluster_is_not_told() {
    check(
        &[
            "cluster.labels.tier == \"3\"",
            "int(cluster.labels.tier) >= 3 && double(cluster.facts.n) < 3",
            "cluster.variables.replicas == \"3\" || cluster.variables.replicas > 3",
            "cluster.labels.all(key, key != \"a\")",
            "cluster.labels.tier in [\"gold\", 3]",
            "\"nodes\" in cluster.facts",
            "1 == 1.0 && 1 < 2.5",
            "has(cluster.labels.a) ? cluster.variables.on : false",
            "[1] + [2] == [1, 2]",
        ],
        expect![[r#"
            cluster.labels.tier == "3"
            int(cluster.labels.tier) >= 3 && double(cluster.facts.n) < 3
            cluster.variables.replicas == "3" || cluster.variables.replicas > 3
            cluster.labels.all(key, key != "a")
            cluster.labels.tier in ["gold", 3]
            "nodes" in cluster.facts
            1 == 1.0 && 1 < 2.5
            has(cluster.labels.a) ? cluster.variables.on : false
            [1] + [2] == [1, 2]
        "#]],
    );
}
