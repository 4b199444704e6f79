//! `email`: sends a message over the mail server of a connection.
//! May not know the protocol (`mail` does). Promise: every field that becomes a part of the head is one line, checked before
//! the run where it holds no template and before the call in any case.

use super::field::{self, Fields};
use super::{Behaviour, Effects, StepType, outside};
use crate::engine::connections::OpenConnection;
use crate::engine::mail::{self, Address, Draft, Login, Mail, MailServer, TlsMode};
use crate::engine::outbound;
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use crate::secret::SecretText;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

const KNOWN: [&str; 13] = [
    "action",
    "bcc",
    "cc",
    "connection",
    "connectionId",
    "from",
    "html",
    "provider",
    "replyTo",
    "subject",
    "text",
    "timeout",
    "to",
];
/// The fields that hold addresses.
const ADDRESS_FIELDS: [&str; 5] = ["to", "cc", "bcc", "from", "replyTo"];
const DAY_MS: f64 = 86_400_000.0;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "email",
        description: "Sends a mail over the SMTP server of a connection.",
        kind: Kind::Effect,
        check,
        untimed: field::timed,
        raw: &[],
    },
    behaviour: Behaviour::Effect(run),
    names: outside::connection_or_provider,
};

/// The same, written as an action: `"type": "action", "action": "email.send"`.
pub(super) const ACTION: StepType = StepType {
    rule: StepRule {
        name: "email.send",
        ..STEP_TYPE.rule
    },
    ..STEP_TYPE
};

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    field::check_word(config, "action", &["send", "email.send"], problems);
    field::check_number(config, "timeout", 1.0..=DAY_MS, problems);
    if ["to", "cc", "bcc"]
        .iter()
        .all(|name| field::present(config, name).is_none())
    {
        problems.add(
            "to",
            "`to` is missing: an address, several with commas between them, or an array",
        );
    }
    for name in ADDRESS_FIELDS {
        if let Err(message) = addresses(config, name) {
            problems.add(name, message);
        }
    }
    match field::present(config, "subject") {
        None => problems.add("subject", "`subject` is missing: one line of text"),
        Some(subject) if field::has_template(subject) => {}
        Some(Value::String(subject)) => {
            if let Err(message) = mail::check_header_text(subject) {
                problems.add("subject", message);
            }
        }
        Some(other) => problems.add("subject", format!("{} is not a text", field::shown(other))),
    }
    if field::present(config, "text").is_none() && field::present(config, "html").is_none() {
        problems.add("text", "there is no body: set `text`, `html` or both");
    }
    for name in ["text", "html"] {
        if let Some(value @ (Value::Array(_) | Value::Object(_))) = field::present(config, name) {
            let shown = field::shown(value);
            problems.add(
                name,
                format!("{shown} is not a text; write `{{{{… | json}}}}` to send a value as JSON"),
            );
        }
    }
    for name in ["connection", "connectionId", "provider"] {
        field::check_text(config, name, problems);
    }
    if field::reference(config, &["connection", "connectionId", "provider"]).is_none() {
        problems.add(
            "connection",
            "`connection` is missing: a connection of the type `smtp`, by id or provider",
        );
    }
}

fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(send(effects, config))
}

async fn send(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let config = field::fields(&config)?;
    let reference = field::reference(config, &["connection", "connectionId", "provider"])
        .ok_or_else(|| field::config_error("`connection`: no connection is named"))?;
    let connection = effects.connections.open(reference)?;
    let (server, sender) = server(&connection)?;
    let timeout_ms = field::whole_number(config, "timeout", 1.0..=DAY_MS)?;
    let mail = Mail::new(draft(config, sender, effects)?).map_err(field::config_error)?;
    let timeout_ms = [timeout_ms, effects.timeout_ms].into_iter().flatten().min();
    let sent = effects.mailer.send(&server, &mail, timeout_ms).await?;
    let rejections: Vec<Value> = sent
        .rejected
        .iter()
        .map(|one| json!({"address": one.address, "reason": one.reason}))
        .collect();
    let rejected: Vec<&str> = sent
        .rejected
        .iter()
        .map(|one| one.address.as_str())
        .collect();
    Ok(json!({
        "messageId": mail.message_id,
        "accepted": sent.accepted,
        "rejected": rejected,
        "rejections": rejections,
    }))
}

