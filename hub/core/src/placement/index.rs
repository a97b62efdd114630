//! The declared clusters, so that terms are answered for all of them at once.
//!
//! Clusters are numbered in the order of their names. A label's key has a column: the value's number
//! for every cluster, and for every value the set of clusters that have it. Only keys that terms name
//! have one. A relabelled cluster changes the columns of its keys; clusters that come and go shift
//! the numbers, and the index is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;

use super::bits::{Bits, LANES};
use super::walk::Walk;
use crate::effective::mentions_revision;
use crate::inventory::{Facts, Inventory};
use crate::selector::Candidate;
use crate::spec::{Effect, Member, Spec, Taint};

/// Everything that selection can see of the declared clusters.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    names: Arc<[ClusterName]>,
    /// What is said of each cluster, in blocks of [`LANES`]: where one cluster changed, the others'
    /// blocks are shared with the index before.
    rows: Vec<Arc<[Row]>>,
    columns: BTreeMap<Arc<str>, Arc<Column>>,
    taints: Arc<Taints>,
}

/// What is said of one cluster.
#[derive(Clone, Debug)]
struct Row {
    member: Arc<Member>,
    facts: Facts,
    /// Whether its variables mention the revision of the source.
    mentions_revision: bool,
}

impl Row {
    fn new(member: &Arc<Member>, facts: &Facts) -> Self {
        Self {
            member: Arc::clone(member),
            facts: facts.clone(),
            mentions_revision: mentions_revision(&member.variables),
        }
    }
}

/// Clusters by taint: key, value and effect.
pub(super) type Taints = BTreeMap<(String, String, Effect), Vec<u32>>;

/// The values of one label on all clusters.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The number of each value; 0 is for clusters without the label.
    numbers: Arc<BTreeMap<Arc<str>, u32>>,
    /// The value's number of each cluster.
    of: Vec<u32>,
    /// The clusters of each value's number.
    having: Vec<Arc<Posting>>,
}

/// The clusters that have one value: whichever form is smaller.
#[derive(Clone, Debug)]
pub(super) enum Posting {
    /// Their numbers, ascending.
    Few(Vec<u32>),
    /// One bit a cluster.
    Many(Bits),
}

/// The number of a label that is absent.
pub(super) const ABSENT: u32 = 0;

