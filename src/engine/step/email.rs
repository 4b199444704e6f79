//! `email`: sends a message over the mail server of a connection.
//! May not know the protocol (`mail` does). Promises: every field that becomes a part of the head is one line, checked before
//! the run where it holds no template and before the call in any case; a template gives one address at most.

use super::field::{self, Fields};
use super::{Behaviour, Effects, StepType, outside};
use crate::engine::mail::{self, Address, Draft, Mail};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use crate::model::template::list;
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
        lists: &ADDRESS_FIELDS,
    },
    known: &[&KNOWN],
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
        if let Err(message) = check_addresses(config, name) {
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
    let server = connection.mail_server()?;
    let timeout_ms = field::whole_number(config, "timeout", 1.0..=DAY_MS)?;
    let mail =
        Mail::new(draft(config, connection.sender(), effects)?).map_err(field::config_error)?;
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

fn draft(config: &Fields, sender: Option<&str>, effects: &Effects) -> Result<Draft, StepError> {
    let from = match (addresses(config, "from")?, sender) {
        (found, Some(sender)) if found.is_empty() => {
            mail::addresses(sender).map_err(|message| {
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
        reply_to: addresses(config, "replyTo")?,
        to: addresses(config, "to")?,
        cc: addresses(config, "cc")?,
        bcc: addresses(config, "bcc")?,
        subject: subject.ok_or_else(|| field::config_error("`subject` is not a text"))?,
        text: body("text")?,
        html: body("html")?,
        idempotency_key: effects.idempotency_key.clone(),
        now_ms: effects.now_ms,
    })
}

/// Checks the addresses of a field as they were written: a text with commas between them, or an array of such texts. What
/// holds a template is passed over.
fn check_addresses(config: &Fields, name: &str) -> Result<(), String> {
    let mut written = config.get(name).cloned().unwrap_or_default();
    list::split(&mut written);
    if let Value::Array(items) = &mut written {
        items.retain(|item| !field::has_template(item));
    }
    addresses_in(&written).map(drop)
}

/// The addresses of a rendered field, which was split before: every item is one address, or none where it is empty.
fn addresses(config: &Fields, name: &str) -> Result<Vec<Address>, StepError> {
    let found = addresses_in(config.get(name).unwrap_or(&Value::Null));
    found.map_err(|message| field::config_error(format!("`{name}`: {message}")))
}

fn addresses_in(list: &Value) -> Result<Vec<Address>, String> {
    let wrong = |value: &Value| format!("{} is not an address", field::shown(value));
    let items = match list {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        other => return Err(wrong(other)),
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {}
            Value::String(text) => found.push(mail::address(text)?),
            other => return Err(wrong(other)),
        }
    }
    if found.len() > mail::MAX_RECIPIENTS {
        let most = mail::MAX_RECIPIENTS;
        return Err(format!("there are more than {most} addresses"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
