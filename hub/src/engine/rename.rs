//! A cluster under another name: its identity moves along, with what it was given and what it holds.
//!
//! The ledger decides. A pass says that a cluster is called otherwise, the ledger is asked to write that down, and when it
//! did, the engine knows the cluster by its new name and its session ends, so that the agent comes back under it. Until
//! then the cluster has its old name, and nothing is said to the new one. When the ledger says otherwise, because somebody
//! enrolled meanwhile, its word is taken; when the hub stops in between, the next pass begins again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_hub_core::problem::{Code, Problem};
use capstan_hub_core::session::CloseReason;
use capstan_hub_core::spec::Spec;
use capstan_proto::{ClusterName, Moment};

use super::State;
use super::cluster::Cluster;
use super::effect::Effect;
use super::event::Event;
use super::memory::Which;
use super::spokes::ended;
use crate::ca::ClusterId;
use crate::ledger::records::{Batch, ByUid, Identified, RecordError, Records, Registration, keys};
use crate::ledger::{Outcome, WriteError};
use crate::store::Store;

/// Times that one write is tried again because the records changed under it. An enrolment, a renewal, a quarantine and a
/// recovery change them once each, hours apart; the next pass, within a minute, begins anew.
const ATTEMPTS_MAX: usize = 16;

/// What is said to a spoke whose cluster got another name.
pub(super) const CALLED_OTHERWISE: &str = "the cluster has another name now";

/// The former name, and the present one.
pub(crate) type Names = (ClusterName, ClusterName);

/// Which cluster gets which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rename {
    /// The cluster.
    pub(crate) id: ClusterId,
    /// Its former name.
    pub(crate) from: ClusterName,
    /// Its present one.
    pub(crate) to: ClusterName,
}

/// Why the ledger has not the new name.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// This cluster is enrolled under it.
    Taken(Box<Registration>),
    /// The former name is that of this cluster, or of none.
    Left(Option<Box<Registration>>),
    /// The records kept changing.
    Contended,
}

/// Renames on their way to the ledger, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// Those that are being written, by former name.
    writing: BTreeMap<ClusterName, Writing>,
    /// The new names of those.
    awaited: BTreeSet<ClusterName>,
    /// New names that were not written down because the records kept changing.
    contended: BTreeSet<ClusterName>,
    /// What clusters that lost a name since the start are called now; `None`: another cluster took it.
    present: BTreeMap<ClusterId, Option<ClusterName>>,
    /// Names that another cluster took since the pass that runs now, or ran last, began.
    taken: BTreeSet<ClusterName>,
}

/// A rename that is being written.
#[derive(Debug)]
struct Writing {
    rename: Rename,
    /// What is known of the cluster, when another one enrolled under its former name before this was told.
    aside: Option<Box<Cluster>>,
}

impl Renames {
    /// What a pass that begins now says of names is true.
    pub(super) fn pass_begins(&mut self) {
        self.taken.clear();
    }

    /// Whether it is open whose a name is, so that what a pass decided may be meant for another cluster.
    pub(super) fn is_open(&self, name: &ClusterName) -> bool {
        self.taken.contains(name) || self.awaited.contains(name)
    }

    /// Whether the cluster of this name is getting another one.
    pub(super) fn is_moving(&self, name: &ClusterName) -> bool {
        self.writing.contains_key(name)
    }

    /// What a cluster is called now: `None` where it did not change since the start.
    pub(super) fn present(&self, id: ClusterId) -> Option<Option<&ClusterName>> {
        self.present.get(&id).map(Option::as_ref)
    }

    /// A rename that is being written and makes this the name of this cluster.
    pub(super) fn to(&self, name: &ClusterName, id: ClusterId) -> Option<Rename> {
        let mut renames = self.writing.values().map(|writing| &writing.rename);
        renames
            .find(|rename| rename.to == *name && rename.id == id)
            .cloned()
    }

    /// Another cluster has this name now; what was known of the one before is kept while that one may get another name.
    pub(super) fn taken(&mut self, name: &ClusterName, id: ClusterId, former: Cluster) {
        self.present.insert(id, None);
        self.taken.insert(name.clone());
        if let Some(writing) = self.writing.get_mut(name)
            && writing.rename.id == id
        {
            writing.aside = Some(Box::new(former));
        }
    }

