//! What is wrong with a file, where, and what to do about it.

mod catalogue;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, SourceName};

use crate::limits;
use crate::yaml::{Lost, Numeral};

/// A place in a file of a source. Ordered by source, path, line, column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The source that the file belongs to.
    pub source: SourceName,
    /// Path relative to the source's path, with `/`.
    pub path: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
}

/// `path:line:column`, as compilers write it and editors read it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was asked for does not happen.
    Error,
    /// Everything happens, but probably not what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// What kind of problem it is: a stable code that people search for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it stands for, in a sentence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*),)*
                }
            }

            /// The code as people write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The file is not YAML or JSON.
    NotYaml = "E0101",
    /// A field that no version knows.
    UnknownField = "E0102",
    /// A value of another type than the field has.
    WrongType = "E0103",
    /// A field that must be there is not.
    MissingField = "E0104",
    /// A name that is not a DNS-1123 label.
    BadName = "E0105",
    /// Two documents of one kind have one name.
    DuplicateName = "E0106",
    /// A kind that no version knows.
    UnknownKind = "E0107",
    /// An `apiVersion` that begins with `capstan.` and is not ours.
    UnknownVersion = "E0108",
    /// A list that must name something is empty.
    EmptyList = "E0109",
    /// A value outside the allowed ones.
    BadValue = "E0110",
    /// A field or kind that this version does not know yet.
    Unsupported = "E0111",
    /// The file is too large, or not UTF-8.
    Unreadable = "E0112",
    /// A document that was ours in the last revision is not recognised any more.
    NoLongerOurs = "E0113",
    /// A document looks like one of ours and has no `apiVersion`.
    MissingVersion = "E0114",
    /// A restricted source declares, or names, what it may not.
    Restricted = "E0115",
    /// More of something than a limit allows.
    TooMuch = "E0116",
    /// An expression that is no CEL, or that no cluster could answer.
    BadExpression = "E0117",
    /// A number that Kubernetes would make another one of.
    NumberNotKept = "E0118",
    /// A CEL expression compares or joins values whose types do not go together.
    MixedTypes = "E0119",
    /// A group that is not declared is named.
    UnknownGroup = "E0201",
    /// Groups name each other in a circle.
    GroupCycle = "E0202",
    /// A bundle that is not declared is named.
    UnknownBundle = "E0203",
    /// Bundles depend on each other in a circle.
    DependencyCycle = "E0204",
    /// A bundle's directory is not there, or has no manifests.
    EmptyBundle = "E0205",
    /// A bundle depends on one that is not placed on the same cluster.
    DependencyNotPlaced = "E0206",
    /// A name in a selection that no declared cluster has.
    UnknownCluster = "E0207",
    /// A placement selects no cluster.
    SelectsNothing = "E0208",
    /// A ClusterTemplate that is not declared is named.
    UnknownTemplate = "E0209",
    /// A name of another source that this source does not export.
    NotExported = "E0210",
    /// A tag or commit that the source does not have.
    UnknownRevision = "E0211",
    /// A cluster's former name is still declared, its own, or another cluster's too.
    BadRename = "E0212",
    /// A bundle's `path`, with the values of a cluster, leads to no directory.
    NoDirectory = "E0213",
    /// A document is named that is broken and has no good version.
    NamesBroken = "E0214",
    /// A term that no cluster can match.
    UnreachableTerm = "E0220",
    /// A term that an earlier one of the list covers.
    CoveredTerm = "E0221",
    /// A field that has no effect without another one.
    NoEffect = "E0222",
    /// An override that a later one always wins over.
    ShadowedOverride = "E0223",
    /// A taint with the key and effect of another one.
    DuplicateTaint = "E0224",
    /// A ClusterTemplate that no cluster names.
    UnusedTemplate = "E0225",
    /// A label in a selection that no declared cluster has.
    UnknownLabel = "E0226",
    /// An override or a preference that no cluster of its placement matches.
    NeverMatches = "E0227",
    /// A placement selects fewer clusters than it wants, because of its spread.
    Shortfall = "E0230",
    /// A CEL expression fails on a cluster, which it then does not match.
    CelFails = "E0231",
    /// A variable that nothing defines is used.
    UnknownVariable = "E0301",
    /// Variables use each other in a circle.
    VariableCycle = "E0302",
    /// A `${` that does not begin a variable, or stands where nothing is substituted.
    BadSubstitution = "E0303",
    /// A bundle's content uses a variable, and the bundle does not substitute.
    ForgottenSubstitute = "E0304",
    /// A manifest is not YAML or JSON.
    BadManifest = "E0401",
    /// A manifest lacks `apiVersion`, `kind` or `metadata.name`.
    IncompleteManifest = "E0402",
    /// A manifest has a field that only a server may set.
    ServerField = "E0403",
    /// Two items of a list have the same key.
    DuplicateKey = "E0404",
    /// A bundle declares one object twice.
    DuplicateObject = "E0405",
    /// Two bundles declare one object on one cluster.
    ObjectConflict = "E0406",
    /// An object is too large for any API server.
    ObjectTooLarge = "E0407",
    /// A cluster-scoped object names a namespace.
    NamespaceNotAllowed = "E0408",
    /// The directory needs a renderer that this version does not have.
    UnsupportedContent = "E0409",
    /// More objects than a cluster's snapshot may have.
    SnapshotTooLarge = "E0410",
    /// A patch is for no object of the bundle.
    PatchMatchesNothing = "E0411",
    /// A patch cannot be carried out, or makes what cannot be declared.
    BadPatch = "E0412",
    /// Definitions of one kind disagree on whether it lives in a namespace.
    ScopesDisagree = "E0413",
    /// A patch gives a field a value of another type.
    PatchChangesType = "E0414",
    /// A removal waits for approval.
    RemovalHeld = "E0501",
    /// A placement changes its removal budget, and the hub does not let it.
    SafetyNotAllowed = "E0502",
    /// It is not on record which clusters a placement selected, and clusters did not say it yet.
    SelectionLost = "E0503",
    /// The cluster's mode does not reach a bundle that stays as it is.
    ModeNotCarried = "E0504",
    /// A tag that is pinned leads to another commit than before.
    TagMoved = "E0505",
    /// A cluster cannot have its new name.
    NotRenamed = "E0506",
    /// A spoke claims a snapshot that this hub never gave it.
    UnknownClaim = "E0601",
    /// An agent is too old for what is declared.
    UpgradeNeeded = "E0602",
    /// A spoke refused a snapshot.
    SnapshotRefused = "E0603",
    /// A spoke says that more is wrong than is listed.
    MoreTroubles = "E0604",
}

