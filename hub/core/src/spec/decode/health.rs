//! `health` of a Bundle.

use capstan_cel::Program;
use capstan_cel::object::ENVIRONMENT;
use capstan_proto::policy::HealthCheck;

use super::expression::{bad_expression, mixed_types};
use super::{is_literal, items_of, text_of};
use crate::problem::Code;
use crate::spec::fields::Reader;
use crate::yaml::Node;

/// `health.checks`.
pub(super) fn checks(reader: &mut Reader<'_>, node: &Node) -> Vec<HealthCheck> {
    let Some(node) = node.get("health") else {
        return Vec::new();
    };
    let items = items_of(node, "checks").iter();
    items.filter_map(|item| check(reader, item)).collect()
}

fn check(reader: &mut Reader<'_>, node: &Node) -> Option<HealthCheck> {
    let written = node.get("healthy")?;
    let healthy = written
        .text()
        .filter(|text| !text.is_empty() && is_literal(text))?;
    let kind = text_of(node, "kind")?;
    let group = text_of(node, "group");
    if kind == "Secret" && group.is_none_or(str::is_empty) {
        let at = node.get("kind").unwrap_or(node);
        let message = "a live Secret is never read, also not for a health check".to_owned();
        let hint = "ask an object that depends on it";
        reader.error(at, Code::BadValue, message, hint);
        return None;
    }
    match Program::parse(healthy, &ENVIRONMENT) {
        Ok(program) => mixed_types(reader, (written, "healthy"), &program.mismatches()),
        Err(error) => {
            bad_expression(reader, (written, "healthy"), &error);
            return None;
        }
    }
    Some(HealthCheck {
        group: group.map(ToOwned::to_owned),
        kind: kind.to_owned(),
        healthy: healthy.to_owned(),
    })
}
