//! A random fleet of two sources: what its files say, and what they declare as far as they can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName, SourceName};

use crate::fixture::{many, tree};
use crate::spec::{PinName, PinState, Restriction, Rules, SourceState, Trees, read_terms};
use crate::yaml::{self, Dialect};

pub(super) const CLUSTERS: usize = 5;
/// Source, name and directory.
pub(super) const BUNDLES: [(&str, &str, &str); 3] = [
    ("main", "web", "w"),
    ("main", "db", "d"),
    ("team", "net", "n"),
];
pub(super) const PLACEMENTS: [(&str, &str); 5] = [
    ("main", "pc"),
    ("main", "pd"),
    ("main", "ps"),
    ("main", "pw"),
    ("team", "pt"),
];
/// The placement with a `count`.
pub(super) const COUNTED: usize = 0;
pub(super) const TEAM: usize = 4;
pub(super) const SOURCES: [&str; 2] = ["main", "team"];

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Good,
    /// It has an unknown field.
    Field,
    /// Its file does not parse.
    Garbage,
    /// Its `apiVersion` is another one.
    Foreign,
    /// Its file is a symbolic link.
    Link,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Cluster(usize),
    Template,
    Group,
    Bundle(usize),
    Content(usize),
    Placement(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Its label, or its template's.
    pub(super) env: Option<bool>,
    pub(super) mode: usize,
    /// 0: none, 1: `NoSchedule`, 2: `NoExecute`.
    pub(super) taint: usize,
    /// How often it was renamed.
    pub(super) renamed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Select {
    All,
    Env(bool),
    Names(BTreeSet<usize>),
    Group,
    Fact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) bundles: BTreeSet<usize>,
    pub(super) select: Select,
    pub(super) except: Option<usize>,
    pub(super) count: usize,
    pub(super) priority: i64,
    pub(super) suspend: bool,
    pub(super) pin: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) objects: usize,
    pub(super) shared: bool,
    pub(super) data: bool,
}

/// What documents say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) clusters: [Cluster; CLUSTERS],
    pub(super) template: bool,
    pub(super) group: BTreeSet<usize>,
    pub(super) contents: [Content; 3],
    pub(super) placements: [Placement; 5],
}

/// The bundles of `main` as a tag has them: `None` where the tag has no good one.
pub(super) type Tag = [Option<Content>; 2];

#[derive(Clone, Debug)]
pub(super) struct Fleet {
    pub(super) now: Values,
    pub(super) shapes: BTreeMap<Slot, Shape>,
    /// What was last good of each document.
    pub(super) good: Values,
    pub(super) declared: BTreeSet<Slot>,
    /// What is broken and was read anew without its past: no good version of it is known, and it counts
    /// as nothing.
    pub(super) forgotten: BTreeSet<Slot>,
    pub(super) unread: [bool; 2],
    pub(super) tags: [Option<Tag>; 2],
    /// What clusters say of themselves; `None` until they do.
    pub(super) facts: [Option<bool>; CLUSTERS],
    /// Whether the team may use all clusters, or those with one label.
    pub(super) reach: Option<bool>,
}

const MODES: [&str; 4] = ["Enforce", "Paused", "Observe", "Release"];

impl Slot {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let clusters = (0..CLUSTERS).map(Self::Cluster);
        let bundles = (0..3).flat_map(|b| [Self::Bundle(b), Self::Content(b)]);
        let rest = [Self::Template, Self::Group];
        clusters
            .chain(bundles)
            .chain(rest)
            .chain((0..5).map(Self::Placement))
    }

    /// What others name comes before them.
    fn named_first() -> impl Iterator<Item = Self> {
        let named = |slot: &Self| matches!(slot, Self::Template | Self::Group);
        let others = Self::all().filter(move |slot| !named(slot));
        Self::all().filter(named).chain(others)
    }

    pub(super) fn source(self) -> usize {
        usize::from(matches!(
            self,
            Self::Bundle(2) | Self::Content(2) | Self::Placement(TEAM)
        ))
    }

    fn path(self) -> String {
        match self {
            Self::Cluster(n) => format!("clusters/{n}.yaml"),
            Self::Template => "template.yaml".to_owned(),
            Self::Group => "group.yaml".to_owned(),
            Self::Bundle(b) => format!("bundles/{b}.yaml"),
            Self::Content(b) => format!("{}/x.yaml", BUNDLES[b].2),
            Self::Placement(p) => format!("placements/{p}.yaml"),
        }
    }
}