impl Code {
    /// Whether other documents or files may be what mends it: nobody can say so of one file alone.
    #[must_use]
    pub const fn is_about_others(self) -> bool {
        matches!(
            self,
            Self::UnknownGroup
                | Self::UnknownBundle
                | Self::EmptyBundle
                | Self::DependencyNotPlaced
                | Self::UnknownCluster
                | Self::SelectsNothing
                | Self::UnknownLabel
                | Self::NeverMatches
                | Self::UnknownTemplate
                | Self::NotExported
                | Self::UnknownRevision
                | Self::BadRename
                | Self::UnusedTemplate
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A finding with a place, a sentence and a hint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is; `None` for what has no file, such as a spoke's claim.
    pub at: Option<Place>,
    /// What kind of problem it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The clusters it concerns, where it concerns any in particular.
    pub clusters: BTreeSet<ClusterName>,
    /// The bundle it concerns, where it concerns one.
    pub bundle: Option<BundleName>,
    /// One sentence: lower case, no full stop.
    pub message: String,
    /// What to do: the nearest known word, the allowed values, or the next command.
    pub hint: Option<String>,
    /// The pinned revision that the place is in; `None`: what was read of the branch.
    pub pin: Option<String>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(at: &Place, code: Code, message: impl Into<String>) -> Self {
        Self {
            at: Some(at.clone()),
            code,
            severity: Severity::Error,
            clusters: BTreeSet::new(),
            bundle: None,
            message: bounded(message.into()),
            hint: None,
            pin: None,
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(at: &Place, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(at, code, message)
        }
    }

    /// An error of a cluster, not of a file.
    #[must_use]
    pub fn of_cluster(cluster: &ClusterName, code: Code, message: impl Into<String>) -> Self {
        Self {
            at: None,
            code,
            severity: Severity::Error,
            clusters: BTreeSet::from([cluster.clone()]),
            bundle: None,
            message: bounded(message.into()),
            hint: None,
            pin: None,
        }
    }

    /// A number that would silently become another one; `None` where it stays what it is.
    #[must_use]
    pub fn of_number(at: &Place, number: &Numeral) -> Option<Self> {
        let (why, or) = match number.lost()? {
            Lost::TooLong => (
                "is beyond the 64 bits that whole numbers have".to_owned(),
                format!("whole numbers go from {} to {}", i64::MIN, i64::MAX),
            ),
            Lost::Rounded(to) => (
                "cannot be kept exactly as a number".to_owned(),
                format!("the nearest number is {to}"),
            ),
        };
        let number = number.to_string();
        let short = number.len() <= NUMBER_SHOWN_MAX;
        let (shown, hint) = match short {
            true => (
                format!("`{number}`"),
                format!("write \"{number}\" to keep it as a string; {or}"),
            ),
            false => (
                "this number".to_owned(),
                format!("write it in quotes to keep it as a string; {or}"),
            ),
        };
        Some(Self::error(at, Code::NumberNotKept, format!("{shown} {why}")).hint(hint))
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(bounded(hint.into()));
        self
    }

    /// The same problem with a hint, where there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.map(bounded);
        self
    }

    /// The same problem, told of a pinned revision: the file may be right on the branch.
    #[must_use]
    pub fn of_pin(mut self, pin: &str) -> Self {
        self.message = bounded(format!("at `{pin}`: {}", self.message));
        self
    }

    /// As [`Problem::of_pin`], where the place is in a file of that revision too.
    #[must_use]
    pub fn in_pin(mut self, pin: &str) -> Self {
        self.pin = Some(pin.to_owned());
        self.of_pin(pin)
    }

    /// The same problem, about a bundle.
    #[must_use]
    pub fn about_bundle(mut self, bundle: &BundleName) -> Self {
        self.bundle = Some(bundle.clone());
        self
    }

    /// The same problem, about a cluster.
    #[must_use]
    pub fn about_cluster(mut self, cluster: &ClusterName) -> Self {
        self.clusters = BTreeSet::from([cluster.clone()]);
        self
    }

    /// The cluster it concerns, where it concerns exactly one.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterName> {
        self.clusters.first().filter(|_| self.clusters.len() == 1)
    }
}

/// One line: `path:line:column: error[E0102]: sentence (hint)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.at, self.cluster()) {
            (Some(at), _) => write!(f, "{at}: ")?,
            (None, Some(cluster)) => write!(f, "cluster {cluster}: ")?,
            (None, None) => {}
        }
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Longest number that a sentence shows, in bytes.
const NUMBER_SHOWN_MAX: usize = 80;