    /// Somebody enrolled under a name that was nobody's; a pass that runs may have meant another cluster.
    pub(super) fn enrolled(&mut self, name: &ClusterName) {
        self.taken.insert(name.clone());
    }

    /// What is said of renames that the ledger did not get to.
    pub(super) fn problems(&self, spec: &Spec) -> Vec<Problem> {
        let problem = |name: &ClusterName| {
            let document = spec.clusters.get(name)?;
            let former = document.spec.renamed_from.as_ref()?;
            let message = format!(
                "`{}` has its name still, because its records changed {ATTEMPTS_MAX} times while the ledger was written",
                former.name
            );
            let problem = Problem::warning(&former.at, Code::NotRenamed, message);
            Some(problem.hint("it is tried again within a minute"))
        };
        self.contended.iter().filter_map(problem).collect()
    }
}

impl State {
    /// Takes a pass's word for it that clusters are called otherwise.
    pub(super) fn rename(&mut self, renamed: Vec<Names>, effects: &mut Vec<Effect>) {
        self.renames.contended.clear();
        for (from, to) in renamed {
            self.begin_rename(from, to, effects);
        }
    }

    fn begin_rename(&mut self, from: ClusterName, to: ClusterName, effects: &mut Vec<Effect>) {
        let Some(cluster) = self.clusters.get(&from) else {
            return;
        };
        // Who enrolled under a name while the pass ran is another cluster; what was only declared is nobody.
        let enrolled = |known: &Cluster| known.member.is_some();
        let taken = self.clusters.get(&to).is_some_and(enrolled) || self.renames.is_open(&from);
        if taken || self.renames.is_moving(&from) {
            return;
        }
        let Some(member) = &cluster.member else {
            if let Some(cluster) = self.clusters.remove(&from) {
                keep_under(&to, &cluster, effects);
                effects.push(Effect::Forget(from, BTreeSet::new()));
                self.clusters.insert(to, cluster);
            }
            return;
        };
        if member.is_banned() {
            return;
        }
        // Before the ledger is written: whenever the hub stops, it finds them under the name that the ledger has. They say
        // whose they are.
        for (which, known) in [(Which::Given, &cluster.given), (Which::Held, &cluster.held)] {
            if let Some(known) = known {
                effects.push(Effect::Remember(which, to.clone(), known.clone()));
            }
        }
        let rename = Rename {
            id: member.id,
            from: from.clone(),
            to,
        };
        effects.push(Effect::Rename(rename.clone()));
        let aside = None;
        self.renames.awaited.insert(rename.to.clone());
        self.renames.writing.insert(from, Writing { rename, aside });
    }

    /// The ledger has the new name: everything moves, and the agent comes back under it.
    pub(super) fn renamed(&mut self, rename: &Rename, now: Moment, effects: &mut Vec<Effect>) {
        let Rename { id, from, to } = rename;
        let Some(writing) = self.written(rename) else {
            return;
        };
        let is_it = |known: &Cluster| known.member.as_ref().is_some_and(|member| member.id == *id);
        let cluster = match writing.aside {
            Some(aside) => Some(*aside),
            None if self.clusters.get(from).is_some_and(is_it) => {
                let close = ended(CloseReason::Replaced, CALLED_OTHERWISE);
                self.close(from, &close, effects);
                self.clusters.remove(from)
            }
            None => None,
        };
        let taken = |known: &Cluster| known.member.is_some() && !is_it(known);
        if self.clusters.get(to).is_some_and(taken) {
            self.renames.present.insert(*id, None);
        } else if let Some(cluster) = cluster {
            tracing::info!(%from, %to, "a cluster is called otherwise; its identity moves along");
            self.renames.present.insert(*id, Some(to.clone()));
            self.log.rename(&BTreeMap::from([(from, to)]));
            keep_under(to, &cluster, effects);
            let bundles = cluster.observed.states.keys().cloned().collect();
            if !self.clusters.contains_key(from) {
                effects.push(Effect::Forget(from.clone(), bundles));
            }
            self.clusters.insert(to.clone(), cluster);
        }
        self.pass_is_due(now, effects);
    }

