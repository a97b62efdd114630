//! What texts may be: one rule each, as the reader applies it and as a schema writes it.

use std::borrow::Cow;

use super::check::shown;
use super::document::check_name;
use super::language::Format;
use crate::problem::Code;

impl Format {
    /// The rule as a regular expression (ECMA 262), where it can be one.
    pub(super) const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Note | Self::Template => None,
            Self::Filled => Some("^[\\s\\S]+$"),
            Self::Any => Some("^([^$]|\\$+[^${])*\\$*$"),
            Self::Something => Some("^(([^$]|\\$+[^${])+\\$*|\\$+)$"),
            Self::Label => Some("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
            Self::Percent => Some("^0*(100|[0-9]{1,2})%$"),
            Self::Duration => Some("^([0-9]+(ms|s|m|h))+$"),
            Self::Field => Some(FIELD),
            Self::Revision => Some(REVISION),
        }
    }

    /// Why a text is refused: a code, a sentence and a hint.
    pub(super) fn refuse(self, path: &str, text: &str) -> Option<Refusal> {
        let cannot = |hint: &'static str| {
            let message = format!("`{path}` cannot be `{}`", shown(text));
            Some((Code::BadValue, message, hint.into()))
        };
        match self {
            Self::Note | Self::Template => None,
            Self::Any | Self::Something if text.contains("${") => {
                let message = format!("`{path}` takes no variables");
                Some((Code::BadSubstitution, message, NOT_SUBSTITUTED.into()))
            }
            Self::Any => None,
            Self::Something | Self::Filled if text.is_empty() => {
                let message = format!("`{path}` cannot be empty");
                Some((
                    Code::BadValue,
                    message,
                    "leave it out, or write something".into(),
                ))
            }
            Self::Something | Self::Filled => None,
            Self::Label => {
                let message = check_name(&shown(text)).err()?;
                Some((Code::BadName, message, name_hint(text).into()))
            }
            Self::Percent if percent(text).is_none() => cannot("write 0% to 100%"),
            Self::Duration if duration_ms(text).is_none_or(|ms| ms == 0) => {
                cannot("write 90s, 5m or 1h30m")
            }
            Self::Percent | Self::Duration => None,
            Self::Field if !is_field(text) => {
                let message = format!("`{path}` cannot be `{}`", shown(text));
                Some((Code::BadValue, message, field_hint(text)))
            }
            Self::Field => None,
            Self::Revision => refuse_revision(path, text),
        }
    }
}

/// The nearest text that is a name, as a hint; empty where there is none.
pub(super) fn name_hint(text: &str) -> String {
    let lower = text.to_lowercase();
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = lower.chars().take(NAME_SHOWN_MAX).map(letter).collect();
    let name = name.trim_matches('-');
    match check_name(name) {
        Ok(()) => format!("write {name}"),
        Err(_) => String::new(),
    }
}

/// Longest name that a hint writes anew: as long as any may be.
const NAME_SHOWN_MAX: usize = 63;

/// A code, a sentence and a hint.
pub(super) type Refusal = (Code, String, Cow<'static, str>);

/// The rule of [`is_field`].
const FIELD: &str = r#"^\.?([A-Za-z_][A-Za-z0-9_-]*|\[(\*|"[^"\]]+"|'[^'\]]+'|[A-Za-z_][A-Za-z0-9_-]*=("[^"\]]*"|'[^'\]]*'|[^\]"'\s]+))\])(\.[A-Za-z_][A-Za-z0-9_-]*|\[(\*|"[^"\]]+"|'[^'\]]+'|[A-Za-z_][A-Za-z0-9_-]*=("[^"\]]*"|'[^'\]]*'|[^\]"'\s]+))\])*$"#;

/// Whether a text leads to a field, as agents read it: `spec.replicas`,
/// `spec.containers[name=web].image`, `webhooks[*].caBundle`, `metadata.annotations["a.b/c"]`.
fn is_field(text: &str) -> bool {
    let mut rest = text.strip_prefix('.').unwrap_or(text);
    let mut first = true;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let Some((_, after)) = inside.split_once(']').filter(|(i, _)| is_item(i)) else {
                return false;
            };
            rest = after;
        } else {
            let name = if first {
                Some(rest)
            } else {
                rest.strip_prefix('.')
            };
            let Some(name) = name else {
                return false;
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if !is_member(&name[..end]) {
                return false;
            }
            rest = &name[end..];
        }
        first = false;
    }
    !first
}

