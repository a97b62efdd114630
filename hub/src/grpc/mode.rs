//! What people are told of a cluster's mode: what is declared, and what its spoke confirmed by accepting a snapshot that
//! says it.

use std::collections::BTreeMap;

use capstan_hub_core::spec;
use capstan_proto::{ClusterName, policy, wire};

use crate::engine::picture::{ClusterView, Picture};

/// The mode of a declared cluster.
pub(super) fn declared(picture: &Picture, name: &ClusterName) -> Option<spec::Mode> {
    let members = &picture.decisions.spec().members;
    members.get(name).map(|member| member.mode)
}

/// The mode that a cluster's spoke keeps to.
pub(super) fn confirmed(view: &ClusterView) -> Option<spec::Mode> {
    view.mode.map(|mode| match mode {
        policy::Mode::Enforce => spec::Mode::Enforce,
        policy::Mode::Observe => spec::Mode::Observe,
        policy::Mode::Paused => spec::Mode::Paused,
        policy::Mode::Release => spec::Mode::Release,
    })
}

/// How many spokes keep to each mode.
pub(super) fn counts(picture: &Picture) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for mode in picture.clusters.values().filter_map(confirmed) {
        *counts.entry(mode.as_str().to_owned()).or_default() += 1;
    }
    counts
}

/// A mode other than `Enforce`, and what it means.
pub(super) fn flag(
    declared: Option<spec::Mode>,
    confirmed: Option<spec::Mode>,
) -> Option<wire::Flag> {
    let flag = |word: spec::Mode, message: String| wire::Flag {
        name: word.as_str().to_owned(),
        message,
    };
    match (declared?, confirmed) {
        (spec::Mode::Enforce, None | Some(spec::Mode::Enforce)) => None,
        (spec::Mode::Enforce, Some(other)) => {
            let words = words(other);
            Some(flag(
                other,
                format!("{words}, until its spoke confirms Enforce"),
            ))
        }
        (mode, Some(same)) if same == mode => Some(flag(mode, words(mode).to_owned())),
        (mode, Some(other)) => {
            let (words, other) = (words(mode), other.as_str());
            let message =
                format!("{words}, once its spoke confirms it; until then it keeps to {other}");
            Some(flag(mode, message))
        }
        (mode, None) => {
            let words = words(mode);
            Some(flag(
                mode,
                format!("{words}; its spoke confirmed no mode yet"),
            ))
        }
    }
}

/// What is to be said of it below an explanation.
pub(super) fn sentence(declared: Option<spec::Mode>, view: &ClusterView) -> Option<String> {
    let declared = declared?;
    match confirmed(view) {
        Some(spec::Mode::Enforce) | None if declared == spec::Mode::Enforce => None,
        Some(mode) => Some(format!("its spoke confirmed the mode {}", mode.as_str())),
        None => Some("its spoke confirmed no mode yet".to_owned()),
    }
}

const fn words(mode: spec::Mode) -> &'static str {
    match mode {
        spec::Mode::Enforce => "changes are applied",
        spec::Mode::Observe => "nothing is applied; what would be is reported",
        spec::Mode::Paused => "nothing is changed; drift is reported",
        spec::Mode::Release => "everything stays, without our marks",
    }
}
