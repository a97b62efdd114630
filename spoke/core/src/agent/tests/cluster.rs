//! A small model of an API server: apply with field ownership, UIDs, versions, deletion. Lists whose
//! items all have a `name` are keyed by it; other lists are atomic.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::{Moment, ObjectKey};
use serde_json::{Map, Value, json};

use crate::effect::Request;
use crate::kind::Kind;
use crate::live::Observed;
use crate::outcome::{Outcome, Refused};

type Path = Vec<String>;

const WITHOUT_GENERATION: [&str; 8] = [
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "Namespace",
    "ClusterRole",
    "Role",
    "ResourceQuota",
];

#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) body: Value,
    uid: String,
    version: u64,
    generation: i64,
    managers: BTreeMap<(String, String), (BTreeSet<Path>, Moment)>,
    created: Moment,
    /// When a controller wrote the status.
    status_at: Option<Moment>,
    deleting: bool,
    pub(super) maker: String,
}

/// What a watch would say.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Written(ObjectKey),
    Removed(ObjectKey, String, u64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Cluster {
    pub(super) objects: BTreeMap<ObjectKey, Stored>,
    pub(super) changes: Vec<Change>,
    pub(super) now: Moment,
    /// An apply to an object without managers invents one for what was there.
    pub(super) invents: bool,
    /// Entries of others are written without a time.
    pub(super) untimed: bool,
    /// An admission webhook removes our label.
    pub(super) strips_labels: bool,
    version: u64,
    uids: u64,
}

impl Cluster {
    pub(super) fn answer(&mut self, request: &Request) -> Outcome {
        match request {
            Request::Apply {
                key,
                manifest,
                manager,
                force,
                dry_run,
            } => self.apply(key, manifest, manager, (*force, *dry_run)),
            Request::Get { key, .. } => match self.objects.contains_key(key) {
                true => success(200, self.render(key)),
                false => not_found(key),
            },
            Request::Delete { key, uid, .. } => self.delete(key, uid),
            Request::Patch { key, patch, .. } => self.patch(key, patch),
        }
    }

    fn apply(
        &mut self,
        key: &ObjectKey,
        manifest: &Value,
        manager: &str,
        mode: (bool, bool),
    ) -> Outcome {
        let (force, dry_run) = mode;
        if let Some(refusal) = self.check_identity(key, manifest) {
            return refusal;
        }
        let before = self.objects.get(key).cloned();
        let mut declared = manifest.clone();
        for name in ["name", "namespace", "uid"] {
            declared["metadata"].as_object_mut().unwrap().remove(name);
        }
        declared.as_object_mut().unwrap().remove("kind");
        declared.as_object_mut().unwrap().remove("apiVersion");
        let mut fields = BTreeSet::new();
        leaves(&declared, &mut Vec::new(), &mut fields);
        let mut stored = before
            .clone()
            .unwrap_or_else(|| self.fresh(key, manifest, manager));
        if self.invents && before.is_some() && stored.managers.is_empty() {
            let mut known = stored.body.clone();
            known
                .as_object_mut()
                .unwrap()
                .retain(|name, _| name == "data");
            let mut there = BTreeSet::new();
            leaves(&known, &mut Vec::new(), &mut there);
            let invented = ("before-first-apply".to_owned(), "Update".to_owned());
            stored.managers.insert(invented, (there, self.now));
        }
        let ours = (manager.to_owned(), "Apply".to_owned());
        let conflicts = conflicts(&stored, &ours, &fields, &declared);
        if !conflicts.is_empty() && !force {
            let details = json!({"causes": conflicts});
            return status(409, json!({"reason": "Conflict", "details": details}));
        }
        for (name, (set, _)) in &mut stored.managers {
            if *name != ours {
                set.retain(|path| !fields.contains(path) || same(&stored.body, &declared, path));
            }
        }
        stored.managers.retain(|_, (set, _)| !set.is_empty());
        let old = stored.managers.remove(&ours).unwrap_or_default();
        for path in old.0.difference(&fields) {
            let shared = stored.managers.values().any(|(set, _)| set.contains(path));
            if !shared {
                remove(&mut stored.body, path);
            }
        }
        merge(&mut stored.body, &declared);
        let unchanged = before
            .as_ref()
            .is_some_and(|b| b.body == stored.body && old.0 == fields);
        if self.strips_labels {
            stored.body["metadata"]
                .as_object_mut()
                .unwrap()
                .remove("labels");
        }
        let time = if unchanged { old.1 } else { seconds(self.now) };
        if !fields.is_empty() {
            stored.managers.insert(ours, (fields, time));
        }
        if !unchanged {
            self.version += u64::from(!dry_run);
            stored.version = self.version + u64::from(dry_run);
            let spec = |s: &Stored| s.body.get("spec").cloned();
            if before.as_ref().is_some_and(|b| spec(b) != spec(&stored)) {
                stored.generation += 1;
            }
        }
        self.finish(key, stored, dry_run, unchanged)
    }

    fn check_identity(&self, key: &ObjectKey, manifest: &Value) -> Option<Outcome> {
        let wanted_uid = manifest.pointer("/metadata/uid").and_then(Value::as_str);
        if !key.namespace.is_empty() && !self.objects.contains_key(&namespace(&key.namespace)) {
            let details = json!({"name": key.namespace, "kind": "namespaces"});
            let missing = json!({"reason": "NotFound", "details": details});
            return Some(status(404, missing));
        }
        match (self.objects.get(key), wanted_uid) {
            (None, Some(_)) => Some(status(409, json!({"reason": "Conflict"}))),
            (Some(stored), Some(uid)) if stored.uid != uid => {
                let details = json!({"causes": [{"field": "metadata.uid"}]});
                let other = json!({"reason": "Invalid", "details": details});
                Some(status(422, other))
            }
            _ => None,
        }
    }

    fn finish(
        &mut self,
        key: &ObjectKey,
        stored: Stored,
        dry_run: bool,
        unchanged: bool,
    ) -> Outcome {
        let before = self.objects.insert(key.clone(), stored);
        let code = if before.is_some() { 200 } else { 201 };
        let answer = self.render(key);
        if dry_run {
            match before {
                Some(before) => self.objects.insert(key.clone(), before),
                None => self.objects.remove(key),
            };
        } else if !unchanged {
            self.changes.push(Change::Written(key.clone()));
        }
        success(code, answer)
    }

    fn fresh(&mut self, key: &ObjectKey, manifest: &Value, maker: &str) -> Stored {
        self.uids += 1;
        let mut body =
            json!({"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": {}});
        if key.kind == "Namespace" {
            body["status"] = json!({"phase": "Active"});
        }
        if key.kind == "CustomResourceDefinition" {
            body["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
        }
        Stored {
            body,
            uid: format!("uid-{}", self.uids),
            generation: 1,
            created: seconds(self.now),
            maker: maker.to_owned(),
            ..Stored::default()
        }
    }

    fn delete(&mut self, key: &ObjectKey, uid: &str) -> Outcome {
        match self.objects.get(key) {
            None => not_found(key),
            Some(stored) if stored.uid != uid => status(409, json!({"reason": "Conflict"})),
            Some(_) => {
                let mut finalizers = false;
                let stored = self.objects.get_mut(key).unwrap();
                if stored.body.pointer("/metadata/finalizers").is_some() {
                    stored.deleting = true;
                    finalizers = true;
                }
                if finalizers {
                    self.version += 1;
                    self.objects.get_mut(key).unwrap().version = self.version;
                    self.changes.push(Change::Written(key.clone()));
                    return success(200, self.render(key));
                }
                self.remove(key);
                success(200, json!({"kind": "Status", "status": "Success"}))
            }
        }
    }

    fn patch(&mut self, key: &ObjectKey, patch: &Value) -> Outcome {
        if !self.objects.contains_key(key) {
            return not_found(key);
        }
        let rendered = self.render(key);
        let mut released = false;
        for operation in patch.as_array().unwrap() {
            let path = operation["path"].as_str().unwrap();
            match operation["op"].as_str().unwrap() {
                "test" if rendered.pointer(path) != Some(&operation["value"]) => {
                    return status(422, json!({"reason": "Invalid"}));
                }
                "replace" => released = true,
                "remove" => {
                    let (parent, name) = path.rsplit_once('/').unwrap();
                    if parent == "/metadata/managedFields" {
                        let invented = ("before-first-apply".to_owned(), "Update".to_owned());
                        let stored = self.objects.get_mut(key).unwrap();
                        assert!(stored.managers.remove(&invented).is_some());
                        continue;
                    }
                    let body = &mut self.objects.get_mut(key).unwrap().body;
                    if let Some(map) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
                        map.remove(&name.replace("~1", "/"));
                    }
                }
                _ => {}
            }
        }
        self.version += 1;
        let stored = self.objects.get_mut(key).unwrap();
        stored.version = self.version;
        if released {
            let ours = ("capstan".to_owned(), "Apply".to_owned());
            let entry = stored.managers.remove(&ours).unwrap();
            stored
                .managers
                .insert(("capstan-released".to_owned(), "Apply".to_owned()), entry);
        }
        self.changes.push(Change::Written(key.clone()));
        success(200, self.render(key))
    }

    /// Somebody else's write, as `kubectl edit` would make it.
    pub(super) fn edit(&mut self, key: &ObjectKey, manager: &str, edit: impl FnOnce(&mut Value)) {
        let stored = self.objects.get_mut(key).expect("the object is there");
        let before = stored.body.clone();
        edit(&mut stored.body);
        if stored.body == before {
            return;
        }
        let (mut old, mut new) = (BTreeSet::new(), BTreeSet::new());
        leaves(&before, &mut Vec::new(), &mut old);
        leaves(&stored.body, &mut Vec::new(), &mut new);
        let body = stored.body.clone();
        let touched: BTreeSet<_> = old
            .union(&new)
            .filter(|path| get(&before, path) != get(&body, path))
            .cloned()
            .collect();
        let is_item = |path: &Path| path.last().is_some_and(|step| step.starts_with("k:"));
        for (set, _) in stored.managers.values_mut() {
            set.retain(|path| !touched.contains(path) || (is_item(path) && new.contains(path)));
        }
        let status_only =
            before.get("spec") == body.get("spec") && before.get("data") == body.get("data");
        let gained = touched.intersection(&new).cloned();
        let entry = stored
            .managers
            .entry((manager.to_owned(), "Update".to_owned()))
            .or_default();
        entry.0.extend(gained);
        entry.1 = seconds(self.now);
        if !status_only || before.get("spec") != body.get("spec") {
            stored.generation += i64::from(before.get("spec") != body.get("spec"));
        }
        self.version += 1;
        stored.version = self.version;
        self.changes.push(Change::Written(key.clone()));
    }

    /// Somebody applies a part of what the object says already.
    pub(super) fn co_own(&mut self, key: &ObjectKey, manager: &str, said: &Value) {
        let mut fields = BTreeSet::new();
        leaves(said, &mut Vec::new(), &mut fields);
        self.version += 1;
        let now = seconds(self.now);
        let stored = self.objects.get_mut(key).expect("the object is there");
        let entry = (manager.to_owned(), "Apply".to_owned());
        stored.managers.insert(entry, (fields, now));
        stored.version = self.version;
        self.changes.push(Change::Written(key.clone()));
    }

    /// A write that leaves no trace in anybody's entry, as an admission webhook makes it.
    pub(super) fn rewrite(&mut self, key: &ObjectKey, edit: impl FnOnce(&mut Value)) {
        self.version += 1;
        let stored = self.objects.get_mut(key).expect("the object is there");
        edit(&mut stored.body);
        stored.generation += 1;
        stored.version = self.version;
        self.changes.push(Change::Written(key.clone()));
    }

    /// Somebody empties the list of managers.
    pub(super) fn drop_managers(&mut self, key: &ObjectKey) {
        self.version += 1;
        let stored = self.objects.get_mut(key).expect("the object is there");
        stored.managers.clear();
        stored.version = self.version;
        self.changes.push(Change::Written(key.clone()));
    }

    /// Somebody deletes an object that has finalizers.
    pub(super) fn begin_deletion(&mut self, key: &ObjectKey) {
        self.version += 1;
        let stored = self.objects.get_mut(key).expect("the object is there");
        stored.deleting = true;
        stored.version = self.version;
        self.changes.push(Change::Written(key.clone()));
    }

    /// A write of the status subresource.
    pub(super) fn status(&mut self, key: &ObjectKey, status: Value) {
        self.version += 1;
        let stored = self.objects.get_mut(key).expect("the object is there");
        stored.body["status"] = status;
        stored.status_at = Some(seconds(self.now));
        stored.version = self.version;
        self.changes.push(Change::Written(key.clone()));
    }

    /// A Deployment whose pods all became ready.
    pub(super) fn make_ready(&mut self, key: &ObjectKey) {
        let stored = &self.objects[key];
        let replicas = stored
            .body
            .pointer("/spec/replicas")
            .cloned()
            .unwrap_or(json!(1));
        let status = json!({"observedGeneration": stored.generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas});
        self.status(key, status);
    }

    /// The object is gone, finalizers or not.
    pub(super) fn remove(&mut self, key: &ObjectKey) {
        let stored = self.objects.remove(key).expect("the object is there");
        self.version += 1;
        self.changes
            .push(Change::Removed(key.clone(), stored.uid, self.version));
    }

    /// Somebody else makes an object.
    pub(super) fn create(&mut self, manager: &str, manifest: &Value) -> ObjectKey {
        let key = ObjectKey::of(manifest).unwrap();
        let mut stored = self.fresh(&key, manifest, manager);
        let mut body = manifest.clone();
        body["metadata"].as_object_mut().unwrap().remove("name");
        body["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("namespace");
        merge(&mut stored.body, &body);
        let mut fields = BTreeSet::new();
        leaves(&stored.body, &mut Vec::new(), &mut fields);
        let entry = (fields, seconds(self.now));
        stored
            .managers
            .insert((manager.to_owned(), "Update".to_owned()), entry);
        self.version += 1;
        stored.version = self.version;
        self.objects.insert(key.clone(), stored);
        self.changes.push(Change::Written(key.clone()));
        key
    }

    pub(super) fn uid(&self, key: &ObjectKey) -> &str {
        &self.objects[key].uid
    }

    /// The managers of an object, as `manager/operation`.
    pub(super) fn managers(&self, key: &ObjectKey) -> Vec<String> {
        let managers = self.objects[key].managers.keys();
        managers
            .map(|(manager, operation)| format!("{manager}/{operation}"))
            .collect()
    }

    pub(super) fn observed(&self, key: &ObjectKey, full: bool) -> Option<Observed> {
        let body = self.render(key);
        let body = if full {
            body
        } else {
            json!({"metadata": body["metadata"]})
        };
        Observed::parse(&Kind::of(key), body, full)
    }

    pub(super) fn has_label(&self, key: &ObjectKey) -> bool {
        let label = "/metadata/labels/capstan.dev~1bundle";
        self.objects
            .get(key)
            .is_some_and(|stored| stored.body.pointer(label).is_some())
    }

    fn render(&self, key: &ObjectKey) -> Value {
        let stored = &self.objects[key];
        let mut body = stored.body.clone();
        let metadata = body["metadata"].as_object_mut().unwrap();
        metadata.insert("name".into(), json!(key.name));
        if !key.namespace.is_empty() {
            metadata.insert("namespace".into(), json!(key.namespace));
        }
        metadata.insert("uid".into(), json!(stored.uid));
        metadata.insert("resourceVersion".into(), json!(stored.version.to_string()));
        metadata.insert(
            "creationTimestamp".into(),
            json!(stored.created.to_string()),
        );
        if !WITHOUT_GENERATION.contains(&key.kind.as_str()) {
            metadata.insert("generation".into(), json!(stored.generation));
        }
        if stored.deleting {
            metadata.insert("deletionTimestamp".into(), json!(self.now.to_string()));
        }
        let entries: Vec<_> = stored
            .managers
            .iter()
            .map(|((manager, operation), (set, time))| {
                let mut entry = json!({"manager": manager, "operation": operation,
                    "time": time.to_string(), "fieldsType": "FieldsV1", "fieldsV1": fields_v1(set)});
                if self.untimed && manager != "capstan" {
                    entry.as_object_mut().unwrap().remove("time");
                }
                entry
            })
            .chain(stored.status_at.map(|time| {
                json!({"manager": "controller", "operation": "Update", "subresource": "status",
                    "time": time.to_string(), "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {}}})
            }))
            .collect();
        metadata.insert("managedFields".into(), Value::Array(entries));
        if key.kind == "Secret" {
            return json!({"kind": "PartialObjectMetadata", "metadata": body["metadata"]});
        }
        body
    }
}

pub(super) fn namespace(name: &str) -> ObjectKey {
    super::super::send::namespace_key(name)
}

pub(super) fn status(code: u16, status: Value) -> Outcome {
    Outcome::Refused(Refused {
        code,
        status,
        ..Refused::default()
    })
}

fn not_found(key: &ObjectKey) -> Outcome {
    let details = json!({"name": key.name, "group": key.group, "kind": "things"});
    status(404, json!({"reason": "NotFound", "details": details}))
}

fn success(code: u16, body: Value) -> Outcome {
    Outcome::Success { code, body }
}

fn seconds(moment: Moment) -> Moment {
    Moment::from_unix_ms(moment.unix_ms() / 1000 * 1000)
}

fn conflicts(
    stored: &Stored,
    ours: &(String, String),
    fields: &BTreeSet<Path>,
    declared: &Value,
) -> Vec<Value> {
    let mut out = Vec::new();
    for (name, (set, _)) in &stored.managers {
        for path in set.intersection(fields) {
            if name != ours && !same(&stored.body, declared, path) {
                let field: String = path.iter().map(|step| written(step)).collect();
                let message = format!("conflict with \"{}\" using v1", name.0);
                out.push(
                    json!({"reason": "FieldManagerConflict", "message": message, "field": field}),
                );
            }
        }
    }
    out
}

fn written(step: &str) -> String {
    match step.strip_prefix("f:") {
        Some(name) => format!(".{name}"),
        None => {
            let key: Value = serde_json::from_str(&step[2..]).unwrap();
            format!("[name={}]", key["name"])
        }
    }
}

/// Whether the value is the same, items of keyed lists being values of their own.
fn same(live: &Value, declared: &Value, path: &Path) -> bool {
    let item = path.last().is_some_and(|step| step.starts_with("k:"));
    item || get(live, path) == get(declared, path)
}

fn keyed(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("name").is_some())
}

fn leaves(value: &Value, path: &mut Path, out: &mut BTreeSet<Path>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                path.push(format!("f:{name}"));
                leaves(member, path, out);
                path.pop();
            }
        }
        Value::Array(items) if keyed(items) => {
            for item in items {
                path.push(format!("k:{}", json!({"name": item["name"]})));
                out.insert(path.clone());
                leaves(item, path, out);
                path.pop();
            }
        }
        _ if path.is_empty() || *path == ["f:metadata"] => {}
        _ => {
            out.insert(path.clone());
        }
    }
}

