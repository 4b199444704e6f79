//! The form of a connection: what it offers for each type, and what was typed. May not know how connections are made.
//! Promise: what is shown again after a mistake holds nothing that could be a credential.

use super::super::form::Form;
use crate::engine::connections::{Credentials, NewConnection};
use crate::model::connection::ConnectionKind;

/// A type of connection that can be chosen.
#[derive(Clone, Copy)]
pub(super) struct KindChoice {
    /// The word of the type.
    pub(super) word: &'static str,
    /// What people read.
    pub(super) label: &'static str,
}

/// The types.
pub(super) const KINDS: [KindChoice; 4] = [
    KindChoice {
        word: "bearer",
        label: "Bearer token",
    },
    KindChoice {
        word: "api-key",
        label: "API key in a header or the query",
    },
    KindChoice {
        word: "basic",
        label: "User name and password",
    },
    KindChoice {
        word: "smtp",
        label: "Mail server",
    },
];

/// The fields of credentials: under which name the form sends them, and what the credential calls them.
const CREDENTIALS: [(&str, &str); 11] = [
    ("token", "token"),
    ("key", "key"),
    ("in", "in"),
    ("parameter", "name"),
    ("username", "username"),
    ("password", "password"),
    ("server", "host"),
    ("port", "port"),
    ("security", "security"),
    ("login", "username"),
    ("from", "from"),
];

/// What was typed of what is no secret. The user name of a `basic` connection is none of it: many services take a key for it.
pub(super) struct Typed {
    /// The word of the type.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) hosts: String,
    pub(super) is_default: bool,
    /// `header` or `query`.
    pub(super) place: String,
    /// The name of the header, or of the query's parameter.
    pub(super) parameter: String,
    pub(super) server: String,
    pub(super) port: String,
    pub(super) security: String,
    /// The user name at a mail server, mostly an address.
    pub(super) login: String,
    pub(super) from: String,
}

impl Typed {
    /// The form before anything was typed.
    pub(super) fn nothing(kind: ConnectionKind) -> Typed {
        Typed {
            kind: kind.as_str(),
            name: String::new(),
            provider: String::new(),
            hosts: String::new(),
            is_default: false,
            place: "header".to_owned(),
            parameter: String::new(),
            server: String::new(),
            port: "587".to_owned(),
            security: "starttls".to_owned(),
            login: String::new(),
            from: String::new(),
        }
    }

    /// What a form has sent.
    pub(super) fn of(form: &Form) -> Typed {
        let kind = form.text("type").and_then(ConnectionKind::parse);
        let text = |name: &str| form.text(name).unwrap_or_default().to_owned();
        Typed {
            kind: kind.unwrap_or(ConnectionKind::Bearer).as_str(),
            name: text("name"),
            provider: text("provider"),
            hosts: text("hosts"),
            is_default: form.text("default").is_some(),
            place: text("in"),
            parameter: text("parameter"),
            server: text("server"),
            port: text("port"),
            security: text("security"),
            login: text("login"),
            from: text("from"),
        }
    }
}

/// The connection that a form asks for. Fields that were left empty are left out.
pub(super) fn new_connection(form: &Form) -> NewConnection {
    let text = |name: &str| form.text(name).unwrap_or_default().to_owned();
    let hosts = form.text("hosts").unwrap_or_default();
    let hosts = hosts.split(|letter: char| letter == ',' || letter.is_whitespace());
    let mut credentials = Credentials::default();
    for (field, name) in CREDENTIALS {
        let value = form.secret(field);
        if !value.is_empty() {
            credentials.set(name, value);
        }
    }
    NewConnection {
        name: text("name"),
        provider: text("provider"),
        kind: text("type"),
        credentials,
        hosts: hosts
            .filter(|host| !host.is_empty())
            .map(str::to_owned)
            .collect(),
        is_default: form.text("default").is_some(),
    }
}
