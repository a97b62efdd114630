//! Variables of one layer that use each other in a circle.

use std::collections::{BTreeMap, VecDeque};

use super::{Scalar, VariableError, names};
use crate::limits::VARIABLE_DEPTH_MAX;
use crate::spec::Variables;

/// The circles among the variables of one layer, whatever other layers say: one for variables that
/// all use each other, at the least of them.
#[must_use]
pub fn circles(layer: &Variables) -> Vec<(String, VariableError)> {
    let all: Vec<&String> = layer.keys().collect();
    let uses = uses(layer);
    let mut found: Vec<(usize, Vec<usize>)> = components(&uses)
        .into_iter()
        .filter_map(|members| circle(&uses, &members))
        .map(|way| (way[0], way))
        .collect();
    found.sort_unstable();
    let told = |(least, way): (usize, Vec<usize>)| {
        let mut names: Vec<String> = way.iter().map(|member| all[*member].clone()).collect();
        if names.len() > VARIABLE_DEPTH_MAX {
            let last = names.pop().expect("it comes back to where it began");
            names.truncate(VARIABLE_DEPTH_MAX);
            names.extend(["\u{2026}".to_owned(), last]);
        }
        (all[least].clone(), VariableError::Cycle { names })
    };
    found.into_iter().map(told).collect()
}

/// Which variables each one uses, by their numbers in the order of names.
fn uses(layer: &Variables) -> Vec<Vec<usize>> {
    let numbers: BTreeMap<&str, usize> = layer.keys().map(String::as_str).zip(0..).collect();
    let used = |value: &Scalar| match value {
        Scalar::Text(text) => names(text)
            .filter_map(|name| numbers.get(name.as_str()).copied())
            .collect(),
        Scalar::Number(_) | Scalar::Bool(_) => Vec::new(),
    };
    layer
        .values()
        .map(|variable| used(&variable.value))
        .collect()
}

/// The shortest circle through the least of variables that all reach each other; `None` for one
/// that does not use itself.
fn circle(uses: &[Vec<usize>], members: &[usize]) -> Option<Vec<usize>> {
    let least = *members.iter().min()?;
    let mut came: BTreeMap<usize, usize> = BTreeMap::new();
    let mut waiting = VecDeque::from([least]);
    let inside: std::collections::BTreeSet<usize> = members.iter().copied().collect();
    while let Some(from) = waiting.pop_front() {
        for to in uses[from].iter().filter(|to| inside.contains(*to)) {
            if *to == least {
                let mut way = vec![least];
                let mut at = from;
                while at != least {
                    way.push(at);
                    at = came[&at];
                }
                way.push(least);
                way.reverse();
                return Some(way);
            }
            if !came.contains_key(to) {
                came.insert(*to, from);
                waiting.push_back(*to);
            }
        }
    }
    None
}

/// Strongly connected components, found with a stack of its own: layers may be long.
fn components(uses: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        found: vec![None; uses.len()],
        low: vec![0; uses.len()],
        open: vec![false; uses.len()],
        ..Search::default()
    };
    for start in 0..uses.len() {
        if search.found[start].is_none() {
            search.from(start, uses);
        }
    }
    search.components
}

#[derive(Default)]
struct Search {
    /// When each one was found.
    found: Vec<Option<usize>>,
    /// The earliest one still open that each one reaches.
    low: Vec<usize>,
    /// Whether it is not in a component yet.
    open: Vec<bool>,
    stack: Vec<usize>,
    count: usize,
    components: Vec<Vec<usize>>,
}

impl Search {
    fn from(&mut self, start: usize, uses: &[Vec<usize>]) {
        self.enter(start);
        // Where we are, and how many of its uses were looked at.
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let Some(to) = uses[at].get(*next).copied() else {
                path.pop();
                if let Some((above, _)) = path.last() {
                    self.low[*above] = self.low[*above].min(self.low[at]);
                }
                self.leave(at);
                continue;
            };
            *next += 1;
            match self.found[to] {
                None => {
                    self.enter(to);
                    path.push((to, 0));
                }
                Some(found) if self.open[to] => self.low[at] = self.low[at].min(found),
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.found[node] = Some(self.count);
        self.low[node] = self.count;
        self.count += 1;
        self.open[node] = true;
        self.stack.push(node);
    }

    /// Everything on the stack above the first one found of a component belongs to it.
    fn leave(&mut self, node: usize) {
        if self.found[node] != Some(self.low[node]) {
            return;
        }
        let begins = self.stack.iter().rposition(|member| *member == node);
        let members = self.stack.split_off(begins.expect("it is open"));
        for member in &members {
            self.open[*member] = false;
        }
        self.components.push(members);
    }
}
