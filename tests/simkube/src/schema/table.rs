//! Owns reading `data/builtin.types`, the shape of the built-in kinds; its README has the legend.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::types::{Arena, Field, List, Map, Patch, Presence, Relation, Scalar, Type, TypeId};
use super::{Gvk, Schema};

const TABLE: &str = include_str!("../../data/builtin.types");

/// All built-in kinds.
pub(super) static BUILTIN: LazyLock<BTreeMap<Gvk, Schema>> = LazyLock::new(|| parse(TABLE));

#[derive(Default)]
struct Reader {
    arena: Arena,
    named: BTreeMap<String, TypeId>,
    alias: String,
    package: String,
}

fn parse(text: &str) -> BTreeMap<Gvk, Schema> {
    let mut reader = Reader::default();
    let mut kinds = Vec::new();
    let mut open: Option<(TypeId, Type)> = None;
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with(' ') {
            let (_, ty) = open.as_mut().expect("a field follows its type");
            let map = ty.map.as_mut().expect("a type with fields is a struct");
            map.fields.insert(words[0].to_owned(), reader.field(&words));
            continue;
        }
        reader.close(open.take());
        match words.as_slice() {
            ["kind", group, version, kind, ty] => {
                let group = if *group == "-" { "" } else { group };
                kinds.push((Gvk::new(group, version, kind), (*ty).to_owned()));
            }
            ["package", alias, package] => {
                (*alias).clone_into(&mut reader.alias);
                (*package).clone_into(&mut reader.package);
            }
            ["type", name] => open = Some(reader.open(name)),
            ["type", name, ty] => reader.rename(name, ty),
            _ => unreachable!("the table has only these lines"),
        }
    }
    reader.close(open);
    let arena = Arc::new(reader.arena);
    kinds
        .into_iter()
        .map(|(gvk, ty)| {
            let root = reader.named[&ty];
            (gvk.clone(), Schema::new(gvk, Arc::clone(&arena), root))
        })
        .collect()
}

impl Reader {
    fn open(&mut self, name: &str) -> (TypeId, Type) {
        let (name, atomic) = split_bang(name);
        let ty = Type {
            name: Some(format!("{}.{name}", self.package)),
            map: Some(Map {
                atomic,
                ..Map::default()
            }),
            ..Type::default()
        };
        (self.reference(name), ty)
    }

    fn close(&mut self, open: Option<(TypeId, Type)>) {
        if let Some((id, ty)) = open {
            self.arena.replace(id, ty);
        }
    }

    fn rename(&mut self, name: &str, ty: &str) {
        let id = self.reference(name);
        let target = self.resolve(ty);
        let target = self.arena.get(target).clone();
        self.arena.replace(id, target);
    }

    /// The struct called `name`, which may not have been read yet.
    fn reference(&mut self, name: &str) -> TypeId {
        let full = if name.contains('.') {
            name.to_owned()
        } else {
            format!("{}.{name}", self.alias)
        };
        let arena = &mut self.arena;
        *self
            .named
            .entry(full)
            .or_insert_with(|| arena.add(Type::default()))
    }

    /// The type written as `text`.
    fn resolve(&mut self, text: &str) -> TypeId {
        if let Some(rest) = text.strip_prefix('[') {
            let (keys, element) = rest.split_once(']').expect("a list names its keys");
            let element = self.resolve(element);
            let relation = match keys {
                "" => Relation::Atomic,
                "*" => Relation::Set,
                keys => Relation::Keyed(keys.split(',').map(str::to_owned).collect()),
            };
            return self.arena.add(Type {
                list: Some(List { element, relation }),
                ..Type::default()
            });
        }
        if let Some(rest) = text.strip_prefix('{') {
            let (mark, element) = rest.split_once('}').expect("a map has an element");
            let element = Some(self.resolve(element));
            return self.arena.add(Type {
                map: Some(Map {
                    element,
                    atomic: mark == "!",
                    ..Map::default()
                }),
                ..Type::default()
            });
        }
        if let Some(ty) = scalar(text) {
            return self.arena.add(Type {
                scalar: Some(ty),
                ..Type::default()
            });
        }
        match text {
            "raw" => untyped_atomic(&mut self.arena),
            "any" => untyped_deduced(&mut self.arena),
            "obj" => free_object(&mut self.arena),
            name => {
                // A field may make a struct atomic that is granular elsewhere; the table has no
                // such field, so the mark only needs to be accepted.
                let (name, _) = split_bang(name);
                self.reference(name)
            }
        }
    }

