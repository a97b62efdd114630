//! The main scenario on simulated clusters.

use capstan_it::{Cluster, Fleet, sample, scenario};

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_applied_state_and_stays_so() -> anyhow::Result<()> {
    let names = ["dev", "prod"];
    let mut files = scenario::files();
    for name in names {
        files.push((
            format!("clusters/{name}.yaml"),
            Some(sample::cluster(name, name)),
        ));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_deref()))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    let directory = tempfile::tempdir()?;
    for name in names {
        let cluster = Cluster::simulated(name, &directory.path().join(name)).await?;
        fleet.join(name, cluster).await?;
    }
    scenario::play(&mut fleet, &names).await
}
