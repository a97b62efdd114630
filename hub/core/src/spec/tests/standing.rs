//! Whose name it is while a document is broken: a second one of the name, one that moved.

use expect_test::expect;

use super::check;

const BROKEN: &str = "== a.yaml\n@Cluster x\nspec: {mod: Paused}\n";
const SECOND: &str = "== b.yaml\n@Cluster x\nspec: {mode: Paused}\n";

#[test]
fn a_second_document_does_not_take_the_place_of_a_broken_one() {
    let broken = format!("{BROKEN}{SECOND}");
    check(
        &["== a.yaml\n@Cluster x\n", &broken],
        expect![[r#"
        cluster x at a.yaml:2:1 (kept)
        a.yaml:5:8: error[E0102]: `spec` has no field `mod` (did you mean `mode`?)
        b.yaml:4:18: error[E0106]: Cluster `x` is declared already, at a.yaml:2:1, which is broken (the first path counts, as it was last good; mend that one, or remove one)
    "#]],
    );
    // Nothing of the first is known: neither counts.
    check(
        &[&broken],
        expect![[r#"
        main: 1 unknown
        a.yaml:5:8: error[E0102]: `spec` has no field `mod` (did you mean `mode`?)
        b.yaml:4:18: error[E0106]: Cluster `x` is declared already, at a.yaml:2:1, which is broken (the first path counts, as it was last good; mend that one, or remove one)
    "#]],
    );
    check(
        &["== a.yaml\n@Cluster x\nspec: {mod: Paused}\n@Cluster x\n"],
        expect![[r#"
            main: 1 unknown
            a.yaml:5:8: error[E0102]: `spec` has no field `mod` (did you mean `mode`?)
            a.yaml:9:18: error[E0106]: Cluster `x` is declared already, at a.yaml:2:1, which is broken (the first path counts, as it was last good; mend that one, or remove one)
        "#]],
    );
}

#[test]
fn a_broken_document_does_not_take_the_place_of_the_one_in_force() {
    let edited = format!("{BROKEN}{}", SECOND.replace("Paused", "Observe"));
    let both = format!("{BROKEN}{SECOND}");
    check(
        &[SECOND, &both, &edited],
        expect![[r#"
        cluster x at b.yaml:2:1
        a.yaml:5:8: error[E0102]: `spec` has no field `mod` (did you mean `mode`?)
    "#]],
    );
    // In byte order the good one is first.
    check(
        &["== a.yaml\n@Cluster x\n== b.yaml\n@Cluster x\nspec: {mod: Paused}\n"],
        expect![[r#"
            cluster x at a.yaml:2:1
            b.yaml:5:8: error[E0102]: `spec` has no field `mod` (did you mean `mode`?)
        "#]],
    );
}

#[test]
fn the_name_of_a_broken_document_is_its_own_in_its_source_and_of_its_kind() {
    check(
        &["== a.yaml\n@ClusterTemplate x\nspec: {mod: 1}\n== b.yaml\n@Cluster x\n"],
        expect![[r#"
            cluster x at b.yaml:2:1
            main: 1 unknown
            a.yaml:5:8: error[E0102]: `spec` has no field `mod` (allowed: variables, taints)
        "#]],
    );
}

#[test]
fn a_document_of_a_mistyped_kind_that_moves_is_what_it_was() {
    let good = "== p.yaml\n@Placement p\nspec: {bundles: [web], clusters: [{}]}\n@Cluster a\n";
    let moved =
        "== q.yaml\n@Placment p\nspec: {bundles: [web], clusters: [{}]}\n== p.yaml\n@Cluster a\n";
    let again = moved.replace("q.yaml", "r/q.yaml");
    check(
        &[good, moved, &again],
        expect![[r#"
        cluster a at p.yaml:2:1
        placement p at p.yaml:2:1 (kept)
        p.yaml:5:18: error[E0203]: no bundle is called `web` (declare a Bundle)
        r/q.yaml:3:7: error[E0107]: `Placment` is no kind of fleet file (did you mean `Placement`?)
    "#]],
    );
}
