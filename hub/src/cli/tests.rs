//! Tests of the command line.

use clap::{CommandFactory as _, Parser as _};

use capstan_hub_core::rollup::{Flag, Reason};
use capstan_hub_core::session::Connection;
use capstan_proto::wire;

use super::args::Cli;
use super::columns::HELP;
use super::rows;

#[test]
fn every_command_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn what_to_do_about_a_problem_stands_below_it_or_in_the_wide_table() {
    let problem = wire::Problem {
        severity: "Error".to_owned(),
        code: "UnknownField".to_owned(),
        cluster: "one".to_owned(),
        message: "no such field".to_owned(),
        hint: "remove it".to_owned(),
        ..wire::Problem::default()
    };
    let table = rows::problems(std::slice::from_ref(&problem), false).lines(false);
    assert_eq!(table.len(), 2, "{table:?}");
    assert!(table[0].ends_with("no such field"), "{table:?}");
    let column = |line: &str, words| line.find(words).unwrap();
    assert!(table[1].trim_start() == "remove it", "{table:?}");
    let wide = rows::problems(&[problem], true).lines(false);
    assert!(wide.len() == 1 && column(&wide[0], "remove it") > column(&wide[0], "no such field"));
}

/// What the command line answers to a call that it cannot read.
fn complaint(args: &[&str]) -> String {
    Cli::try_parse_from(args).unwrap_err().to_string()
}

#[test]
fn a_problem_of_many_clusters_names_some_and_counts_the_rest() {
    let names = |count: usize| (0..count).map(|n| format!("c-{n}")).collect::<Vec<_>>();
    let row = |listed: usize, total: u32| {
        let problem = wire::Problem {
            severity: "error".to_owned(),
            code: "Failed".to_owned(),
            bundle: "fleet.web".to_owned(),
            object: Some(wire::ObjectKey {
                group: "apps".to_owned(),
                kind: "Deployment".to_owned(),
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
            }),
            clusters: names(listed),
            clusters_total: total,
            message: "Forbidden: it may not".to_owned(),
            ..wire::Problem::default()
        };
        rows::problems(&[problem], false).lines(false).join("\n")
    };
    let many = row(20, 212);
    assert!(
        many.ends_with(
            "   212 clusters: c-0, c-1, c-2 and 209 more   fleet.web: Deployment.apps shop/web   \
             -   Forbidden: it may not"
        ),
        "{many}"
    );
    assert!(row(2, 2).contains("   2 clusters: c-0, c-1   "));
    assert!(row(1, 1).contains("   c-0   "));
}

#[test]
fn the_help_explains_every_column_of_every_table() {
    let tables = [
        rows::clusters(&[], true),
        rows::bundles(&[], true),
        rows::placements(&[], true),
        rows::problems(&[], true),
        rows::drifts(&[], true),
    ];
    let columns = tables.iter().flat_map(|table| table.header());
    let columns = columns.chain(&rows::BELOW);
    for column in columns.filter(|column| **column != "NAME") {
        assert!(HELP.contains(column), "{column} is not explained");
    }
}

#[test]
fn the_help_names_every_word_that_flags_and_connections_can_be() {
    let flags = Flag::ALL.iter().map(ToString::to_string);
    let reasons = Reason::ALL.iter().map(ToString::to_string);
    let connections = Connection::ALL.iter().map(ToString::to_string);
    // What the view adds, and the words that spokes have for what an API server refuses.
    let others = [
        "NotOffered",
        "NotPruned",
        "UnknownField",
        "WrongType",
        "DuplicateField",
        "Immutable",
        "Invalid",
    ];
    let others = others.map(str::to_owned);
    for word in flags.chain(reasons).chain(connections).chain(others) {
        assert!(HELP.contains(&word), "{word} is not explained");
    }
}

#[test]
fn an_object_that_is_not_well_says_why_behind_a_colon() {
    let object = wire::ObjectStatus {
        reason: "UnknownField".to_owned(),
        message: "the API server refused it".to_owned(),
        ..wire::ObjectStatus::default()
    };
    let state = wire::BundleOnCluster {
        attention: vec![object],
        ..wire::BundleOnCluster::default()
    };
    let cluster = wire::Cluster {
        bundle_states: vec![state],
        ..wire::Cluster::default()
    };
    let text = rows::cluster(&cluster, false, true).join("\n");
    assert!(
        text.contains("UnknownField: the API server refused it"),
        "{text}"
    );
}

#[test]
fn drift_says_how_long_ago_and_the_moment_where_there_is_room() {
    let seen = wire::DriftSeen {
        changed_at_ms: 1_000_000,
        ..wire::DriftSeen::default()
    };
    let seen = std::slice::from_ref(&seen);
    let text = |wide| rows::drifts(seen, wide).lines(false).join("\n");
    assert!(text(false).contains(" d ago"), "{}", text(false));
    assert!(
        text(true).contains("1970-01-01T00:16:40Z"),
        "{}",
        text(true)
    );
}

#[test]
fn recovery_is_confirmed_with_a_reason_as_its_help_says() {
    assert!(complaint(&["hub", "recover", "--confirm"]).contains("--reason"));
    let mut recover = Cli::command();
    let recover = recover.find_subcommand_mut("recover").unwrap();
    let help = recover.render_long_help().to_string();
    let examples: Vec<_> = help
        .lines()
        .filter(|line| line.contains("hub recover"))
        .collect();
    assert!(!examples.is_empty() && examples.iter().all(|line| line.contains("--reason")));
}

#[test]
fn a_life_of_a_token_that_is_none_is_refused_with_the_allowed_forms() {
    let said = |ttl| complaint(&["hub", "token", "create", "one", "--ttl", ttl]);
    assert!(
        said("5x").contains("such as 30s, 15m or 7d"),
        "{}",
        said("5x")
    );
    for ttl in ["8d", "500ms", "0s"] {
        assert!(said(ttl).contains("a token counts for 1s to 7d"), "{ttl}");
    }
}

#[test]
fn every_command_below_another_says_what_it_is_for() {
    let cli = Cli::command();
    for command in cli.get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for below in command.get_subcommands() {
            assert!(below.get_about().is_some(), "{}", below.get_name());
            assert!(below.get_after_help().is_some(), "{}", below.get_name());
        }
        if command.has_subcommands() {
            assert!(command.get_after_help().is_some(), "{}", command.get_name());
        }
    }
}

#[test]
fn a_name_that_no_bundle_can_have_is_a_wrong_call() {
    let long = "x".repeat(64);
    for bundle in [long.as_str(), "Web", "a.b.c", "platform/web"] {
        let words = complaint(&["hub", "explain", "prod-eu-1", bundle, "--repo", "nowhere"]);
        assert!(words.contains("invalid value"), "{words}");
    }
    for bundle in ["web", "platform.web"] {
        assert!(Cli::try_parse_from(["hub", "explain", "prod-eu-1", bundle]).is_ok());
    }
}