impl Content {
    /// The names of its objects.
    pub(super) fn names(self, bundle: usize) -> BTreeSet<String> {
        let own = (0..self.objects).map(|n| format!("{}{n}", BUNDLES[bundle].2));
        let shared = self.shared.then(|| "shared".to_owned());
        own.chain(shared)
            .chain(self.data.then(|| "data".to_owned()))
            .collect()
    }

    fn text(self, bundle: usize) -> String {
        let mut out = String::new();
        for name in self.names(bundle) {
            let kind = if name == "data" {
                "PersistentVolumeClaim"
            } else {
                "ConfigMap"
            };
            writeln!(
                out,
                "---\n{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}}}"
            )
            .unwrap();
        }
        out
    }
}

impl Cluster {
    pub(super) fn name(&self, number: usize) -> ClusterName {
        let letter = if self.renamed.is_multiple_of(2) {
            'c'
        } else {
            'r'
        };
        ClusterName::try_new(format!("{letter}{number}")).unwrap()
    }

    fn text(&self, number: usize) -> String {
        let name = self.name(number);
        let env = self
            .env
            .map_or(String::new(), |env| format!("env: \"{env}\""));
        let mut spec = format!("mode: {}", MODES[self.mode]);
        if self.env.is_none() {
            spec.push_str(", templates: [t]");
        }
        if self.taint > 0 {
            let effect = ["NoSchedule", "NoExecute"][self.taint - 1];
            write!(spec, ", taints: [{{key: k, effect: {effect}}}]").unwrap();
        }
        if self.renamed > 0 {
            let before = Self {
                renamed: self.renamed - 1,
                ..*self
            }
            .name(number);
            write!(spec, ", renamedFrom: {before}").unwrap();
        }
        format!("@Cluster\nmetadata: {{name: {name}, labels: {{{env}}}}}\nspec: {{{spec}}}\n")
    }
}

impl Placement {
    fn text(&self, number: usize) -> String {
        let both = |set: &BTreeSet<usize>| {
            let names: Vec<_> = set
                .iter()
                .flat_map(|n| [format!("c{n}"), format!("r{n}")])
                .collect();
            format!("{{names: [none, {}]}}", names.join(", "))
        };
        let select = match &self.select {
            Select::All => "{}".to_owned(),
            Select::Env(env) => format!("{{matchLabels: {{env: \"{env}\"}}}}"),
            Select::Names(names) => both(names),
            Select::Group if number == TEAM => "{groups: [main/g]}".to_owned(),
            Select::Group => "{groups: [g]}".to_owned(),
            Select::Fact => {
                "{names: [\"*\"], facts: [{key: f, operator: In, values: [\"true\"]}]}".to_owned()
            }
        };
        let named = |b: &usize| match BUNDLES[*b] {
            ("main", name, _) if number == TEAM => format!("main/{name}"),
            (_, name, _) => name.to_owned(),
        };
        let bundles: Vec<_> = self.bundles.iter().map(named).collect();
        let mut spec = format!("bundles: [{}], clusters: [{select}]", bundles.join(", "));
        if let Some(except) = self.except {
            write!(spec, ", except: [{}]", both(&[except].into())).unwrap();
        }
        if number == COUNTED {
            write!(spec, ", count: {}", self.count).unwrap();
        }
        if let Some(pin) = self.pin {
            write!(spec, ", revision: v{pin}").unwrap();
        }
        write!(
            spec,
            ", priority: {}, suspend: {}",
            self.priority, self.suspend
        )
        .unwrap();
        format!("@Placement {}\nspec: {{{spec}}}\n", PLACEMENTS[number].1)
    }

