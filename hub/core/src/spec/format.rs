//! What texts may be: one rule each, as the reader applies it and as a schema writes it.

use super::check::shown;
use super::document::check_name;
use super::language::Format;
use crate::problem::Code;

impl Format {
    /// The rule as a regular expression (ECMA 262), where it can be one.
    pub(super) const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Any | Self::Template => None,
            Self::Something => Some("^[\\s\\S]+$"),
            Self::Label => Some("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
            Self::Percent => Some("^0*(100|[0-9]{1,2})%$"),
            Self::Duration => Some("^([0-9]+(ms|s|m|h))+$"),
            Self::Revision => Some("^[^\\s\\-~^:?*\\[\\\\][^\\s~^:?*\\[\\\\]*$"),
        }
    }

    /// Why a text is refused: a code, a sentence and a hint.
    pub(super) fn refuse(self, path: &str, text: &str) -> Option<(Code, String, &'static str)> {
        let cannot = |hint| {
            let message = format!("`{path}` cannot be `{}`", shown(text));
            Some((Code::BadValue, message, hint))
        };
        match self {
            Self::Any | Self::Template => None,
            Self::Something if text.is_empty() => {
                let message = format!("`{path}` cannot be empty");
                Some((Code::BadValue, message, "leave it out, or write something"))
            }
            Self::Something => None,
            Self::Label => {
                let message = check_name(&shown(text)).err()?;
                Some((Code::BadName, message, ""))
            }
            Self::Percent if percent(text).is_none() => cannot("write 0% to 100%"),
            Self::Duration if duration_ms(text).is_none_or(|ms| ms == 0) => {
                cannot("write 90s, 5m or 1h30m")
            }
            Self::Percent | Self::Duration => None,
            Self::Revision => refuse_revision(path, text),
        }
    }
}

/// What Git could take for an option, a range or a whole reference is no tag and no commit.
fn refuse_revision(path: &str, text: &str) -> Option<(Code, String, &'static str)> {
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
    Some((Code::BadValue, format!("`{path}` {why}"), hint))
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
