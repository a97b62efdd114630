//! What follows from broken documents: names that lead to one. The document's own problem says what
//! is wrong; where it is named, a note says what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::SourceName;

use super::super::document::Kind;
use super::super::doubt::Cause;
use super::Linker;
use crate::problem::{Code, Place, Problem};

/// Most places at which it is noted of one document that it is broken; of the others their number.
const PLACES_MAX: usize = 3;

/// What is named, and broken: where it is named, how often besides, and why.
#[derive(Default)]
pub(super) struct Broken(BTreeMap<(Kind, SourceName, String), Named>);

struct Named {
    /// The first places.
    at: BTreeSet<Place>,
    more: usize,
    cause: Cause,
}

impl Linker<'_> {
    /// Whether a broken document may declare what is named here, and by so many `more`. If so, that
    /// is noted.
    pub(super) fn is_broken(
        &mut self,
        at: &Place,
        (kind, source, name): (Kind, &SourceName, &str),
        more: usize,
    ) -> bool {
        let Some(cause) = self.doubts.cover(source, kind, name) else {
            return false;
        };
        let key = (kind, source.clone(), name.to_owned());
        let named = self.broken.0.entry(key).or_insert_with(|| Named {
            at: BTreeSet::new(),
            more: 0,
            cause: cause.clone(),
        });
        if named.at.insert(at.clone()) && named.at.len() > PLACES_MAX {
            named.at.pop_last();
            named.more += 1;
        }
        named.more += more;
        true
    }

    /// Says of each broken document where it is named.
    pub(super) fn tell_broken(&mut self) {
        for ((kind, source, name), named) in std::mem::take(&mut self.broken.0) {
            let message = named.message(kind, &source, &name);
            let last = named.at.last().filter(|_| named.more > 0);
            for at in &named.at {
                let more = match (last, named.more) {
                    (Some(last), 1) if last == at => "; it is named once more".to_owned(),
                    (Some(last), more) if last == at => {
                        format!("; it is named {more} more times")
                    }
                    _ => String::new(),
                };
                let problem = Problem::warning(at, Code::NamesBroken, format!("{message}{more}"));
                self.problems.push(problem.hint("mend that document"));
            }
        }
    }
}

impl Named {
    fn message(&self, kind: Kind, source: &SourceName, name: &str) -> String {
        let (word, so) = match kind {
            Kind::Bundle => ("bundle", "nothing new of it is placed"),
            Kind::Group => ("group", "this document is bad, too"),
            Kind::Template => ("template", "this document is bad, too"),
            Kind::Cluster | Kind::Placement => ("document", "it is missing here"),
        };
        let here = self.at.first().is_some_and(|at| at.source == *source);
        let of = match here {
            true => String::new(),
            false => format!(" of source `{source}`"),
        };
        let Cause { at, is_sure } = &self.cause;
        if *is_sure {
            format!(
                "{word} `{name}` has no good version, because of the document at {at}{of}: {so}"
            )
        } else {
            format!(
                "no {word} is called `{name}`, unless the broken document at {at}{of} declares it: {so}"
            )
        }
    }
}