    /// The ledger has not the new name: what it says of both is true.
    pub(super) fn not_renamed(
        &mut self,
        rename: &Rename,
        refusal: Refusal,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Rename { id, from, to } = rename;
        if self.written(rename).is_none() {
            return;
        }
        match refusal {
            Refusal::Taken(other) => {
                tracing::warn!(%from, %to, "another cluster is enrolled under the new name; the old one stays");
                self.enrolled(to.clone(), &other, now, effects);
            }
            Refusal::Left(Some(other)) => self.enrolled(from.clone(), &other, now, effects),
            Refusal::Left(None) => {
                let known = self.clusters.get_mut(from);
                if let Some(known) =
                    known.filter(|it| it.member.as_ref().map(|m| m.id) == Some(*id))
                {
                    known.member = None;
                }
            }
            Refusal::Contended => {
                tracing::warn!(%from, %to, attempts = ATTEMPTS_MAX, "a new name was not written down; the next pass tries again");
                self.renames.contended.insert(to.clone());
                return;
            }
        }
        self.pass_is_due(now, effects);
    }

    fn written(&mut self, rename: &Rename) -> Option<Writing> {
        let writing = self.renames.writing.get(&rename.from)?;
        if writing.rename != *rename {
            return None;
        }
        let written = self.renames.writing.remove(&rename.from);
        let mut others = self.renames.writing.values();
        if others.all(|writing| writing.rename.to != rename.to) {
            self.renames.awaited.remove(&rename.to);
        }
        written
    }
}

/// Keeps what is known of a cluster under another name.
fn keep_under(name: &ClusterName, cluster: &Cluster, effects: &mut Vec<Effect>) {
    for (which, known) in [(Which::Given, &cluster.given), (Which::Held, &cluster.held)] {
        if let Some(known) = known {
            effects.push(Effect::Remember(which, name.clone(), known.clone()));
        }
    }
    let observed = &cluster.observed;
    let states = observed.states.iter();
    let states = states.map(|(bundle, state)| (bundle.clone(), Some(state.clone())));
    effects.push(Effect::RememberStates(name.clone(), states.collect()));
    if let Some(at) = observed.heard_at {
        let agent = observed.agent_version.clone();
        effects.push(Effect::RememberSeen(name.clone(), at, agent));
    }
}

/// Moves a registration to another name, if it is still that cluster's and the other name is free.
pub(super) async fn write(
    records: Records,
    store: Arc<Store>,
    rename: Rename,
) -> Result<Event, RecordError> {
    // A store that fails says so by itself.
    drop(tokio::task::spawn_blocking(move || store.flush()).await);
    let Rename { id, from, to } = &rename;
    let (old, new) = (keys::registration(from), keys::registration(to));
    for _ in 0..ATTEMPTS_MAX {
        if let Some(read) = records.get(&new).await? {
            return Ok(match read.value.id == *id {
                true => Event::Renamed(rename),
                false => Event::NotRenamed(rename, Refusal::Taken(Box::new(read.value))),
            });
        }
        let read = match records.get(&old).await? {
            Some(read) if read.value.id == *id => read,
            other => {
                let other = other.map(|read| Box::new(read.value));
                return Ok(Event::NotRenamed(rename, Refusal::Left(other)));
            }
        };
        let named = Identified { name: to.clone() };
        let mut batch = Batch::new()
            .unchanged(&old, Some(&read))
            .unchanged(&new, None)
            .put(&new, &read.value)
            .delete(&old)
            .put(&keys::identified(*id), &named);
        if let Some(uid) = keys::by_uid(&read.value.cluster_uid) {
            let named = ByUid { name: to.clone() };
            batch = batch.put(&uid, &named);
        }
        let (was, is) = (keys::recovering(from), keys::recovering(to));
        let recovering = records.get(&was).await?;
        batch = batch.unchanged(&was, recovering.as_ref());
        batch = match &recovering {
            Some(recovering) => batch.put(&is, &recovering.value).delete(&was),
            // Whose it was is gone.
            None => batch.delete(&is),
        };
        match records.commit(batch).await {
            Ok(Outcome::Committed(_)) => return Ok(Event::Renamed(rename)),
            Ok(Outcome::Conflict { .. }) | Err(WriteError::Unknown) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Event::NotRenamed(rename, Refusal::Contended))
}
