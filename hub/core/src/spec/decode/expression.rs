//! What is wrong inside an expression, at its place in the file.

use capstan_cel::{Error, Mismatch};

use crate::problem::{Code, Place, Problem};
use crate::selector::cel;
use crate::spec::fields::Reader;
use crate::yaml::Node;

/// The text of a field is no expression.
pub(super) fn bad_expression(reader: &mut Reader<'_>, written: (&Node, &str), error: &Error) {
    let (at, field) = inside(reader, written, error.offset);
    let problem = Problem::error(&at, Code::BadExpression, format!("{field}: {error}"));
    reader.push(problem, &cel::hint(&error.hint));
}

/// Types of an expression do not go together.
pub(super) fn mixed_types(reader: &mut Reader<'_>, written: (&Node, &str), found: &[Mismatch]) {
    for wrong in found {
        let (at, field) = inside(reader, written, wrong.offset);
        let message = format!("{field}: {}", wrong.message);
        let problem = Problem::warning(&at, Code::MixedTypes, message);
        reader.find(problem, &wrong.hint);
    }
}

/// The place of a byte of an expression, and what a sentence about it begins with: where the place
/// is not surely found, it says at which character.
fn inside(reader: &Reader<'_>, (node, field): (&Node, &str), offset: usize) -> (Place, String) {
    match reader.within(node, offset) {
        Some(at) => (at, format!("`{field}`")),
        None => {
            let text = node.text().unwrap_or_default();
            let before = text.get(..offset).unwrap_or(text);
            let character = before.chars().count() + 1;
            (
                reader.at(node),
                format!("`{field}` at character {character}"),
            )
        }
    }
}
