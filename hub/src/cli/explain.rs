//! `hub explain`: the recorded reasons, and nothing else.

use std::path::Path;

use anyhow::anyhow;
use capstan_hub_core::explain::{Answer, Explanation, Question, Step, explain_files};
use capstan_hub_core::problem::{Place, nearest};
use capstan_hub_core::report;
use capstan_proto::{BundleName, SourceName, wire};

use super::args::{Explain, Format, Target};
use super::connect::{self, refusal};
use super::output::{print, value};
use super::progress::Progress;
use super::table::colour;
use super::writer::Writer;
use super::{Failure, Outcome, files};
use crate::grpc::view;
use crate::offline::{Before, Checkout, Decided};

/// Looks at files, and asks no hub.
pub(super) fn offline(args: &Explain, repo: &Path, writer: &mut Writer<'_>) -> Outcome {
    let files = args.files.at(repo);
    let (checkout, start) = files::open(&files)?;
    let at = checkout.or_present(args.files.rev.as_deref());
    let waiting = Progress::start("reading files and deciding");
    let decided = checkout.decide(&at, &start, Before::Inventory);
    drop(waiting);
    let decided = decided.map_err(|problem| Failure::Usage(problem.into()))?;
    let question = Question {
        cluster: args.cluster.clone(),
        bundle: bundle(&args.bundle, &checkout, &decided).map_err(Failure::Failed)?,
    };
    let mut explanation = explain_files(&decided.decisions, &decided.desired, &question);
    explanation.mark_last_good((&decided.spec, &decided.decisions), "hub lint");
    say_broken(&mut explanation, &decided);
    let placed = matches!(explanation.answer, Answer::Placed | Answer::Kept);
    match args.output {
        Format::Json | Format::Yaml => {
            let answer = view::explained(&decided.decisions, &explanation);
            writer.value(&answer, args.output)?;
        }
        Format::Table | Format::Wide => {
            writer.text(&report::explain(&explanation))?;
            for note in files::notes(&checkout, &start, &[&decided]) {
                writer.text(&format!("note: {note}"))?;
            }
        }
    }
    match placed {
        true => Ok(()),
        false => Err(Failure::Said(super::FAILED)),
    }
}

/// Says which documents are broken, where one of them may be why the answer is no.
fn say_broken(explanation: &mut Explanation, decided: &Decided) {
    let broken = decided.broken();
    match explanation.answer {
        Answer::Placed | Answer::Kept => return,
        // Perhaps one of them does declare it.
        Answer::NotDeclared if !broken.is_empty() => explanation.steps.clear(),
        Answer::NotDeclared | Answer::NotPlaced | Answer::Unknown => {}
    }
    let step = |at: &Place| Step {
        at: Some(at.clone()),
        text: "is broken: `hub lint`".to_owned(),
        advice: false,
    };
    explanation.steps.extend(broken.into_iter().map(step));
    let Question { cluster, bundle } = &explanation.question;
    let decision = decided.decisions.clusters.get(cluster);
    let is_placed = decision.is_some_and(|decision| decision.bundles.contains_key(bundle));
    // What is placed is in doubt for other reasons than that nobody knows who places it.
    let is_doubt = explanation.answer == Answer::Unknown && !is_placed;
    let help = decided.help.filter(|_| is_doubt);
    explanation.steps.extend(help.map(|help| Step {
        at: None,
        text: help.to_owned(),
        advice: true,
    }));
}

/// The bundle that a person means.
fn bundle(text: &str, checkout: &Checkout, decided: &Decided) -> anyhow::Result<BundleName> {
    let name = match text.split_once('.') {
        Some((source, name)) => BundleName::try_new(SourceName::try_new(source)?, name)?,
        None => BundleName::try_new(checkout.source().clone(), text)?,
    };
    let bundles = &decided.spec.bundles;
    let placements = decided.spec.placements.values();
    let mut named = placements.flat_map(|document| &document.spec.bundles);
    if bundles.contains_key(&name) || named.any(|reference| reference.name == name) {
        return Ok(name);
    }
    let broken = decided.broken_words();
    let known: Vec<&str> = bundles.keys().map(BundleName::name).collect();
    match nearest(name.name(), &known) {
        Some(near) => Err(anyhow!(
            "no bundle `{text}` is declared (did you mean `{near}`?){broken}"
        )),
        None => Err(anyhow!("no bundle `{text}` is declared{broken}")),
    }
}

pub(super) async fn run(target: &Target, args: Explain) -> Outcome {
    let Explain {
        cluster,
        bundle,
        output,
        files: _,
    } = args;
    let mut client = connect::query(connect::connect(target).await?);
    let request = wire::ExplainRequest {
        cluster: cluster.to_string(),
        bundle,
    };
    let answer = client
        .explain(request)
        .await
        .map_err(|status| refusal(&status))?
        .into_inner();
    match output {
        Format::Json | Format::Yaml => value(&answer, output)?,
        Format::Table | Format::Wide => {
            let lines: Vec<String> = answer.text.lines().map(colour).collect();
            print(&lines)?;
        }
    }
    // Asked as a question, `no` is an answer that a script can branch upon.
    if answer.placed {
        Ok(())
    } else {
        Err(Failure::Said(super::FAILED))
    }
}
