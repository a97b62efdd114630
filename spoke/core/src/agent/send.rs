//! How calls are made: the one place that builds requests.

use std::sync::Arc;

use capstan_proto::ObjectKey;
use serde_json::{Value, json};

use super::Agent;
use super::answer::{Pending, Purpose};
use super::object::Broken;
use crate::effect::{Effect, MANAGER, NAMESPACE_MANAGER, RELEASED_MANAGER, Request, Ticket};
use crate::inventory::{Origin, Row};
use crate::kind::Kind;
use crate::live::Observed;
use crate::managed_fields::{self, BEFORE_FIRST_APPLY};
use crate::ownership;
use crate::plan::{self, Unfit};
use crate::refusal::{Finding, Refusal};

/// How an apply is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) force: bool,
    pub(super) dry_run: bool,
}

impl Mode {
    pub(super) const PLAIN: Self = Self {
        force: false,
        dry_run: false,
    };
    pub(super) const FORCE: Self = Self {
        force: true,
        dry_run: false,
    };
    pub(super) const DRY: Self = Self {
        force: true,
        dry_run: true,
    };
}

impl Agent {
    /// Begins to bring an object to its declaration.
    pub(super) fn start(&mut self, key: &ObjectKey) {
        self.settle_identity(key);
        let Some(object) = self.objects.get(key) else {
            return;
        };
        let rules = object.want.as_ref().and_then(|want| want.rules.as_ref());
        let secret = Kind::of(key).is_secret();
        let asks = rules.is_some_and(|rules| {
            let gives = |owners: &Arc<[_]>| !secret && !rules.only_ours(owners).is_empty();
            rules.needs_owners() && object.owners.as_ref().is_none_or(gives)
        });
        match object.uid() {
            None if object.resolve => self.get(key, Purpose::Question),
            None => self.apply(key, Mode::PLAIN, Purpose::Create),
            Some(_) if asks => self.get(key, Purpose::Owners),
            Some(_) => self.apply(key, Mode::PLAIN, Purpose::Update),
        }
    }

    /// An update of an object that is known to be gone, or recreated by others, is made for what is
    /// there now.
    fn settle_identity(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        match object.breach.as_ref().map(|breach| &breach.broken) {
            Some(Broken::Recreated(seen)) => {
                let uid = seen.uid.clone();
                self.take_foreign(key, uid);
            }
            Some(Broken::Fields(_) | Broken::Moved(_) | Broken::Deleted) | None => {}
        }
    }

