//! Habits speak of maps and fields that are there, and every form is right.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{FORMS, HABITS, Meant, example};
use crate::fixture::source;
use crate::spec::check::check;
use crate::spec::document::Kind;
use crate::spec::fields::Reader;
use crate::spec::language::{DOCUMENT, METADATA, Map, Shape, spec_of};
use crate::yaml::{Dialect, read};

/// Every map of the language, by its title.
fn maps() -> BTreeMap<&'static str, &'static Map> {
    let mut found = BTreeMap::new();
    let mut open: Vec<&'static Map> = vec![&DOCUMENT, &METADATA];
    open.extend(Kind::ALL.map(spec_of));
    while let Some(map) = open.pop() {
        if found.insert(map.title, map).is_none() {
            map.known().for_each(|field| inner(&field.shape, &mut open));
        }
    }
    found
}

fn inner(shape: &'static Shape, open: &mut Vec<&'static Map>) {
    match shape {
        Shape::Map(map) => open.push(map),
        Shape::List(of) | Shape::Loose(of) => inner(of, open),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| inner(shape, open)),
        _ => {}
    }
}

#[test]
fn a_habit_is_of_a_map_that_lacks_the_word_and_has_the_field() {
    let maps = maps();
    for habit in HABITS {
        for title in habit.titles {
            let map = maps.get(title).unwrap_or_else(|| panic!("{title}"));
            let taken = |word: &&str| map.field(word).is_some();
            assert!(!habit.words.iter().any(taken), "{title}");
            if let Meant::Field(field) = habit.meant {
                assert!(map.field(field).is_some(), "{title}.{field}");
            }
        }
    }
}

#[test]
fn every_map_has_an_example_that_is_right() {
    let path = Arc::from("fleet.yaml");
    let source = source();
    let maps = maps();
    for form in FORMS {
        assert!(maps.contains_key(form.title), "{}", form.title);
    }
    let written_elsewhere = ["Document", "ValuesFile"];
    for (title, map) in maps {
        if written_elsewhere.contains(&title) {
            continue;
        }
        let shape = Shape::Map(map);
        let text = example(&shape).unwrap_or_else(|| panic!("{title} has no example"));
        let node = read(text.as_bytes(), Dialect::Fleet).remove(0).unwrap();
        let mut reader = Reader::new(&source, &path);
        check(&mut reader, &node, "it", &shape);
        assert_eq!(reader.finish(), [], "{title}: {text}");
    }
}