fn is_member(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What may stand between brackets: every item, a member, or items with a value.
fn is_item(inner: &str) -> bool {
    let quoted = |text: &str| {
        ['"', '\''].iter().find_map(|quote| {
            let inner = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
            (!inner.contains(*quote)).then_some(!inner.is_empty())
        })
    };
    let bare = |text: &str| {
        let forbidden = |c: char| matches!(c, '"' | '\'') || c.is_whitespace();
        !text.is_empty() && !text.contains(forbidden)
    };
    match inner.split_once('=') {
        _ if inner == "*" => true,
        _ if inner.starts_with(['"', '\'']) => quoted(inner) == Some(true),
        Some((name, value)) => is_member(name) && (quoted(value).is_some() || bare(value)),
        None => false,
    }
}

/// The same path as it is to be written, where it is another one's way to write it.
fn field_hint(text: &str) -> Cow<'static, str> {
    let step = |out: &mut String, step: &str| {
        if step.is_empty() {
            // Nothing that is written so can be meant.
            out.push('[');
        } else if step.bytes().all(|b| b.is_ascii_digit()) || step == "-" {
            out.push_str("[*]");
        } else if is_member(step) {
            out.push_str(if out.is_empty() { "" } else { "." });
            out.push_str(step);
        } else {
            let step = step.replace("~1", "/").replace("~0", "~");
            out.push_str(&format!("[\"{step}\"]"));
        }
    };
    let mut written = String::new();
    let short = text.len() <= FIELD_SHOWN_MAX;
    if let Some(pointer) = text.strip_prefix('/').filter(|_| short) {
        pointer.split('/').for_each(|one| step(&mut written, one));
    } else if short {
        let plain = text.trim_matches(['$', '{', '}']);
        let plain = plain.trim_start_matches('.').replace("[]", "[*]");
        for part in plain.split('.') {
            let (name, items) = part.find('[').map_or((part, ""), |at| part.split_at(at));
            if !name.is_empty() || items.is_empty() {
                step(&mut written, name);
            }
            let inner = items.trim_matches(['[', ']']);
            match items.is_empty() || inner.is_empty() || inner.contains(['[', ']']) {
                false if inner.bytes().all(|b| b.is_ascii_digit()) => written.push_str("[*]"),
                _ => written.push_str(items),
            }
        }
    }
    match is_field(&written) {
        true => format!("write {written}").into(),
        false => "write it as in `spec.replicas`, `spec.containers[name=web].image`, \
                  `webhooks[*].caBundle` or `metadata.annotations[\"a.b/c\"]`"
            .into(),
    }
}

/// Longest path that a hint writes anew.
const FIELD_SHOWN_MAX: usize = 200;

const NOT_SUBSTITUTED: &str = "nothing is substituted here: write the value itself; `cel` can \
                               compare `cluster.variables`";

/// The rule of revisions, as far as a pattern can say it.
const REVISION: &str = "^(([^\\s\\-~^:?*\\[\\\\$]|\\$+[^\\s~^:?*\\[\\\\${])([^\\s~^:?*\\[\\\\$]|\\$+[^\\s~^:?*\\[\\\\${])*\\$*|\\$+)$";

/// What Git could take for an option, a range or a whole reference is no tag and no commit.
fn refuse_revision(path: &str, text: &str) -> Option<Refusal> {
    let why = if text.is_empty() {
        "cannot be empty"
    } else if text.starts_with('-') {
        "cannot begin with `-`"
    } else if text.starts_with("refs/") {
        "names a tag or a commit, not a whole reference"
    } else if text.contains("${") {
        "cannot use variables: it is read before any cluster is looked at"
    } else if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "cannot have white space"
    } else if !is_reference(text) {
        "is no name of a tag, and no commit"
    } else {
        return None;
    };
    let hint = "write a tag such as shop/v1.42.0, or a full commit id";
    Some((Code::BadValue, format!("`{path}` {why}"), hint.into()))
}

/// Whether Git could have a tag of that name (git-check-ref-format).
fn is_reference(text: &str) -> bool {
    let ends = text.starts_with('/') || text.ends_with(['/', '.']);
    let has = ["..", "@{", "//"].iter().any(|part| text.contains(part));
    !ends && !has && !text.contains(FORBIDDEN)
}

/// What no name of a reference may have.
const FORBIDDEN: [char; 7] = ['~', '^', ':', '?', '*', '[', '\\'];

/// `25%`, within 0 and 100.
pub(super) fn percent(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('%')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let percent: u32 = plain.then(|| digits.parse().ok())??;
    (percent <= 100).then_some(percent)
}

/// A duration such as `90s`, `5m` or `1h30m`, in milliseconds.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let factor = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}
