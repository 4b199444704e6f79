//! `slack`: posts a message to an incoming webhook of Slack.
//! May not know sockets or addresses. Promise: the webhook's URL, which is a secret as a whole, stands in no error and no output.

use super::field::{self, Fields};
use super::{Behaviour, Effects, StepType, outside};
use crate::engine::outbound::{self, OutboundRequest, status::status_error, url};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use crate::secret::SecretText;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

const KNOWN: [&str; 9] = [
    "action",
    "blocks",
    "channel",
    "connection",
    "connectionId",
    "provider",
    "text",
    "timeout",
    "webhookUrl",
];
const ACTIONS: [&str; 4] = [
    "send_message",
    "sendMessage",
    "slack.send_message",
    "message",
];
/// The longest text, in characters, and the most blocks that Slack takes.
const MAX_TEXT_CHARS: usize = 40_000;
const MAX_BLOCKS: usize = 50;
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const DAY_MS: f64 = 86_400_000.0;
const NO_DIRECT_MESSAGES: &str = "an incoming webhook cannot send direct messages; post to the webhook of a channel, or call \
    `chat.postMessage` by an `api.request` step with a bearer connection that holds a bot's token";

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "slack",
        description: "Posts a message to an incoming webhook of Slack.",
        kind: Kind::Effect,
        check,
        untimed: field::timed,
        raw: &[],
        lists: &[],
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Effect(run),
    names: outside::connection_or_provider,
};

/// The same, written as an action: `"type": "action", "action": "slack.send_message"`.
pub(super) const ACTION: StepType = StepType {
    rule: StepRule {
        name: "slack.send_message",
        ..STEP_TYPE.rule
    },
    ..STEP_TYPE
};

fn check(config: &Fields, problems: &mut Problems<'_>) {
    let action = config
        .get("action")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_direct = action
        .to_ascii_lowercase()
        .replace('_', "")
        .contains("directmessage");
    for name in ["userEmail", "userId", "user"] {
        if !is_direct && field::present(config, name).is_some() {
            problems.add(name, NO_DIRECT_MESSAGES);
        }
    }
    if is_direct {
        problems.add("action", NO_DIRECT_MESSAGES);
    } else {
        field::check_word(config, "action", &ACTIONS, problems);
    }
    field::check_names(config, &KNOWN, problems);
    field::check_number(config, "timeout", 1.0..=DAY_MS, problems);
    for name in [
        "channel",
        "connection",
        "connectionId",
        "provider",
        "webhookUrl",
    ] {
        field::check_text(config, name, problems);
    }
    match field::present(config, "webhookUrl") {
        Some(address) if field::has_template(address) => {}
        // A literal address is a secret that everybody who reads the workflow sees.
        Some(Value::String(text)) if !text.trim().is_empty() => problems.add(
            "webhookUrl",
            "a webhook's address is a secret: keep it as a secret of the workflow and write `{{secrets.NAME}}`, or use a connection",
        ),
        _ if field::reference(config, &["connection", "connectionId", "provider"]).is_some() => {}
        _ => problems.add("webhookUrl", "`webhookUrl` is missing: `{{secrets.NAME}}`; or name a `connection` whose secret is the webhook's address"),
    }
    if field::present(config, "text").is_none() && field::present(config, "blocks").is_none() {
        problems.add(
            "text",
            "there is nothing to say: set `text`, `blocks` or both",
        );
    }
    if let Some(blocks) =
        field::present(config, "blocks").filter(|value| !field::has_template(value))
        && let Err(message) = check_blocks(blocks)
    {
        problems.add("blocks", message);
    }
}

fn check_blocks(blocks: &Value) -> Result<(), String> {
    let list = blocks
        .as_array()
        .ok_or_else(|| format!("{} is not an array of blocks", field::shown(blocks)))?;
    if list.len() > MAX_BLOCKS || !list.iter().all(Value::is_object) {
        return Err(format!(
            "there are {} blocks; Slack takes {MAX_BLOCKS}, each an object",
            list.len()
        ));
    }
    Ok(())
}

fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(post(effects, config))
}

async fn post(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let config = field::fields(&config)?;
    let address = address(config, effects)?;
    // A whole URL is the secret, wherever it was taken from.
    effects.redactor.learn(&address);
    let timeout_ms = field::whole_number(config, "timeout", 1.0..=DAY_MS)?;
    let request = OutboundRequest {
        method: "POST".into(),
        url: address,
        headers: vec![
            (
                "content-type".into(),
                "application/json; charset=utf-8".into(),
            ),
            (
                "idempotency-key".into(),
                url::header_text(&effects.idempotency_key),
            ),
        ],
        body: Some(message(config)?.to_string().into_bytes()),
        timeout_ms: [timeout_ms, effects.timeout_ms].into_iter().flatten().min(),
        max_response_bytes: Some(MAX_ANSWER_BYTES),
        confined: None,
    };
    let response = effects.send(request).await.map_err(|error| {
        // Whether Slack has posted it is not known; another attempt could post it twice.
        let retryable = error.retryable && error.code == outbound::CONNECTION;
        StepError { retryable, ..error }
    })?;
    if !(200..300).contains(&response.status) {
        return Err(status_error(
            "Slack's webhook",
            &response,
            false,
            effects.now_ms,
        ));
    }
    Ok(json!({"ok": true, "status": response.status}))
}

/// The webhook's address: the configuration's, or the secret of the connection.
fn address(config: &Fields, effects: &Effects) -> Result<String, StepError> {
    if let Some(address) = field::reference(config, &["webhookUrl"]) {
        url::check_text(address)
            .map_err(|_| field::config_error("`webhookUrl` is not an http or https URL"))?;
        return Ok(address.to_owned());
    }
    let reference = field::reference(config, &["connection", "connectionId", "provider"])
        .ok_or_else(|| {
            field::config_error("`webhookUrl`: it is empty, and no `connection` is named")
        })?;
    let connection = effects.connections.open(reference)?;
    let secret = ["token", "key"]
        .into_iter()
        .find_map(|name| connection.credential(name));
    let address = secret.map_or("", SecretText::expose).trim();
    let (host, port) = url::host_and_port(address).map_err(|_| {
        field::config_error("the secret of the connection is not a webhook's address: make one of the type `bearer` whose `token` is the whole URL")
    })?;
    connection.check_host(&host, port)?;
    Ok(address.to_owned())
}

fn message(config: &Fields) -> Result<Value, StepError> {
    let mut message = Map::new();
    if let Some(text) = field::present(config, "text") {
        let text = field::scalar_text(text).unwrap_or_else(|| text.to_string());
        if text.chars().count() > MAX_TEXT_CHARS {
            return Err(field::config_error(format!(
                "`text`: it has more than {MAX_TEXT_CHARS} characters"
            )));
        }
        message.insert("text".into(), text.into());
    }
    if let Some(channel) = field::reference(config, &["channel"]) {
        message.insert("channel".into(), channel.into());
    }
    match field::present(config, "blocks") {
        None => {}
        Some(Value::String(text)) if text.trim().is_empty() => {}
        Some(blocks) => {
            let blocks = match blocks {
                Value::String(text) => serde_json::from_str(text)
                    .map_err(|_| field::config_error("`blocks`: the text is not JSON"))?,
                other => other.clone(),
            };
            check_blocks(&blocks)
                .map_err(|message| field::config_error(format!("`blocks`: {message}")))?;
            message.insert("blocks".into(), blocks);
        }
    }
    Ok(message.into())
}

#[cfg(test)]
mod tests;
