//! Owns the node types: scalars, lists and maps, how they merge and what an empty value becomes.
//!
//! Types refer to each other by index into an [`Arena`], because some are recursive.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// Index of a type in its [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeId(pub(crate) usize);

/// All types that a schema can reach.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arena {
    /// Types shared with other schemas; they have the lowest indices.
    base: Option<Arc<Arena>>,
    types: Vec<Type>,
}

impl Arena {
    /// An arena whose types may refer to those of `base`.
    pub(crate) fn over(base: Arc<Self>) -> Self {
        Self {
            base: Some(base),
            types: Vec::new(),
        }
    }

    fn offset(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.len())
    }

    fn len(&self) -> usize {
        self.offset() + self.types.len()
    }

    pub(crate) fn add(&mut self, ty: Type) -> TypeId {
        self.types.push(ty);
        TypeId(self.len() - 1)
    }

    /// Fills in a type that was added before its parts were known.
    pub(crate) fn replace(&mut self, id: TypeId, ty: Type) {
        let index = id.0 - self.offset();
        self.types[index] = ty;
    }

    pub(crate) fn get(&self, id: TypeId) -> &Type {
        match &self.base {
            Some(base) if id.0 < base.len() => base.get(id),
            _ => &self.types[id.0 - self.offset()],
        }
    }
}

/// What a value may be: a scalar, a list, a map, or any of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Type {
    /// Name in the published OpenAPI, for the structs of built-in kinds.
    pub(crate) name: Option<String>,
    pub(crate) scalar: Option<Scalar>,
    pub(crate) list: Option<List>,
    pub(crate) map: Option<Map>,
    /// Rules of a CRD schema beyond the shape.
    pub(crate) rules: Option<Box<Rules>>,
}

/// A scalar and how its text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    String,
    Int32,
    Int64,
    Number,
    Boolean,
    Bytes,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// Any scalar.
    Untyped,
}

impl Scalar {
    /// The scalar classes that field management knows.
    pub(crate) fn class(self) -> ScalarClass {
        match self {
            Self::String | Self::Bytes => ScalarClass::String,
            Self::Int32 | Self::Int64 | Self::Number => ScalarClass::Numeric,
            Self::Boolean => ScalarClass::Boolean,
            Self::Time | Self::MicroTime | Self::Quantity | Self::IntOrString | Self::Untyped => {
                ScalarClass::Untyped
            }
        }
    }
}

/// The scalar classes that field management tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarClass {
    Numeric,
    String,
    Boolean,
    Untyped,
}

/// A list and how its items are told apart.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) element: TypeId,
    pub(crate) relation: Relation,
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Relation {
    Atomic,
    Set,
    Keyed(Vec<String>),
}

/// A struct, a map or a mixture of both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    pub(crate) fields: BTreeMap<String, Field>,
    /// Type of the keys that are no fields; `None` refuses them.
    pub(crate) element: Option<TypeId>,
    pub(crate) atomic: bool,
}

impl Map {
    /// The type of the value under `key`, if the key is allowed.
    pub(crate) fn type_of(&self, key: &str) -> Option<TypeId> {
        self.fields.get(key).map(|f| f.ty).or(self.element)
    }
}

/// A named field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) ty: TypeId,
    pub(crate) presence: Presence,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
    pub(crate) patch: Patch,
}

/// What is stored for an absent or empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Null is dropped, everything else stays.
    DropNull,
    /// Zero values are dropped.
    DropZero,
    /// The zero value is written when the field is absent.
    Always,
    /// Null is written when the field is absent.
    AlwaysNull,
    /// A struct whose fields are all zero is dropped.
    DropZeroStruct,
}

/// How strategic merge patch treats a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) merge: bool,
    pub(crate) retain_keys: bool,
    pub(crate) replace: bool,
    pub(crate) merge_key: Option<String>,
}

/// Rules of a CRD schema beyond the shape.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) nullable: bool,
    pub(crate) prune: Prune,
    /// The node is a whole object with `apiVersion`, `kind` and `metadata`.
    pub(crate) embedded: bool,
    pub(crate) default: Option<Value>,
    /// The node as written in the CRD, for value validation.
    pub(crate) source: Value,
}

/// What happens to fields that a CRD node does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Prune {
    #[default]
    Unknown,
    Nothing,
}

/// The form that a value takes under a type that allows several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Scalar,
    List,
    Map,
    /// The value says nothing (absent or null) or contradicts the type.
    Undecided,
}

impl Type {
    /// The form of `value` under this type.
    pub(crate) fn shape(&self, value: Option<&Value>) -> Shape {
        match value {
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if self.scalar.is_some() => {
                Shape::Scalar
            }
            Some(Value::Array(_)) if self.list.is_some() => Shape::List,
            Some(Value::Object(_)) if self.map.is_some() => Shape::Map,
            _ => Shape::Undecided,
        }
    }

    /// The part of this type that handles a value of `shape`.
    pub(crate) fn part(&self, shape: Shape) -> Part<'_> {
        match (shape, &self.map, self.scalar, &self.list) {
            (Shape::Map | Shape::Undecided, Some(map), _, _) => Part::Map(map),
            (Shape::Scalar | Shape::Undecided, _, Some(scalar), _) => Part::Scalar(scalar),
            (Shape::List | Shape::Undecided, _, _, Some(list)) => Part::List(list),
            _ => Part::Nothing,
        }
    }

    /// [`Self::part`] of the shape of `value`.
    pub(crate) fn part_for(&self, value: Option<&Value>) -> Part<'_> {
        self.part(self.shape(value))
    }
}

/// One of the forms of a type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Map(&'a Map),
    Scalar(Scalar),
    List(&'a List),
    Nothing,
}

/// A type together with the arena that resolves its references.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) id: TypeId,
}

impl<'a> Node<'a> {
    pub(crate) fn ty(self) -> &'a Type {
        self.arena.get(self.id)
    }

    pub(crate) fn at(self, id: TypeId) -> Self {
        Self {
            arena: self.arena,
            id,
        }
    }

    /// The node of the value under `key`, if this node is a map that allows the key.
    pub(crate) fn field(self, key: &str) -> Option<Self> {
        let map = self.ty().map.as_ref()?;
        map.type_of(key).map(|id| self.at(id))
    }
}
