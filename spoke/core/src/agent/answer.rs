//! What the answers of the API server lead to.

mod adopt;
mod applied;
mod namespace;
mod read;

pub(super) use adopt::without_marks;
pub(super) use applied::{baseline, remember_owners, watched};
pub(super) use namespace::Hindrance;

use capstan_proto::{BundleName, ObjectKey};
use serde_json::Value;

use super::Agent;
use super::object::Held;
use super::prune::leaving;
use crate::effect::Ticket;
use crate::live::Observed;
use crate::outcome::Outcome;
use crate::refusal::{self, Finding, Refusal};

/// HTTP status and body of a success, or what else it means.
pub(super) type Answer = Result<(u16, Value), Finding>;

/// A call that was not answered yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    /// About an object.
    Object {
        key: ObjectKey,
        purpose: Purpose,
        reads: bool,
    },
    /// About a namespace that a bundle asked for.
    Namespace(String),
    /// Whether that namespace is there, which the agent may not make.
    NamespaceLook { name: String, refused: Finding },
}

/// Why an object was called for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose {
    /// Apply, where nothing should be yet.
    Create,
    /// Apply, over what we applied before.
    Update,
    /// The same with force: every field in the way was ours.
    Retake,
    /// Forced apply of an unchanged declaration, over the given live object where it was read.
    Heal(Option<Box<Observed>>),
    /// Read before a heal or a preview, to say what was there.
    Look,
    /// Forced dry run, over the given live object.
    Preview(Box<Observed>),
    /// Read, because something said that the object may be gone or changed.
    Question,
    /// Read, to know what applying it would do.
    Study,
    /// Forced dry run for the same, over the given live object where there is one.
    Differ(Option<Box<Observed>>),
    /// Read, to know who owns what.
    Owners,
    /// Give what is ignored to a manager that nobody is; then update, or heal over the given live object.
    ReleaseIgnored(Option<Box<Observed>>),
    /// Take from that manager what is not left to it any more.
    TrimReleased,
    /// Give up what was merged into a foreign object, then follow the bundle's policy.
    GiveBack,
    /// Forced dry run over a foreign object, given as it is.
    Compare(Box<Value>),
    /// Apply over a foreign object that is taken over.
    Adopt,
    /// Read an object that is let go.
    LetGo,
    /// Take our marks off it.
    Release,
    /// Delete.
    Delete,
    /// Remove an invented entry.
    CleanUp,
}

impl Agent {
    pub(super) fn on_answered(&mut self, ticket: Ticket, outcome: Outcome) {
        match self.calls.remove(&ticket) {
            None => {}
            Some(Pending::Namespace(name)) => {
                self.work.writes -= 1;
                self.on_namespace(&name, outcome);
            }
            Some(Pending::NamespaceLook { name, refused }) => {
                self.work.reads -= 1;
                self.on_namespace_looked(&name, refused, outcome);
            }
            Some(Pending::Object {
                key,
                purpose,
                reads,
            }) => {
                if reads {
                    self.work.reads -= 1;
                } else {
                    self.work.writes -= 1;
                }
                if let Some(object) = self.objects.get_mut(&key) {
                    object.call = None;
                    let result = refusal::judge(&key, outcome);
                    self.on_answer(&key, purpose, result);
                    self.let_go_of_held(&key);
                    self.conclude(&key);
                    self.forget_if_done(&key);
                }
            }
        }
    }

    fn on_answer(&mut self, key: &ObjectKey, purpose: Purpose, result: Answer) {
        match purpose {
            Purpose::Create => self.on_created(key, result),
            Purpose::Update | Purpose::Retake => self.on_updated(key, purpose, result),
            Purpose::Heal(live) => self.on_healed(key, live, result),
            Purpose::Look => self.on_looked(key, result),
            Purpose::Preview(live) => self.on_previewed(key, &live, result),
            Purpose::Question => self.on_question(key, result),
            Purpose::Study => self.on_studied(key, result),
            Purpose::Differ(live) => self.on_differed(key, live.as_deref(), result),
            Purpose::Owners => self.on_owners(key, result),
            Purpose::ReleaseIgnored(heal) => self.on_released_ignored(key, heal, result),
            Purpose::GiveBack => self.on_given_back(key, result),
            Purpose::Compare(live) => self.on_compared(key, &live, result),
            Purpose::Adopt => self.on_adopted(key, result),
            Purpose::LetGo => self.on_let_go(key, result),
            Purpose::Release => self.on_released(key, result),
            Purpose::Delete => self.on_deleted(key, result),
            Purpose::CleanUp | Purpose::TrimReleased => self.on_tidied(key, result),
        }
    }

    /// What came while the call was under way is looked at now (K15).
    fn let_go_of_held(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        if object.call.is_some() {
            return;
        }
        match object.held.take() {
            Some(Held::Observed(seen, source)) => self.on_observed(*seen, source),
            Some(Held::Vanished) => {
                self.work.questions.insert(key.clone());
            }
            None => {}
        }
    }

    /// An object that is neither wanted nor owned is not followed any more.
    pub(super) fn forget_if_done(&mut self, key: &ObjectKey) {
        let done = self.objects.get(key).is_some_and(|object| {
            object.want.is_none() && object.row.is_none() && object.call.is_none()
        });
        if done {
            self.forget(key);
        }
    }

    /// Whether the held snapshot says that the object is not wanted. Where nothing is held, or its
    /// content is damaged, nobody knows: an error is never an empty answer.
    pub(super) fn is_unwanted(&self, key: &ObjectKey) -> bool {
        let wanted = self
            .objects
            .get(key)
            .is_some_and(|object| object.want.is_some());
        self.target.is_some() && !wanted && !self.skipped.contains_key(key)
    }

    /// A row leaves: its object is certainly gone, or not ours any more.
    pub(super) fn drop_row(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        object.row = None;
        object.breach = None;
        let bundle = object.bundle.clone();
        self.work.leaving.remove(&leaving(key, &bundle));
        for other in self.bundles.values_mut() {
            other.writer.leaving.remove(key);
        }
        self.inventory_changed(&bundle, false);
        self.reporter.touch(&bundle);
        self.wake_reporter();
    }

    fn forget(&mut self, key: &ObjectKey) {
        if let Some(object) = self.objects.remove(key) {
            self.watches_changed = true;
            let bundle: BundleName = object.bundle;
            self.reporter.touch(&bundle);
            self.wake_reporter();
        }
    }

    /// Whether an answer says that what was asked is not the object that was meant.
    pub(super) fn is_definite(finding: &Finding) -> bool {
        matches!(finding.refusal, Refusal::Changed | Refusal::Gone)
    }
}