fn get<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, step| match step.strip_prefix("f:") {
            Some(name) => value.get(name),
            None => {
                let key: Value = serde_json::from_str(&step[2..]).unwrap();
                value
                    .as_array()?
                    .iter()
                    .find(|item| item["name"] == key["name"])
            }
        })
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else {
        return;
    };
    if let Some(name) = step.strip_prefix("f:") {
        let Some(members) = value.as_object_mut() else {
            return;
        };
        if rest.is_empty() {
            members.remove(name);
        } else if let Some(member) = members.get_mut(name) {
            remove(member, rest);
            if member.as_object().is_some_and(Map::is_empty) {
                members.remove(name);
            }
        }
    } else if let Some(items) = value.as_array_mut() {
        let key: Value = serde_json::from_str(&step[2..]).unwrap();
        if rest.is_empty() {
            items.retain(|item| item["name"] != key["name"]);
        } else if let Some(item) = items.iter_mut().find(|item| item["name"] == key["name"]) {
            remove(item, rest);
        }
    }
}

fn merge(live: &mut Value, declared: &Value) {
    match (&mut *live, declared) {
        (Value::Object(live), Value::Object(declared)) => {
            for (name, value) in declared {
                merge(live.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(live), Value::Array(declared)) if keyed(declared) => {
            for item in declared {
                match live.iter_mut().find(|known| known["name"] == item["name"]) {
                    Some(known) => merge(known, item),
                    None => live.push(item.clone()),
                }
            }
        }
        _ => *live = declared.clone(),
    }
}

fn fields_v1(set: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in set {
        let mut node = &mut root;
        for step in path {
            node = node
                .as_object_mut()
                .unwrap()
                .entry(step)
                .or_insert(json!({}));
        }
    }
    for path in set {
        let mut node = &mut root;
        for step in path {
            node = node.get_mut(step).unwrap();
        }
        let members = node.as_object_mut().unwrap();
        if !members.is_empty() {
            members.insert(".".into(), json!({}));
        }
    }
    root
}
