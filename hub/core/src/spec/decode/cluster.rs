//! Cluster, ClusterTemplate and ClusterGroup.

use capstan_proto::{ClusterName, SourceName};

use super::{items_of, references, terms, text_of, variables};
use crate::problem::{Code, Problem};
use crate::spec::fields::Reader;
use crate::spec::{Cluster, Effect, Group, Mode, Reference, Taint, Template, TemplateName};
use crate::yaml::Node;

/// `spec` of a Cluster. `name` is `metadata.name`.
pub(in crate::spec) fn cluster(
    reader: &mut Reader<'_>,
    node: &Node,
    name: Option<&str>,
) -> Option<Cluster> {
    let modes = [Mode::Enforce, Mode::Observe, Mode::Paused, Mode::Release];
    let mode = text_of(node, "mode");
    let mode = modes.into_iter().find(|m| Some(m.as_str()) == mode);
    let renamed_from = node.get("renamedFrom");
    if let Some(old) = renamed_from
        && old.text() == name
        && name.is_some()
    {
        let message = "a cluster cannot be renamed from its own name".to_owned();
        reader.error(
            old,
            Code::BadRename,
            message,
            "name what it was called before",
        );
    }
    let renamed_from = renamed_from.and_then(|node| {
        Some(Reference {
            at: reader.at(node),
            name: ClusterName::try_new(node.text()?).ok()?,
        })
    });
    Some(Cluster {
        templates: references(reader, node, "templates", template_name),
        variables: variables(reader, node),
        taints: taints(reader, node),
        mode: mode.unwrap_or_default(),
        renamed_from,
    })
}

fn template_name(own: &SourceName, text: &str) -> Result<TemplateName, String> {
    TemplateName::try_new(own.clone(), text).map_err(|error| error.to_string())
}

/// `spec` of a ClusterTemplate.
pub(in crate::spec) fn template(reader: &mut Reader<'_>, node: &Node) -> Option<Template> {
    Some(Template {
        variables: variables(reader, node),
        taints: taints(reader, node),
    })
}

fn taints(reader: &mut Reader<'_>, node: &Node) -> Vec<Taint> {
    let mut taints: Vec<Taint> = Vec::new();
    for item in items_of(node, "taints") {
        let effect = effect(item);
        let (Some(key), Some(effect)) = (text_of(item, "key"), effect) else {
            continue;
        };
        let taint = Taint {
            at: reader.at(item),
            key: key.to_owned(),
            value: text_of(item, "value").unwrap_or_default().to_owned(),
            effect,
        };
        let same = |have: &&Taint| have.key == taint.key && have.effect == taint.effect;
        if let Some(first) = taints.iter().find(same) {
            let message = format!(
                "taint `{}` with {} stands here already, at {}",
                taint.key,
                effect.as_str(),
                first.at
            );
            let problem = Problem::warning(&taint.at, Code::DuplicateTaint, message);
            reader.find(problem, "the last one counts; remove the others");
        }
        taints.push(taint);
    }
    taints
}

/// `effect` of a taint or a toleration.
pub(super) fn effect(node: &Node) -> Option<Effect> {
    let text = text_of(node, "effect");
    let effects = [Effect::NoSchedule, Effect::NoExecute];
    effects.into_iter().find(|e| Some(e.as_str()) == text)
}

/// `spec` of a ClusterGroup.
pub(in crate::spec) fn group(reader: &mut Reader<'_>, node: &Node) -> Option<Group> {
    let clusters = terms(reader, node, "clusters");
    let except = terms(reader, node, "except").unwrap_or_default();
    Some(Group {
        clusters: clusters?,
        except,
    })
}
