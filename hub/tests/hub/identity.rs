//! Tokens, certificates, bans: who may talk, and how it ends.

use capstan_proto::wire;

use crate::support::{Heard, Identity, Spoke, World, cluster, config_map, everywhere};

async fn world() -> World {
    World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await
}

fn ban(reason: &str) -> wire::BanRequest {
    wire::BanRequest {
        cluster: "one".to_owned(),
        reason: reason.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_closes_a_live_stream_within_a_second() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, hub).await;
    spoke.takes_offer().await;
    world.admin().await.ban(ban("lost")).await.unwrap();
    let banned = tokio::time::Instant::now();
    assert_eq!(spoke.hear().await, Heard::Close(wire::CloseReason::Banned));
    assert_eq!(spoke.hear().await, Heard::End);
    assert!(banned.elapsed() < std::time::Duration::from_secs(1));
    let banned = |cluster: &wire::Cluster| {
        let shown = |flag: &wire::Flag| flag.message.contains("it is banned: lost");
        cluster.connection == "Banned" && cluster.flags.iter().any(shown)
    };
    world.cluster("one", banned).await;
    let again = world.admin().await.ban(ban("other")).await.unwrap();
    let said = again.into_inner().what;
    assert!(
        said.contains("was banned already") && said.contains("stays: lost"),
        "{said}"
    );
    world.cluster("one", banned).await;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert_eq!(spoke.hear().await, Heard::Close(wire::CloseReason::Banned));
    let unban = wire::UnbanRequest {
        cluster: "one".to_owned(),
        reason: "found".to_owned(),
    };
    world.admin().await.unban(unban).await.unwrap();
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert!(matches!(spoke.hear().await, Heard::InSync(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_without_a_reason_changes_nothing_and_both_are_in_the_audit_log() {
    let world = world().await;
    world.enrol("one").await;
    let refused = world.admin().await.ban(ban("")).await.unwrap_err();
    assert!(refused.message().contains("--reason"), "{refused:?}");
    world.admin().await.ban(ban("lost")).await.unwrap();
    let log = std::fs::read_to_string(world.data().join("audit.log")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let bans: Vec<_> = lines.iter().filter(|line| line["call"] == "Ban").collect();
    let outcome = |line: &serde_json::Value| line["outcome"].as_str().unwrap().to_owned();
    let outcomes: Vec<String> = bans.iter().map(|line| outcome(line)).collect();
    assert_eq!(
        [&outcomes[0], &outcomes[2], &outcomes[3]],
        ["asked", "asked", "done"]
    );
    assert!(outcomes[1].starts_with("refused"));
    assert_eq!(bans.len(), 4);
    assert_eq!(bans[3]["reason"], "lost");
    assert!(bans[3]["who"].as_str().unwrap().starts_with("uid "));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_done() {
    let mut world = world().await;
    let hub = world.server().addresses().spokes;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, hub).await;
    spoke.takes_offer().await;
    world.stop().await;
    let log = world.data().join("audit.log");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    world.start().await;
    let refused = world.admin().await.ban(ban("lost")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert!(refused.message().contains("audit log"), "{refused:?}");
    let request = wire::CreateTokenRequest {
        cluster: "two".to_owned(),
        ..wire::CreateTokenRequest::default()
    };
    let refused = world.admin().await.create_token(request).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Unavailable);
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert!(matches!(spoke.hear().await, Heard::InSync(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_session_wins() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let identity = world.enrol("one").await;
    let mut old = Spoke::connect(&identity, hub).await;
    old.takes_offer().await;
    let mut new = Spoke::connect(&identity, hub).await;
    new.takes_offer().await;
    assert_eq!(old.hear().await, Heard::Close(wire::CloseReason::Replaced));
    world
        .cluster("one", |cluster| cluster.connection == "Connected")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_retires_the_one_before() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let before = world.enrol("one").await;
    let mut old = Spoke::connect(&before, hub).await;
    old.takes_offer().await;
    let after = before.renewed(hub).await;
    let mut new = Spoke::connect(&after, hub).await;
    new.takes_offer().await;
    assert_eq!(old.hear().await, Heard::Close(wire::CloseReason::Retired));
    let mut old = Spoke::connect(&before, hub).await;
    assert_eq!(old.hear().await, Heard::Close(wire::CloseReason::Retired));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_takes_a_name_only_with_replace() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let before = world.enrol("one").await;
    let asked = |re_enrol, replace| wire::CreateTokenRequest {
        cluster: "one".to_owned(),
        re_enrol,
        replace,
        ..wire::CreateTokenRequest::default()
    };
    let mut admin = world.admin().await;
    let refused = admin.create_token(asked(false, false)).await.unwrap_err();
    assert!(refused.message().contains("--replace"), "{refused:?}");
    let refused = admin.create_token(asked(true, true)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let token = admin.create_token(asked(true, false)).await.unwrap();
    let token = token.into_inner().token;
    let refused = Identity::enrol(hub, &world.data(), &token).await;
    assert!(refused.unwrap_err().message().contains("--replace"));
    let token = admin.create_token(asked(false, true)).await.unwrap();
    let token = token.into_inner().token;
    let after = Identity::enrol(hub, &world.data(), &token).await.unwrap();
    let mut new = Spoke::connect(&after, hub).await;
    new.takes_offer().await;
    let mut old = Spoke::connect(&before, hub).await;
    let heard = old.hear().await;
    assert!(matches!(heard, Heard::Close(_)), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_is_refused_in_words() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let token = world.token("one").await;
    Identity::enrol(hub, &world.data(), &token).await.unwrap();
    let refused = Identity::enrol(hub, &world.data(), &token)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert!(
        refused.message().contains("hub token create"),
        "{}",
        refused.message()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_with_one_identity_are_quarantined_until_it_enrols_anew() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, hub).await;
    spoke.takes_offer().await;
    let mut cache = spoke.disconnect();
    for process in [8, 7, 8] {
        let mut spoke = Spoke::named(&identity, hub, cache, process).await;
        let heard = spoke.hear().await;
        let quarantined = matches!(heard, Heard::Close(wire::CloseReason::Quarantined));
        assert!(
            quarantined || matches!(heard, Heard::InSync(_)),
            "{heard:?}"
        );
        cache = spoke.disconnect();
    }
    let cluster = world
        .cluster("one", |cluster| cluster.connection == "Quarantined")
        .await;
    assert!(
        cluster
            .connection_reason
            .contains("hub token create one --re-enrol")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_tokens_too_often_from_one_address_is_told_to_wait() {
    let world = world().await;
    let hub = world.server().addresses().spokes;
    let token = world.token("one").await;
    // Without waiting between them, so that no place is earned meanwhile.
    let data = world.data();
    let tries = (0..60).map(|_| Identity::enrol(hub, &data, "no-such.token"));
    let mut codes = std::collections::BTreeMap::new();
    for answer in futures::future::join_all(tries).await {
        let refused = answer.unwrap_err();
        *codes.entry(refused.code() as i32).or_insert(0) += 1;
        if refused.code() == tonic::Code::ResourceExhausted {
            assert!(refused.message().contains("try again"), "{refused:?}");
        }
    }
    let busy = codes.remove(&(tonic::Code::ResourceExhausted as i32));
    assert!(busy.is_some_and(|busy| busy >= 20), "{busy:?} {codes:?}");
    // The others were answered, and the token of somebody else is as good as before.
    assert_eq!(codes.len(), 1, "{codes:?}");
    let identity = loop {
        match Identity::enrol(hub, &data, &token).await {
            Ok(identity) => break identity,
            Err(refused) => assert_eq!(refused.code(), tonic::Code::ResourceExhausted),
        }
    };
    let mut spoke = Spoke::connect(&identity, hub).await;
    spoke.takes_offer().await;
}
