//! What an expression may ask, as far as it is known before anything is asked.

/// The names that expressions may begin with, and how to help who mistypes one.
#[derive(Debug)]
pub struct Environment {
    /// What there is to ask.
    pub roots: &'static [Root],
    /// A field that can be asked, as messages give it: the map, and its key.
    pub example: (&'static str, &'static str),
    /// What to do instead where an expression is too large.
    pub instead_of_size: &'static str,
    /// What to use where somebody wants regular expressions.
    pub instead_of_patterns: &'static str,
}

/// A name that an expression may begin with.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// The name.
    pub name: &'static str,
    /// What is known of it.
    pub shape: Shape,
}

/// What is known of a root.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// It has these fields, and is itself no value.
    Record(&'static [Field]),
    /// It is a value of which nothing is known.
    Open,
}

/// A field of a record.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What one of what it holds is called; with an `s`, what several are.
    pub noun: &'static str,
    /// What it holds.
    pub holds: Holds,
}

/// What a field of a record holds, whoever answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A string.
    Text,
    /// A map of strings.
    Texts,
    /// A map of values of any type.
    Values,
}

/// Something that can be asked: an open root, or a field of one that is a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The root.
    pub root: &'static Root,
    /// Its field; `None` where the root is open.
    pub field: Option<&'static Field>,
}

impl Environment {
    pub(crate) fn root(&self, name: &str) -> Option<&'static Root> {
        self.roots.iter().find(|root| root.name == name)
    }

    /// How a field is written whose name stands there without its root.
    pub(crate) fn unrooted(&self, name: &str) -> Option<String> {
        let mut roots = self.roots.iter();
        let root = roots.find(|root| root.fields().iter().any(|field| field.name == name))?;
        Some(format!("{}.{name}", root.name))
    }
}

impl Root {
    /// The fields that it has; none where nothing is known of them.
    pub(crate) const fn fields(&self) -> &'static [Field] {
        match self.shape {
            Shape::Record(fields) => fields,
            Shape::Open => &[],
        }
    }
}

impl Path {
    /// What a field holds; `None` where nothing is known.
    pub(crate) fn holds(&self) -> Option<Holds> {
        self.field.map(|field| field.holds)
    }

    /// As expressions write it.
    pub(crate) fn written(&self) -> String {
        match self.field {
            Some(field) => format!("{}.{}", self.root.name, field.name),
            None => self.root.name.to_owned(),
        }
    }
}