/// The mail server of a connection, and the sender that it names.
fn server(connection: &OpenConnection) -> Result<(MailServer, Option<String>), StepError> {
    let text = |name: &str| {
        connection
            .credential(name)
            .map(SecretText::expose)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let wrong = |message: String| field::config_error(format!("the connection {message}"));
    let host = text("host")
        .ok_or_else(|| wrong("names no `host`; mail wants one of the type `smtp`".to_owned()))?;
    let security = text("security").unwrap_or_else(|| "starttls".to_owned());
    let tls = TlsMode::parse(&security)
        .ok_or_else(|| wrong(format!("has the unknown `security` {security}")))?;
    let port = match text("port") {
        Some(port) => port
            .parse()
            .map_err(|_| wrong(format!("has the port {port}, which is none")))?,
        None => match tls {
            TlsMode::Tls => 465,
            TlsMode::StartTls => 587,
            TlsMode::None => 25,
        },
    };
    let username = text("username");
    let sender = text("from").or_else(|| username.clone().filter(|name| name.contains('@')));
    let login = username.map(|username| Login {
        username,
        password: text("password").unwrap_or_default().into(),
    });
    // The one form in which connections know hosts.
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    let authority = if is_bare_v6 {
        format!("[{host}]")
    } else {
        host
    };
    let (host, port) = outbound::url::host_and_port(&format!("http://{authority}:{port}/"))
        .map_err(|_| wrong("has a `host` that is none".to_owned()))?;
    connection.check_host(&host, port)?;
    Ok((
        MailServer {
            host,
            port,
            tls,
            login,
        },
        sender,
    ))
}

fn draft(config: &Fields, sender: Option<String>, effects: &Effects) -> Result<Draft, StepError> {
    let read = |name: &str| {
        addresses(config, name)
            .map_err(|message| field::config_error(format!("`{name}`: {message}")))
    };
    let from = match (read("from")?, sender) {
        (found, Some(sender)) if found.is_empty() => {
            mail::addresses(&sender).map_err(|message| {
                field::config_error(format!("`from` of the connection: {message}"))
            })?
        }
        (found, _) => found,
    };
    let [from] = <[Address; 1]>::try_from(from).map_err(|found| {
        field::config_error(format!(
            "`from`: there are {} senders; name one, here or in the connection",
            found.len()
        ))
    })?;
    let body = |name: &str| match field::present(config, name) {
        None => Ok(None),
        Some(value) => field::scalar_text(value).map(Some).ok_or_else(|| {
            field::config_error(format!("`{name}`: {} is not a text", field::shown(value)))
        }),
    };
    let subject = field::present(config, "subject").map_or(Some(String::new()), field::scalar_text);
    Ok(Draft {
        from,
        reply_to: read("replyTo")?,
        to: read("to")?,
        cc: read("cc")?,
        bcc: read("bcc")?,
        subject: subject.ok_or_else(|| field::config_error("`subject` is not a text"))?,
        text: body("text")?,
        html: body("html")?,
        idempotency_key: effects.idempotency_key.clone(),
        now_ms: effects.now_ms,
    })
}

/// The addresses of a field: a text with commas between them, or an array of such texts. What holds a template is passed over.
fn addresses(config: &Fields, name: &str) -> Result<Vec<Address>, String> {
    let texts = match field::present(config, name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(texts)) => texts.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut found = Vec::new();
    for text in texts.iter().filter(|text| !field::has_template(text)) {
        let Value::String(text) = text else {
            return Err(format!("{} is not an address", field::shown(text)));
        };
        found.extend(mail::addresses(text)?);
        if found.len() > mail::MAX_RECIPIENTS {
            return Err(format!(
                "there are more than {} addresses",
                mail::MAX_RECIPIENTS
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