    fn field(&mut self, words: &[&str]) -> Field {
        let mut flags = words[2].chars();
        let presence = match flags.next() {
            Some('z') => Presence::DropZero,
            Some('a') => Presence::Always,
            Some('n') => Presence::AlwaysNull,
            Some('o') => Presence::DropZeroStruct,
            _ => Presence::DropNull,
        };
        let mut field = Field {
            ty: self.resolve(words[1]),
            presence,
            required: flags.next() == Some('r'),
            default: None,
            patch: Patch::default(),
        };
        if field.required && presence == Presence::Always {
            field.default = self.zero(field.ty);
        }
        for extra in &words[3..] {
            if let Some(json) = extra.strip_prefix('=') {
                field.default = serde_json::from_str(json).ok();
            } else if let Some(text) = extra.strip_prefix('~') {
                field.patch = patch(text);
            }
        }
        field
    }
}

impl Reader {
    /// A required scalar that is no pointer defaults to its zero value.
    fn zero(&self, ty: TypeId) -> Option<serde_json::Value> {
        let zero = match self.arena.get(ty).scalar? {
            Scalar::String => serde_json::json!(""),
            Scalar::Int32 | Scalar::Int64 | Scalar::Number => serde_json::json!(0),
            Scalar::Boolean => serde_json::json!(false),
            _ => return None,
        };
        Some(zero)
    }
}

fn split_bang(name: &str) -> (&str, bool) {
    name.strip_suffix('!').map_or((name, false), |n| (n, true))
}

fn patch(text: &str) -> Patch {
    let (strategies, key) = match text.split_once(':') {
        Some((strategies, key)) => (strategies, Some(key.to_owned())),
        None => (text, None),
    };
    let has = |name| strategies.split(',').any(|s| s == name);
    Patch {
        merge: has("merge"),
        retain_keys: has("retainKeys"),
        replace: has("replace"),
        merge_key: key,
    }
}

fn scalar(text: &str) -> Option<Scalar> {
    Some(match text {
        "str" => Scalar::String,
        "i32" => Scalar::Int32,
        "i64" => Scalar::Int64,
        "num" => Scalar::Number,
        "bool" => Scalar::Boolean,
        "bytes" => Scalar::Bytes,
        "time" => Scalar::Time,
        "microtime" => Scalar::MicroTime,
        "qty" => Scalar::Quantity,
        "ios" => Scalar::IntOrString,
        _ => return None,
    })
}

/// Any value; lists and maps are one leaf.
pub(super) fn untyped_atomic(arena: &mut Arena) -> TypeId {
    let id = arena.add(Type::default());
    arena.replace(
        id,
        Type {
            scalar: Some(Scalar::Untyped),
            list: Some(List {
                element: id,
                relation: Relation::Atomic,
            }),
            map: Some(Map {
                element: Some(id),
                atomic: true,
                ..Map::default()
            }),
            ..Type::default()
        },
    );
    id
}

/// Any value, typed by its content: maps are granular, lists are one leaf.
pub(super) fn untyped_deduced(arena: &mut Arena) -> TypeId {
    let atomic = untyped_atomic(arena);
    let id = arena.add(Type::default());
    arena.replace(
        id,
        Type {
            scalar: Some(Scalar::Untyped),
            list: Some(List {
                element: atomic,
                relation: Relation::Atomic,
            }),
            map: Some(Map {
                element: Some(id),
                ..Map::default()
            }),
            ..Type::default()
        },
    );
    id
}

/// An object whose fields are typed by their content.
pub(super) fn free_object(arena: &mut Arena) -> TypeId {
    let element = Some(untyped_deduced(arena));
    arena.add(Type {
        map: Some(Map {
            element,
            ..Map::default()
        }),
        ..Type::default()
    })
}
