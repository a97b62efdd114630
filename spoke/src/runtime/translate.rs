//! Between the core's words and the wire: what the core says is completed with what only the process knows.

use std::collections::BTreeMap;

use capstan_proto::convert::{self, Malformed};
use capstan_proto::{Digest, feature, wire};
use capstan_spoke_core::ToHub;
use capstan_spoke_core::effect::{Hello, Report};
use capstan_spoke_core::event::FromHub;

use crate::link::Inbound;

/// What a process says of itself in Hello.
#[derive(Clone, Debug)]
pub(super) struct Myself {
    /// Random, made anew by every process.
    pub(super) instance: [u8; 16],
    /// UID of `kube-system`.
    pub(super) cluster_uid: String,
    /// Digest of the CA bundle that we trust.
    pub(super) ca_bundle: Digest,
    /// What the cluster says of itself.
    pub(super) facts: BTreeMap<String, String>,
}

/// A message of the core, to the wire.
pub(super) fn to_wire(message: ToHub, myself: &Myself) -> wire::from_spoke::Message {
    use wire::from_spoke::Message;
    match message {
        ToHub::Hello(hello) => Message::Hello(hello_to_wire(hello, myself)),
        ToHub::Accept(triple) => Message::Accept(wire::Accept {
            snapshot: Some(convert::triple_to_wire(triple)),
        }),
        ToHub::Refuse(refusal) => Message::Refuse(convert::offer::refusal_to_wire(&refusal)),
        ToHub::Report(report) => Message::Report(report_to_wire(&report)),
        ToHub::RefreshDone(done) => Message::RefreshDone(wire::RefreshDone { done }),
    }
}

fn hello_to_wire(hello: Hello, myself: &Myself) -> wire::Hello {
    let Hello {
        accepted,
        receipt,
        states_digest,
    } = hello;
    wire::Hello {
        agent_version: crate::VERSION.to_owned(),
        protocol_min: feature::PROTOCOL_OLDEST,
        protocol_max: feature::PROTOCOL,
        features: feature::KNOWN
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        instance: myself.instance.to_vec(),
        cluster_uid: myself.cluster_uid.clone(),
        ca_bundle_digest: myself.ca_bundle.as_bytes().to_vec(),
        facts: Some(wire::Facts {
            values: myself.facts.clone().into_iter().collect(),
        }),
        accepted: accepted.map(convert::triple_to_wire),
        receipt,
        states_digest: states_digest.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec()),
    }
}

fn report_to_wire(report: &Report) -> wire::Report {
    wire::Report {
        full: report.full,
        bundles: report.bundles.iter().map(convert::state::to_wire).collect(),
        gone: report.gone.iter().map(ToString::to_string).collect(),
        states_digest: report.states_digest.as_bytes().to_vec(),
    }
}

/// A message of the hub, for the core; `None` for what concerns only the session.
///
/// # Errors
/// When it is malformed: then the hub breaks the protocol.
pub(super) fn from_wire(message: Inbound) -> Result<Option<FromHub>, Malformed> {
    Ok(Some(match message {
        Inbound::OfferPiece(piece) => FromHub::Piece(Box::new(convert::offer::piece(&piece)?)),
        Inbound::InSync(in_sync) => FromHub::InSync {
            snapshot: convert::required_triple(in_sync.snapshot.as_ref())?,
            receipt: in_sync.receipt,
        },
        Inbound::Receipt(receipt) => FromHub::Receipt {
            snapshot: convert::required_triple(receipt.snapshot.as_ref())?,
            mac: receipt.mac,
        },
        Inbound::PrunePermit(permit) => {
            FromHub::PrunePermit(convert::required_triple(permit.snapshot.as_ref())?)
        }
        Inbound::NoOpinion(no_opinion) => FromHub::NoOpinion {
            reason: no_opinion.reason,
        },
        Inbound::UpgradeNeeded(upgrade) => FromHub::UpgradeNeeded {
            features: upgrade.features.into_iter().collect(),
        },
        Inbound::RefreshWanted(refresh) => FromHub::RefreshWanted(refresh.wanted),
        Inbound::ReportWanted(_) => FromHub::ReportWanted,
        Inbound::Heartbeat(_) | Inbound::Close(_) => return Ok(None),
    }))
}
