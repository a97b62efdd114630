//! What a test sees of a world: requests in words, and what the agent reported and stored.

use capstan_proto::drift::Drift;
use capstan_proto::state::BundleState;

use super::{World, name};
use crate::effect::Request;
use crate::inventory::{self, Rows};

impl World {
    /// The applies since the last question, as `Kind/name` with `!` for force and `?` for a dry run.
    pub(in crate::agent::tests) fn applies(&mut self) -> Vec<String> {
        let requests = std::mem::take(&mut self.requests);
        let apply = |request: &Request| match request {
            Request::Apply {
                key,
                manager,
                force,
                dry_run,
                ..
            } => {
                let by = if *manager == "capstan" {
                    String::new()
                } else {
                    format!("{manager}:")
                };
                let mark = if *dry_run {
                    "?"
                } else if *force {
                    "!"
                } else {
                    ""
                };
                Some(format!("{by}{}/{}{mark}", key.kind, key.name))
            }
            _ => None,
        };
        requests.iter().filter_map(apply).collect()
    }

    /// Every request since the last question, in words.
    pub(in crate::agent::tests) fn calls(&mut self) -> Vec<String> {
        let requests = std::mem::take(&mut self.requests);
        let words = |request: &Request| {
            let key = request.key();
            let verb = match request {
                Request::Apply { dry_run: true, .. } => "dry-run",
                Request::Apply { force: true, .. } => "force",
                Request::Apply { .. } => "apply",
                Request::Get { .. } => "get",
                Request::Delete { .. } => "delete",
                Request::Patch { .. } => "patch",
            };
            format!("{verb} {}/{}", key.kind, key.name)
        };
        requests.iter().map(words).collect()
    }

    pub(in crate::agent::tests) fn state(&self, bundle: &str) -> &BundleState {
        &self.states[&name(bundle)]
    }

    /// Sync and health of a bundle, as they were reported.
    pub(in crate::agent::tests) fn words(&self, bundle: &str) -> String {
        let state = self.state(bundle);
        format!("{} {}", state.sync, state.health)
    }

    pub(in crate::agent::tests) fn drift(&self, bundle: &str) -> &Drift {
        &self.state(bundle).drifts[0]
    }

    pub(in crate::agent::tests) fn rows(&self, bundle: &str) -> Rows {
        let bytes = self.disk.inventory.get(&name(bundle));
        bytes
            .map(|bytes| inventory::from_bytes(bytes).unwrap())
            .unwrap_or_default()
    }
}
