//! Cluster, ClusterTemplate and ClusterGroup.

use super::common::TERMS;
use super::{Choice, Field, Format, Map, Shape};

const EFFECTS: &[(&str, &str)] = &[
    (
        "NoSchedule",
        "keeps out placements that do not have the cluster yet",
    ),
    (
        "NoExecute",
        "keeps out every placement, also one that has it",
    ),
];

static TAINT: Map = Map {
    title: "Taint",
    doc: "A mark that keeps placements out which do not tolerate it. Of equal key and effect the last counts: templates in order, then the cluster's own.",
    fields: &[
        Field::new("key", Shape::Text(Format::Something), "Its key.").required(),
        Field::new("value", Shape::Text(Format::Any), "Its value.").default("\"\""),
        Field::new("effect", Shape::Word(EFFECTS), "What it does.").required(),
    ],
    choice: Choice::Free,
};

const TAINTS: Shape = Shape::List(&Shape::Map(&TAINT));

const MODES: &[(&str, &str)] = &[
    ("Enforce", "applies and heals"),
    ("Observe", "applies nothing, and reports the difference"),
    ("Paused", "changes nothing, and reports drift"),
    (
        "Release",
        "leaves every workload in place, and takes our marks off",
    ),
];

pub(super) static CLUSTER: Map = Map {
    title: "Cluster",
    doc: "A cluster of the fleet. Deleting, renaming or mistyping it never uninstalls anything.",
    fields: &[
        Field::new(
            "templates",
            Shape::List(&Shape::Text(Format::Any)),
            "ClusterTemplates of the same source, merged in order; the cluster's own fields come last.",
        ),
        Field::new(
            "variables",
            Shape::Variables,
            "Its own variables; the declared type is kept.",
        ),
        Field::new("taints", TAINTS, "Its own taints."),
        Field::new("mode", Shape::Word(MODES), "What its spoke does.").default("Enforce"),
        Field::new(
            "renamedFrom",
            Shape::Text(Format::Label),
            "The name it had before: its identity moves along, and nothing is uninstalled. The old name must not be declared any more, and only one cluster may have it.",
        ),
    ],
    choice: Choice::Free,
};

pub(super) static TEMPLATE: Map = Map {
    title: "ClusterTemplate",
    doc: "Labels (in `metadata`), variables and taints that clusters share.",
    fields: &[
        Field::new(
            "variables",
            Shape::Variables,
            "Variables of every cluster that names it.",
        ),
        Field::new("taints", TAINTS, "Taints of every cluster that names it."),
    ],
    choice: Choice::Free,
};

pub(super) static GROUP: Map = Map {
    title: "ClusterGroup",
    doc: "Clusters under a name that every selection term can use. Groups may name groups, and no circle.",
    fields: &[
        Field::new("clusters", TERMS, "Its members match any of these terms...").required(),
        Field::new("except", TERMS, "... and none of these."),
    ],
    choice: Choice::Free,
};
