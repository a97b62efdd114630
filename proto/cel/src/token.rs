//! The words of an expression.

use super::Error;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, or a word such as `true` and `in`.
    Word(&'a str),
    /// A whole number as it is written.
    Int(&'a str),
    /// A number with a fraction or an exponent, as it is written.
    Double(&'a str),
    /// A string, with its escapes resolved.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// Nothing is left.
    End,
}

/// Two bytes before one: the first that fits is it.
const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ",", ".",
    "(", ")", "[", "]", "{", "}",
];

/// Reads one word after another; each byte is looked at a bounded number of times.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips bytes while they are so.
    fn skip(&mut self, so: impl Fn(u8) -> bool) {
        let rest = self.rest().as_bytes();
        self.at += rest.iter().position(|b| !so(*b)).unwrap_or(rest.len());
    }

    fn skip_blanks(&mut self) {
        loop {
            self.skip(|b| b.is_ascii_whitespace());
            if !self.rest().starts_with("//") {
                return;
            }
            self.skip(|b| b != b'\n');
        }
    }

    /// The next word and where it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), Error> {
        self.skip_blanks();
        let start = self.at;
        let bytes = self.rest().as_bytes();
        let Some(&first) = bytes.first() else {
            return Ok((Token::End, start));
        };
        let second = bytes.get(1).copied().unwrap_or(0);
        let token = if first.is_ascii_digit() || first == b'.' && second.is_ascii_digit() {
            self.number()?
        } else if let Some(raw) = quote(bytes) {
            self.at += usize::from(raw);
            self.string(start, raw)?
        } else if first.is_ascii_alphabetic() || first == b'_' {
            self.skip(|b| b.is_ascii_alphanumeric() || b == b'_');
            let word = &self.text[start..self.at];
            let bytes = ["b", "br", "rb"].contains(&word.to_ascii_lowercase().as_str());
            if bytes && self.rest().starts_with(['"', '\'']) {
                let message = "there are no bytes here, only strings";
                return Err(Error::new(start, message));
            }
            Token::Word(word)
        } else {
            self.sign(start)?
        };
        Ok((token, start))
    }

    fn sign(&mut self, start: usize) -> Result<Token<'a>, Error> {
        let found = SIGNS.iter().find(|sign| self.rest().starts_with(**sign));
        match found {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => {
                let odd = self.rest().chars().next().unwrap_or(' ');
                let hint = match odd {
                    '=' => "write `==` to compare",
                    '&' => "write `&&` for and",
                    '|' => "write `||` for or",
                    '`' => "write labels[\"a/b\"] for a key that is no name",
                    _ => "",
                };
                let message = format!("`{}` means nothing here", odd.escape_debug());
                Err(Error::new(start, message).hint(hint))
            }
        }
    }

    fn number(&mut self) -> Result<Token<'a>, Error> {
        let start = self.at;
        let hex = self.rest().starts_with("0x") || self.rest().starts_with("0X");
        let mut whole = true;
        if hex {
            self.at += 2;
            self.skip(|b| b.is_ascii_hexdigit());
        } else {
            self.skip(|b| b.is_ascii_digit());
            let rest = self.rest().as_bytes();
            if rest.first() == Some(&b'.') && rest.get(1).is_some_and(u8::is_ascii_digit) {
                whole = false;
                self.at += 1;
                self.skip(|b| b.is_ascii_digit());
            }
            if matches!(self.rest().as_bytes().first(), Some(b'e' | b'E')) {
                whole = false;
                self.at += 1;
                if matches!(self.rest().as_bytes().first(), Some(b'+' | b'-')) {
                    self.at += 1;
                }
                self.skip(|b| b.is_ascii_digit());
            }
        }
        let text = &self.text[start..self.at];
        if self
            .rest()
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            self.skip(|b| b.is_ascii_alphanumeric() || b == b'_');
            let message = format!("`{}` is no number", &self.text[start..self.at]);
            return Err(Error::new(start, message).hint("there are no unsigned numbers here"));
        }
        Ok(if whole {
            Token::Int(text)
        } else {
            Token::Double(text)
        })
    }

    /// A string from its first quote on.
    fn string(&mut self, start: usize, raw: bool) -> Result<Token<'a>, Error> {
        let one = &self.rest()[..1];
        let triple = self
            .rest()
            .as_bytes()
            .iter()
            .take_while(|b| **b == one.as_bytes()[0])
            .count();
        let quotes = if triple >= 3 { 3 } else { 1 };
        let end = &self.rest()[..quotes];
        self.at += quotes;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(next) = rest.chars().next() else {
                return Err(Error::new(start, "the string does not end"));
            };
            if rest.starts_with(end) {
                self.at += quotes;
                return Ok(Token::Text(out));
            }
            if quotes == 1 && matches!(next, '\n' | '\r') {
                return Err(Error::new(start, "the string does not end on its line")
                    .hint("write \\n for a line's end"));
            }
            if next == '\\' && !raw {
                out.push(self.escape()?);
                continue;
            }
            out.push(next);
            self.at += next.len_utf8();
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let start = self.at;
        let bytes = self.rest().as_bytes();
        let bad =
            || Error::new(start, "no such escape in a string").hint("write \\\\ for a backslash");
        let plain = |c: char| Ok((c, 2));
        let (value, length) = match bytes.get(1).ok_or_else(bad)? {
            b'a' => plain('\u{7}'),
            b'b' => plain('\u{8}'),
            b'f' => plain('\u{c}'),
            b'n' => plain('\n'),
            b'r' => plain('\r'),
            b't' => plain('\t'),
            b'v' => plain('\u{b}'),
            quoted @ (b'\\' | b'\'' | b'"' | b'`' | b'?') => plain(char::from(*quoted)),
            b'x' | b'X' => self.code(2, 2, 16).ok_or_else(bad),
            b'u' => self.code(2, 4, 16).ok_or_else(bad),
            b'U' => self.code(2, 8, 16).ok_or_else(bad),
            b'0'..=b'3' => self.code(1, 3, 8).ok_or_else(bad),
            _ => Err(bad()),
        }?;
        self.at += length;
        Ok(value)
    }

    /// A character by its number, and how long its escape is.
    fn code(&self, skip: usize, digits: usize, radix: u32) -> Option<(char, usize)> {
        let text = self.rest().get(skip..skip + digits)?;
        if !text.chars().all(|c| c.is_digit(radix)) {
            return None;
        }
        let value = u32::from_str_radix(text, radix).ok()?;
        Some((char::from_u32(value)?, skip + digits))
    }
}

/// Whether a string begins here: `Some(true)` for a raw one.
fn quote(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [b'"' | b'\'', ..] => Some(false),
        [b'r' | b'R', b'"' | b'\'', ..] => Some(true),
        _ => None,
    }
}
