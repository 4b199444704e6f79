//! A message: addresses, headers and bodies, checked and put into their form on the wire.
//! May not know servers. Promise: no field can add a header, a recipient or a second message: control characters are refused
//! wherever they would stand in a header, and line ends of bodies are written anew.

use crate::engine::outbound::url;
use crate::engine::redact::cut;
use crate::model::template::list;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use std::time::{Duration, UNIX_EPOCH};

/// The most recipients of a message: to, cc and bcc together.
pub const MAX_RECIPIENTS: usize = 100;
/// The longest subject, display name or list of addresses, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_SUBJECT_BYTES: usize = 998;
const MAX_ADDRESS_BYTES: usize = 254;
/// The largest text and HTML together, in bytes.
const MAX_BODY_BYTES: usize = 5 << 20;

/// An address with the name that people see, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Mailbox);

impl Address {
    /// The bare address.
    pub fn email(&self) -> String {
        self.0.email.to_string()
    }
}

/// What a message is made of.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who sends it.
    pub from: Address,
    /// Whom answers go to, where that is not the sender.
    pub reply_to: Vec<Address>,
    /// Whom it is for.
    pub to: Vec<Address>,
    /// Who gets a copy, seen by all.
    pub cc: Vec<Address>,
    /// Who gets a copy, seen by nobody else.
    pub bcc: Vec<Address>,
    /// One line.
    pub subject: String,
    /// The body as plain text.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
    /// The same for every attempt at the same message; the `Message-ID` is made of it.
    pub idempotency_key: String,
    /// Its date, in milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// A message in its form on the wire.
pub struct Mail {
    /// With its angle brackets.
    pub message_id: String,
    pub(super) from: lettre::Address,
    pub(super) recipients: Vec<lettre::Address>,
    pub(super) bytes: Vec<u8>,
}

/// Reads a list of addresses as people write it: `ada@example.com, Bob <bob@example.com>`. The error is a sentence.
pub fn addresses(text: &str) -> Result<Vec<Address>, String> {
    check_header_text(text)?;
    let parts = list::items(text).into_iter().map(str::trim);
    let mut found = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if found.len() == MAX_RECIPIENTS {
            return Err(format!("there are more than {MAX_RECIPIENTS} addresses"));
        }
        found.push(mailbox(part)?);
    }
    Ok(found)
}

/// Reads one address. A list is an error, however it is made: where one address is meant, nobody gets in beside it.
pub fn address(text: &str) -> Result<Address, String> {
    check_header_text(text)?;
    if list::items(text).len() > 1 {
        return Err(format!(
            "`{}` is more than one address; a comma splits the list only where it is written, outside of templates",
            cut(text, 80)
        ));
    }
    mailbox(text.trim())
}

/// Whether `text` may stand in a header: one line, of a size that servers take.
pub fn check_header_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_HEADER_BYTES {
        return Err(format!(
            "it has {} bytes, more than {MAX_HEADER_BYTES}",
            text.len()
        ));
    }
    let is_break = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if text.chars().any(is_break) {
        return Err(
            "it holds a line break or another control character; a header is one line".to_owned(),
        );
    }
    Ok(())
}

fn mailbox(text: &str) -> Result<Address, String> {
    let wrong = |why: &str| {
        let shown = cut(text, 80);
        format!(
            "`{shown}` is not an address such as `ada@example.com` or `Ada <ada@example.com>`{why}"
        )
    };
    let (name, email) = match text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
    {
        Some((name, email)) => (name.trim(), email.trim()),
        None => ("", text),
    };
    let (user, domain) = email.rsplit_once('@').ok_or_else(|| wrong(""))?;
    // Quoted local parts are legal, nearly unused, and the one place where an address could hold what ends a command.
    let is_plain = |letter: char| {
        !letter.is_whitespace()
            && !matches!(
                letter,
                '<' | '>' | '"' | '\\' | ',' | ';' | '(' | ')' | '[' | ']' | ':' | '@'
            )
    };
    if email.len() > MAX_ADDRESS_BYTES
        || !user.chars().all(is_plain)
        || !domain.chars().all(is_plain)
    {
        return Err(wrong(""));
    }
    // Servers want the domain in ASCII.
    let domain = if domain.is_ascii() {
        domain.to_owned()
    } else {
        url::host_of(&format!("http://{domain}/")).map_err(|_| wrong(""))?
    };
    let email =
        lettre::Address::new(user, &domain).map_err(|error| wrong(&format!(" ({error})")))?;
    let name = unquoted(name);
    Ok(Address(Mailbox::new(
        (!name.is_empty()).then_some(name),
        email,
    )))
}

