//! Bundle.

use capstan_proto::policy::{Adopt, DriftMode, DriftPolicy, IgnoreRule, OnConflict};
use capstan_proto::policy::{Removal, RemovalPolicy};

use super::health;
use super::patch::{overrides, patches};
use super::{
    bundle_name, flag, is_literal, items_of, references, relative, template_text, text_of,
    texts_of, variables, word,
};
use crate::problem::{Code, Place};
use crate::spec::check::shown;
use crate::spec::document::check_name;
use crate::spec::fields::Reader;
use crate::spec::format::{duration_ms, name_hint};
use crate::spec::{Bundle, Chart, Helm, Text, ValuesFile};
use crate::yaml::{Node, Value};

/// Fields of a chart that is not in the tree.
const CHART: [&str; 4] = ["repo", "oci", "name", "version"];

/// Longest name of a Helm release: Helm puts it into labels beside a revision.
const RELEASE_BYTES_MAX: usize = 53;

/// `spec` of a Bundle.
pub(in crate::spec) fn bundle(reader: &mut Reader<'_>, node: &Node) -> Option<Bundle> {
    let helm = node.get("helm").map(|node| helm(reader, node));
    let content = content(reader, node);
    let default_namespace = namespace(reader, node);
    let create_namespace = flag(node, "createNamespace");
    if create_namespace && node.get("defaultNamespace").is_none() {
        let at = node.get("createNamespace").unwrap_or(node);
        let message = "`spec.createNamespace` needs a `spec.defaultNamespace`".to_owned();
        let hint = "name the namespace to make";
        reader.error(at, Code::MissingField, message, hint);
    }
    let conflicts = [("fail", OnConflict::Fail), ("force", OnConflict::Force)];
    let timeout = node.at(&["health", "timeout"]).and_then(Node::text);
    let variables = variables(reader, node);
    let overrides = overrides(reader, node);
    let patches = patches(reader, node);
    let depends_on = references(reader, node, "dependsOn", bundle_name);
    let drift = drift(reader, node);
    let health_checks = health::checks(reader, node);
    let (path, path_at) = content?;
    Some(Bundle {
        path,
        path_at,
        helm,
        default_namespace,
        create_namespace,
        substitute: flag(node, "substitute"),
        variables,
        overrides,
        patches,
        depends_on,
        removal: removal(node),
        adopt: adopt(node),
        conflict: word(node, "conflict", &conflicts),
        drift,
        health_timeout_ms: timeout.and_then(duration_ms),
        health_checks,
    })
}

/// `path`, or nothing where a chart of elsewhere stands instead.
fn content(reader: &mut Reader<'_>, node: &Node) -> Option<(String, Place)> {
    let chart = node.at(&["helm", "chart"]);
    match (node.get("path"), chart) {
        (Some(path), None) => {
            let text = relative(reader, path, "spec.path")?;
            Some((text, reader.at(path)))
        }
        (None, Some(chart)) => Some((String::new(), reader.at(chart))),
        (Some(path), Some(_)) => {
            let message = "`spec.path` and `spec.helm.chart` cannot both be there".to_owned();
            let hint = "a chart of elsewhere stands instead of a directory";
            reader.error(path, Code::BadValue, message, hint);
            None
        }
        // Its chart stands one map too high; that is told.
        (None, None)
            if CHART
                .iter()
                .any(|field| node.at(&["helm", field]).is_some()) =>
        {
            None
        }
        (None, None) => {
            let message = "`spec.path` is missing".to_owned();
            let hint = "name the directory of its manifests, as in `path: apps/web`";
            reader.error(node, Code::MissingField, message, hint);
            None
        }
    }
}

fn namespace(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let node = node.get("defaultNamespace")?;
    let text = node.text()?;
    if let (true, Err(message)) = (is_literal(text), check_name(&shown(text))) {
        reader.error(node, Code::BadName, message, &name_hint(text));
        return None;
    }
    Some(text.to_owned())
}

fn helm(reader: &mut Reader<'_>, node: &Node) -> Helm {
    let release_name = node
        .get("releaseName")
        .and_then(|n| release_name(reader, n));
    let chart = node.get("chart");
    let values = node.get("values");
    Helm {
        chart: chart.and_then(|node| self::chart(reader, node)),
        release_name,
        values_files: items_of(node, "valuesFiles")
            .iter()
            .filter_map(|item| values_file(reader, item, chart.is_some()))
            .collect(),
        values: values.filter(|n| matches!(n.value, Value::Map(_))).cloned(),
    }
}