    fn matches(&self, fleet: &Fleet, cluster: usize, was_there: bool) -> bool {
        match &self.select {
            Select::All => true,
            Select::Env(env) => fleet.env(cluster) == *env,
            Select::Names(names) => names.contains(&cluster),
            Select::Group => fleet.good.group.contains(&cluster),
            Select::Fact => fleet.facts[cluster].unwrap_or(was_there),
        }
    }
}

impl Values {
    fn text(&self, slot: Slot) -> String {
        match slot {
            Slot::Cluster(n) => self.clusters[n].text(n),
            Slot::Template => format!(
                "@ClusterTemplate\nmetadata: {{name: t, labels: {{env: \"{}\"}}}}\nspec: {{}}\n",
                self.template
            ),
            Slot::Group => {
                let names: Vec<_> = self
                    .group
                    .iter()
                    .flat_map(|n| [format!("c{n}"), format!("r{n}")])
                    .collect();
                format!(
                    "@ClusterGroup g\nspec: {{clusters: [{{names: [none, {}]}}]}}\n",
                    names.join(", ")
                )
            }
            Slot::Bundle(b) => bundle(b),
            Slot::Content(b) => self.contents[b].text(b),
            Slot::Placement(p) => self.placements[p].text(p),
        }
    }

    fn take(&mut self, slot: Slot, from: &Self) {
        match slot {
            Slot::Cluster(n) => self.clusters[n] = from.clusters[n],
            Slot::Template => self.template = from.template,
            Slot::Group => self.group.clone_from(&from.group),
            Slot::Bundle(_) => {}
            Slot::Content(b) => self.contents[b] = from.contents[b],
            Slot::Placement(p) => self.placements[p] = from.placements[p].clone(),
        }
    }
}

fn bundle(number: usize) -> String {
    let (_, name, path) = BUNDLES[number];
    format!("@Bundle {name}\nspec: {{path: {path}}}\n")
}

pub(super) fn placement(number: usize) -> PlacementName {
    let (source, name) = PLACEMENTS[number];
    PlacementName::try_new(SourceName::try_new(source).unwrap(), name).unwrap()
}

impl Default for Fleet {
    fn default() -> Self {
        let placed = |bundles: &[usize]| Placement {
            bundles: bundles.iter().copied().collect(),
            select: Select::All,
            except: None,
            count: 2,
            priority: 0,
            suspend: false,
            pin: None,
        };
        let content = Content {
            objects: 3,
            ..Content::default()
        };
        let now = Values {
            clusters: [Cluster {
                env: Some(true),
                ..Cluster::default()
            }; CLUSTERS],
            template: true,
            group: (0..CLUSTERS).collect(),
            contents: [content; 3],
            placements: [
                placed(&[1]),
                placed(&[1]),
                placed(&[0]),
                placed(&[0]),
                placed(&[2]),
            ],
        };
        Self {
            good: now.clone(),
            now,
            shapes: Slot::all().map(|slot| (slot, Shape::Good)).collect(),
            declared: Slot::all().collect(),
            forgotten: BTreeSet::new(),
            unread: [false; 2],
            tags: [None; 2],
            facts: [None; CLUSTERS],
            reach: None,
        }
    }
}

impl Fleet {
    /// Notes what the files declare now, as far as they can be read.
    pub(super) fn settle(&mut self) {
        for slot in Slot::named_first() {
            if self.unread[slot.source()] {
                continue;
            }
            match self.shapes[&slot] {
                // It is as bad as what it names: its last good version stays.
                Shape::Good if self.names_forgotten(slot) => {}
                Shape::Good => {
                    self.good.take(slot, &self.now);
                    self.declared.insert(slot);
                    self.forgotten.remove(&slot);
                }
                Shape::Gone => {
                    self.declared.remove(&slot);
                    self.forgotten.remove(&slot);
                }
                Shape::Field | Shape::Garbage | Shape::Foreign | Shape::Link => {}
            }
        }
    }

    /// Forgets what was good of a source: its files are read anew, and its past is not.
    pub(super) fn forget(&mut self, source: usize) {
        for slot in Slot::named_first().filter(|slot| slot.source() == source) {
            let is_good = self.shapes[&slot] == Shape::Good && !self.names_forgotten(slot);
            if !is_good && self.shapes[&slot] != Shape::Gone {
                self.forgotten.insert(slot);
            }
        }
    }

