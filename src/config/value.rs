//! From the text of a setting to its value. The same text means the same in a file, a variable and a flag.
//! May not know which setting it reads. Promise: an error says which value was wrong and what would be right.

use super::DefaultDoor;
use super::settings::Kind;
use crate::model::credit::Prices;
use crate::model::limit::Limit;
use crate::secret::SecretText;
use ipnet::IpNet;
use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use url::Url;

/// The most credits that can be granted.
const MAX_BALANCE: u64 = 1_000_000_000_000_000;

/// The text that somebody gave for a setting.
pub(super) struct Given<'a> {
    /// As it was written.
    pub text: &'a str,
    /// What it may look like.
    pub kind: Kind,
}

/// What the server's own paths begin with: a base path that begins so would be taken off twice.
const OWN_PATHS: [&str; 10] = [
    "api",
    "native",
    "wireflow",
    "flowise",
    "webhooks",
    "approvals",
    "media",
    "dashboard",
    "health",
    "agents",
];

impl Given<'_> {
    pub(super) fn number<T: TryFrom<u64>>(&self) -> Result<T, String> {
        let Kind::Number { min, max, unit } = self.kind else {
            return Err("is not a number".into());
        };
        let value: Option<u64> = self.text.parse().ok();
        value
            .filter(|value| (min..=max).contains(value))
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| {
                let wanted = format!("a whole number from {min} to {max} {unit}");
                format!("`{}` is not {}", self.text, wanted.trim_end())
            })
    }

    pub(super) fn limit(&self) -> Result<Limit, String> {
        parse_limit(self.text)
    }

    pub(super) fn path(&self) -> Result<PathBuf, String> {
        if self.text.is_empty() {
            return Err("is empty; give a path".into());
        }
        Ok(PathBuf::from(self.text))
    }

    pub(super) fn optional_path(&self) -> Result<Option<PathBuf>, String> {
        Ok((!self.text.is_empty()).then(|| PathBuf::from(self.text)))
    }

    pub(super) fn host(&self) -> Result<String, String> {
        let text = self.text;
        if text.parse::<IpAddr>().is_ok() || is_host_name(text) {
            return Ok(text.to_owned());
        }
        Err(format!(
            "`{text}` is not an address or host name; write it without scheme, port and brackets, such as `127.0.0.1`"
        ))
    }

    pub(super) fn public_url(&self) -> Result<Option<String>, String> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let bare = self.text.strip_suffix('/').unwrap_or(self.text);
        origin(bare)
            .map(Some)
            .map_err(|problem| format!("{problem} (a path belongs into `base_path`)"))
    }

    pub(super) fn llm_base_url(&self) -> Result<Option<String>, String> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let wrong = |why: &str| {
            format!(
                "{why}; write it like `https://api.example.com/v1` or `http://127.0.0.1:11434/v1`"
            )
        };
        let url = url::Url::parse(self.text).map_err(|_| wrong("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("it is not an http or https URL"));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(wrong(
                "it holds more than scheme, host, port and path (a key belongs into a connection)",
            ));
        }
        Ok(Some(self.text.trim_end_matches('/').to_owned()))
    }

    /// An http or https URL; a wrong one is not shown, since it may hold a token.
    pub(super) fn alert_url(&self) -> Result<Option<SecretText>, String> {
        let text = self.text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let is_http = Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if !is_http {
            return Err(
                "is not an http or https URL; write it like `https://hooks.example.com/alerts`"
                    .to_owned(),
            );
        }
        Ok(Some(SecretText::new(text.to_owned())))
    }

    /// A text that is not empty and has no space in it.
    pub(super) fn word(&self) -> Result<String, String> {
        if self.text.is_empty() || self.text.len() > 200 || self.text.contains(char::is_whitespace)
        {
            return Err(format!("`{}` is not a word of 1 to 200 letters", self.text));
        }
        Ok(self.text.to_owned())
    }

    pub(super) fn base_path(&self) -> Result<String, String> {
        let text = self.text;
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && segment.bytes().any(|byte| byte != b'.')
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        };
        let well_formed = text
            .strip_prefix('/')
            .is_some_and(|path| path.split('/').all(is_segment));
        let first = text.split('/').nth(1).unwrap_or_default();
        if OWN_PATHS.contains(&first) {
            return Err(format!(
                "`{text}` begins like the server's own paths; use another base path"
            ));
        }
        if text.is_empty() || well_formed {
            return Ok(text.to_owned());
        }
        Err(format!(
            "`{text}` is not a base path; write it as `/x` or `/x/y`, without a slash at the end"
        ))
    }

    pub(super) fn switch(&self) -> Result<bool, String> {
        self.text
            .parse()
            .map_err(|_| format!("`{}` is neither `true` nor `false`", self.text))
    }

    pub(super) fn door(&self) -> Result<DefaultDoor, String> {
        match self.text {
            "native" => Ok(DefaultDoor::Native),
            "wireflow" => Ok(DefaultDoor::Wireflow),
            "flowise" => Ok(DefaultDoor::Flowise),
            other => Err(format!(
                "`{other}` is none of `native`, `wireflow` and `flowise`"
            )),
        }
    }

    /// The values between commas; no text, no values.
    fn list(&self) -> Result<Vec<&str>, String> {
        if self.text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let values: Vec<&str> = self.text.split(',').map(str::trim).collect();
        if values.iter().any(|value| value.is_empty()) {
            return Err(format!("`{}` has an empty entry", self.text));
        }
        Ok(values)
    }

    fn list_of<T>(&self, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
        self.list()?.into_iter().map(read).collect()
    }

    pub(super) fn origins(&self) -> Result<Vec<String>, String> {
        self.list_of(origin)
    }

    pub(super) fn networks(&self) -> Result<Vec<IpNet>, String> {
        self.list_of(|text| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| {
                    format!(
                        "`{text}` is not an address range; write it as `10.0.0.0/8` or `10.0.0.1`"
                    )
                })
        })
    }

    pub(super) fn hosts(&self) -> Result<Vec<String>, String> {
        self.list_of(|text| {
            let problem = || {
                format!("`{text}` is not a host; write it as `flow.example` or `flow.example:8080`")
            };
            let url = Url::parse(&format!("http://{text}/")).map_err(|_| problem())?;
            let is_bare = url.username().is_empty()
                && url.password().is_none()
                && url.path() == "/"
                && !text.contains(['/', '?', '#', '\\', '@'])
                && !text.contains(char::is_whitespace);
            if is_bare {
                Ok(text.to_ascii_lowercase())
            } else {
                Err(problem())
            }
        })
    }

    pub(super) fn outbound(&self) -> Result<Vec<String>, String> {
        self.list_of(|text| {
            if text.contains("://") || text.contains(char::is_whitespace) {
                return Err(format!(
                    "`{text}` is not `host`, `host:port` or an address range such as `10.0.0.0/8`"
                ));
            }
            Ok(text.to_owned())
        })
    }

    pub(super) fn prices(&self) -> Result<Prices, String> {
        Prices::new(self.list_of(str::parse)?)
    }

    /// A text that is never shown.
    pub(super) fn secret(&self) -> Result<Option<SecretText>, String> {
        let text = self.text.trim();
        if text.chars().any(|letter| letter.is_control()) {
            return Err("holds control characters".to_owned());
        }
        Ok((!text.is_empty()).then(|| SecretText::new(text.to_owned())))
    }

    /// `name=value`, each name once.
    pub(super) fn pairs(&self) -> Result<Vec<(String, String)>, String> {
        let pairs = self.list_of(|text| {
            let pair = text.split_once('=');
            let pair = pair.map(|(name, value)| (name.trim(), value.trim()));
            match pair.filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => Err(format!("`{text}` is not `name=value`")),
            }
        })?;
        let mut names = HashSet::new();
        match pairs.iter().find(|(name, _)| !names.insert(name)) {
            Some((name, _)) => Err(format!("`{name}` is there twice")),
            None => Ok(pairs),
        }
    }

    /// `type=URL`.
    pub(super) fn backends(&self) -> Result<Vec<(String, String)>, String> {
        let pairs = self.pairs()?;
        for (_, url) in &pairs {
            let is_http = Url::parse(url).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.username().is_empty()
            });
            if !is_http {
                return Err(format!("`{url}` is not an http or https URL"));
            }
        }
        Ok(pairs)
    }

    /// A number of credits; `None` is `unlimited`.
    pub(super) fn balance(&self) -> Result<Option<u64>, String> {
        if self.text == "unlimited" {
            return Ok(None);
        }
        match self.text.parse() {
            Ok(credits @ 0..=MAX_BALANCE) => Ok(Some(credits)),
            _ => Err(format!(
                "`{}` is not a balance; give credits from 0 to {MAX_BALANCE}, or `unlimited`",
                self.text
            )),
        }
    }

    pub(super) fn variable_names(&self) -> Result<Vec<String>, String> {
        self.list_of(|text| {
            let is_name = !text.starts_with(|first: char| first.is_ascii_digit())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                return Err(format!(
                    "`{text}` is not the name of an environment variable"
                ));
            }
            if text.to_ascii_uppercase().starts_with("FLOWLATCH_") {
                return Err(format!(
                    "`{text}` is the server's own and is never shown to templates"
                ));
            }
            Ok(text.to_owned())
        })
    }
}

/// Reads a limit: requests a minute (1 to 1,000,000), or `none`.
pub fn parse_limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Unlimited);
    }
    match text.parse() {
        Ok(count @ 1..=1_000_000) => Ok(Limit::PerMinute(count)),
        _ => Err(format!(
            "`{text}` is not a limit; give requests per minute from 1 to 1000000, or `none`"
        )),
    }
}

/// Reads `scheme://host[:port]` in the form in which browsers send it.
fn origin(text: &str) -> Result<String, String> {
    let normal = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .map(|url| url.origin().ascii_serialization());
    match normal {
        Some(normal) if normal == text => Ok(normal),
        Some(normal) => Err(format!(
            "`{text}` is not `scheme://host[:port]`; did you mean `{normal}`?"
        )),
        None => Err(format!(
            "`{text}` is not `scheme://host[:port]` with http or https, such as `https://app.example`"
        )),
    }
}

fn is_host_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

#[cfg(test)]
mod tests;
