//! Fields that are nobody's drift: by path, by manager, and those that every cluster rewrites.
//!
//! Force is per request, so that an ignored field which others own is left out of the body (K6); what
//! we alone own would fall back to its default then, so that it is given to [`RELEASED_MANAGER`] first.

use capstan_proto::ObjectKey;
use capstan_proto::policy::IgnoreRule;
use serde_json::Value;

use crate::effect::RELEASED_MANAGER;
use crate::managed_fields::{self, Entry, FieldSet};

/// Members by which the built-in kinds key their lists.
const KEYS: [&str; 7] = [
    "name",
    "containerPort",
    "port",
    "protocol",
    "mountPath",
    "ip",
    "type",
];

/// One step of a rule's path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Member of a map.
    Field(String),
    /// Every item of a list.
    Every,
    /// Items of a list in which a member has this value.
    Where(String, String),
}

/// One rule for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    path: Vec<Step>,
    managers: Vec<String>,
    /// Left out whoever owns it.
    always: bool,
}

impl Rule {
    /// Whether it names a path, and this one or one above it.
    fn leads_along(&self, path: &[managed_fields::Step]) -> bool {
        let mut steps = self.path.iter().zip(path);
        let fits = !self.path.is_empty() && self.path.len() <= path.len();
        fits && steps.all(|(rule, step)| leads(rule, step))
    }
}

/// All rules that hold for one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    whole: bool,
}

impl Rules {
    /// The rules of a bundle that mean this object, and the built-in ones. `scaled`: an autoscaler of
    /// the snapshot targets the object.
    #[must_use]
    pub fn of(policy: &[IgnoreRule], key: &ObjectKey, manifest: &Value, scaled: bool) -> Self {
        let mut rules = Self::default();
        for rule in policy.iter().filter(|rule| means(rule, key)) {
            if rule.fields.is_empty() && rule.managers.is_empty() {
                rules.whole = true;
            } else if rule.fields.is_empty() {
                rules.add("", &rule.managers, false);
            }
            for field in &rule.fields {
                rules.add(field, &rule.managers, false);
            }
        }
        rules.add_builtin(key, manifest, scaled);
        rules
    }

    fn add_builtin(&mut self, key: &ObjectKey, manifest: &Value, scaled: bool) {
        if scaled {
            self.add("spec.replicas", &[], false);
        }
        match (key.group.as_str(), key.kind.as_str()) {
            ("rbac.authorization.k8s.io", "ClusterRole")
                if manifest
                    .get("aggregationRule")
                    .is_some_and(Value::is_object) =>
            {
                self.add("rules", &[], true);
            }
            ("admissionregistration.k8s.io", _) => {
                self.add("webhooks[*].clientConfig.caBundle", &[], false);
            }
            ("apiextensions.k8s.io", _) => {
                self.add("spec.conversion.webhook.clientConfig.caBundle", &[], false);
            }
            ("apiregistration.k8s.io", _) => self.add("spec.caBundle", &[], false),
            _ => {}
        }
    }

    fn add(&mut self, path: &str, managers: &[String], always: bool) {
        self.rules.push(Rule {
            path: parse(path),
            managers: managers.to_vec(),
            always,
        });
    }

    /// Whether nothing about the object is drift.
    #[must_use]
    pub fn ignores_everything(&self) -> bool {
        self.whole
    }

    /// Whether what is applied depends on who owns what.
    #[must_use]
    pub fn needs_owners(&self) -> bool {
        self.rules.iter().any(|rule| !rule.always)
    }

    /// Whether a rule with a path means this one, whoever owns it.
    #[must_use]
    pub fn ignores(&self, path: &[managed_fields::Step]) -> bool {
        let means = |rule: &Rule| rule.path.len() == path.len() && rule.leads_along(path);
        self.rules.iter().any(means)
    }

    /// Whether what this entry holds at a path is left to its manager.
    #[must_use]
    pub fn leave(&self, entry: &Entry, path: &[managed_fields::Step]) -> bool {
        self.rules.iter().any(|rule| {
            let named = rule.managers.is_empty() || rule.managers.contains(&entry.manager);
            named && (rule.path.is_empty() || rule.leads_along(path))
        })
    }

    /// What is ignored, whoever owns it, and owned by us alone: left out of a body it would fall back to
    /// its default.
    #[must_use]
    pub fn only_ours(&self, entries: &[Entry]) -> Vec<Vec<managed_fields::Step>> {
        let Some(ours) = entries.iter().find(|entry| entry.is_ours()) else {
            return Vec::new();
        };
        let means = |rule: &&Rule| rule.managers.is_empty() && !rule.always;
        let shared = |path: &[managed_fields::Step]| {
            let mut others = entries.iter().filter(|entry| !entry.is_ours());
            others.any(|entry| entry.fields.covers(path))
        };
        let mut paths = ours.fields.leaves();
        paths.retain(|path| {
            let mut rules = self.rules.iter().filter(means);
            rules.any(|rule| rule.leads_along(path)) && !shared(path)
        });
        paths
    }

