//! What documents share: metadata, selection terms, overrides, patches, label expressions.

use super::{Choice, Field, Format, Map, Shape};
use crate::limits;

pub(in crate::spec) static DOCUMENT: Map = Map {
    title: "Document",
    doc: "One document of a fleet file.",
    fields: &[
        Field::new(
            "apiVersion",
            Shape::Word(&[("capstan.dev/v1alpha1", "this version")]),
            "What makes the document a fleet document.",
        )
        .required(),
        Field::new("kind", Shape::Text(Format::Any), "What it declares.").required(),
        Field::new("metadata", Shape::Map(&METADATA), "What it is called.").required(),
        Field::new("spec", Shape::Opaque, "What it says."),
        Field::later("status", "Fleet documents are only read."),
    ],
    choice: Choice::Free,
};

pub(in crate::spec) static METADATA: Map = Map {
    title: "metadata",
    doc: "What a document is called.",
    fields: &[
        Field::new(
            "name",
            Shape::Text(Format::Label),
            "A DNS-1123 label, unique per kind in a source (for a Cluster: in the fleet). Of two, the first path in byte order stays.",
        )
        .required(),
        Field::new(
            "labels",
            Shape::Strings(Format::Any),
            "Of a Cluster and its ClusterTemplates: the only labels that placement sees.",
        ),
        Field::new("annotations", Shape::Strings(Format::Note), "Anything that people or tools want to note."),
    ],
    choice: Choice::Free,
};

const LABEL_OPERATORS: &[(&str, &str)] = &[
    ("In", "the label is there, with one of the values"),
    ("NotIn", "the label is not there, or has none of the values"),
    ("Exists", "the label is there"),
    ("DoesNotExist", "the label is not there"),
];

const FACT_OPERATORS: &[(&str, &str)] = &[
    ("In", "the fact is there, with one of the values"),
    ("NotIn", "the fact is not there, or has none of the values"),
    ("Exists", "the fact is there"),
    ("DoesNotExist", "the fact is not there"),
    ("Gt", "the fact is a number greater than the value"),
    ("Gte", "the fact is a number, and not less than the value"),
    ("Lt", "the fact is a number less than the value"),
    (
        "Lte",
        "the fact is a number, and not greater than the value",
    ),
];

pub(super) static EXPRESSION: Map = Map {
    title: "Expression",
    doc: "A condition on a label, as Kubernetes has it.",
    fields: &[
        Field::new("key", Shape::Text(Format::Any), "The label's key.").required(),
        Field::new("operator", Shape::Word(LABEL_OPERATORS), "What must hold.").required(),
        Field::new(
            "values",
            Shape::Loose(&Shape::Text(Format::Any)),
            "At least one with In and NotIn, none with the others.",
        ),
    ],
    choice: Choice::Free,
};

pub(super) static FACT: Map = Map {
    title: "FactExpression",
    doc: "A condition on a fact that a spoke reports. A fact is a number when it is `[+-]?[0-9]+(\\.[0-9]+)?`, and numbers of any length are compared exactly; In and NotIn compare texts. A fact that a cluster has not reported since the hub started is unknown: for that cluster the previous decision stays.",
    fields: &[
        Field::new("key", Shape::Text(Format::Any), "The fact's key.").required(),
        Field::new("operator", Shape::Word(FACT_OPERATORS), "What must hold.").required(),
        Field::new(
            "values",
            Shape::Loose(&Shape::Text(Format::Any)),
            "Texts: `[\"29\"]`, never `[29]`. At least one with In and NotIn; exactly one number with Gt, Gte, Lt and Lte; none with the others.",
        ),
    ],
    choice: Choice::Free,
};

const EXPRESSION_LIST: Shape = Shape::Loose(&Shape::Map(&EXPRESSION));

const FACT_LIST: Shape = Shape::List(&Shape::Map(&FACT));

const EXPRESSIONS: Field = Field::new(
    "matchExpressions",
    EXPRESSION_LIST,
    "Conditions on labels, all of which must hold; an empty list holds.",
);

const MATCH_LABELS: Field = Field::new(
    "matchLabels",
    Shape::Strings(Format::Any),
    "Labels that must have exactly these values; an empty map holds.",
);

const NAMES: Field = Field::new(
    "names",
    Shape::List(&Shape::Text(Format::Something)),
    "Names of clusters, any of which must match: exact, or with `*` (any characters) and `?` (one).",
);

const GROUPS: Field = Field::new(
    "groups",
    Shape::List(&Shape::Text(Format::Any)),
    "ClusterGroups, any of which must have the cluster: `europe` of the same source, or `platform/europe` where the source `platform` exports it.",
);

const FACTS: Field = Field::new(
    "facts",
    FACT_LIST,
    "Conditions on facts, all of which must hold; the term must also name labels, names or groups.",
);

const CEL: Field = Field::new(
    "cel",
    Shape::Text(Format::Something),
    "A CEL expression that must be true, over `cluster.name`, `cluster.labels`, `cluster.variables` and `cluster.facts`. An error on a cluster means not matched, and a problem that names it.",
);

pub(in crate::spec) static TERM: Map = Map {
    title: "Term",
    doc: "A selection term, the same everywhere. A list of terms is *or*; inside a term every key given must hold. `{}` is every declared cluster; in a restricted source, every one that it may use.",
    fields: &[MATCH_LABELS, EXPRESSIONS, NAMES, GROUPS, FACTS, CEL],
    choice: Choice::Free,
};

