//! Clusters that get another name: what they were given moves along, where the name is theirs to take.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

use super::Running;
use crate::problem::{Code, Problem};
use crate::spec::Spec;

impl Running {
    /// The same under the names that clusters have now: their identity moves along, and with it what
    /// they lost, so that a new name is no new budget. A name under which another cluster is enrolled
    /// is that cluster's; one that was only declared before is free. A banned cluster keeps its name.
    /// Which moved: the former name and the present one.
    pub fn rename(
        &mut self,
        spec: &Spec,
        enrolled: &BTreeSet<ClusterName>,
    ) -> Vec<(ClusterName, ClusterName)> {
        let two = |former, name| enrolled.contains(former) && enrolled.contains(name);
        let renamed = spec.members.iter().filter_map(|(name, member)| {
            let former = member.renamed_from.as_ref()?;
            let stays = spec.members.contains_key(former) || self.banned.contains(former);
            (!stays && !two(former, name)).then_some((former, name))
        });
        let renamed: BTreeMap<&ClusterName, &ClusterName> = renamed.collect();
        self.log.rename(&renamed);
        let mut moved = Vec::new();
        for (former, name) in renamed {
            if enrolled.contains(name) {
                continue;
            }
            let Some(had) = self.clusters.remove(former) else {
                continue;
            };
            self.clusters.insert(name.clone(), had);
            if let Some(bundles) = self.unrecorded.remove(former) {
                self.unrecorded.insert(name.clone(), bundles);
            }
            moved.push((former.clone(), name.clone()));
        }
        moved
    }

    /// Renames that are declared and cannot be carried out, by who was enrolled when they were to be. One
    /// whose new name alone is enrolled was carried out.
    #[must_use]
    pub fn unmoved(&self, spec: &Spec, enrolled: &BTreeSet<ClusterName>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, document) in &spec.clusters {
            let Some(former) = &document.spec.renamed_from else {
                continue;
            };
            let old = &former.name;
            let at = &former.at;
            if spec.members.contains_key(old) {
                continue;
            }
            let said = match (enrolled.contains(old), enrolled.contains(name)) {
                (true, true) => {
                    let message = format!(
                        "`{old}` and `{name}` are both enrolled, as two clusters, so nothing moves"
                    );
                    Problem::error(at, Code::NotRenamed, message).hint(format!(
                        "a name stays with the cluster that enrolled under it: declare `{old}` again, or give it a name \
                         that is free"
                    ))
                }
                (true, false) if self.banned.contains(old) => {
                    let message = format!("`{old}` is banned, and keeps its name until it is not");
                    Problem::error(at, Code::NotRenamed, message).hint(format!(
                        "`hub cluster unban {old} --reason ...`, or remove this line"
                    ))
                }
                (false, false) => {
                    let message =
                        format!("no cluster is enrolled as `{old}`, so nothing moves to `{name}`");
                    Problem::warning(at, Code::NotRenamed, message)
                        .hint("check the former name, or remove this line")
                }
                // It moves now, or did before.
                (true, false) | (false, true) => continue,
            };
            problems.push(said);
        }
        problems
    }

    /// Waits for clusters, under the names that they have now.
    pub fn wait_for(
        &mut self,
        mut awaited: BTreeSet<ClusterName>,
        renamed: &[(ClusterName, ClusterName)],
    ) {
        for (former, name) in renamed {
            if awaited.remove(former) {
                awaited.insert(name.clone());
            }
        }
        self.awaited = awaited;
    }
}

#[cfg(test)]
mod tests;
