//! Inputs too large to keep: made here, read within the limits and within bounded memory.
//!
//! What the loader does with such files is tested in its crate; here are the other ways in.

use std::fmt::Write as _;

use capstan_fuzz::{Answer, TARGETS};

/// Most memory that one of these tests may have had at once. A million values cost 100 MB, a tree
/// of them is read and walked a few times, and the tests may share one process.
const MEMORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

fn run(target: &str, bytes: &[u8]) -> Answer {
    let found = TARGETS.iter().find(|known| known.name == target);
    let answer = (found.expect("a target has this name").run)(bytes);
    if let Some(most) = most_memory() {
        assert!(most <= MEMORY_BYTES_MAX, "{most} bytes of memory");
    }
    answer
}

/// The most memory that this process has had, where the system says so.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// A fleet of one cluster and one bundle whose content is this.
fn content(variables: &str, manifests: &str) -> Vec<u8> {
    format!(
        "@Cluster a\nspec: {{variables: {{{variables}}}}}\n@Bundle b\nspec: {{path: w, substitute: true}}\n\
         @Placement p\nspec: {{bundles: [b], clusters: [{{}}]}}\n== w/x.yaml\n{manifests}"
    )
    .into_bytes()
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";

#[test]
fn values_of_ten_megabytes_are_refused_in_few_words() {
    let huge = "x".repeat(10 * 1024 * 1024);
    for text in [
        format!("{huge}: 1\n"),
        format!("clusters: {{{huge}: {{}}}}\n"),
        format!("previous: {{p: [{huge}]}}\n"),
    ] {
        assert_eq!(run("inventory", text.as_bytes()), Answer::Refused);
    }
    let large = "x".repeat(2 * 1024 * 1024);
    for text in [
        format!("{MAP}data: {{a: {large}}}\n"),
        format!("{MAP}data: {{a: '${{{large}'}}\n"),
        MAP.replace("name: m", &format!("name: {large}")),
    ] {
        assert_eq!(run("render", &content("", &text)), Answer::Refused);
    }
    assert_eq!(run("cel", huge.as_bytes()), Answer::Refused);
    let uses = format!("a=1\n\n{}", "${a}".repeat(100_000));
    assert_eq!(run("template", uses.as_bytes()), Answer::Good);
    let opened = format!("a=1\n\n{}", "${".repeat(1_000_000));
    assert_eq!(run("template", opened.as_bytes()), Answer::Refused);
}

#[test]
fn what_nests_deeply_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let deep = open.repeat(100_000) + &close.repeat(100_000);
        let manifest = format!("{MAP}data: {deep}\n");
        assert_eq!(run("render", &content("", &manifest)), Answer::Refused);
        let inventory = format!("clusters: {deep}\n");
        assert_eq!(run("inventory", inventory.as_bytes()), Answer::Refused);
    }
}

#[test]
fn alias_bombs_are_refused() {
    let mut bomb = "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let uses = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(bomb, "  a{i}: &a{i} [{uses}]").unwrap();
    }
    let manifest = format!("{MAP}data:\n{bomb}");
    assert_eq!(run("render", &content("", &manifest)), Answer::Refused);
    let inventory = format!("clusters:\n{bomb}");
    assert_eq!(run("inventory", inventory.as_bytes()), Answer::Refused);
}

#[test]
fn a_million_tiny_documents_are_bounded() {
    let tiny = "---\na: b\n".repeat(1_000_000);
    assert_eq!(run("inventory", tiny.as_bytes()), Answer::Refused);
    let bundle = content("", &tiny[..tiny.len() / 40]);
    assert_eq!(run("render", &bundle), Answer::Refused);
}

/// Twenty doublings are a megabyte; a thousand uses of it would be a gigabyte.
#[test]
fn values_that_multiply_are_bounded_before_they_are_built() {
    let mut doubled = "v00: 'xxxxxxxxxxxxxxxx'".to_owned();
    for n in 1..=16 {
        write!(doubled, ", v{n:02}: '${{v{0:02}}}${{v{0:02}}}'", n - 1).unwrap();
    }
    let uses: String = (0..10_000)
        .map(|n| format!("  d{n}: '${{v15}}'\n"))
        .collect();
    let manifest = format!("{MAP}data:\n{uses}");
    assert_eq!(
        run("render", &content(&doubled, &manifest)),
        Answer::Refused
    );
    let layer: String = (0..10_000).map(|n| format!(", w{n}: '${{v15}}'")).collect();
    let manifest = format!("{MAP}data: {{a: '${{v15}}'}}\n");
    let many = content(&(doubled + &layer), &manifest);
    assert_eq!(run("render", &many), Answer::Good);
}

#[test]
fn globs_made_to_explode_take_pattern_times_name() {
    for piece in ["*a", "*?", "a*a*", "**"] {
        let pattern = piece.repeat(1_000) + "b";
        let name = "a".repeat(2_000);
        let input = format!("{pattern}\n{name}");
        assert_eq!(run("glob", input.as_bytes()), Answer::Refused);
    }
}