    /// Whether what a file says names a template or a group that is forgotten.
    fn names_forgotten(&self, slot: Slot) -> bool {
        let named = match slot {
            Slot::Cluster(c) if self.now.clusters[c].env.is_none() => Slot::Template,
            Slot::Placement(p) if self.now.placements[p].select == Select::Group => Slot::Group,
            _ => return false,
        };
        self.forgotten.contains(&named)
    }

    /// Whether what is forgotten, or not read yet, may be a placement of a source.
    pub(super) fn may_place(&self, source: usize) -> bool {
        let may_place = |slot: &Slot| match self.shapes[slot] {
            Shape::Garbage | Shape::Link => !matches!(slot, Slot::Content(_)),
            Shape::Gone => false,
            Shape::Good | Shape::Field | Shape::Foreign => matches!(slot, Slot::Placement(_)),
        };
        let mut forgotten = self.forgotten.iter();
        self.unread[source] || forgotten.any(|slot| slot.source() == source && may_place(slot))
    }

    /// Makes a tag of what is there now.
    pub(super) fn tag(&mut self, number: usize) {
        let good = |slot| self.shapes[&slot] == Shape::Good;
        self.tags[number] = Some([0, 1].map(|b| {
            let is_good = good(Slot::Bundle(b)) && good(Slot::Content(b));
            is_good.then(|| self.now.contents[b])
        }));
    }

    fn files(&self, source: usize) -> String {
        let mut out = "== empty.yaml\n".to_owned();
        for (slot, shape) in self
            .shapes
            .iter()
            .filter(|(slot, _)| slot.source() == source)
        {
            let (path, text) = (slot.path(), self.now.text(*slot));
            let text = match shape {
                Shape::Good => text,
                Shape::Field => text
                    .replacen("spec: {", "spec: {bogus: 1, ", 1)
                    .replace("---\n{api", "---\n{ap"),
                Shape::Garbage => format!("{text}\n  : {{[\n"),
                Shape::Foreign if matches!(slot, Slot::Content(_)) => format!("{text}}}\n"),
                Shape::Foreign => text.replacen('@', "---\napiVersion: v1\nkind: ", 1),
                Shape::Link => {
                    writeln!(out, "!= {path}").unwrap();
                    continue;
                }
                Shape::Gone => continue,
            };
            let text = match (shape, slot) {
                (Shape::Foreign, Slot::Bundle(_) | Slot::Group | Slot::Placement(_)) => {
                    named(&text)
                }
                _ => text,
            };
            write!(out, "== {path}\n{text}").unwrap();
        }
        out
    }

    /// The files, with every pin that is wanted.
    pub(super) fn trees(&self, n: u32) -> Trees {
        let texts = [0, 1].map(|source| self.files(source));
        let mut trees = many(n, &[("main", &texts[0]), ("team", &texts[1])]);
        for (name, unread) in SOURCES.into_iter().zip(self.unread) {
            if unread {
                trees
                    .sources
                    .insert(SourceName::try_new(name).unwrap(), SourceState::Unread);
            }
        }
        let main = SourceName::try_new("main").unwrap();
        let exports = Rules {
            exported_bundles: ["web".to_owned()].into(),
            exported_groups: ["g".to_owned()].into(),
            ..Rules::default()
        };
        trees.rules.insert(main.clone(), exports);
        let team = SourceName::try_new("team").unwrap();
        let reach = match self.reach {
            None => "[{}]".to_owned(),
            Some(env) => format!("[{{matchLabels: {{env: \"{env}\"}}}}]"),
        };
        let list = yaml::read(reach.as_bytes(), Dialect::Fleet)
            .remove(0)
            .unwrap();
        let (clusters, _) = read_terms(&team, &"hub.yaml".into(), &list, "clusters");
        let restrict = Some(Restriction {
            clusters,
            ..Restriction::default()
        });
        trees.rules.insert(
            team,
            Rules {
                restrict,
                ..Rules::default()
            },
        );
        for (number, tag) in self.tags.iter().enumerate() {
            let pin = PinName {
                source: main.clone(),
                text: format!("v{number}"),
            };
            let state = match tag {
                None => PinState::Missing("no such tag".to_owned()),
                Some(tag) => PinState::Read(Arc::new(tagged(number, tag))),
            };
            if !self.unread[0] {
                trees.pins.insert(pin, state);
            }
        }
        trees
    }