/// How many clusters a problem names before it counts.
const CLUSTERS_NAMED_MAX: usize = 3;

/// Tells once what several clusters have in common: a problem that only its cluster tells from
/// others becomes one that says on which clusters it is.
#[must_use]
pub fn by_place(problems: impl IntoIterator<Item = Problem>) -> BTreeSet<Problem> {
    let mut groups: BTreeMap<Problem, BTreeSet<ClusterName>> = BTreeMap::new();
    for mut problem in problems {
        let clusters = std::mem::take(&mut problem.clusters);
        groups.entry(problem).or_default().extend(clusters);
    }
    let told = |(mut problem, clusters): (Problem, BTreeSet<ClusterName>)| {
        if !clusters.is_empty() {
            problem.message = format!("{} {}", problem.message, on(&clusters));
        }
        problem.clusters = clusters;
        problem
    };
    groups.into_iter().map(told).collect()
}

/// `on a`, `on a and b`, `on a, b and c`, `on 7 clusters: a, b, c and 4 more`.
fn on(clusters: &BTreeSet<ClusterName>) -> String {
    match clusters.len() {
        0..=CLUSTERS_NAMED_MAX => format!("on {}", named(clusters)),
        many => format!("on {many} clusters: {}", named(clusters)),
    }
}

fn named(clusters: &BTreeSet<ClusterName>) -> String {
    let mut names: Vec<String> = clusters
        .iter()
        .take(CLUSTERS_NAMED_MAX)
        .map(ToString::to_string)
        .collect();
    let more = clusters.len() - names.len();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

/// A sentence that is not longer than a person reads: a file may have a megabyte where a name is
/// meant.
pub(crate) fn bounded(mut sentence: String) -> String {
    if sentence.len() > limits::SENTENCE_BYTES_MAX {
        let mut end = limits::SENTENCE_BYTES_MAX;
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        sentence.truncate(end);
        sentence.push_str("...");
    }
    sentence
}

/// The known word nearest to a misspelt one, as a hint; else the list of all known words.
#[must_use]
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => allowed(known),
    }
}

/// The known words as a hint; of many the first.
#[must_use]
pub fn allowed(known: &[&str]) -> String {
    format!("allowed: {}", listed(known))
}

/// Words with commas; of many the first.
#[must_use]
pub fn listed(words: &[&str]) -> String {
    let shown = words.len().min(limits::HINT_WORDS_MAX);
    let first = words[..shown].join(", ");
    match words.len() - shown {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// The known word nearest to a misspelt one, where one is near; of equal ones the first. Nothing is
/// near to a word longer than any name.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > limits::HINT_WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let mut best: Option<(&str, f64)> = None;
    for candidate in known {
        let lower = candidate.to_lowercase();
        let similarity = strsim::jaro_winkler(&word, &lower);
        // Two swapped letters of a short word look less similar than they are.
        let slips = strsim::osa_distance(&word, &lower);
        let near = similarity >= limits::SIMILAR_MIN || slips <= 1 && lower.len() > 2;
        if near && best.is_none_or(|(_, score)| similarity > score) {
            best = Some((candidate, similarity));
        }
    }
    best.map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests;
