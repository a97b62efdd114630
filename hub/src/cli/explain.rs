//! `hub explain`: the recorded reasons, and nothing else.

use capstan_proto::wire;

use super::args::{Explain, Format, Target};
use super::connect::{self, refusal};
use super::output::{print, value};
use super::table::colour;
use super::{Failure, Outcome};

pub(super) async fn run(target: &Target, args: Explain) -> Outcome {
    let Explain {
        cluster,
        bundle,
        output,
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
