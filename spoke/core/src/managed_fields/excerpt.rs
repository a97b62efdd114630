//! Parts of objects and of field sets: what is said of a few paths, and nothing else.

use serde_json::{Map, Value};

use super::{Absent, FieldSet, Step, keys, matches_keys, text_of};

impl FieldSet {
    /// The paths at which this set ends, in order.
    #[must_use]
    pub fn leaves(&self) -> Vec<Vec<Step>> {
        let mut out = Vec::new();
        self.collect_leaves(&mut Vec::new(), &mut out);
        out
    }

    fn collect_leaves(&self, path: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
        if self.is_leaf() && !path.is_empty() {
            out.push(path.clone());
        }
        for (step, set) in &self.below {
            path.push(step.clone());
            set.collect_leaves(path, out);
            path.pop();
        }
    }

    /// Whether items of the list that `path` leads to are in the set, told apart by their keys.
    #[must_use]
    pub fn has_items_at(&self, path: &[Step]) -> bool {
        match path.split_first() {
            None => self.below.keys().any(|step| matches!(step, Step::Key(_))),
            Some((step, rest)) => self
                .below
                .get(step)
                .is_some_and(|set| set.has_items_at(rest)),
        }
    }
}

/// What `live` says at these paths, in the form of a declaration: items of keyed lists come with their
/// keys. What is not there is left out.
#[must_use]
pub fn excerpt(live: &Value, paths: &[Vec<Step>]) -> Value {
    let mut out = Value::Object(Map::new());
    for path in paths.iter().filter(|path| is_there(live, path)) {
        copy(live, path, &mut out);
    }
    out
}

fn is_there(live: &Value, path: &[Step]) -> bool {
    let items = || live.as_array().into_iter().flatten();
    match path.split_first() {
        None => true,
        Some((Step::Field(name), rest)) => {
            live.get(name).is_some_and(|value| is_there(value, rest))
        }
        Some((Step::Key(text), rest)) => {
            let keys = keys(text);
            let mut items = items().filter(|item| matches_keys(item, &keys, Absent::Differs));
            items.next().is_some_and(|item| is_there(item, rest))
        }
        Some((Step::Item(text), _)) => items().any(|item| text_of(item) == *text),
        // A position is no identity: such a list belongs to its owner as a whole.
        Some((Step::Index(_), _)) => false,
    }
}

fn copy(live: &Value, path: &[Step], out: &mut Value) {
    match path.split_first() {
        None => *out = live.clone(),
        Some((Step::Field(name), rest)) => {
            if let Some(value) = live.get(name) {
                copy(value, rest, member(out, name));
            }
        }
        Some((Step::Key(text), rest)) => {
            let keys = keys(text);
            let mut items = live.as_array().into_iter().flatten();
            let found = items.find(|item| matches_keys(item, &keys, Absent::Differs));
            if let Some(value) = found {
                let item = item(out, &keys);
                if !rest.is_empty() {
                    copy(value, rest, item);
                }
            }
        }
        Some((Step::Item(text), _)) => {
            let mut items = live.as_array().into_iter().flatten();
            if let Some(value) = items.find(|item| text_of(item) == *text) {
                list(out).push(value.clone());
            }
        }
        Some((Step::Index(_), _)) => {}
    }
}

fn member<'a>(out: &'a mut Value, name: &str) -> &'a mut Value {
    if !out.is_object() {
        *out = Value::Object(Map::new());
    }
    let members = out.as_object_mut().expect("it was made one just now");
    members.entry(name).or_insert(Value::Null)
}

fn list(out: &mut Value) -> &mut Vec<Value> {
    if !out.is_array() {
        *out = Value::Array(Vec::new());
    }
    out.as_array_mut().expect("it was made one just now")
}

fn item<'a>(out: &'a mut Value, keys: &Map<String, Value>) -> &'a mut Value {
    let items = list(out);
    let known = items
        .iter()
        .position(|item| matches_keys(item, keys, Absent::Differs));
    let position = known.unwrap_or_else(|| {
        items.push(Value::Object(keys.clone()));
        items.len() - 1
    });
    &mut items[position]
}