fn release_name(reader: &mut Reader<'_>, node: &Node) -> Option<Text> {
    let text = template_text(reader, node)?;
    if is_literal(&text.raw) {
        if let Err(message) = check_name(&shown(&text.raw)) {
            reader.error(node, Code::BadName, message, &name_hint(&text.raw));
        } else if text.raw.len() > RELEASE_BYTES_MAX {
            let message =
                format!("`spec.helm.releaseName` may have {RELEASE_BYTES_MAX} characters");
            reader.error(node, Code::BadName, message, "choose a shorter name");
        }
    }
    Some(text)
}

fn values_file(reader: &mut Reader<'_>, node: &Node, chart: bool) -> Option<ValuesFile> {
    let path = match &node.value {
        Value::Text(_) => node,
        _ => node.get("path")?,
    };
    let whole = relative(reader, path, "spec.helm.valuesFiles")?;
    let raw = match chart {
        true => whole,
        false => path.text()?.to_owned(),
    };
    let at = reader.at(path);
    Some(ValuesFile {
        path: Text { at, raw },
        optional: flag(node, "optional"),
    })
}

fn chart(reader: &mut Reader<'_>, node: &Node) -> Option<Chart> {
    let one = |reader: &Reader<'_>, field: &str| {
        node.get(field).and_then(|node| template_text(reader, node))
    };
    let version = one(reader, "version");
    let digest = one(reader, "digest");
    if let Some(digest) = &digest
        && is_literal(&digest.raw)
        && !is_digest(&digest.raw)
    {
        let at = node.get("digest").unwrap_or(node);
        let message = "`spec.helm.chart.digest` is no digest".to_owned();
        let hint = "write sha256: and 64 hexadecimal digits";
        reader.error(at, Code::BadValue, message, hint);
    }
    if let Some(at) = node.get("oci") {
        let reference = template_text(reader, at)?;
        if reference.raw.contains("://") {
            let message = "`spec.helm.chart.oci` takes no scheme".to_owned();
            reader.error(
                at,
                Code::BadValue,
                message,
                "write registry.example/charts/web",
            );
        }
        if let Some(name) = node.get("name") {
            let message = "`spec.helm.chart.name` is for charts of a `repo`".to_owned();
            reader.error(
                name,
                Code::BadValue,
                message,
                "write it at the end of `oci`",
            );
        }
        return Some(Chart::Oci {
            reference,
            version: version?,
            digest,
        });
    }
    let at = node.get("repo")?;
    let url = template_text(reader, at)?;
    let scheme = ["https://", "http://", "${"];
    if !scheme.iter().any(|scheme| url.raw.starts_with(scheme)) {
        let message = "`spec.helm.chart.repo` must be an https:// address".to_owned();
        reader.error(at, Code::BadValue, message, "write https://charts.example");
    }
    if node.get("name").is_none() {
        let message = "`spec.helm.chart.name` is missing".to_owned();
        reader.error(node, Code::MissingField, message, "name the chart");
    }
    Some(Chart::Repository {
        url,
        name: one(reader, "name")?,
        version: version?,
        digest,
    })
}

fn is_digest(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

fn removal(node: &Node) -> RemovalPolicy {
    let words = [("delete", Removal::Delete), ("orphan", Removal::Orphan)];
    match node.get("removal") {
        None => RemovalPolicy::default(),
        Some(node) => RemovalPolicy {
            object: word(node, "object", &words),
            bundle: word(node, "bundle", &words),
        },
    }
}

fn adopt(node: &Node) -> Adopt {
    let words = [
        ("ifIdentical", Adopt::IfIdentical),
        ("never", Adopt::Never),
        ("always", Adopt::Always),
    ];
    match node.get("adopt") {
        None => Adopt::default(),
        Some(node) => word(node, "mode", &words),
    }
}

fn drift(reader: &mut Reader<'_>, node: &Node) -> DriftPolicy {
    let words = [
        ("correct", DriftMode::Correct),
        ("report", DriftMode::Report),
        ("ignore", DriftMode::Ignore),
    ];
    let Some(node) = node.get("drift") else {
        return DriftPolicy::default();
    };
    let mode = word(node, "mode", &words);
    let items = items_of(node, "ignore").iter();
    let ignore = items.map(|item| ignore_rule(reader, item)).collect();
    DriftPolicy { mode, ignore }
}

fn ignore_rule(reader: &mut Reader<'_>, node: &Node) -> IgnoreRule {
    if matches!(&node.value, Value::Map(members) if members.is_empty()) {
        let message = "an ignore rule without any key would ignore everything".to_owned();
        let hint = "use `drift: {mode: ignore}` for that";
        reader.error(node, Code::MissingField, message, hint);
    }
    let one = |field| text_of(node, field).map(ToOwned::to_owned);
    let many = |field| {
        texts_of(node, field)
            .map(|(_, text)| text.to_owned())
            .collect()
    };
    IgnoreRule {
        group: one("group"),
        kind: one("kind"),
        namespace: one("namespace"),
        name: one("name"),
        fields: many("fields"),
        managers: many("managers"),
    }
}
