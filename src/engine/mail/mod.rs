//! Mail over SMTP: one message to one server, or a login that sends none.
//! May not know steps, runs or connections' storage. Promises: nothing that comes from outside can add a header or a command;
//! a password never goes over the open network in clear; what a server says is bounded, and shown without the password.
//!
//! - [`Mail`]: a message, checked and put into its form on the wire.
//! - `dialogue`: the conversation with the server.
//! - `stream`: the connection below it.

mod dialogue;
mod message;
mod stream;

pub use message::{Address, Draft, MAX_RECIPIENTS, Mail, address, addresses, check_header_text};

use crate::engine::outbound::Outbound;
use crate::model::run::StepError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The server refused the login.
pub const SMTP_LOGIN: &str = "SMTP_LOGIN";
/// The server answered with an error.
pub const SMTP_STATUS: &str = "SMTP_STATUS";
/// The server cannot do what is needed: TLS, login, or letters beyond ASCII in an address.
pub const SMTP_UNSUPPORTED: &str = "SMTP_UNSUPPORTED";
/// The server's certificate is not trusted, or TLS failed otherwise.
pub const TLS: &str = "TLS";

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain at first; refused when the server does not offer `STARTTLS`.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Never; a login is then sent to this machine or a private network only.
    None,
}

impl TlsMode {
    /// `starttls`, `tls` or `none`.
    pub fn parse(word: &str) -> Option<TlsMode> {
        match word {
            "starttls" => Some(TlsMode::StartTls),
            "tls" => Some(TlsMode::Tls),
            "none" => Some(TlsMode::None),
            _ => None,
        }
    }
}

/// Who signs in. Cannot be printed.
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Zeroizing<String>,
}

/// A mail server and how to reach it. Cannot be printed.
pub struct MailServer {
    /// A name or an address.
    pub host: String,
    /// 25, 465, 587, …
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// Who signs in, where the server wants that.
    pub login: Option<Login>,
}

/// A recipient that the server did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The address.
    pub address: String,
    /// What the server said, in one line.
    pub reason: String,
}

/// What became of a message that the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The addresses that it took.
    pub accepted: Vec<String>,
    /// Those that it did not take.
    pub rejected: Vec<Rejection>,
}

/// What became of a try to sign in.
#[derive(Debug, Clone, PartialEq)]
pub struct SignIn {
    /// The code of the server's last answer; `None` when there was none to what was asked.
    pub status: Option<u16>,
    /// Why it came to nothing; `None` when the server took it.
    pub refusal: Option<StepError>,
}

/// What sends mail; clones share it.
#[derive(Clone)]
pub struct Mailer {
    outbound: Outbound,
    roots: Arc<Vec<Vec<u8>>>,
    timeout_ms: u64,
}

impl Mailer {
    /// `roots` are certificates (DER) that may sign a mail server's, beside those of the public web. A message may take
    /// `timeout_ms`.
    pub fn new(outbound: Outbound, roots: Vec<Vec<u8>>, timeout_ms: u64) -> Mailer {
        Mailer {
            outbound,
            roots: Arc::new(roots),
            timeout_ms,
        }
    }

    /// Sends a message within `timeout_ms`, if that is shorter than the mailer's own. Retryable is what surely delivered
    /// nothing and may be gone the next time: no connection, a 4xx answer, a time limit before the message was handed over.
    /// When the answer to the whole message is missing, nobody knows.
    pub async fn send(
        &self,
        server: &MailServer,
        mail: &Mail,
        timeout_ms: Option<u64>,
    ) -> Result<Sent, StepError> {
        let timeout_ms = timeout_ms.map_or(self.timeout_ms, |asked| asked.min(self.timeout_ms));
        dialogue::send(self, server, mail, timeout_ms).await
    }

    /// Connects as a mail would, signs in where there is a login, and leaves without sending anything, within `timeout_ms` or
    /// the mailer's own limit, if that is shorter.
    pub async fn sign_in(&self, server: &MailServer, timeout_ms: u64) -> SignIn {
        dialogue::sign_in(self, server, timeout_ms.min(self.timeout_ms)).await
    }
}

impl MailServer {
    /// `host:port`, for people.
    fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the server said, in one line of at most 200 characters, without the password in any form that it was sent in.
    fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(Login { username, password }) = &self.login {
            let plain = format!("\0{username}\0{}", password.as_str());
            let encoded = [STANDARD.encode(plain), STANDARD.encode(password.as_str())];
            for secret in encoded
                .iter()
                .map(String::as_str)
                .chain([password.as_str()])
            {
                if !secret.is_empty() {
                    text = text.replace(secret, "***");
                }
            }
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let line = words.join(" ");
        line.chars()
            .filter(|letter| !letter.is_control())
            .take(200)
            .collect()
    }
}
