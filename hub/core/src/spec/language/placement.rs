//! Placement.

use super::common::{
    OVERRIDE_CLUSTERS, OVERRIDE_HELM, OVERRIDE_PATCHES, OVERRIDE_VARIABLES, PREFERENCE, TERMS,
};
use super::{Choice, Field, Format, Map, Shape};
use crate::limits;

static TOLERATION: Map = Map {
    title: "Toleration",
    doc: "Taints that do not keep the placement out.",
    fields: &[
        Field::new(
            "key",
            Shape::Text(Format::Something),
            "The taint's key. Required with Equal; absent with Exists: every taint.",
        ),
        Field::new(
            "operator",
            Shape::Word(&[
                ("Equal", "key and value are the taint's"),
                ("Exists", "the key is the taint's; `value` is ignored"),
            ]),
            "How the taint is compared.",
        )
        .default("Equal"),
        Field::new("value", Shape::Text(Format::Any), "The taint's value.").default("\"\""),
        Field::new(
            "effect",
            Shape::Word(&[
                ("NoSchedule", "only taints of this effect"),
                ("NoExecute", "only taints of this effect"),
            ]),
            "Absent: taints of both effects.",
        ),
    ],
    choice: Choice::Free,
};

static SPREAD: Map = Map {
    title: "Spread",
    doc: "How evenly the selected clusters lie over the values of a label. Clusters without it form one domain, the same as the empty value.",
    fields: &[
        Field::new(
            "by",
            Shape::Text(Format::Something),
            "The label whose values are the domains.",
        )
        .required(),
        Field::new(
            "maxSkew",
            Shape::Integer {
                min: 1,
                max: limits::SKEW_MAX,
            },
            "How many more clusters the fullest domain may have than the emptiest.",
        )
        .default("1"),
        Field::new(
            "whenUnsatisfiable",
            Shape::Word(&[
                ("DoNotSelect", "fewer clusters are selected"),
                ("SelectAnyway", "it is ignored for that one pick"),
            ]),
            "What happens when that cannot be held.",
        )
        .default("DoNotSelect"),
    ],
    choice: Choice::Free,
};

static SAFETY: Map = Map {
    title: "Safety",
    doc: "The placement's own removal budget, where the hub allows one.",
    fields: &[Field::new(
        "maxRemovedClusters",
        Shape::Text(Format::Percent),
        "Share of its clusters that it may lose within 24 hours: `0%` to `100%`.",
    )
    .required()],
    choice: Choice::Free,
};

static OVERRIDE: Map = Map {
    title: "PlacementOverride",
    doc: "What differs on some clusters. All that match apply, in order; later wins.",
    fields: &[
        OVERRIDE_CLUSTERS,
        Field::new(
            "bundles",
            Shape::List(&Shape::Text(Format::Any)),
            "Which bundles of the placement it is for; absent: all of them.",
        ),
        Field::new(
            "revision",
            Shape::Text(Format::Revision),
            "A tag or commit to read instead.",
        ),
        OVERRIDE_VARIABLES,
        OVERRIDE_HELM,
        OVERRIDE_PATCHES,
    ],
    choice: Choice::AnyOf(&["revision", "variables", "helm", "patches"]),
};

const COUNT: Shape = Shape::Either(&[
    Shape::Integer {
        min: 0,
        max: limits::COUNT_MAX as i64,
    },
    Shape::Text(Format::Percent),
]);

pub(super) static PLACEMENT: Map = Map {
    title: "Placement",
    doc: "Which bundles go to which clusters.",
    fields: &[
        Field::new(
            "priority",
            Shape::Integer {
                min: i64::MIN,
                max: i64::MAX,
            },
            "Of two placements that place one bundle on one cluster one of the bundle's own source owns it and its overrides before those of other sources; then the higher priority, then the lower name. The other is shown as shadowed.",
        )
        .default("0"),
        Field::new(
            "bundles",
            Shape::List(&Shape::Text(Format::Any)),
            "What is placed: `checkout` of the same source, or `platform/checkout` where the source `platform` exports it.",
        )
        .required(),
        Field::new("clusters", TERMS, "Where: clusters that match any of these terms...").required(),
        Field::new("except", TERMS, "... and none of these."),
        Field::new(
            "revision",
            Shape::Text(Format::Revision),
            "A tag or commit of the bundles' source at which Bundle documents and their content are read; absent: the branch.",
        ),
        Field::new("suspend", Shape::Bool, "Nothing of this placement changes anywhere.")
            .default("false"),
        Field::new("tolerations", Shape::List(&Shape::Map(&TOLERATION)), "Taints that do not keep it out."),
        Field::new(
            "count",
            COUNT,
            "How many: a number, or a share of the eligible clusters, rounded up; absent: all of them.",
        ),
        Field::new(
            "prefer",
            Shape::List(&Shape::Map(&PREFERENCE)),
            "Which ones rather; has an effect only with `count`.",
        ),
        Field::new(
            "spread",
            Shape::List(&Shape::Map(&SPREAD)),
            "How evenly; has an effect only with `count`.",
        ),
        Field::new("safety", Shape::Map(&SAFETY), "Its own removal budget."),
        Field::new("overrides", Shape::List(&Shape::Map(&OVERRIDE)), "What differs on some clusters."),
    ],
    choice: Choice::Free,
};