impl Index {
    /// Makes an index of a fleet, without columns.
    pub(super) fn new(spec: &Spec, inventory: &Inventory) -> Self {
        let mut taints = Taints::new();
        for (number, member) in (0..).zip(spec.members.values()) {
            for (taint, _) in &member.taints {
                taints.entry(taint_key(taint)).or_default().push(number);
            }
        }
        let mut rows = spec.members.values().zip(facts_of(spec, inventory));
        let mut block = || -> Arc<[Row]> {
            let block = rows.by_ref().take(LANES);
            block
                .map(|(member, facts)| Row::new(member, facts))
                .collect()
        };
        let blocks = spec.members.len().div_ceil(LANES);
        Self {
            names: spec.members.keys().cloned().collect(),
            rows: (0..blocks).map(|_| block()).collect(),
            columns: BTreeMap::new(),
            taints: Arc::new(taints),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, by number.
    pub(super) fn names(&self) -> &Arc<[ClusterName]> {
        &self.names
    }

    pub(super) fn name(&self, number: u32) -> &ClusterName {
        &self.names[number as usize]
    }

    pub(super) fn number(&self, name: &ClusterName) -> Option<u32> {
        let found = self.names.binary_search(name).ok()?;
        u32::try_from(found).ok()
    }

    fn row(&self, number: u32) -> &Row {
        let number = number as usize;
        &self.rows[number / LANES][number % LANES]
    }

    pub(super) fn member(&self, number: u32) -> &Arc<Member> {
        &self.row(number).member
    }

    pub(super) fn facts(&self, number: u32) -> &Facts {
        &self.row(number).facts
    }

    /// The clusters whose variables mention the revision of the source.
    pub(super) fn mentioning_revision(&self) -> Bits {
        let rows = (0..).zip(self.rows.iter().flat_map(|block| &**block));
        let mentioning = rows.filter(|(_, row)| row.mentions_revision);
        Bits::of(self.len(), mentioning.map(|(number, _)| number))
    }

    /// A cluster as terms see it.
    pub(super) fn candidate(&self, number: u32) -> Candidate<'_> {
        let member = self.member(number);
        Candidate::of(self.name(number), member, self.facts(number))
    }

    /// The numbers of the names that begin so.
    pub(super) fn beginning(&self, prefix: &str) -> std::ops::Range<u32> {
        let from = self.names.partition_point(|name| name.as_str() < prefix);
        let these = self.names[from..].partition_point(|name| name.as_str().starts_with(prefix));
        number_of(from)..number_of(from + these)
    }

    pub(super) fn column(&self, key: &str) -> Option<&Column> {
        self.columns.get(key).map(|column| &**column)
    }

    pub(super) fn taints(&self) -> &Taints {
        &self.taints
    }

    /// Makes the columns that are missing, in one walk over the clusters.
    pub(super) fn cover(&mut self, keys: &BTreeSet<&str>) {
        let mut missing: Vec<(&str, Maker<'_>)> = keys
            .iter()
            .filter(|key| !self.columns.contains_key(**key))
            .map(|key| (*key, Maker::new(self.names.len())))
            .collect();
        if missing.is_empty() {
            return;
        }
        for (number, row) in (0..).zip(self.rows.iter().flat_map(|block| &**block)) {
            // Both are in order.
            let mut labels = row.member.labels.iter().peekable();
            for (key, maker) in &mut missing {
                while labels.next_if(|(have, _)| have.as_str() < *key).is_some() {}
                let value = labels.peek().filter(|(have, _)| have.as_str() == *key);
                maker.add(number, value.map(|(_, value)| value.as_str()));
            }
        }
        let made = missing
            .into_iter()
            .map(|(key, maker)| (Arc::from(key), Arc::new(maker.finish())));
        let made: Vec<(Arc<str>, Arc<Column>)> = made.collect();
        self.columns.extend(made);
    }

    /// Takes what is said now of one cluster in the place of what was said.
    pub(super) fn replace(&mut self, number: u32, member: &Arc<Member>, facts: &Facts) {
        let block = Arc::make_mut(&mut self.rows[number as usize / LANES]);
        let row = &mut block[number as usize % LANES];
        let before = std::mem::replace(row, Row::new(member, facts)).member;
        for (key, column) in &mut self.columns {
            let value = member.labels.get(&**key);
            if before.labels.get(&**key) != value {
                Arc::make_mut(column).replace(number, value.map(String::as_str));
            }
        }
        let unchanged = before.taints.len() == member.taints.len()
            && before
                .taints
                .iter()
                .zip(&member.taints)
                .all(|(a, b)| a.0 == b.0);
        if unchanged {
            return;
        }
        let taints = Arc::make_mut(&mut self.taints);
        for (taint, _) in &before.taints {
            if let Some(numbers) = taints.get_mut(&taint_key(taint)) {
                numbers.retain(|have| *have != number);
            }
        }
        for (taint, _) in &member.taints {
            let numbers = taints.entry(taint_key(taint)).or_default();
            let at = numbers.partition_point(|have| *have < number);
            numbers.insert(at, number);
        }
        taints.retain(|_, numbers| !numbers.is_empty());
    }

    /// What it takes in memory beside the documents themselves, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| name.as_str().len()).sum();
        let columns: usize = self.columns.values().map(|column| column.bytes()).sum();
        let taints: usize = self.taints.values().map(|numbers| numbers.len() * 4).sum();
        let of_cluster = size_of::<ClusterName>() + size_of::<Row>();
        size_of::<Self>() + names + columns + taints + self.names.len() * of_cluster
    }
}

fn taint_key(taint: &Taint) -> (String, String, Effect) {
    (taint.key.clone(), taint.value.clone(), taint.effect)
}

/// Facts of every declared cluster, in order: both maps are walked once.
pub(super) fn facts_of<'a>(
    spec: &'a Spec,
    inventory: &'a Inventory,
) -> impl Iterator<Item = &'a Facts> {
    static NOTHING: Facts = Facts::Never;
    let mut facts = Walk::new(&inventory.facts);
    let names = spec.members.keys();
    names.map(move |name| facts.get(name).unwrap_or(&NOTHING))
}

fn number_of(position: usize) -> u32 {
    u32::try_from(position).expect("a fleet has fewer than 2^32 clusters")
}

impl Column {
    /// The clusters with a value; `None` where no cluster has it.
    pub(super) fn with(&self, value: &str) -> Option<&Posting> {
        let number = *self.numbers.get(value)?;
        Some(&*self.having[number as usize])
    }

    /// The clusters without the label.
    pub(super) fn absent(&self) -> &Posting {
        &self.having[ABSENT as usize]
    }

    /// The domain of a cluster: its value's number. A cluster without the label is in the domain of
    /// the empty value.
    pub(super) fn domain(&self, cluster: u32) -> u32 {
        match self.of[cluster as usize] {
            ABSENT => self.numbers.get("").copied().unwrap_or(ABSENT),
            number => number,
        }
    }