/// A display name without the quotes around it.
fn unquoted(name: &str) -> String {
    let Some(inner) = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
    else {
        return name.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next()),
            other => plain.push(other),
        }
    }
    plain
}

impl Mail {
    /// Checks the parts and puts them together. The error names the field: `subject: …`.
    pub fn new(draft: Draft) -> Result<Mail, String> {
        if draft.subject.len() > MAX_SUBJECT_BYTES {
            return Err(format!(
                "`subject`: it has {} bytes, more than {MAX_SUBJECT_BYTES}",
                draft.subject.len()
            ));
        }
        check_header_text(&draft.subject).map_err(|message| format!("`subject`: {message}"))?;
        let recipients = recipients(&draft)?;
        let size = [&draft.text, &draft.html]
            .into_iter()
            .flatten()
            .map(String::len)
            .sum::<usize>();
        if size > MAX_BODY_BYTES {
            return Err(format!(
                "`text` and `html` have {size} bytes together, more than {MAX_BODY_BYTES}"
            ));
        }
        let message_id = message_id(&draft);
        let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(draft.now_ms).unwrap_or(0));
        let mut builder = lettre::Message::builder()
            .message_id(Some(message_id.clone()))
            .date(date)
            .from(draft.from.0.clone())
            .subject(draft.subject)
            // So that programs that answer mail by themselves do not answer this one (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        for Address(mailbox) in draft.reply_to {
            builder = builder.reply_to(mailbox);
        }
        for Address(mailbox) in draft.to {
            builder = builder.to(mailbox);
        }
        for Address(mailbox) in draft.cc {
            builder = builder.cc(mailbox);
        }
        // The envelope holds every recipient; a header for `bcc` would show them.
        let from = draft.from.0.email;
        let envelope = lettre::address::Envelope::new(Some(from.clone()), recipients.clone())
            .map_err(|error| error.to_string())?;
        let builder = builder.envelope(envelope);
        let part = |kind: ContentType, text: String| {
            SinglePart::builder()
                .header(kind)
                .body(with_plain_line_ends(&text))
        };
        let message = match (draft.text, draft.html) {
            (Some(text), Some(html)) => builder.multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, text))
                    .singlepart(part(ContentType::TEXT_HTML, html)),
            ),
            (None, Some(html)) => builder.singlepart(part(ContentType::TEXT_HTML, html)),
            (text, None) => {
                builder.singlepart(part(ContentType::TEXT_PLAIN, text.unwrap_or_default()))
            }
        };
        let message =
            message.map_err(|error| format!("the message cannot be put together: {error}"))?;
        Ok(Mail {
            message_id,
            from,
            recipients,
            bytes: message.formatted(),
        })
    }
}

/// Everybody in to, cc and bcc, each once.
fn recipients(draft: &Draft) -> Result<Vec<lettre::Address>, String> {
    let mut recipients: Vec<lettre::Address> = Vec::new();
    for Address(mailbox) in draft.to.iter().chain(&draft.cc).chain(&draft.bcc) {
        if !recipients.contains(&mailbox.email) {
            recipients.push(mailbox.email.clone());
        }
    }
    if recipients.is_empty() {
        return Err("`to`: there is no recipient; name one in `to`, `cc` or `bcc`".to_owned());
    }
    if recipients.len() > MAX_RECIPIENTS {
        return Err(format!(
            "`to`: there are {} recipients, more than {MAX_RECIPIENTS}",
            recipients.len()
        ));
    }
    Ok(recipients)
}

/// The same for every attempt, so that who gets a message twice can tell.
fn message_id(draft: &Draft) -> String {
    let digest = blake3::hash(draft.idempotency_key.as_bytes()).to_hex();
    let unique = digest.get(..32).unwrap_or_default();
    format!("<{unique}@{}>", draft.from.0.email.domain())
}

/// Every kind of line end becomes a plain one, so that no server can take a part of the text for the message's end.
fn with_plain_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\r', '\0'], "\n")
}

#[cfg(test)]
mod tests;
