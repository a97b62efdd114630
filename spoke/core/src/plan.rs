//! What a snapshot means for this cluster: checked, read once, and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_cel::Program;
use capstan_proto::delta::receiver::Reason;
use capstan_proto::policy::{BundlePolicy, Removal};
use capstan_proto::{BundleName, Digest, ObjectKey, Snapshot};
use serde_json::Value;

use crate::health::check::Checks;
use crate::ignore::Rules;
use crate::kind::Kind;
use crate::order::{self, Rank};
use crate::ownership;

/// Contents by digest: canonical bytes of declarations and policies.
pub type Contents = BTreeMap<Digest, Arc<[u8]>>;

/// What is wanted of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Digest of its declaration.
    pub digest: Digest,
    /// Where it stands in its bundle's order.
    pub rank: Rank,
    /// Whether its removal is allowed though others may keep things in it.
    pub confirmed: bool,
    /// Whether it is let go instead of deleted when it leaves its bundle.
    pub orphan: bool,
    /// The same when its bundle leaves the cluster.
    pub orphan_with_bundle: bool,
    /// Such as `apps/v1`.
    pub api_version: String,
    /// What of it is nobody's drift; `None` where no rule says anything.
    pub rules: Option<Arc<Rules>>,
    /// What its bundle says must hold of it to be Healthy; `None` where its kind says.
    pub checks: Option<Arc<[Program]>>,
}

/// A snapshot, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Each bundle's policy.
    pub policies: BTreeMap<BundleName, BundlePolicy>,
    /// What is wanted of each object, with its bundle.
    pub wants: BTreeMap<ObjectKey, (BundleName, Want)>,
    /// Which object of the snapshot defines a kind.
    pub definitions: BTreeMap<Kind, ObjectKey>,
    /// Objects of the snapshot that could not be read, with their bundles: they stay as they are.
    pub skipped: BTreeMap<ObjectKey, BundleName>,
    /// A policy of the snapshot could not be read, and with it not the cluster's mode.
    pub mode_unread: bool,
}

/// Why a complete snapshot is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The kind of reason.
    pub reason: Reason,
    /// One sentence.
    pub detail: String,
}

/// Reads what can be read of a snapshot that was accepted before: content may be damaged.
#[must_use]
pub fn read_leniently(snapshot: &Snapshot, contents: &Contents) -> Plan {
    let mut bundles = snapshot.bundles().clone();
    bundles.retain(|bundle, digest| policy(bundle, *digest, contents).is_ok());
    let mut objects = snapshot.objects().clone();
    objects.retain(|key, entry| {
        let manifest = manifest(contents, entry.digest);
        let read = manifest.is_ok_and(|m| ObjectKey::of(&m).as_ref() == Some(key));
        read && bundles.contains_key(&entry.bundle)
    });
    let skipped = snapshot
        .objects()
        .iter()
        .filter(|(key, _)| !objects.contains_key(*key))
        .map(|(key, entry)| (key.clone(), entry.bundle.clone()))
        .collect();
    let mode_unread = bundles.len() < snapshot.bundles().len();
    let readable = Snapshot::try_new(bundles, objects).unwrap_or_default();
    let plan = read(&readable, contents).unwrap_or_default();
    Plan {
        skipped,
        mode_unread,
        ..plan
    }
}

/// Reads every policy and every declaration of a snapshot.
///
/// # Errors
/// When content is lacking, a policy says what this build does not know, or a declaration is not the
/// object that the snapshot names.
pub fn read(snapshot: &Snapshot, contents: &Contents) -> Result<Plan, Unfit> {
    let mut plan = Plan::default();
    let mut checks = BTreeMap::new();
    for (bundle, digest) in snapshot.bundles() {
        let (policy, its_checks) = policy(bundle, *digest, contents)?;
        plan.policies.insert(bundle.clone(), policy);
        checks.insert(bundle, its_checks);
    }
    let scaled = scaled(snapshot, contents)?;
    for (key, entry) in snapshot.objects() {
        let manifest = manifest(contents, entry.digest)?;
        if ObjectKey::of(&manifest).as_ref() != Some(key) {
            return Err(Unfit {
                reason: Reason::BadDigest,
                detail: format!("the content named for {key} is another object"),
            });
        }
        if key.kind == "CustomResourceDefinition"
            && key.group == "apiextensions.k8s.io"
            && let Some(kind) = defined(&manifest)
        {
            plan.definitions.insert(kind, key.clone());
        }
        let policy = &plan.policies[&entry.bundle];
        let mut want = want(key, entry.digest, &manifest, policy, scaled.contains(key));
        want.checks = checks[&entry.bundle].of(key);
        plan.wants.insert(key.clone(), (entry.bundle.clone(), want));
    }
    Ok(plan)
}

