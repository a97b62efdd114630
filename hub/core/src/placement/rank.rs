//! The order in which a placement prefers clusters: score, hash, name.
//!
//! Scores are sums of weights in 128 bits: 2^64 weights of 64 bits fit, so no sum is ever cut off.

use std::cmp::Reverse;

use capstan_proto::{Digest, PlacementName};

use super::answer::{Answer, Asking};
use super::bits::Bits;
use super::index::Index;
use crate::spec::Placement;

/// Ranks clusters for one placement.
pub(super) struct Ranking<'a> {
    name: &'a str,
    index: &'a Index,
    /// Weights with who matches them; `None` is every cluster.
    weights: Vec<(i128, Option<Answer>)>,
}

/// A cluster's place in the order; the least is the highest rank. Numbers follow names.
type Rank = (Reverse<i128>, Digest, u32);

impl<'a> Ranking<'a> {
    /// Asks who matches what the placement prefers. What is unknown does not match.
    pub(super) fn new(
        asking: &mut Asking<'a>,
        name: &'a PlacementName,
        placement: &Placement,
    ) -> Self {
        let weights = placement.prefer.iter().map(|preference| {
            let term = preference.term.as_ref();
            (
                i128::from(preference.weight),
                term.map(|term| asking.term(term)),
            )
        });
        Self {
            weights: weights.collect(),
            name: name.name(),
            index: asking.index,
        }
    }

    /// The sum of the weights that a cluster matches.
    pub(super) fn score(&self, cluster: u32) -> i128 {
        let matching = self.weights.iter().filter(|(_, answer)| {
            let answer = answer.as_ref();
            answer.is_none_or(|answer| answer.yes.contains(cluster))
        });
        matching.map(|(weight, _)| weight).sum()
    }

    fn rank(&self, cluster: u32) -> Rank {
        let cluster_name = self.index.name(cluster).as_str();
        let text = [self.name.as_bytes(), &[0], cluster_name.as_bytes()].concat();
        (Reverse(self.score(cluster)), Digest::of(&text), cluster)
    }

    /// These clusters, the highest rank first.
    pub(super) fn sorted(&self, clusters: &Bits) -> Vec<u32> {
        let mut ranks: Vec<Rank> = clusters.iter().map(|cluster| self.rank(cluster)).collect();
        ranks.sort_unstable();
        ranks.into_iter().map(|(_, _, cluster)| cluster).collect()
    }

    /// The `wanted` highest of these clusters. Only those that are equal where the line falls are
    /// hashed.
    pub(super) fn highest(&self, clusters: &Bits, wanted: usize) -> Bits {
        let len = self.index.len();
        if wanted == 0 {
            return Bits::empty(len);
        }
        let scored = clusters.iter().map(|c| (Reverse(self.score(c)), c));
        let mut scored: Vec<(Reverse<i128>, u32)> = scored.collect();
        if scored.len() <= wanted {
            return clusters.clone();
        }
        let (_, (line, _), _) = scored.select_nth_unstable(wanted - 1);
        let line = *line;
        let above = scored.iter().filter(|(score, _)| *score < line);
        let mut highest = Bits::of(len, above.map(|(_, cluster)| *cluster));
        let left = wanted - highest.count();
        let equal = scored.iter().filter(|(score, _)| *score == line);
        let mut equal: Vec<Rank> = equal.map(|(_, cluster)| self.rank(*cluster)).collect();
        equal.select_nth_unstable(left - 1);
        for (_, _, cluster) in &equal[..left] {
            highest.insert(*cluster);
        }
        highest
    }
}
