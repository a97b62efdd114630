//! From a spoke's messages to the engine's events; what a spoke may not send is refused here.

use std::collections::BTreeMap;

use capstan_hub_core::session;
use capstan_proto::convert::{self, Malformed};
use capstan_proto::wire::from_spoke::Message;
use capstan_proto::{BundleName, ClusterName, Digest, wire};

use crate::engine::event::Said;
use crate::engine::receipt::Receipts;

/// Facts that a cluster may say of itself: versions, nodes, provider, capacity need about ten.
const FACTS_MAX: usize = 64;

/// Bytes of a fact's name or value.
const FACT_BYTES_MAX: usize = 256;

/// Features that an agent may name.
const FEATURES_MAX: usize = 256;

/// Bytes of a version, or of a UID.
const WORD_BYTES_MAX: usize = 128;

/// A Hello, taken apart.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) hello: session::Hello,
    pub(super) instance: [u8; 16],
    pub(super) cluster_uid: String,
    pub(super) facts: BTreeMap<String, String>,
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// It is malformed.
    #[error("malformed message")]
    Malformed(#[from] Malformed),
    /// It does not fit here.
    #[error("{0}")]
    Unfit(&'static str),
}

/// A spoke's first message.
pub(super) fn greeting(
    hello: wire::Hello,
    cluster: &ClusterName,
    receipts: &Receipts,
) -> Result<Greeting, Refused> {
    let accepted = hello.accepted.as_ref().map(convert::triple).transpose()?;
    let receipt = match accepted {
        Some(triple) => receipts.check(cluster, triple, &hello.receipt),
        None => session::Receipt::Absent,
    };
    if hello.features.len() > FEATURES_MAX {
        return Err(Refused::Unfit("Hello names too many features"));
    }
    let instance = hello.instance.as_slice().try_into();
    Ok(Greeting {
        instance: instance.map_err(|_| Refused::Unfit("Hello.instance must have 16 bytes"))?,
        cluster_uid: word(hello.cluster_uid)?,
        facts: facts(hello.facts.unwrap_or_default())?,
        hello: session::Hello {
            agent_version: word(hello.agent_version)?,
            protocol_min: hello.protocol_min,
            protocol_max: hello.protocol_max,
            features: hello.features.into_iter().collect(),
            accepted,
            receipt,
            states: optional_digest("states_digest", &hello.states_digest)?,
        },
    })
}

/// What a spoke says after Hello.
pub(super) fn said(message: Message) -> Result<Said, Refused> {
    Ok(match message {
        Message::Hello(_) => return Err(Refused::Unfit("Hello was said twice")),
        Message::Accept(wire::Accept { snapshot }) => {
            Said::Accept(convert::required_triple(snapshot.as_ref())?)
        }
        Message::Refuse(refuse) => {
            let refusal = convert::offer::refusal(&refuse)?;
            let detail = short(refusal.detail);
            Said::Refuse {
                snapshot: refusal.snapshot,
                reason: refusal.reason,
                detail,
            }
        }
        Message::Report(report) => report_of(&report)?,
        Message::Facts(named) => Said::Facts(facts(named)?),
        Message::Heartbeat(wire::Heartbeat {}) => Said::Heartbeat,
        Message::RefreshDone(wire::RefreshDone { done }) => Said::RefreshDone(done),
    })
}

fn report_of(report: &wire::Report) -> Result<Said, Refused> {
    let bundle = |name: &String| {
        BundleName::parse(name).map_err(|source| Malformed::Name {
            field: "gone",
            source,
        })
    };
    Ok(Said::Report {
        full: report.full,
        states: report
            .bundles
            .iter()
            .map(convert::state::from_wire)
            .collect::<Result<_, _>>()?,
        gone: report.gone.iter().map(bundle).collect::<Result<_, _>>()?,
        digest: optional_digest("states_digest", &report.states_digest)?,
    })
}

fn optional_digest(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, Malformed> {
    match bytes {
        [] => Ok(None),
        bytes => convert::digest(field, bytes).map(Some),
    }
}

fn facts(named: wire::Facts) -> Result<BTreeMap<String, String>, Refused> {
    let long = |text: &String| text.len() > FACT_BYTES_MAX;
    if named.values.len() > FACTS_MAX || named.values.iter().any(|(k, v)| long(k) || long(v)) {
        return Err(Refused::Unfit("there are too many facts, or too long ones"));
    }
    Ok(named.values.into_iter().collect())
}

fn word(text: String) -> Result<String, Refused> {
    match text.len() > WORD_BYTES_MAX {
        true => Err(Refused::Unfit("a version or UID is too long")),
        false => Ok(text),
    }
}

/// A spoke's words, bounded.
fn short(text: String) -> String {
    let end = capstan_proto::limits::MESSAGE_BYTES_MAX;
    match text.char_indices().nth(end) {
        Some((index, _)) => text[..index].to_owned(),
        None => text,
    }
}
