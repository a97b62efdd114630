//! Reading flags.

use expect_test::{Expect, expect};

use super::{RawBootstrap, RawExtent, RawRun, parse_duration};
use crate::bootstrap::{AgentRuns, Extent};
use crate::kube::Access;

fn good() -> RawBootstrap {
    RawBootstrap {
        hub: Some("hub.example:7443".to_owned()),
        token: Some("id.secret".to_owned()),
        ca_pin: Some(format!("sha256:{}", "ab".repeat(32))),
        access: Access::default(),
        namespace: "capstan-system".to_owned(),
        rights: None,
        image: Some("spoke:1".to_owned()),
        extent: RawExtent::default(),
        outside: false,
        timeout: "5m".to_owned(),
    }
}

fn check(raw: RawBootstrap, mistakes: &Expect) {
    let found = raw.check().expect_err("there are mistakes");
    let found: Vec<_> = found.iter().collect();
    mistakes.assert_eq(&found.join("\n"));
}

#[test]
fn good_flags_make_an_order() {
    let order = good().check().expect("good flags");
    assert_eq!(order.extent, Extent::InstallAndWait);
    assert_eq!(order.timeout.as_secs(), 300);
    assert_eq!(
        order.asked.agent,
        Some(AgentRuns::Inside {
            image: "spoke:1".to_owned()
        })
    );
}

#[test]
fn every_mistake_is_told_at_once_and_the_token_is_not_repeated() {
    let raw = RawBootstrap {
        hub: Some("https://hub.example".to_owned()),
        token: Some("onlysecret".to_owned()),
        ca_pin: None,
        namespace: "Not_A_Name".to_owned(),
        rights: Some("all".to_owned()),
        extent: RawExtent {
            print: true,
            dry_run: true,
            no_wait: false,
        },
        timeout: "soon".to_owned(),
        ..good()
    };
    check(
        raw,
        &expect![[r#"
            --hub: `https://hub.example` is no HOST:PORT, such as hub.example:7443 or [2001:db8::1]:7443
            --ca-pin is missing; `hub token create` prints it
            --token: it must have the form ID.SECRET, as `hub token create` printed it
            --namespace: `Not_A_Name` must consist of a-z, 0-9 and -, and start and end with a letter or digit
            --rights: `all` is neither namespaced nor platform
            --timeout: `soon` is no time, such as 90, 90s or 5m
            --print and --dry-run: use one of them"#]],
    );
}

#[test]
fn mistakes_of_run_are_told_at_once() {
    let raw = RawRun {
        access: Access {
            kubeconfig: None,
            context: Some("edge".to_owned()),
        },
        namespace: String::new(),
        http: Some("7481".to_owned()),
        log_format: "xml".to_owned(),
    };
    let found = raw.check().expect_err("there are mistakes");
    assert_eq!(found.iter().count(), 4);
}

#[test]
fn times_are_read_with_and_without_a_unit() {
    let seconds = |text| parse_duration(text).map(|time| time.as_secs());
    assert_eq!(seconds("90"), Ok(90));
    assert_eq!(seconds("90s"), Ok(90));
    assert_eq!(seconds("2m"), Ok(120));
    assert_eq!(seconds("1h"), Ok(3600));
    for wrong in ["", "m", "-1", "1.5m", "2 m", "99999999999999999999h"] {
        assert!(seconds(wrong).is_err(), "{wrong}");
    }
}
