//! CEL expressions in selection terms: `cluster.labels.tier == "gold"`.
//!
//! The language is [`capstan_cel`]'s. What there is to ask: `cluster.name`, `cluster.labels`,
//! `cluster.variables` (with their declared types) and `cluster.facts` (strings). A variable whose
//! text uses others fails: its value is only known after placement.

use std::collections::BTreeMap;

use capstan_cel::{
    Answer, Environment, Fault, Field, Hint, Holds, Map, Mismatch, Path, Root, Shape, Subject,
};

use super::{Candidate, Truth};
use crate::inventory::Facts;
use crate::problem::{did_you_mean, nearest};
use crate::spec::Variables;
use crate::template::Scalar;

/// What an expression of a term may ask.
static ENVIRONMENT: Environment = Environment {
    roots: &[Root {
        name: "cluster",
        shape: Shape::Record(&FIELDS),
    }],
    example: ("cluster.labels", "tier"),
    instead_of_size: "say it with labels and groups",
    instead_of_patterns: "use startsWith, endsWith, contains, or globs in `names`",
};

static FIELDS: [Field; 4] = [
    Field {
        name: NAME,
        noun: "name",
        holds: Holds::Text,
    },
    Field {
        name: LABELS,
        noun: "label",
        holds: Holds::Texts,
    },
    Field {
        name: VARIABLES,
        noun: "variable",
        holds: Holds::Values,
    },
    Field {
        name: FACTS,
        noun: "fact",
        holds: Holds::Texts,
    },
];

const NAME: &str = "name";
const LABELS: &str = "labels";
const VARIABLES: &str = "variables";
const FACTS: &str = "facts";

/// A checked expression. Equal when the texts are.
#[derive(Clone, Debug)]
pub struct Program {
    program: capstan_cel::Program,
    uses_facts: bool,
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.program == other.program
    }
}

impl Eq for Program {}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is no expression, or one that no cluster could answer.
    pub fn parse(text: &str) -> Result<Self, capstan_cel::Error> {
        let program = capstan_cel::Program::parse(text, &ENVIRONMENT)?;
        let mut fields = program.asked().iter().filter_map(|path| path.field);
        let uses_facts = fields.any(|field| field.name == FACTS);
        Ok(Self {
            program,
            uses_facts,
        })
    }

    /// The expression as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.program.text()
    }

    /// Whether it names `cluster.facts`: then its answer can hang on facts.
    #[must_use]
    pub const fn uses_facts(&self) -> bool {
        self.uses_facts
    }

    /// Where it uses types that do not go together, whatever the cluster.
    #[must_use]
    pub fn mismatches(&self) -> Vec<Mismatch> {
        self.program.mismatches()
    }

    /// Of how many nodes it consists: what one evaluation costs without macros.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.program.nodes()
    }

    /// Whether it holds for a cluster; [`Truth::Unknown`] where that hangs on facts that are not
    /// known. It does not where the rest decides: `true || cluster.facts.a == "1"` holds.
    ///
    /// # Errors
    /// Says what went wrong; the cluster is not matched.
    pub fn evaluate(&self, candidate: Candidate<'_>) -> Result<Truth, String> {
        self.measured(candidate).0
    }

    /// The answer of [`Program::evaluate`], and how many steps it took: at most one more than
    /// [`capstan_cel::limits::STEPS_MAX`].
    pub fn measured(&self, candidate: Candidate<'_>) -> (Result<Truth, String>, usize) {
        let asked = Asked {
            candidate,
            variables: Declared(candidate.variables),
        };
        let (answer, steps) = self.program.measured(&asked);
        let answer = match answer {
            Ok(holds) => Ok(holds.into()),
            Err(Fault::Unknown) => Ok(Truth::Unknown),
            Err(fault @ (Fault::Steps | Fault::Wrong(_))) => Err(fault.to_string()),
        };
        (answer, steps)
    }

    /// Whether it holds for a cluster; not where something went wrong.
    #[must_use]
    pub fn truth(&self, candidate: Candidate<'_>) -> Truth {
        self.evaluate(candidate).unwrap_or(Truth::No)
    }
}

/// What would be right, in words; empty where nothing is known.
#[must_use]
pub fn hint(hint: &Hint) -> String {
    match hint {
        Hint::None => String::new(),
        Hint::Words(words) => words.clone(),
        Hint::Known {
            word,
            known,
            otherwise,
        } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            match (nearest(word, &known), otherwise) {
                (None, Some(otherwise)) => otherwise.clone(),
                _ => did_you_mean(word, &known),
            }
        }
    }
}

/// The field of `cluster` and its key without which an evaluation failed, where that is why it did.
#[must_use]
pub fn missing_key(message: &str) -> Option<(&'static str, &str)> {
    let (noun, rest) = message.split_once(' ')?;
    let field = FIELDS
        .iter()
        .find(|field| field.noun == noun && field.holds != Holds::Text)?;
    Some((field.name, rest.strip_suffix(" is not there")?))
}

/// A cluster as expressions see it.
#[derive(Debug)]
struct Asked<'a> {
    candidate: Candidate<'a>,
    variables: Declared<'a>,
}

impl Subject for Asked<'_> {
    fn ask(&self, path: Path) -> Answer<'_> {
        static NOTHING: BTreeMap<String, String> = BTreeMap::new();
        match path.field.map(|field| field.name) {
            Some(NAME) => Answer::Text(self.candidate.name.as_str()),
            Some(LABELS) => Answer::Texts(self.candidate.labels),
            Some(VARIABLES) => Answer::Map(&self.variables),
            Some(FACTS) => match self.candidate.facts {
                Facts::Unknown => Answer::Unknown,
                Facts::Never => Answer::Texts(&NOTHING),
                Facts::Reported(facts) => Answer::Texts(facts),
            },
            _ => unreachable!("the environment has no other field"),
        }
    }
}

/// Variables with their declared types.
#[derive(Debug)]
struct Declared<'a>(&'a Variables);

impl Map for Declared<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn keys(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.keys().map(String::as_str))
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A variable that uses others has no value yet: bundles and overrides have a say in it, and
    /// they come after placement.
    fn get(&self, key: &str) -> Option<Result<capstan_cel::Scalar<'_>, String>> {
        Some(match &self.0.get(key)?.value {
            Scalar::Text(text) if text.contains("${") => Err(format!(
                "variable {key} uses others, whose values come after placement"
            )),
            Scalar::Text(text) => Ok(capstan_cel::Scalar::Text(text)),
            Scalar::Bool(value) => Ok(capstan_cel::Scalar::Bool(*value)),
            Scalar::Number(number) => Ok(match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => capstan_cel::Scalar::Int(whole),
                (None, Some(double)) => capstan_cel::Scalar::Double(double),
                (None, None) => capstan_cel::Scalar::Null,
            }),
        })
    }
}

#[cfg(test)]
mod tests;
