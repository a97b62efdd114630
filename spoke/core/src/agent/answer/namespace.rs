//! Answers about namespaces that bundles asked for: made, found made by somebody else, or out of our hands.

use serde_json::Value;

use super::super::Agent;
use super::super::send::namespace_key;
use super::super::timer::Timer;
use crate::backoff;
use crate::effect::Decision;
use crate::limits::NAMESPACE_RETRY_MS;
use crate::outcome::Outcome;
use crate::refusal::{self, Finding, Refusal, cut};

/// Why there is no namespace yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Hindrance {
    /// Whether the agent may not make it: then somebody else has to do something.
    pub(in super::super) forbidden: bool,
    /// In a sentence; empty where nothing was tried yet.
    pub(in super::super) message: String,
}

impl Agent {
    /// The namespace was applied, or not.
    pub(super) fn on_namespace(&mut self, name: &str, outcome: Outcome) {
        let hindrance = match refusal::judge(&namespace_key(name), outcome) {
            Ok((_, body)) if is_active(&body) => return self.namespace_ready(name),
            Ok(_) => going(name),
            Err(refused) if refused.refusal == Refusal::Forbidden => {
                // It may be there all the same, and then there is nothing to make.
                self.look_at_namespace(name, refused);
                return;
            }
            Err(finding) => Hindrance {
                forbidden: false,
                message: format!("namespace {name} cannot be made: {}", finding.message),
            },
        };
        self.namespace_hindered(name, hindrance);
    }

    /// The agent may not make it; this says whether somebody else did.
    pub(super) fn on_namespace_looked(&mut self, name: &str, refused: Finding, outcome: Outcome) {
        match refusal::judge(&namespace_key(name), outcome) {
            Ok((_, body)) if is_active(&body) => self.namespace_ready(name),
            Ok(_) => self.namespace_hindered(name, going(name)),
            Err(_) => self.namespace_hindered(name, forbidden(name, &refused)),
        }
    }

    fn namespace_ready(&mut self, name: &str) {
        if let Some(helper) = self.namespaces.get_mut(name) {
            helper.in_flight = false;
            helper.ready = true;
            helper.attempts = 0;
            helper.hindrance = Hindrance::default();
        }
    }

    fn namespace_hindered(&mut self, name: &str, hindrance: Hindrance) {
        let random = self.jitter.draw();
        let Some(helper) = self.namespaces.get_mut(name) else {
            return;
        };
        helper.in_flight = false;
        let wait = backoff::wait_ms(helper.attempts, random, None);
        let at = self.now.plus_ms(wait.min(NAMESPACE_RETRY_MS));
        helper.attempts = helper.attempts.saturating_add(1);
        helper.retry_at = Some(at);
        let news = helper.hindrance != hindrance;
        helper.hindrance = hindrance.clone();
        self.timers.set(at, Timer::Namespace(name.to_owned()));
        if news {
            if hindrance.forbidden {
                self.log(Decision::Failing {
                    object: namespace_key(name),
                    reason: "Forbidden".to_owned(),
                    message: hindrance.message,
                });
            }
            self.touch_all_reports();
        }
    }
}

fn is_active(body: &Value) -> bool {
    let phase = body.pointer("/status/phase");
    phase.is_none_or(|phase| phase == "Active")
}

fn going(name: &str) -> Hindrance {
    Hindrance {
        forbidden: false,
        message: format!("namespace {name} is being deleted, and is made anew afterwards"),
    }
}

/// What is forbidden to whom, and the two ways out.
fn forbidden(name: &str, refused: &Finding) -> Hindrance {
    let message = match whom(&refused.message) {
        Some(user) => format!(
            "namespace {name} does not exist, and {user} may not make it: run `spoke bootstrap` again with \
             `--rights platform`, or make it with `kubectl create namespace {name}`"
        ),
        // A policy or a webhook: more rights would change nothing.
        None => format!(
            "namespace {name} does not exist, and may not be made: {}",
            refused.message
        ),
    };
    Hindrance {
        forbidden: true,
        message: cut(&message),
    }
}

/// The user to whom the API server's own rules forbid it, as in `User "x" cannot patch resource ...`.
fn whom(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, rest) = rest.split_once('"')?;
    rest.starts_with(" cannot ").then_some(user)
}
