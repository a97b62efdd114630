//! The modes of a cluster, on a simulated one.

use capstan_it::{Cluster, Fleet, modes};

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_paused_released_and_observed() -> anyhow::Result<()> {
    let files = modes::files("one");
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_deref()))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::simulated("one", &directory.path().join("one")).await?;
    fleet.join("one", cluster).await?;
    modes::play(&fleet, "one").await
}
