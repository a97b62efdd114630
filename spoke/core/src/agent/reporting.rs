//! What is reported, and when: only what changed, a tenth of a second after the first change.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::policy::Mode;
use capstan_proto::state::{BundleState, states_digest};
use capstan_proto::{BundleName, Digest, Moment};

use super::Agent;
use super::bundle::Wait;
use super::timer::Timer;
use crate::effect::{Report, ToHub};
use crate::limits::REPORT_BATCH_MS;
use crate::report::{self, Line, Reason, Summary};

/// What the hub was told.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    sent: BTreeMap<BundleName, BundleState>,
    touched: BTreeSet<BundleName>,
    due: Option<Moment>,
    /// Nothing was sent yet, or the hub asked for everything.
    full: bool,
    ever: bool,
}

impl Reporter {
    pub(super) fn touch(&mut self, bundle: &BundleName) {
        if !self.touched.contains(bundle) {
            self.touched.insert(bundle.clone());
        }
    }

    /// Over what was sent last.
    pub(super) fn states_digest(&self) -> Option<Digest> {
        self.ever.then(|| states_digest(self.sent.values()))
    }

    /// The hub does not have what was sent.
    pub(super) fn forget(&mut self) {
        self.touched.extend(self.sent.keys().cloned());
        self.full = true;
    }
}

impl Agent {
    pub(super) fn touch_all_reports(&mut self) {
        let names: Vec<_> = self.bundles.keys().cloned().collect();
        for name in names {
            self.reporter.touch(&name);
        }
        self.wake_reporter();
    }

    /// Something is to be told: the batch is sent a little later, whatever else is added to it.
    pub(super) fn wake_reporter(&mut self) {
        if self.link.connected && self.reporter.due.is_none() && !self.reporter.touched.is_empty() {
            let at = self.now.plus_ms(REPORT_BATCH_MS);
            self.reporter.due = Some(at);
            self.timers.set(at, Timer::Report);
        }
    }

    /// Sends what changed since the last report.
    pub(super) fn report(&mut self) {
        self.reporter.due = None;
        let nothing_to_say = self.target.is_none() && !self.reporter.full;
        if !self.link.connected || nothing_to_say {
            return;
        }
        let full = self.reporter.full || !self.reporter.ever;
        let touched = match full {
            true => self.bundles.keys().cloned().collect(),
            false => std::mem::take(&mut self.reporter.touched),
        };
        self.reporter.touched.clear();
        if full {
            self.reporter.sent.clear();
        }
        let mut changed = Vec::new();
        let mut gone = BTreeSet::new();
        for name in touched {
            match self.bundle_state(&name) {
                Some(state) => {
                    let known = self.reporter.sent.get(&name);
                    if !known.is_some_and(|known| known.says_the_same(&state)) {
                        changed.push(state);
                    }
                }
                None => {
                    if self.reporter.sent.remove(&name).is_some() {
                        gone.insert(name);
                    }
                }
            }
        }
        if changed.is_empty() && gone.is_empty() && !full {
            return;
        }
        self.reporter.full = false;
        self.reporter.ever = true;
        self.send_in_batches(full, changed, gone);
    }

    /// A report has a largest size: what does not fit follows as a change.
    fn send_in_batches(
        &mut self,
        full: bool,
        changed: Vec<BundleState>,
        gone: BTreeSet<BundleName>,
    ) {
        let mut full = full;
        let mut gone = gone;
        for batch in report::batches(changed) {
            for state in &batch {
                self.reporter
                    .sent
                    .insert(state.bundle.clone(), state.clone());
            }
            self.send(ToHub::Report(Report {
                full,
                bundles: batch,
                gone: std::mem::take(&mut gone),
                states_digest: states_digest(self.reporter.sent.values()),
            }));
            full = false;
        }
    }

    /// What is said of a bundle now; `None` where it is neither wanted nor here.
    fn bundle_state(&self, name: &BundleName) -> Option<BundleState> {
        let target = self.target.as_ref()?;
        let bundle = self.bundles.get(name)?;
        let lines: Vec<_> = self
            .objects
            .iter()
            .filter(|(_, object)| object.bundle == *name)
            .map(|(key, object)| Line {
                key,
                wanted: object.want.is_some(),
                sync: object.state.sync,
                health: object.verdict.health,
                sync_reason: Reason {
                    word: &object.state.reason,
                    sentence: &object.state.message,
                },
                health_reason: Reason {
                    word: &object.verdict.reason,
                    sentence: &object.verdict.message,
                },
                drift: object.drift.as_deref(),
            })
            .collect();
        if lines.is_empty() && bundle.policy.is_none() && !self.is_damaged(name) {
            return None;
        }
        let wait = bundle.wait.as_ref().map(|wait| self.wait_words(wait));
        let mut state = report::assemble(Summary {
            bundle: name.clone(),
            snapshot: target.triple(),
            lines,
            damaged: self.skipped.values().filter(|owner| *owner == name).count(),
            wait: wait.flatten(),
            upgrade: self.link.upgrade.iter().cloned().collect(),
            now: self.now,
        });
        if let Some((reason, message)) = self.observed_words(name) {
            state.reason = reason.to_owned();
            state.message = message;
        }
        Some(state)
    }

    fn is_damaged(&self, name: &BundleName) -> bool {
        self.skipped.values().any(|owner| owner == name)
    }

    fn wait_words(&self, wait: &Wait) -> Option<report::Wait> {
        let words = |sync, word: &'static str, sentence| {
            Some(report::Wait {
                sync,
                word,
                sentence,
            })
        };
        use capstan_proto::Sync;
        match wait {
            Wait::Durable => None,
            Wait::Dependency(name) => words(
                Sync::WaitingForDependency,
                "WaitingForDependency",
                format!("bundle {name} is not Healthy yet at what this snapshot names"),
            ),
            Wait::Wave(what) => words(
                Sync::Applying,
                "WaitingForWave",
                format!("waits for {what} to be Healthy"),
            ),
            Wait::Namespace(name) => {
                let hindrance = self.namespaces.get(name).map(|helper| &helper.hindrance);
                let sentence = match hindrance.map_or("", |hindrance| hindrance.message.as_str()) {
                    "" => format!("namespace {name} is being made"),
                    message => message.to_owned(),
                };
                match hindrance.is_some_and(|hindrance| hindrance.forbidden) {
                    true => words(Sync::Failed, "Forbidden", sentence),
                    false => words(Sync::Applying, "WaitingForNamespace", sentence),
                }
            }
            Wait::Restrained(Mode::Paused) => words(
                Sync::Held,
                "Paused",
                "the cluster is paused: nothing is changed".to_owned(),
            ),
            // Each object says it for itself.
            Wait::Restrained(_) => None,
            Wait::Frozen => words(
                Sync::Held,
                "Frozen",
                "the cluster's administrator froze it".to_owned(),
            ),
        }
    }
}
