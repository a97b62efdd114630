//! The table of list keys against the published shapes of built-in kinds.

use std::collections::BTreeMap;

use super::{Rule, Shape, shape};

/// What the simulated API server knows of built-in kinds; its README has the legend.
const PUBLISHED: &str = include_str!("../../../../../../tests/simkube/data/builtin.types");

#[derive(Default)]
struct Published<'a> {
    /// Group, kind and type.
    kinds: Vec<(&'a str, &'a str, String)>,
    /// Name, type and patch strategy of the fields of each type.
    types: BTreeMap<String, Vec<Field<'a>>>,
}

type Field<'a> = (&'a str, String, Option<&'a str>);

fn published() -> Published<'static> {
    let mut published = Published::default();
    let mut package = "";
    let mut open = String::new();
    let full = |package: &str, name: &str| match name.contains('.') {
        true => name.to_owned(),
        false => format!("{package}.{name}"),
    };
    for line in PUBLISHED.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, of, _, extras @ ..] if line.starts_with(' ') => {
                let strategy = extras.iter().find_map(|extra| extra.strip_prefix('~'));
                let element = of.rsplit([']', '}']).next().unwrap_or_default();
                let element = full(package, element.trim_end_matches('!'));
                let nested = of.starts_with(['[', '{']) && strategy.is_none();
                let of = if nested { String::new() } else { element };
                let fields = published.types.get_mut(&open).unwrap();
                fields.push((name, of, strategy));
            }
            ["kind", group, _, kind, of] => {
                let group = if *group == "-" { "" } else { group };
                published.kinds.push((group, kind, (*of).to_owned()));
            }
            ["package", alias, _] => package = alias,
            ["type", name, ..] => {
                open = full(package, name.trim_end_matches('!'));
                published.types.insert(open.clone(), Vec::new());
            }
            other => panic!("{other:?}"),
        }
    }
    published
}

impl Published<'_> {
    /// Compares the rules below a type; counts the lists that merge.
    fn compare(&self, of: &str, shape: Shape, path: &str) -> usize {
        let Some(fields) = self.types.get(of) else {
            return 0;
        };
        assert!(path.len() < 200, "{path} leads round in a circle");
        let mut lists = 0;
        for (name, of, strategy) in fields {
            let path = format!("{path}.{name}");
            // Status is never declared.
            if path.ends_with(".status") || *name == "managedFields" {
                continue;
            }
            let merges = strategy.filter(|s| s.split([',', ':']).any(|word| word == "merge"));
            let key = merges.and_then(|strategy| strategy.split_once(':'));
            let inner = match (shape.field(name), merges, key) {
                (Rule::Items(keys, inner), Some(_), Some((_, key))) => {
                    assert_eq!(keys.first, key, "{path}");
                    lists += 1;
                    inner
                }
                (Rule::Set, Some(_), None) => continue,
                (Rule::Inside(inner), None, _) => inner,
                (rule, strategy, _) => panic!("{path}: {rule:?}, and {strategy:?} is published"),
            };
            lists += self.compare(of, inner, &path);
        }
        lists
    }
}

#[test]
fn lists_merge_by_the_keys_that_kubernetes_publishes() {
    let published = published();
    let mut lists = 0;
    for (group, kind, of) in &published.kinds {
        let shape = shape(group, kind).unwrap_or_else(|| panic!("{group} is served"));
        lists += published.compare(of, shape, kind);
    }
    assert!(lists > 100, "{lists} lists were compared");
}

#[test]
fn kinds_of_other_groups_are_not_known() {
    assert_eq!(shape("gateway.networking.k8s.io", "Gateway"), None);
    assert_eq!(shape("example.com", "Deployment"), None);
}
