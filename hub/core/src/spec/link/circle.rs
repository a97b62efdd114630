//! Circles of documents that name each other, in time that grows with the references.

use std::collections::{BTreeMap, VecDeque};

use crate::limits;

/// Most steps that are walked to say which way a circle goes, in all.
const STEPS_MAX: usize = 1_000_000;

/// Every node that stands in a circle, with the shortest way from it back to itself; with itself
/// alone where the ways are too long to be walked.
pub(in crate::spec) fn circles<N: Ord + Clone>(edges: &BTreeMap<N, Vec<N>>) -> BTreeMap<N, Vec<N>> {
    let names: Vec<&N> = edges.keys().collect();
    let index: BTreeMap<&N, usize> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
    let graph: Vec<Vec<usize>> = edges
        .values()
        .map(|to| to.iter().filter_map(|n| index.get(n).copied()).collect())
        .collect();
    let component = components(&graph);
    let mut sizes = vec![0_usize; graph.len()];
    for of in &component {
        sizes[*of] += 1;
    }
    let mut left = STEPS_MAX;
    let mut found = BTreeMap::new();
    for (node, name) in names.iter().enumerate() {
        if sizes[component[node]] > 1 || graph[node].contains(&node) {
            let way = way_back(&graph, &component, node, &mut left);
            let way = way.into_iter().map(|i| names[i].clone()).collect();
            found.insert((*name).clone(), way);
        }
    }
    found
}

/// A way in words: `a -> b -> a`, shortened in the middle.
pub(in crate::spec) fn told(way: &[&str]) -> String {
    let max = limits::CIRCLE_SHOWN_MAX;
    match way {
        [one] => format!("{one} -> ... -> {one}"),
        [first @ .., last] if way.len() > max => {
            format!("{} -> ... -> {last}", first[..max - 1].join(" -> "))
        }
        way => way.join(" -> "),
    }
}

/// The strongly connected component of each node (Kosaraju, without recursion).
fn components(graph: &[Vec<usize>]) -> Vec<usize> {
    let mut reversed = vec![Vec::new(); graph.len()];
    for (from, to) in graph.iter().enumerate() {
        for to in to {
            reversed[*to].push(from);
        }
    }
    let mut component = vec![usize::MAX; graph.len()];
    for start in finished(graph).into_iter().rev() {
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if component[node] == usize::MAX {
                component[node] = start;
                stack.extend(
                    reversed[node]
                        .iter()
                        .filter(|n| component[**n] == usize::MAX),
                );
            }
        }
    }
    component
}

/// Nodes in the order in which a walk in depth is done with them.
fn finished(graph: &[Vec<usize>]) -> Vec<usize> {
    let mut seen = vec![false; graph.len()];
    let mut order = Vec::with_capacity(graph.len());
    for start in 0..graph.len() {
        let mut stack = vec![(start, 0)];
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        while let Some((node, edge)) = stack.pop() {
            match graph[node].get(edge) {
                None => order.push(node),
                Some(next) => {
                    stack.push((node, edge + 1));
                    if !std::mem::replace(&mut seen[*next], true) {
                        stack.push((*next, 0));
                    }
                }
            }
        }
    }
    order
}

/// The shortest way from a node back to itself, inside its component.
fn way_back(
    graph: &[Vec<usize>],
    component: &[usize],
    start: usize,
    left: &mut usize,
) -> Vec<usize> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in graph[node]
            .iter()
            .filter(|n| component[**n] == component[start])
        {
            let Some(rest) = left.checked_sub(1) else {
                return vec![start];
            };
            *left = rest;
            if *next == start {
                let mut way = vec![start];
                let mut at = node;
                while at != start {
                    way.push(at);
                    at = came_from[&at];
                }
                way.push(start);
                way.reverse();
                return way;
            }
            if !came_from.contains_key(next) {
                came_from.insert(*next, node);
                queue.push_back(*next);
            }
        }
    }
    vec![start]
}
