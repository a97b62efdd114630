//! The main scenario on a real kube-apiserver. Without one it passes, and says loudly that it
//! proved nothing; `tests/run` repeats that at its end.

use capstan_it::{Cluster, Fleet, apiserver, modes, sample, scenario};

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-e2e-part");

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_applied_state_on_real_servers() -> anyhow::Result<()> {
    let Some(assets) = apiserver::assets() else {
        println!(
            "SKIPPED: {} names no kube-apiserver and etcd",
            apiserver::VARIABLE
        );
        return Ok(());
    };
    let names = ["one", "two"];
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
    for name in names {
        fleet.join(name, Cluster::real(&assets).await?).await?;
    }
    scenario::play(&mut fleet, &names).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_is_paused_released_and_observed() -> anyhow::Result<()> {
    let Some(assets) = apiserver::assets() else {
        println!(
            "SKIPPED: {} names no kube-apiserver and etcd",
            apiserver::VARIABLE
        );
        return Ok(());
    };
    let files = modes::files("one");
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_deref()))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    fleet.join("one", Cluster::real(&assets).await?).await?;
    modes::play(&fleet, "one").await
}