    /// What the manager of released fields is to hold, so that we may leave out what is ignored: that, and
    /// what it holds already. Empty where there is nothing to give.
    #[must_use]
    pub fn to_release(&self, entries: &[Entry]) -> Vec<Vec<managed_fields::Step>> {
        let mut paths = self.only_ours(entries);
        if !paths.is_empty() {
            let released = |entry: &&Entry| entry.manager == RELEASED_MANAGER;
            let known = entries.iter().filter(released);
            paths.extend(known.flat_map(|entry| entry.fields.leaves()));
        }
        paths
    }

    /// The declaration without what is ignored and owned by others.
    #[must_use]
    pub fn effective(&self, mut manifest: Value, entries: &[Entry]) -> Value {
        for rule in &self.rules {
            let counts = |entry: &&Entry| {
                let named = rule.managers.is_empty() || rule.managers.contains(&entry.manager);
                !entry.is_ours() && named
            };
            let sets: Vec<_> = entries.iter().filter(counts).map(|e| &e.fields).collect();
            if !sets.is_empty() || rule.always {
                omit(&mut manifest, &rule.path, &sets, rule.always);
            }
        }
        if let Some(object) = manifest.as_object_mut() {
            object.remove("status");
        }
        manifest
    }
}

fn means(rule: &IgnoreRule, key: &ObjectKey) -> bool {
    let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
    same(&rule.group, &key.group)
        && same(&rule.kind, &key.kind)
        && same(&rule.namespace, &key.namespace)
        && same(&rule.name, &key.name)
}

/// Reads `spec.containers[name=web].image`, `webhooks[*].x`, `metadata.annotations["a.b/c"]`.
fn parse(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (inner, after) = inside.split_once(']').unwrap_or((inside, ""));
            steps.push(bracket(inner));
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if !name.is_empty() {
                steps.push(Step::Field(name.to_owned()));
            }
            rest = after;
        }
    }
    steps
}

fn bracket(inner: &str) -> Step {
    let bare = |text: &str| text.trim_matches(['"', '\'']).to_owned();
    match inner.split_once('=') {
        _ if inner == "*" || inner.is_empty() => Step::Every,
        _ if inner.starts_with(['"', '\'']) => Step::Field(bare(inner)),
        Some((name, value)) => Step::Where(name.to_owned(), bare(value)),
        None => Step::Field(bare(inner)),
    }
}

/// Removes what `path` leads to where one of `sets` owns it. An empty path means every leaf. Returns
/// whether `value` itself is to be removed.
fn omit(value: &mut Value, path: &[Step], sets: &[&FieldSet], always: bool) -> bool {
    match path.split_first() {
        None if always => true,
        None => omit_leaves(value, sets),
        Some((Step::Field(name), rest)) => {
            let below: Vec<_> = sets.iter().filter_map(|set| set.field(name)).collect();
            if let Some(members) = value.as_object_mut()
                && let Some(member) = members.get_mut(name)
                && (always || !below.is_empty())
                && omit(member, rest, &below, always)
            {
                members.remove(name);
            }
            false
        }
        Some((step, rest)) => {
            let Some(items) = value.as_array_mut() else {
                return false;
            };
            for item in items.iter_mut().filter(|item| selects(step, item)) {
                let below: Vec<_> = sets.iter().filter_map(|set| set.item(item)).collect();
                if always || !below.is_empty() {
                    omit(item, rest, &below, always);
                }
            }
            false
        }
    }
}

fn omit_leaves(value: &mut Value, sets: &[&FieldSet]) -> bool {
    if sets.iter().any(|set| set.is_leaf()) {
        return true;
    }
    match value {
        Value::Object(members) => {
            let had = !members.is_empty();
            members.retain(|name, member| {
                let below: Vec<_> = sets.iter().filter_map(|set| set.field(name)).collect();
                below.is_empty() || !omit_leaves(member, &below)
            });
            had && members.is_empty()
        }
        Value::Array(items) => {
            for item in items {
                let below: Vec<_> = sets.iter().filter_map(|set| set.item(item)).collect();
                if item.is_object() && !below.is_empty() {
                    omit_members(item, &below);
                }
            }
            false
        }
        _ => false,
    }
}

/// An item of a keyed list keeps its place, and the members that may be its keys.
fn omit_members(item: &mut Value, sets: &[&FieldSet]) {
    let Some(members) = item.as_object_mut() else {
        return;
    };
    members.retain(|name, member| {
        let below: Vec<_> = sets.iter().filter_map(|set| set.field(name)).collect();
        let is_key = KEYS.contains(&name.as_str());
        is_key || below.is_empty() || !omit_leaves(member, &below)
    });
}

fn leads(rule: &Step, step: &managed_fields::Step) -> bool {
    use managed_fields::Step as Taken;
    match (rule, step) {
        (Step::Field(name), Taken::Field(taken)) => name == taken,
        (Step::Every, Taken::Key(_) | Taken::Item(_) | Taken::Index(_)) => true,
        (Step::Where(..), Taken::Key(text)) => {
            selects(rule, &Value::Object(managed_fields::keys(text)))
        }
        _ => false,
    }
}

fn selects(step: &Step, item: &Value) -> bool {
    match step {
        Step::Every => true,
        Step::Where(name, value) => match item.get(name) {
            Some(Value::String(text)) => text == value,
            Some(other) => value == &other.to_string(),
            None => false,
        },
        Step::Field(_) => false,
    }
}

#[cfg(test)]
mod tests;
