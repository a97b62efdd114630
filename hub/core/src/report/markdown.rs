//! A plan as Markdown, for a comment of a pull request: short above, details folded, bounded.

use crate::diff::{Change, Plan};

use super::plan::{
    Detail, and_more, cluster_line, counted, field_line, finding_line, object_line, sentence,
    uncompared_line,
};

/// Longest comment that GitHub takes, in characters.
pub const CHARS_MAX: usize = 65_536;

/// What is kept free for the last line, which says what was left out.
const RESERVE: usize = 256;

/// A plan as Markdown of at most [`CHARS_MAX`] characters. What does not fit is counted.
#[must_use]
pub fn plan_markdown(plan: &Plan<'_>) -> String {
    let mut page = Page {
        text: String::new(),
        chars: 0,
        left_out: 0,
    };
    page.head(plan);
    page.section("Held removals", held(plan));
    page.section(
        "Cannot be compared",
        list(&plan.uncompared, uncompared_line),
    );
    page.section("New problems", list(&plan.introduced, finding_line));
    page.section("Bundles and clusters", placed(plan));
    page.section("Stays as it is", kept(plan));
    for change in &plan.changes {
        page.push(&folded(change));
    }
    page.section("Fixed problems", list(&plan.fixed, finding_line));
    page.end()
}

struct Page {
    text: String,
    chars: usize,
    left_out: usize,
}

impl Page {
    /// Adds a part as a whole, or counts it as left out.
    fn push(&mut self, part: &str) {
        let chars = part.chars().count();
        if self.chars + chars > CHARS_MAX - RESERVE {
            self.left_out += 1;
            return;
        }
        self.chars += chars;
        self.text.push_str(part);
    }

    fn head(&mut self, plan: &Plan<'_>) {
        let summary = &plan.summary;
        self.push(&format!("### Fleet plan\n\n**{}**\n\n", sentence(summary)));
        if summary.removes() {
            self.push(
                "> [!WARNING]\n> This change removes objects from clusters, or would once that is \
                 approved.\n\n",
            );
        }
    }

    /// A heading with lines below it; nothing without lines.
    fn section(&mut self, title: &str, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        self.push(&format!("#### {title}\n\n"));
        for line in lines {
            self.push(&line);
        }
        self.push("\n");
    }

    fn end(mut self) -> String {
        if self.left_out > 0 {
            let more = and_more(self.left_out, "part");
            self.text.push_str(&format!(
                "\n_{more}, which a comment has no room for; `hub plan -o table` shows \
                 everything_\n"
            ));
        }
        self.text
    }
}

fn list<T>(items: &[T], words: impl Fn(&T) -> String) -> Vec<String> {
    let item = |item| format!("- {}\n", escaped(&words(item)));
    items.iter().map(item).collect()
}

fn held(plan: &Plan<'_>) -> Vec<String> {
    let hold = |held: &crate::interchange::HeldAnswer| {
        let (why, command) = (escaped(&held.why), &held.command);
        format!("- {why}\n  approve it, once the hub holds it, with `{command}`\n")
    };
    plan.held.iter().map(hold).collect()
}

fn placed(plan: &Plan<'_>) -> Vec<String> {
    let mut lines = list(&plan.clusters, cluster_line);
    for bundle in &plan.bundles {
        let parts = [
            ("comes to", &bundle.gained),
            ("**leaves**", &bundle.lost),
            ("would leave (held)", &bundle.held),
        ];
        for (verb, clusters) in parts.into_iter().filter(|(_, c)| !c.is_empty()) {
            let on = Detail::Usual.on(clusters.iter().copied());
            lines.push(format!("- `{}` {verb} {on}\n", bundle.name));
        }
    }
    lines
}

fn kept(plan: &Plan<'_>) -> Vec<String> {
    let keeping = |keeping: &crate::diff::Keeping<'_>| {
        let on = Detail::Usual.on(keeping.clusters.iter().copied());
        format!("{} on {on}: {}", keeping.bundle, keeping.why)
    };
    list(&plan.kept, keeping)
}

/// One group of clusters, folded.
fn folded(change: &Change<'_>) -> String {
    let on = Detail::Usual.on(change.clusters.iter().copied());
    let objects = counted(change.objects.len(), "object");
    let name = change.bundle.name();
    let mut text =
        format!("<details><summary><code>{name}</code>: {objects} on {on}</summary>\n\n");
    text.push_str("```diff\n");
    if change.policy {
        text.push_str("! how it is applied, removed or watched\n");
    }
    for object in &change.objects {
        // The language of the block knows `!` for what changes.
        let line = object_line(object).replacen('~', "!", 1);
        text.push_str(&fenced(&line));
        text.push('\n');
        for field in &object.fields.fields {
            let line = field_line(field, Detail::Usual);
            text.push_str(&format!("    {}\n", fenced(&line)));
        }
        if object.fields.more_fields > 0 {
            let more = and_more(object.fields.more_fields, "field");
            text.push_str(&format!("    {more}\n"));
        }
    }
    text.push_str("```\n\n</details>\n\n");
    text
}

/// Text that cannot end the block that it stands in.
fn fenced(text: &str) -> String {
    text.replace("```", "` ` `")
}

/// Text of files that can neither be markup nor call anybody.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '*' | '_' | '[' | ']' | '#' | '\\' | '|' | '~' => {
                out.push('\\');
                out.push(char);
            }
            '\n' | '\r' => out.push(' '),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests;
