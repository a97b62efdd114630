//! What is behind a link or a submodule is unknown: never the same as gone.

use super::*;

/// The fleet without the files that begin with a path, which is a symbolic link instead.
fn linked(path: &str) -> String {
    let mut files: Vec<String> = Vec::new();
    for line in fleet().lines() {
        if line.starts_with("== ") {
            files.push(String::new());
        }
        writeln!(files.last_mut().unwrap(), "{line}").unwrap();
    }
    files.retain(|file| !file.starts_with(&format!("== {path}")));
    format!("{}!= {path}\n", files.concat())
}

#[test]
fn nothing_is_removed_when_a_fleet_document_becomes_a_symbolic_link() {
    let before = Hub::default().commit(&fleet());
    for path in ["p.yaml", "bundles.yaml", "clusters.yaml"] {
        let mut hub = Hub::default();
        hub.commit(&fleet());
        for _ in 0..2 {
            assert_eq!(show(&hub.commit(&linked(path))), show(&before), "{path}");
        }
    }
}

#[test]
fn nothing_is_removed_when_a_manifest_becomes_a_symbolic_link() {
    let more = format!("{}{}", fleet(), maps("w/more.yaml", &["w3"]));
    let link = format!("{}!= w/more.yaml\n", fleet());
    check(
        &[&more, &link, &link],
        expect![[r#"
        a: db[d1] web[w1 w2 w3]
          web kept: it does not render: w/more.yaml:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
        b: db[d1] web[w1 w2 w3]
          web kept: it does not render: w/more.yaml:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
        c: db[d1] web[w1 w2 w3]
          web kept: it does not render: w/more.yaml:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
    "#]],
    );
    // A removed one is removed.
    check(
        &[&more, &link, &fleet()],
        expect![[r#"
        a: db[d1] web[w1 w2]
        b: db[d1] web[w1 w2]
        c: db[d1] web[w1 w2]
    "#]],
    );
}

#[test]
fn nothing_is_removed_when_a_bundles_directory_becomes_a_link_or_a_submodule() {
    check(
        &[&fleet(), &linked("w"), &linked("w")],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: it does not render: w:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
        b: db[d1] web[w1 w2]
          web kept: it does not render: w:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
        c: db[d1] web[w1 w2]
          web kept: it does not render: w:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
    "#]],
    );
}