    /// The object that carries our key now was made by somebody else: it is kept as declared, and
    /// never deleted.
    pub(super) fn take_foreign(&mut self, key: &ObjectKey, uid: String) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let row = object.row.get_or_insert_with(Row::default);
        row.uid = Some(uid);
        row.origin = Origin::Foreign;
        object.resolve = false;
        object.recreating = false;
        let bundle = object.bundle.clone();
        self.inventory_changed(&bundle, false);
    }

    /// What is applied of an object: its declaration with our marks, without what is ignored, and with
    /// the UID of the only object that is meant.
    fn body(&self, key: &ObjectKey) -> Result<Value, Unfit> {
        let object = self.objects.get(key).filter(|object| object.want.is_some());
        let Some((object, want)) = object.and_then(|o| Some((o, o.want.as_ref()?))) else {
            return Ok(Value::Null);
        };
        let mut manifest = plan::manifest(&self.contents, want.digest)?;
        if let Some(rules) = &want.rules {
            let owners = object.owners.as_deref().unwrap_or_default();
            manifest = rules.effective(manifest, owners);
        }
        let manifest = ownership::stamp(manifest, &object.bundle, want.digest);
        Ok(match object.uid() {
            Some(uid) => ownership::with_uid(manifest, uid),
            None => manifest,
        })
    }

    /// What our entry is expected to cover.
    pub(super) fn expected(&self, key: &ObjectKey) -> Option<Value> {
        self.body(key).ok()
    }

    /// Applies the declaration.
    pub(super) fn apply(&mut self, key: &ObjectKey, mode: Mode, purpose: Purpose) {
        match self.body(key) {
            Ok(manifest) => self.apply_body(key, manifest, mode, purpose),
            Err(unfit) => {
                let refusal = Refusal::Later { after_ms: None };
                let finding = Finding {
                    refusal,
                    reason: "ContentLacking".to_owned(),
                    message: unfit.detail,
                };
                self.fail(key, &finding);
            }
        }
    }

    pub(super) fn apply_body(
        &mut self,
        key: &ObjectKey,
        manifest: Value,
        mode: Mode,
        purpose: Purpose,
    ) {
        let request = Request::Apply {
            key: key.clone(),
            manifest: Arc::new(manifest),
            manager: MANAGER,
            force: mode.force,
            dry_run: mode.dry_run,
        };
        self.call(key, request, purpose);
    }

    /// Gives up everything that we declared of an object.
    pub(super) fn release(&mut self, key: &ObjectKey, uid: &str, purpose: Purpose) {
        let api_version = self.api_version(key);
        let body = ownership::empty(key, &api_version, uid);
        self.apply_body(key, body, Mode::PLAIN, purpose);
    }

    /// Gives what is ignored and owned by us alone, as it is, to a manager that nobody is; the apply that
    /// follows leaves it out (K6). Whether there was something to give. A Secret is never read, so that
    /// what it says goes on being applied until somebody else owns it.
    pub(super) fn release_ignored(
        &mut self,
        key: &ObjectKey,
        live: &Observed,
        heal: Option<Box<Observed>>,
    ) -> bool {
        let object = self.objects.get(key);
        let want = object.and_then(|object| object.want.as_ref());
        let Some(rules) = want.and_then(|want| want.rules.as_ref()) else {
            return false;
        };
        let paths = rules.to_release(&managed_fields::entries(&live.body));
        if !live.full || paths.is_empty() {
            return false;
        }
        self.keep_as_released(key, live, &paths, Purpose::ReleaseIgnored(heal));
        true
    }

    /// Makes these paths, as they are, everything that the manager of released fields holds.
    pub(super) fn keep_as_released(
        &mut self,
        key: &ObjectKey,
        live: &Observed,
        paths: &[Vec<managed_fields::Step>],
        purpose: Purpose,
    ) {
        let identity = ownership::empty(key, &self.api_version(key), &live.uid);
        let manifest = ownership::joined(identity, managed_fields::excerpt(&live.body, paths));
        let request = Request::Apply {
            key: key.clone(),
            manifest: Arc::new(manifest),
            manager: RELEASED_MANAGER,
            force: false,
            dry_run: false,
        };
        self.call(key, request, purpose);
    }

    pub(super) fn get(&mut self, key: &ObjectKey, purpose: Purpose) {
        let request = Request::Get {
            key: key.clone(),
            api_version: self.api_version(key),
        };
        self.call(key, request, purpose);
    }

    /// Looks at an object because something said that it may have changed.
    pub(super) fn question(&mut self, key: &ObjectKey) {
        self.get(key, Purpose::Question);
    }

    pub(super) fn delete(&mut self, key: &ObjectKey, uid: String) {
        let request = Request::Delete {
            key: key.clone(),
            api_version: self.api_version(key),
            uid,
        };
        self.call(key, request, Purpose::Delete);
    }

    /// Removes the entry that an API server invents, before it keeps fields of ours that we drop (K12).
    pub(super) fn clean_up(&mut self, key: &ObjectKey, index: usize, resource_version: u64) {
        let at = format!("/metadata/managedFields/{index}");
        let version = resource_version.to_string();
        let patch = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "test", "path": format!("{at}/manager"), "value": BEFORE_FIRST_APPLY},
            {"op": "remove", "path": at},
        ]);
        self.patch(key, patch, Purpose::CleanUp);
    }

    /// Reads a namespace that the agent may not make.
    pub(super) fn look_at_namespace(&mut self, name: &str, refused: Finding) {
        let request = Request::Get {
            key: namespace_key(name),
            api_version: "v1".to_owned(),
        };
        let ticket = self.ticket();
        self.work.reads += 1;
        let name = name.to_owned();
        self.calls
            .insert(ticket, Pending::NamespaceLook { name, refused });
        self.out.push(Effect::Call { ticket, request });
    }

    pub(super) fn patch(&mut self, key: &ObjectKey, patch: Value, purpose: Purpose) {
        let request = Request::Patch {
            key: key.clone(),
            api_version: self.api_version(key),
            patch,
        };
        self.call(key, request, purpose);
    }

    /// Makes a namespace that a bundle asked for.
    pub(super) fn apply_namespace(&mut self, name: &str) {
        let request = Request::Apply {
            key: namespace_key(name),
            manifest: Arc::new(ownership::namespace(name)),
            manager: NAMESPACE_MANAGER,
            force: true,
            dry_run: false,
        };
        let ticket = self.ticket();
        self.work.writes += 1;
        self.calls
            .insert(ticket, Pending::Namespace(name.to_owned()));
        self.out.push(Effect::Call { ticket, request });
    }

    fn call(&mut self, key: &ObjectKey, request: Request, purpose: Purpose) {
        if !self.may_call(key, &request, &purpose) {
            self.hold_back(key);
            return;
        }
        let ticket = self.ticket();
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        object.call = Some(ticket);
        let reads = matches!(request, Request::Get { .. });
        if reads {
            self.work.reads += 1;
        } else {
            self.work.writes += 1;
        }
        let pending = Pending::Object {
            key: key.clone(),
            purpose,
            reads,
        };
        self.calls.insert(ticket, pending);
        self.out.push(Effect::Call { ticket, request });
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// The version in which an object is spoken of: as it is declared, else as it was applied.
    pub(super) fn api_version(&self, key: &ObjectKey) -> String {
        let Some(object) = self.objects.get(key) else {
            return String::new();
        };
        let declared = object.want.as_ref().map(|want| want.api_version.clone());
        let applied = object.row.as_ref().map(|row| row.api_version.clone());
        declared.or(applied).unwrap_or_default()
    }
}

pub(super) fn namespace_key(name: &str) -> ObjectKey {
    ObjectKey::new("", "Namespace", "", name)
}