    // === what is declared ===

    pub(super) fn env(&self, cluster: usize) -> bool {
        self.good.clusters[cluster]
            .env
            .unwrap_or(self.good.template)
    }

    pub(super) fn is_released(&self, cluster: usize) -> bool {
        self.good.clusters[cluster].mode == 3
    }

    /// Whether the team may use a cluster.
    pub(super) fn inside(&self, cluster: usize) -> bool {
        self.reach.is_none_or(|env| self.env(cluster) == env)
    }

    /// Whether a document is declared, now or as it was last good.
    pub(super) fn is_declared(&self, slot: Slot) -> bool {
        self.declared.contains(&slot) && !self.forgotten.contains(&slot)
    }

    /// Whether a placement may select a cluster that it selected before, or did not.
    pub(super) fn eligible(&self, number: usize, cluster: usize, was_there: bool) -> bool {
        let placement = &self.good.placements[number];
        self.is_declared(Slot::Placement(number))
            && self.is_declared(Slot::Cluster(cluster))
            && placement.matches(self, cluster, was_there)
            && placement.except != Some(cluster)
            && match self.good.clusters[cluster].taint {
                0 => true,
                1 => was_there,
                _ => false,
            }
            && (number != TEAM || self.inside(cluster))
    }

    /// Whether a placement reaches further than its source may.
    pub(super) fn reaches_too_far(&self, number: usize) -> bool {
        let placement = &self.good.placements[number];
        let mut all = 0..CLUSTERS;
        number == TEAM
            && self.is_declared(Slot::Placement(number))
            && placement.select != Select::All
            && all.any(|c| {
                let declared = self.is_declared(Slot::Cluster(c));
                declared && !self.inside(c) && placement.matches(self, c, false)
            })
    }

    /// The objects of a bundle as a placement has it, or why that cannot be said.
    pub(super) fn content(
        &self,
        bundle: usize,
        placement: usize,
    ) -> Result<BTreeSet<String>, &str> {
        let pin = self.good.placements[placement].pin.filter(|_| bundle < 2);
        let pinned = |number: usize| match self.tags[number] {
            None => Err("its tag is missing"),
            Some(tag) => tag[bundle].ok_or("its tag has no good one"),
        };
        let known = match pin {
            _ if self.unread[Slot::Bundle(bundle).source()] => Err("its source is unread"),
            Some(number) => pinned(number),
            None if !self.is_declared(Slot::Bundle(bundle)) => Err("it is not declared"),
            None if self.shapes[&Slot::Content(bundle)] != Shape::Good => {
                Err("its content is broken")
            }
            None => Ok(self.good.contents[bundle]),
        };
        known.map(|content| content.names(bundle))
    }
}

fn named(text: &str) -> String {
    let mut lines = text.lines();
    let mut out = Vec::new();
    for line in &mut lines {
        match line
            .strip_prefix("kind: ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((kind, name)) => out.push(format!("kind: {kind}\nmetadata: {{name: {name}}}")),
            None => out.push(line.to_owned()),
        }
    }
    out.join("\n") + "\n"
}

/// The tree of a tag. What it holds names its commit.
fn tagged(number: usize, tag: &Tag) -> crate::spec::Tree {
    let mut text = "== empty.yaml\n".to_owned();
    let mut revision = 1_000_000;
    for (b, content) in tag.iter().enumerate() {
        if let Some(content) = content {
            write!(
                text,
                "== b{b}.yaml\n{}== {}/x.yaml\n{}",
                bundle(b),
                BUNDLES[b].2,
                content.text(b)
            )
            .unwrap();
            let flags = usize::from(content.shared) * 2 + usize::from(content.data);
            revision += u32::try_from(
                (content.objects * 4 + flags + 1) * 100_usize.pow(u32::try_from(b).unwrap()),
            )
            .unwrap();
        }
    }
    tree(revision * 2 + u32::try_from(number).unwrap(), &text)
}
