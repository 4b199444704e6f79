//! What a credential consists of, kind by kind: its fields, and whether they are right.
//! May not know where credentials are kept or sent. Promise: a credential that passed can be presented, and everything secret
//! in it is long enough to be redacted.

use crate::engine::outbound;
use crate::engine::redact::{MIN_SECRET_CHARACTERS, Redactor};
use crate::model::connection::ConnectionKind;
use crate::model::plan::DefinitionProblem;
use crate::secret::SecretText;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// The longest value of a field, in bytes.
const MAX_VALUE_BYTES: usize = 16 << 10;
const MAX_FIELDS: usize = 20;
/// How mail servers are spoken to.
const SECURITIES: [&str; 3] = ["starttls", "tls", "none"];

/// The fields of a credential. Cannot be printed or serialised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, SecretText>);

/// A field of a kind of credential.
struct Field {
    name: &'static str,
    required: bool,
    /// What it is when it is not given.
    default: Option<&'static str>,
}

const fn required(name: &'static str) -> Field {
    Field {
        name,
        required: true,
        default: None,
    }
}

const fn optional(name: &'static str, default: Option<&'static str>) -> Field {
    Field {
        name,
        required: false,
        default,
    }
}

const API_KEY: &[Field] = &[
    required("key"),
    optional("in", Some("header")),
    required("name"),
];
const BEARER: &[Field] = &[required("token")];
const BASIC: &[Field] = &[required("username"), optional("password", Some(""))];
const SMTP: &[Field] = &[
    required("host"),
    optional("port", Some("587")),
    optional("security", Some("starttls")),
    optional("username", None),
    optional("password", None),
    optional("from", None),
];

fn fields(kind: ConnectionKind) -> &'static [Field] {
    match kind {
        ConnectionKind::ApiKey => API_KEY,
        ConnectionKind::Bearer => BEARER,
        ConnectionKind::Basic => BASIC,
        ConnectionKind::Smtp => SMTP,
    }
}

impl Credentials {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&SecretText> {
        self.0.get(name)
    }

    /// Sets a field, whether or not there is one of that name in any kind.
    pub fn set(&mut self, name: &str, value: SecretText) {
        self.0.insert(name.to_owned(), value);
    }

    /// Adds what was left out and has a default, and checks the whole as a credential of this kind: every mistake with its
    /// place, none with its value.
    pub fn complete(mut self, kind: ConnectionKind) -> Result<Credentials, Vec<DefinitionProblem>> {
        let known = fields(kind);
        for field in known {
            if let Some(default) = field.default {
                let entry = self.0.entry(field.name.to_owned());
                entry.or_insert_with(|| SecretText::new(default.to_owned()));
            }
        }
        let mut problems = Vec::new();
        let mut wrong = |name: &str, message: String| {
            problems.push(DefinitionProblem {
                place: format!("credentials.{name}"),
                message,
            });
        };
        for name in self.0.keys() {
            if !known.iter().any(|field| field.name == name) {
                let names: Vec<&str> = known.iter().map(|field| field.name).collect();
                let (name, kind, names) = (cut(name), kind.as_str(), names.join(", "));
                wrong(&name, format!("`{kind}` has no such field; it has {names}"));
            }
        }
        for field in known {
            match self.text(field.name) {
                None if field.required => wrong(field.name, "it is missing".to_owned()),
                Some("") if field.required => wrong(field.name, "it is empty".to_owned()),
                Some(value) => {
                    if let Err(message) = check(kind, field.name, value, &self) {
                        wrong(field.name, message);
                    }
                }
                None => {}
            }
        }
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(problems)
        }
    }

    /// Teaches the redactor what is secret, in the forms in which it is sent.
    pub(super) fn teach(&self, kind: ConnectionKind, redactor: &Redactor) {
        for name in ["key", "token", "password"] {
            if let Some(value) = self.text(name) {
                redactor.learn(value);
            }
        }
        if kind == ConnectionKind::Basic {
            let (username, password) = (self.text("username"), self.text("password"));
            let (username, password) = (username.unwrap_or_default(), password.unwrap_or_default());
            // Many services take a key as the name, and no password.
            if password.is_empty() {
                redactor.learn(username);
            }
            let pair = Zeroizing::new(format!("{username}:{password}"));
            redactor.learn(&Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes())));
        }
    }

    /// As JSON, to be encrypted.
    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let plain: BTreeMap<&str, &str> = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        serde_json::to_vec(&plain).map(Zeroizing::new)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(SecretText::expose)
    }
}

fn check(kind: ConnectionKind, name: &str, value: &str, all: &Credentials) -> Result<(), String> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(format!("it has more than {MAX_VALUE_BYTES} bytes"));
    }
    if value.chars().any(char::is_control) {
        return Err("it holds a line break or another control character".to_owned());
    }
    match name {
        "key" | "token" | "password" => {
            let is_absent = name == "password" && value.is_empty();
            if !is_absent && value.chars().count() < MIN_SECRET_CHARACTERS {
                return Err(format!(
                    "it has fewer than {MIN_SECRET_CHARACTERS} characters: so short a secret cannot be kept out of logs"
                ));
            }
        }
        "in" if !matches!(value, "header" | "query") => {
            return Err("it is neither `header` nor `query`".to_owned());
        }
        "name" if all.text("in") != Some("query") => outbound::check_credential_header(value)?,
        "username" if kind == ConnectionKind::Basic && value.contains(':') => {
            return Err("a user name cannot hold a `:`".to_owned());
        }
        "port" if value.parse::<u16>().ok().is_none_or(|port| port == 0) => {
            return Err("it is not a port: a number from 1 to 65535".to_owned());
        }
        "security" if !SECURITIES.contains(&value) => {
            return Err(format!("it is none of {}", SECURITIES.join(", ")));
        }
        _ => {}
    }
    Ok(())
}

fn cut(name: &str) -> String {
    name.chars().take(40).collect()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// An object of texts and numbers; an error says nothing of a value.
impl<'de> Deserialize<'de> for Credentials {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Credentials, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Credentials;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Credentials, E> {
                Err(E::custom(
                    "`credentials` is an object, such as {\"token\": …}",
                ))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Credentials, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, SecretText>()? {
                    if fields.len() >= MAX_FIELDS {
                        return Err(serde::de::Error::custom("too many fields in `credentials`"));
                    }
                    fields.insert(name, value);
                }
                Ok(Credentials(fields))
            }
        }

        deserializer.deserialize_any(Fields)
    }
}