pub(super) static PREFERENCE: Map = Map {
    title: "Preference",
    doc: "A selection term with a weight. One with only a weight matches every cluster.",
    fields: &[
        Field::new(
            "weight",
            Shape::Integer {
                min: -limits::WEIGHT_MAX,
                max: limits::WEIGHT_MAX,
            },
            "What a match adds to the cluster's score; may be negative.",
        )
        .required(),
        MATCH_LABELS,
        EXPRESSIONS,
        NAMES,
        GROUPS,
        FACTS,
        CEL,
    ],
    choice: Choice::Free,
};

/// Any of these terms.
pub(in crate::spec) const TERMS: Shape = Shape::List(&Shape::Map(&TERM));

static LABEL_EXPRESSION: Map = Map {
    title: "LabelExpression",
    doc: "A condition on a label of an object, as Kubernetes has it.",
    fields: &[
        Field::new("key", Shape::Text(Format::Any), "The label's key.").required(),
        Field::new("operator", Shape::Word(LABEL_OPERATORS), "What must hold.").required(),
        Field::new(
            "values",
            Shape::Loose(&Shape::Text(Format::Template)),
            "At least one with In and NotIn, none with the others.",
        ),
    ],
    choice: Choice::Free,
};

static SELECTOR: Map = Map {
    title: "LabelSelector",
    doc: "A selector of objects by their labels, as Kubernetes has it.",
    fields: &[
        Field::new(
            "matchLabels",
            Shape::Strings(Format::Template),
            "Labels that must have exactly these values; an empty map holds.",
        ),
        Field::new(
            "matchExpressions",
            Shape::Loose(&Shape::Map(&LABEL_EXPRESSION)),
            "Conditions on labels, all of which must hold; an empty list holds.",
        ),
    ],
    choice: Choice::Free,
};

static TARGET: Map = Map {
    title: "Target",
    doc: "Which objects of the bundle a patch is for. What is absent matches everything.",
    fields: &[
        Field::new(
            "group",
            Shape::Text(Format::Template),
            "API group; `\"\"` is the core group.",
        ),
        Field::new("version", Shape::Text(Format::Filled), "API version."),
        Field::new("kind", Shape::Text(Format::Filled), "Kind."),
        Field::new("name", Shape::Text(Format::Template), "Name."),
        Field::new(
            "namespace",
            Shape::Text(Format::Template),
            "Namespace, as it is after `defaultNamespace`.",
        ),
        Field::new(
            "labelSelector",
            Shape::Map(&SELECTOR),
            "Labels of the object.",
        ),
    ],
    choice: Choice::Free,
};

const OPERATIONS: &[(&str, &str)] = &[
    ("add", "adds `value`"),
    ("remove", "removes what is there"),
    ("replace", "replaces what is there by `value`"),
    ("move", "moves what is at `from`"),
    ("copy", "copies what is at `from`"),
    ("test", "refuses the whole patch unless `value` is there"),
];

static OPERATION: Map = Map {
    title: "Operation",
    doc: "An operation of a JSON patch (RFC 6902).",
    fields: &[
        Field::new("op", Shape::Word(OPERATIONS), "What it does.").required(),
        Field::new(
            "path",
            Shape::Text(Format::Template),
            "Where, as a JSON pointer (RFC 6901).",
        )
        .required(),
        Field::new(
            "value",
            Shape::Any,
            "With add, replace and test; never with the others.",
        ),
        Field::new(
            "from",
            Shape::Text(Format::Template),
            "A JSON pointer, with move and copy; never with the others.",
        ),
    ],
    choice: Choice::Free,
};

static PATCH: Map = Map {
    title: "Patch",
    doc: "A change to rendered objects. One that matches no object is a problem.",
    fields: &[
        Field::new(
            "target",
            Shape::Map(&TARGET),
            "Which objects; absent: all of the bundle.",
        ),
        Field::new(
            "merge",
            Shape::Object,
            "Merged into the object: lists by their keys for kinds that Kubernetes defines, else as a JSON merge patch (RFC 7386).",
        ),
        Field::new(
            "json",
            Shape::List(&Shape::Map(&OPERATION)),
            "A JSON patch (RFC 6902): all of it or nothing.",
        ),
    ],
    choice: Choice::OneOf(&["merge", "json"]),
};

/// Changes to rendered objects.
pub(super) const PATCHES: Shape = Shape::List(&Shape::Map(&PATCH));

static HELM_OVERRIDE: Map = Map {
    title: "HelmOverride",
    doc: "What an override says about a chart.",
    fields: &[Field::new("values", Shape::Object, "Merged over the values before.").required()],
    choice: Choice::Free,
};

pub(super) const OVERRIDE_CLUSTERS: Field = Field::new(
    "clusters",
    TERMS,
    "Which clusters it is for: any of these terms; absent: every cluster.",
);

pub(super) const OVERRIDE_VARIABLES: Field = Field::new(
    "variables",
    Shape::Variables,
    "Variables that win over those before.",
);

pub(super) const OVERRIDE_HELM: Field =
    Field::new("helm", Shape::Map(&HELM_OVERRIDE), "Values of the chart.");

pub(super) const OVERRIDE_PATCHES: Field =
    Field::new("patches", PATCHES, "Patches, after those before.");