    fn replace(&mut self, cluster: u32, value: Option<&str>) {
        let number = match value {
            None => ABSENT,
            Some(value) => match self.numbers.get(value) {
                Some(number) => *number,
                None => {
                    let number = number_of(self.having.len());
                    Arc::make_mut(&mut self.numbers).insert(value.into(), number);
                    self.having.push(Arc::new(Posting::Few(Vec::new())));
                    number
                }
            },
        };
        let before = std::mem::replace(&mut self.of[cluster as usize], number);
        let len = self.of.len();
        Arc::make_mut(&mut self.having[before as usize]).remove(cluster);
        Arc::make_mut(&mut self.having[number as usize]).insert(len, cluster);
    }

    fn bytes(&self) -> usize {
        let texts: usize = self.numbers.keys().map(|text| text.len() + 32).sum();
        let having: usize = self.having.iter().map(|posting| posting.bytes() + 24).sum();
        size_of::<Self>() + texts + self.of.len() * 4 + having
    }
}

/// A column in the making.
struct Maker<'a> {
    numbers: BTreeMap<&'a str, u32>,
    /// The value seen last: neighbours by name are often alike.
    last: Option<(&'a str, u32)>,
    of: Vec<u32>,
    having: Vec<Vec<u32>>,
}

impl<'a> Maker<'a> {
    fn new(len: usize) -> Self {
        Self {
            numbers: BTreeMap::new(),
            last: None,
            of: Vec::with_capacity(len),
            having: vec![Vec::new()],
        }
    }

    fn add(&mut self, cluster: u32, value: Option<&'a str>) {
        let number = match (value, self.last) {
            (None, _) => ABSENT,
            (Some(value), Some((last, number))) if last == value => number,
            (Some(value), _) => {
                let next = number_of(self.having.len());
                let number = *self.numbers.entry(value).or_insert(next);
                if number == next {
                    self.having.push(Vec::new());
                }
                self.last = Some((value, number));
                number
            }
        };
        self.of.push(number);
        self.having[number as usize].push(cluster);
    }

    fn finish(self) -> Column {
        let len = self.of.len();
        let numbers = self.numbers.into_iter();
        Column {
            numbers: Arc::new(numbers.map(|(value, n)| (value.into(), n)).collect()),
            of: self.of,
            having: self
                .having
                .into_iter()
                .map(|numbers| Arc::new(Posting::of(len, numbers)))
                .collect(),
        }
    }
}

impl Posting {
    /// Four bytes a number, or one bit a cluster.
    fn of(len: usize, numbers: Vec<u32>) -> Self {
        if numbers.len() * 32 > len {
            Self::Many(Bits::of(len, numbers))
        } else {
            Self::Few(numbers)
        }
    }

    fn insert(&mut self, len: usize, number: u32) {
        match self {
            Self::Many(bits) => bits.insert(number),
            Self::Few(numbers) => {
                let at = numbers.partition_point(|have| *have < number);
                numbers.insert(at, number);
                if numbers.len() * 32 > len {
                    *self = Self::of(len, std::mem::take(numbers));
                }
            }
        }
    }

    fn remove(&mut self, number: u32) {
        match self {
            Self::Many(bits) => bits.remove(number),
            Self::Few(numbers) => numbers.retain(|have| *have != number),
        }
    }

    /// Keeps in `all` what is here.
    pub(super) fn narrow(&self, all: &mut Bits) {
        match self {
            Self::Many(bits) => all.and(bits),
            Self::Few(numbers) => {
                let both = numbers
                    .iter()
                    .copied()
                    .filter(|number| all.contains(*number));
                *all = Bits::of(all.words().len() * LANES, both);
            }
        }
    }

    /// Adds to `all` what is here.
    pub(super) fn widen(&self, all: &mut Bits) {
        match self {
            Self::Many(bits) => all.or(bits),
            Self::Few(numbers) => numbers.iter().for_each(|number| all.insert(*number)),
        }
    }

    /// Takes from `all` what is here.
    pub(super) fn take(&self, all: &mut Bits) {
        match self {
            Self::Many(bits) => all.subtract(bits),
            Self::Few(numbers) => numbers.iter().for_each(|number| all.remove(*number)),
        }
    }

    /// As a set of its own.
    pub(super) fn bits(&self, len: usize) -> Bits {
        match self {
            Self::Many(bits) => bits.clone(),
            Self::Few(numbers) => Bits::of(len, numbers.iter().copied()),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Many(bits) => bits.bytes(),
            Self::Few(numbers) => size_of::<Self>() + numbers.capacity() * 4,
        }
    }
}
