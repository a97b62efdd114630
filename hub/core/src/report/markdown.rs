//! A plan as Markdown, for a comment of a pull request: short above, details folded, bounded.

use crate::diff::{Change, Plan};

use super::plan::{
    Detail, and_more, cluster_line, counted, field_line, finding_line, last_good_line, object_line,
    released_line, rename_line, sentence, treatment, uncompared_line, unknown_line,
};

/// Longest comment that GitHub takes, in characters.
pub const CHARS_MAX: usize = 65_536;

/// What is kept free for the last line, which says what was left out.
const RESERVE: usize = 256;

/// A plan as Markdown of at most [`CHARS_MAX`] characters, with notes below it. What does not fit is
/// counted.
#[must_use]
pub fn plan_markdown(plan: &Plan<'_>, notes: &[String]) -> String {
    let notes: String = notes
        .iter()
        .map(|note| format!("\n_note: {}_\n", escaped(note)))
        .collect();
    let mut page = Page {
        text: String::new(),
        room: CHARS_MAX.saturating_sub(RESERVE + notes.chars().count()),
        left_out: 0,
    };
    page.head(plan);
    page.section("Held removals", held(plan));
    page.section(
        "Cannot be compared",
        list(&plan.uncompared, uncompared_line),
    );
    let unknown = |unknown: &_| unknown_line(unknown, Detail::Usual);
    let mut not_known = list(&plan.last_good_unknown, last_good_line);
    not_known.extend(list(&plan.unknown, unknown));
    page.section("Not known", not_known);
    page.section("New problems", list(&plan.introduced, finding_line));
    page.section("Bundles and clusters", placed(plan));
    page.section("Stays as it is", kept(plan));
    for change in &plan.changes {
        page.change(change);
    }
    page.section("Fixed problems", list(&plan.fixed, finding_line));
    page.end(&notes)
}

struct Page {
    text: String,
    /// How many more characters there is room for.
    room: usize,
    left_out: usize,
}

impl Page {
    /// Adds a part as a whole, or counts it as left out.
    fn push(&mut self, part: &str) {
        if !self.fits(part) {
            self.left_out += 1;
        }
    }

    /// Adds a part as a whole, if it has room.
    fn fits(&mut self, part: &str) -> bool {
        let Some(room) = self.room.checked_sub(part.chars().count()) else {
            return false;
        };
        self.room = room;
        self.text.push_str(part);
        true
    }

    /// Adds what changes on a group of clusters, with fewer objects where all have no room.
    fn change(&mut self, change: &Change<'_>) {
        let mut most = change.objects.len();
        while !self.fits(&folded(change, most)) {
            if most < 2 {
                self.left_out += 1;
                return;
            }
            most /= 2;
        }
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

    fn end(mut self, notes: &str) -> String {
        if self.left_out > 0 {
            let more = and_more(self.left_out, "part");
            self.text.push_str(&format!(
                "\n_{more}, which a comment has no room for; `hub plan -o wide` shows \
                 everything_\n"
            ));
        }
        self.text.push_str(notes);
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
    lines.extend(list(&plan.renames, rename_line));
    lines.extend(list(&plan.released, released_line));
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

/// One group of clusters, folded, with so many objects at most.
fn folded(change: &Change<'_>, most: usize) -> String {
    let on = Detail::Usual.on(change.clusters.iter().copied());
    let objects = counted(change.objects.len(), "object");
    let name = change.bundle.name();
    let mut text =
        format!("<details><summary><code>{name}</code>: {objects} on {on}</summary>\n\n");
    text.push_str("```diff\n");
    // The language of the block knows `!` for what changes.
    let marked = |line: &str| match line.strip_prefix('~') {
        Some(rest) => fenced(&format!("!{rest}")),
        None => fenced(line),
    };
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    for treated in treatment(change, Detail::Usual) {
        line(&marked(&treated));
    }
    for object in change.objects.iter().take(most) {
        line(&marked(&object_line(object)));
        for field in &object.fields.fields {
            line(&format!(
                "    {}",
                fenced(&field_line(field, Detail::Usual))
            ));
        }
        if object.fields.more_fields > 0 {
            line(&format!(
                "    {}",
                and_more(object.fields.more_fields, "field")
            ));
        }
    }
    if most < change.objects.len() {
        line(&and_more(change.objects.len() - most, "object"));
    }
    text.push_str("```\n\n</details>\n\n");
    text
}

/// Text that cannot end the block that it stands in.
fn fenced(text: &str) -> String {
    text.replace("```", "` ` `")
}

/// Text of files that can neither be markup nor call anybody. What stands between two single backticks
/// is code, in which nothing is markup; all others are none.
fn escaped(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find('`') {
        let (before, from) = rest.split_at(start);
        before.chars().for_each(|char| escape(&mut out, char));
        let end = match code_end(from) {
            Some(end) => {
                out.push_str(&from[..end]);
                end
            }
            None => {
                let end = backticks(from);
                out.push_str(&"\\`".repeat(end));
                end
            }
        };
        rest = &from[end..];
    }
    rest.chars().for_each(|char| escape(&mut out, char));
    out
}

/// Where code ends that a text begins with: the backtick before it and the next one both stand alone.
fn code_end(text: &str) -> Option<usize> {
    if backticks(text) != 1 {
        return None;
    }
    let end = 1 + text[1..].find('`')?;
    (backticks(&text[end..]) == 1).then_some(end + 1)
}

/// How many backticks a text begins with.
fn backticks(text: &str) -> usize {
    text.len() - text.trim_start_matches('`').len()
}

fn escape(out: &mut String, char: char) {
    match char {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        '@' => out.push_str("&#64;"),
        '*' | '_' | '[' | ']' | '#' | '\\' | '|' | '~' => {
            out.push('\\');
            out.push(char);
        }
        char => out.push(char),
    }
}

#[cfg(test)]
mod tests;
