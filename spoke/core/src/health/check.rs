//! Conditions that a bundle sets for the health of objects of a kind.
//!
//! They stand instead of the kind's own rule. An expression without an answer is never Healthy: what
//! it asks for may not be there yet.

use std::sync::Arc;

use capstan_cel::object::{ENVIRONMENT, Object};
use capstan_cel::{Fault, Program};
use capstan_proto::ObjectKey;
use capstan_proto::limits::HEALTH_CHECKS_MAX;
use capstan_proto::policy::HealthCheck;
use serde_json::Value;

use super::Verdict;
use crate::kind::Kind;

/// The checks of a bundle, read.
#[derive(Clone, Debug, Default)]
pub struct Checks(Vec<(HealthCheck, Program)>);

/// Why checks are not what this build understands.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There are too many.
    #[error("there are more than {HEALTH_CHECKS_MAX} health checks")]
    Many,
    /// What a check would have to read is not ours to read.
    #[error("a live Secret is never read, also not for a health check")]
    Secret,
    /// It is no expression.
    #[error("the health check `{text}` is no expression that this agent knows")]
    Unread {
        /// What is written.
        text: String,
        /// What is wrong with it.
        #[source]
        source: capstan_cel::Error,
    },
}

impl Checks {
    /// Reads what a policy says.
    ///
    /// # Errors
    /// When a check is no expression that this build understands, or may not be made.
    pub fn try_new(declared: &[HealthCheck]) -> Result<Self, CheckError> {
        if declared.len() > HEALTH_CHECKS_MAX {
            return Err(CheckError::Many);
        }
        let read = |check: &HealthCheck| {
            if Kind::new(check.group.as_deref().unwrap_or_default(), &check.kind).is_secret() {
                return Err(CheckError::Secret);
            }
            let program = Program::parse(&check.healthy, &ENVIRONMENT);
            let program = program.map_err(|source| CheckError::Unread {
                text: check.healthy.clone(),
                source,
            })?;
            Ok((check.clone(), program))
        };
        declared
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What must hold of an object to be Healthy, all of it; `None` where no check is about it.
    #[must_use]
    pub fn of(&self, key: &ObjectKey) -> Option<Arc<[Program]>> {
        let meant = self.0.iter().filter(|(check, _)| check.matches(key));
        let programs: Vec<_> = meant.map(|(_, program)| program.clone()).collect();
        (!programs.is_empty()).then(|| programs.into())
    }
}

/// Judges an object by what must hold of it. The first that does not says why.
pub(super) fn judge(programs: &[Program], live: &Value) -> Verdict {
    for program in programs {
        let text = program.text();
        match program.evaluate(&Object(live)) {
            Ok(true) => {}
            Ok(false) => {
                return Verdict::progressing("CheckFalse", format!("`{text}` does not hold"));
            }
            Err(fault @ Fault::Steps) => {
                return Verdict::degraded("CheckTooLong", format!("`{text}`: {fault}"));
            }
            Err(fault @ (Fault::Wrong(_) | Fault::Unknown)) => {
                return Verdict::progressing("CheckFails", format!("`{text}`: {fault}"));
            }
        }
    }
    Verdict::healthy()
}

#[cfg(test)]
mod tests;
