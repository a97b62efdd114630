//! Small values of the configuration: durations, percentages, host and port.

use std::time::Duration;

/// Reads `30s`, `5m`, `24h`, `7d` or `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is no duration: a whole number and ms, s, m, h or d, such as 30s, 15m or 7d"
        )
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(ms)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is too long a duration"))
}

/// Reads `20%`.
pub(super) fn percent(text: &str) -> Result<usize, String> {
    text.strip_suffix('%')
        .and_then(|number| number.parse::<usize>().ok())
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| format!("`{text}` is no percentage"))
}

/// Reads a whole number.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no whole number"))
}

/// A host and a port, as somebody dials them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// The port; 0 stands for the one that is bound.
    pub port: u16,
}

impl HostPort {
    /// Reads `hub.example:7443`, `10.0.0.1:7443` or `[::1]:7443`.
    ///
    /// # Errors
    /// When the text has another form; the error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not HOST:PORT");
        if text.contains("://") {
            return Err(format!("`{text}` is a URL, not HOST:PORT"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(address) => address,
            None if host.contains(':') => return Err(wrong()),
            None => host,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| wrong())?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// The same host with another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        Self {
            host: self.host.clone(),
            port,
        }
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}
