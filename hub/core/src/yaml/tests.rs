//! Places, faults, dialects and bombs.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{Dialect, Node, position, read, read_file};

fn check(dialect: Dialect, text: &str, expected: Expect) {
    let mut out = String::new();
    for document in read(text.as_bytes(), dialect) {
        match document {
            Ok(node) => writeln!(out, "{}:{} {}", node.line, node.column, node.to_json()).unwrap(),
            Err(f) => writeln!(out, "{}:{} fault: {}", f.line, f.column, f.message).unwrap(),
        }
    }
    expected.assert_eq(&out);
}

#[test]
fn every_document_has_its_place_and_empty_ones_are_skipped() {
    check(
        Dialect::Fleet,
        "# comment\na: 1\n---\n---\n- x\n- {b: [true, null, 1.5]}\n",
        expect![[r#"
            2:1 {"a":1}
            5:1 ["x",{"b":[true,null,1.5]}]
        "#]],
    );
}

#[test]
fn a_broken_document_does_not_take_the_ones_before_it_along() {
    check(
        Dialect::Fleet,
        "a: 1\n---\nb: [1\nc: }\n---\nd: 1\n",
        expect![[r#"
            1:1 {"a":1}
            4:2 fault: illegal placement of ':' indicator
            6:1 {"d":1}
        "#]],
    );
}

#[test]
fn texts_that_look_like_something_else_stay_texts_in_fleet_files() {
    check(
        Dialect::Fleet,
        "{a: no, b: 0001, c: 0x10, d: '1', e: ~, f: .inf, 1: y}",
        expect![[r#"
            1:1 {"1":"y","a":"no","b":"0001","c":"0x10","d":"1","e":null,"f":".inf"}
        "#]],
    );
}

#[test]
fn manifests_are_read_as_kubectl_reads_them() {
    check(
        Dialect::Kubernetes,
        "{a: no, b: 0644, c: 1e3, d: '1', e: 12345678901234567890}",
        expect![[r#"
        1:1 {"a":false,"b":420,"c":1000.0,"d":"1","e":12345678901234567890}
    "#]],
    );
}

#[test]
fn json_with_tabs_is_read() {
    check(
        Dialect::Fleet,
        "{\n\t\"a\": [\n\t\t\"b\"\n\t]\n}\n",
        expect![[r#"
        1:1 {"a":["b"]}
    "#]],
    );
}

#[test]
fn a_doubled_key_is_a_fault_at_the_second_one() {
    check(
        Dialect::Fleet,
        "a: 1\nb:\n  c: 1\n  c: 2\n",
        expect![[r#"
            4:3 fault: `c` stands here twice
        "#]],
    );
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    check(
        Dialect::Fleet,
        "a: &x {k: 1, l: 2}\nb: *x\nc:\n  <<: *x\n  l: 3\n",
        expect![[r#"
        1:1 {"a":{"k":1,"l":2},"b":{"k":1,"l":2},"c":{"k":1,"l":3}}
    "#]],
    );
}

#[test]
fn an_alias_bomb_is_a_fault() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        let list = [alias.as_str(); 10].join(",");
        writeln!(text, "a{level}: &a{level} [{list}]").unwrap();
    }
    check(
        Dialect::Fleet,
        &text,
        expect![[r#"
            5:38 fault: aliases that stand for more than 100000 values
        "#]],
    );
}

#[test]
fn nesting_without_end_is_a_fault() {
    check(
        Dialect::Fleet,
        &"[".repeat(100_000),
        expect![[r#"
            1:129 fault: recursion limit exceeded
        "#]],
    );
    let deep: String = (0..2_000)
        .map(|n| format!("{}a:\n", " ".repeat(n)))
        .collect();
    check(
        Dialect::Fleet,
        &deep,
        expect![[r#"
            129:129 fault: recursion limit exceeded
        "#]],
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_a_fault_at_their_place() {
    let faults = read(b"a: 1\nb: \xff\n", Dialect::Fleet);
    let fault = faults[0].as_ref().unwrap_err();
    assert_eq!((fault.line, fault.column), (2, 4));
}

#[test]
fn a_byte_order_mark_and_other_line_ends_are_no_content() {
    check(
        Dialect::Fleet,
        "\u{feff}a: 1\r\nb:\r\n- x\r\n",
        expect![[r#"
            1:1 {"a":1,"b":["x"]}
        "#]],
    );
}

#[test]
fn tags_that_mean_nothing_here_are_a_fault() {
    check(
        Dialect::Fleet,
        "a: !!str 1\nb: !!int '2'\n---\nc: !secret x\n",
        expect![[r#"
            1:1 {"a":"1","b":2}
            4:12 fault: the tag `!secret` has no meaning here
        "#]],
    );
}

fn read_json(text: &str) -> String {
    let mut out = String::new();
    for document in read_file("x.json", text.as_bytes(), Dialect::Fleet) {
        match document {
            Ok(node) => {
                writeln!(out, "{}", node.to_json()).unwrap();
                places(&mut out, &node);
            }
            Err(f) => writeln!(out, "{}:{} fault: {}", f.line, f.column, f.message).unwrap(),
        }
    }
    out
}

/// Every key and value with its place.
fn places(out: &mut String, node: &Node) {
    writeln!(out, "{}:{} {}", node.line, node.column, node.type_name()).unwrap();
    for (key, value) in node.members() {
        writeln!(out, "{}:{} {}:", key.line, key.column, key.text).unwrap();
        places(out, value);
    }
    node.items().iter().for_each(|item| places(out, item));
}

#[test]
fn a_json_file_has_a_place_for_every_key_and_value() {
    let out = read_json(
        "{\n\t\"ä\": [\"a\\ud83d\\ude00\\\"}\", -1.5e3, 12345678901234567890],\r\n  \"b\"\n : {\"no\": null, \"c\": false}, \"d\": {}, \"<<\": []}\n",
    );
    expect![[r#"
            {"<<":[],"b":{"c":false,"no":null},"d":{},"ä":["a😀\"}",-1500.0,12345678901234567890]}
            1:1 a map
            2:2 ä:
            2:7 a list
            2:8 a string
            2:28 a number
            2:36 a number
            3:3 b:
            4:4 a map
            4:5 no:
            4:11 nothing
            4:17 c:
            4:22 a truth value
            4:30 d:
            4:35 a map
            4:39 <<:
            4:45 a list
        "#]]
    .assert_eq(&out);
}

#[test]
fn what_is_yaml_and_not_json_is_a_fault_in_a_json_file() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let endless = "[".repeat(100_000);
    let texts = [
        "{\n  \"ä\": [\"b\", \"ö\",]\n}\n",
        "{\"a\": 1,\n}",
        "a: 1\n",
        "{\"a\": no}",
        "{\"a\": 1} {}",
        "{\"a\": [1",
        "{\"a\": 1e999}",
        "{\"a\": \"\\ud83d\"}",
        "{\"a\": 1,\n \"a\": 2}",
        &endless,
        &deep,
        " \n",
    ];
    let mut out = String::new();
    for text in texts {
        out.push_str(&read_json(text));
    }
    expect![[r#"
        2:18 fault: this is not JSON: trailing comma
        2:1 fault: this is not JSON: trailing comma
        1:1 fault: this is not JSON: expected value
        1:8 fault: this is not JSON: only null, true and false stand without quotes
        1:10 fault: this is not JSON: trailing characters
        1:8 fault: this is not JSON: EOF while parsing a list
        1:7 fault: this is not JSON: number out of range
        1:7 fault: this is not JSON: unexpected end of hex escape
        2:2 fault: `a` stands here twice
        1:100000 fault: this is not JSON: EOF while parsing a list
        1:129 fault: nesting deeper than 128 is not read
    "#]]
    .assert_eq(&out);
}

#[test]
fn a_json_collection_counts_once_towards_the_limit() {
    let lists = crate::limits::YAML_NODES_MAX - 1;
    let text = format!("[{}[]]", "[],".repeat(lists - 1));
    let documents = read_file("a.json", text.as_bytes(), Dialect::Fleet);
    assert!(documents.into_iter().all(|document| document.is_ok()));
}

/// The text of `cel` in a file, with every character of it pointed at in the file.
fn pointed(file: &str) {
    let node = read(file.as_bytes(), Dialect::Fleet).remove(0).unwrap();
    let cel = node.get("cel").unwrap();
    let text = cel.text().unwrap();
    for (offset, wanted) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let (line, column) =
            position(file, cel, offset).unwrap_or_else(|| panic!("{file} {node:?} {offset}"));
        let line = file.lines().nth(line as usize - 1).unwrap();
        let found = line.chars().nth(column as usize - 1);
        let escaped = found == Some('\\');
        assert!(
            escaped || found == Some(wanted),
            "{wanted} at {offset}: {found:?} in {file}"
        );
    }
}

#[test]
fn characters_of_a_text_are_found_however_it_is_written() {
    pointed("cel: a.b == c && d");
    pointed("a: 1\ncel:   'it''s == \"x\" '\nb: 2\n");
    pointed("cel: \"a \\\"b\\\" \\u00e9 \\ud83d\\ude00 c\"");
    pointed("{cel: \"a ==\n   b\n\n  && c\", d: 1}");
    pointed("cel: a ==\n  b &&\n\n  c\n");
    pointed("cel: |\n  a ==\n    b &&\n  c\nd: 1\n");
    pointed("cel: |-\n\n    a ==\n    b\n");
    pointed("cel: >-\n  a ==\n  b &&\n\n  c\n");
    pointed("cel: &anchor a == b");
    pointed("cel: |2\n   a\n    b");
    pointed("cel: > # folded\n  a ==\n  ébc\n");
}

#[test]
fn what_is_not_surely_found_is_not_told() {
    let file = "cel: \"a \\\n  b\"";
    let node = read(file.as_bytes(), Dialect::Fleet).remove(0).unwrap();
    assert_eq!(position(file, node.get("cel").unwrap(), 3), None);
    let node = read(b"cel: abc", Dialect::Fleet).remove(0).unwrap();
    let cel = node.get("cel").unwrap();
    assert_eq!(position("cel: xyz", cel, 2), None);
    assert_eq!(position("", cel, 2), None);
    assert_eq!(position("cel: abc", cel, 3), Some((1, 9)));
    assert_eq!(position("cel: abc", cel, 4), None);
}
