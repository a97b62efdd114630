//! How much fits into a comment, and what text of files may do in it.

use std::collections::BTreeSet;

use capstan_proto::{ClusterName, ObjectKey};

use super::{CHARS_MAX, escaped, plan_markdown};
use crate::diff::{Action, BundleChange, Change, Fields, InputChange, ObjectChange, Plan, Summary};
use crate::fixture::{bundle, cluster};

fn object(name: usize) -> ObjectKey {
    ObjectKey::new("apps", "Deployment", "web", format!("web-{name}"))
}

fn plan<'a>(changes: Vec<Change<'a>>, bundles: Vec<BundleChange<'a>>) -> Plan<'a> {
    Plan {
        summary: Summary {
            clusters: 1,
            ..Summary::default()
        },
        clusters: Vec::new(),
        renames: Vec::new(),
        released: Vec::new(),
        bundles,
        changes,
        kept: Vec::new(),
        unknown: Vec::new(),
        last_good_unknown: Vec::new(),
        uncompared: Vec::new(),
        held: Vec::new(),
        introduced: Vec::new(),
        fixed: Vec::new(),
    }
}

#[test]
fn what_has_no_room_in_a_comment_is_counted() {
    let (web, name) = (bundle("web"), cluster("a"));
    let keys: Vec<ObjectKey> = (0..100).map(object).collect();
    let change = || Change {
        bundle: &web,
        clusters: vec![&name],
        policy: false,
        policy_fields: Vec::new(),
        inputs: InputChange::default(),
        objects: keys
            .iter()
            .map(|object| ObjectChange {
                object,
                action: Action::Create,
                moved_from: None,
                fields: Fields::default(),
            })
            .collect(),
    };
    let small = plan_markdown(&plan(vec![change()], Vec::new()), &[]);
    assert!(!small.contains("more parts, which"), "{small}");
    let text = plan_markdown(
        &plan((0..100).map(|_| change()).collect(), Vec::new()),
        &["x".repeat(500)],
    );
    assert!(text.chars().count() <= CHARS_MAX);
    assert!(text.chars().count() > CHARS_MAX / 2);
    let folded = text.matches("<details>").count();
    let said = format!("_and {} more parts", 100 - folded);
    assert!(text.contains(&said), "{}", &text[text.len() - 200..]);
    assert_eq!(folded, text.matches("</details>").count());
}

#[test]
fn many_clusters_are_counted() {
    let names: Vec<ClusterName> = (0..212).map(|n| cluster(&format!("c{n:03}"))).collect();
    let bundles = vec![BundleChange {
        name: "web",
        gained: names.iter().collect(),
        lost: BTreeSet::new(),
        held: BTreeSet::new(),
    }];
    let text = plan_markdown(&plan(Vec::new(), bundles), &[]);
    assert!(
        text.contains("- `web` comes to 212 clusters: c000, c001, c002 and 209 more\n"),
        "{text}"
    );
}

#[test]
fn of_one_long_change_as_much_is_shown_as_has_room() {
    let (web, name) = (bundle("web"), cluster("a"));
    let keys: Vec<ObjectKey> = (0..9_000).map(object).collect();
    let change = Change {
        bundle: &web,
        clusters: vec![&name],
        policy: false,
        policy_fields: Vec::new(),
        inputs: InputChange::default(),
        objects: keys
            .iter()
            .map(|object| ObjectChange {
                object,
                action: Action::Create,
                moved_from: None,
                fields: Fields::default(),
            })
            .collect(),
    };
    let text = plan_markdown(&plan(vec![change], Vec::new()), &[]);
    assert!(text.chars().count() <= CHARS_MAX);
    let shown = text.matches("+ Deployment.apps").count();
    assert!(shown > 500, "{shown}");
    let said = format!("\nand {} more objects\n```\n\n</details>", 9_000 - shown);
    assert!(text.contains(&said), "{}", &text[text.len() - 200..]);
}

#[test]
fn text_of_files_is_no_markup_and_calls_nobody() {
    assert_eq!(
        escaped("<b> @team *x* [y](z) `c`\nnext"),
        "&lt;b&gt; &#64;team \\*x\\* \\[y\\](z) `c` next"
    );
    assert_eq!(escaped("`a_b` and c_d"), "`a_b` and c\\_d");
    assert_eq!(escaped("a `b_c"), "a \\`b\\_c");
}

#[test]
fn runs_of_backticks_in_a_name_let_no_markup_out() {
    let markup = "@org/team <img src=x>";
    let safe = "&#64;org/team &lt;img src=x&gt;";
    assert_eq!(
        escaped(&format!("field `a``{markup}` changed")),
        format!("field \\`a\\`\\`{safe}\\` changed")
    );
    assert_eq!(
        escaped(&format!("field `a```{markup}` changed")),
        format!("field \\`a\\`\\`\\`{safe}\\` changed")
    );
    assert_eq!(
        escaped(&format!("``{markup}`` and ```{markup}```")),
        format!("\\`\\`{safe}\\`\\` and \\`\\`\\`{safe}\\`\\`\\`")
    );
    // What comes after is code again.
    assert_eq!(escaped("a`` b_c `d_e`"), "a\\`\\` b\\_c `d_e`");
}
