//! Every seed, and thousands of seeded mutations of each, through the functions that are fuzzed.
//!
//! A seed's name says its answer: `good-...` is understood, `bad-...` is refused.

use std::fs;
use std::path::Path;

use capstan_fuzz::mutate::{Random, mutate};
use capstan_fuzz::{Answer, TARGETS, Target};

/// A seed's name and bytes.
type Seed = (String, Vec<u8>);

fn target(name: &str) -> Target {
    *TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("a target has this name")
}

fn seeds(target: &str) -> Vec<Seed> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut seeds: Vec<Seed> = fs::read_dir(directory)
        .expect("a target has seeds")
        .map(|entry| entry.expect("a seed is listed").path())
        .map(|path| {
            let name = path
                .file_name()
                .expect("a file has a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(path).expect("a seed is read"))
        })
        .collect();
    seeds.sort();
    seeds
}

/// Runs a target on an input, which is shown where it breaks a law.
fn run(target: Target, bytes: &[u8], what: &str) -> Answer {
    let caught = std::panic::catch_unwind(|| (target.run)(bytes));
    caught.unwrap_or_else(|_| {
        let shown = String::from_utf8_lossy(bytes);
        panic!("{}: {what} breaks a law:\n{shown}\n{bytes:?}", target.name)
    })
}

/// Each seed has the answer of its name; of `rounds` mutations of each, at least `good` of a
/// hundred are understood and `refused` refused: else they no longer reach what they are for.
fn replay(name: &str, rounds: usize, (good, refused): (usize, usize)) {
    let target = target(name);
    let seeds = seeds(name);
    let mut random = Random::new(0);
    let (mut runs, mut understood) = (0, 0);
    for (index, (seed, bytes)) in seeds.iter().enumerate() {
        let named = Answer::from(seed.starts_with("good-"));
        assert_eq!(run(target, bytes, seed), named, "{name}/{seed}");
        for round in 0..rounds {
            let other = &seeds[(index + round) % seeds.len()].1;
            let bytes = mutate(bytes, other, &mut random);
            let what = format!("round {round} of {seed}");
            understood += usize::from(run(target, &bytes, &what) == Answer::Good);
            runs += 1;
        }
    }
    assert_eq!(runs, seeds.len() * rounds);
    let shares = (understood * 100 / runs, (runs - understood) * 100 / runs);
    assert!(
        shares.0 >= good && shares.1 >= refused,
        "{name}: {shares:?} of a hundred of {runs}"
    );
}

#[test]
fn fleets_are_loaded_or_refused_with_words() {
    replay("load", 100, (3, 20));
}

#[test]
fn fleets_are_rendered_or_refused_with_words() {
    replay("render", 120, (3, 20));
}

#[test]
fn expressions_end_within_their_steps() {
    replay("cel", 1_000, (3, 20));
}

#[test]
fn globs_have_the_obvious_answer() {
    replay("glob", 1_000, (3, 20));
}

#[test]
fn texts_have_values_within_their_limits_or_none() {
    replay("template", 1_000, (3, 20));
}

#[test]
fn inventories_are_read_back_as_they_were_written() {
    replay("inventory", 500, (3, 20));
}

#[test]
fn every_target_has_a_fuzzer_and_seeds_of_both_kinds() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |directory: &str| {
        let entries = fs::read_dir(here.join(directory)).unwrap();
        let path = entries.map(|entry| entry.unwrap().path());
        let name =
            |path: std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        path.map(name).collect::<std::collections::BTreeSet<_>>()
    };
    let targets: std::collections::BTreeSet<String> =
        TARGETS.map(|target| target.name.to_owned()).into();
    assert_eq!(names("seeds"), targets);
    assert_eq!(names("fuzz/src/bin"), targets);
    for target in &targets {
        let seeds = seeds(target);
        for kind in ["good-", "bad-"] {
            let count = seeds.iter().filter(|(name, _)| name.starts_with(kind));
            assert!(count.count() >= 3, "{target} has few seeds {kind}");
        }
    }
}
