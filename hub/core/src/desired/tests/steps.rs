//! What may happen to a random fleet.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::fleets::{CLUSTERS, Content, Select, Shape, Slot};

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Shape(usize, Shape),
    Env(usize, Option<bool>),
    Template(bool),
    Mode(usize, usize),
    Taint(usize, usize),
    Rename(usize, Shape),
    /// A cluster gets a name under which another one is enrolled, with objects of its own.
    Stranger(usize),
    Group(BTreeSet<usize>),
    Content(usize, Content),
    /// An object moves from one bundle into another one.
    Move(usize, usize),
    Bundles(usize, BTreeSet<usize>),
    Select(usize, Select),
    Except(usize, Option<usize>),
    Count(usize),
    Priority(usize, i64),
    Suspend(usize, bool),
    Pin(usize, Option<usize>),
    Tag(usize),
    /// A tag that a placement pins is gone.
    Untag(usize, usize),
    Reach(Option<bool>),
    /// The team's placement names clusters, and its source may not use one cluster any more.
    Overreach(usize, BTreeSet<usize>),
    Fact(usize, bool),
    Hours(u64),
    /// What waits is approved; or only what waited before one object more of each cluster did.
    Approve {
        all: bool,
    },
    /// The hub starts again; with its store or without it, and with sources that it cannot read yet.
    Restart {
        lost: bool,
        unread: [bool; 2],
    },
    Confirm,
    Commit,
}

fn shapes() -> impl Strategy<Value = Shape> {
    use Shape::{Field, Foreign, Garbage, Gone, Good, Link};
    proptest::sample::select(vec![Good, Good, Good, Field, Garbage, Foreign, Link, Gone])
}

fn selects() -> impl Strategy<Value = Select> {
    prop_oneof![
        2 => Just(Select::All),
        2 => any::<bool>().prop_map(Select::Env),
        2 => proptest::collection::btree_set(0..CLUSTERS, 0..CLUSTERS).prop_map(Select::Names),
        1 => Just(Select::Group),
        1 => Just(Select::Fact),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cluster = 0..CLUSTERS;
    let slots = Slot::all().count();
    let documents = prop_oneof![
        6 => (0..slots, shapes()).prop_map(|(slot, shape)| Step::Shape(slot, shape)),
        1 => (cluster.clone(), any::<Option<bool>>()).prop_map(|(c, env)| Step::Env(c, env)),
        1 => any::<bool>().prop_map(Step::Template),
        1 => (cluster.clone(), 0..4_usize).prop_map(|(c, mode)| Step::Mode(c, mode)),
        1 => (cluster.clone(), 0..3_usize).prop_map(|(c, taint)| Step::Taint(c, taint)),
        2 => (cluster.clone(), shapes()).prop_map(|(c, shape)| Step::Rename(c, shape)),
        1 => cluster.clone().prop_map(Step::Stranger),
        1 => proptest::collection::btree_set(cluster.clone(), 0..CLUSTERS).prop_map(Step::Group),
        1 => (0..3_usize, 0..3_usize).prop_map(|(from, to)| Step::Move(from, to)),
        3 => (0..3_usize, prop_oneof![1..4_usize, 11..14_usize], any::<bool>(), any::<bool>()).prop_map(|(b, objects, shared, data)| {
            Step::Content(b, Content { objects, shared, data })
        }),
    ];
    let placements = prop_oneof![
        2 => (0..5_usize, proptest::collection::btree_set(0..3_usize, 1..3)).prop_map(|(p, set)| Step::Bundles(p, set)),
        3 => (0..5_usize, selects()).prop_map(|(p, select)| Step::Select(p, select)),
        1 => (0..5_usize, proptest::option::of(cluster.clone())).prop_map(|(p, c)| Step::Except(p, c)),
        1 => (0..4_usize).prop_map(Step::Count),
        1 => (0..5_usize, -1..2_i64).prop_map(|(p, priority)| Step::Priority(p, priority)),
        1 => (0..5_usize, any::<bool>()).prop_map(|(p, suspend)| Step::Suspend(p, suspend)),
        2 => (0..4_usize, proptest::option::of(0..2_usize)).prop_map(|(p, pin)| Step::Pin(p, pin)),
        1 => (0..2_usize).prop_map(Step::Tag),
        2 => (0..2_usize, 0..4_usize).prop_map(|(tag, p)| Step::Untag(tag, p)),
        2 => (cluster.clone(), proptest::collection::btree_set(cluster.clone(), 1..CLUSTERS))
            .prop_map(|(c, select)| Step::Overreach(c, select)),
        1 => any::<Option<bool>>().prop_map(Step::Reach),
    ];
    let events = prop_oneof![
        2 => (cluster, any::<bool>()).prop_map(|(c, fact)| Step::Fact(c, fact)),
        2 => prop_oneof![1..30_u64, 168..200_u64].prop_map(Step::Hours),
        2 => any::<bool>().prop_map(|all| Step::Approve { all }),
        2 => (any::<bool>(), any::<[bool; 2]>(), any::<bool>())
            .prop_map(|(lost, unread, all)| Step::Restart { lost, unread: unread.map(|un| un && !all) }),
        1 => Just(Step::Confirm),
    ];
    let step = prop_oneof![4 => documents, 4 => placements, 2 => events, 5 => Just(Step::Commit)];
    proptest::collection::vec(step, 1..40)
}