/// A bundle's policy, with its health checks read.
fn policy(
    bundle: &BundleName,
    digest: Digest,
    contents: &Contents,
) -> Result<(BundlePolicy, Checks), Unfit> {
    let unknown = |detail| Unfit {
        reason: Reason::UnknownFeature,
        detail,
    };
    let policy = BundlePolicy::from_bytes(content(contents, digest)?).map_err(|_| {
        unknown(format!(
            "the policy of {bundle} says what this agent does not know"
        ))
    })?;
    let checks = Checks::try_new(&policy.health_checks)
        .map_err(|error| unknown(format!("the policy of {bundle}: {error}")))?;
    Ok((policy, checks))
}

/// A declaration as a value.
///
/// # Errors
/// When its content is lacking or no JSON.
pub fn manifest(contents: &Contents, digest: Digest) -> Result<Value, Unfit> {
    serde_json::from_slice(content(contents, digest)?).map_err(|_| Unfit {
        reason: Reason::BadDigest,
        detail: format!("content {} is not JSON", digest.short()),
    })
}

fn content(contents: &Contents, digest: Digest) -> Result<&[u8], Unfit> {
    contents
        .get(&digest)
        .map(AsRef::as_ref)
        .ok_or_else(|| Unfit {
            reason: Reason::Incomplete,
            detail: format!("content {} is lacking", digest.short()),
        })
}

fn want(
    key: &ObjectKey,
    digest: Digest,
    manifest: &Value,
    policy: &BundlePolicy,
    scaled: bool,
) -> Want {
    let rules = Rules::of(&policy.drift.ignore, key, manifest, scaled);
    let text = |name: &str| manifest.get(name).and_then(Value::as_str);
    Want {
        digest,
        rank: order::rank(key, manifest),
        confirmed: ownership::is_confirmed(manifest),
        orphan: policy.removal.object == Removal::Orphan,
        orphan_with_bundle: policy.removal.bundle == Removal::Orphan,
        api_version: text("apiVersion").unwrap_or_default().to_owned(),
        rules: (rules != Rules::default()).then(|| Arc::new(rules)),
        checks: None,
    }
}

/// The kind that a definition defines.
fn defined(manifest: &Value) -> Option<Kind> {
    let group = manifest.pointer("/spec/group")?.as_str()?;
    let kind = manifest.pointer("/spec/names/kind")?.as_str()?;
    Some(Kind::new(group, kind))
}

/// The objects whose replicas an autoscaler of the snapshot governs.
fn scaled(snapshot: &Snapshot, contents: &Contents) -> Result<BTreeSet<ObjectKey>, Unfit> {
    let mut targets = BTreeSet::new();
    for (key, entry) in snapshot.objects() {
        if key.group != "autoscaling" || key.kind != "HorizontalPodAutoscaler" {
            continue;
        }
        let autoscaler = manifest(contents, entry.digest)?;
        let target = &autoscaler["spec"]["scaleTargetRef"];
        let text = |name: &str| target.get(name).and_then(Value::as_str).unwrap_or_default();
        let (group, _) = capstan_proto::object::group_version(text("apiVersion"));
        targets.insert(ObjectKey::new(
            group,
            text("kind").to_owned(),
            key.namespace.clone(),
            text("name").to_owned(),
        ));
    }
    Ok(targets)
}

#[cfg(test)]
mod tests;
