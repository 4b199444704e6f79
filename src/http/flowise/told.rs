//! What is told of a prediction and kept of it: the answer, its events on the wire, and the two messages of the chat.
//! May not know how a prediction goes on. Promise: an event is one line of JSON after `message:` and `data:`, as Flowise writes
//! them; who may not look at flows is told what nodes have said, and not what they and their tools were told, nor which servers
//! they call.

use super::prediction_body::Asked;
use crate::engine::prediction::Executed;
use crate::id::{ChatMessageId, RunId};
use crate::model::chatflow::{ChatMessage, ChatRole};
use crate::model::flow::{ExecutedNode, FlowKind};
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// Keeps a connection open on which nothing else happens.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":heartbeat\n\n");

/// One event. A client of Flowise's cuts every `data:` out of a line, so none stands within the JSON.
pub(super) fn event(name: &str, data: &Value) -> Bytes {
    let data = data.to_string().replace("data:", "data\\u003a");
    format!("message:\ndata:{{\"event\":\"{name}\",\"data\":{data}}}\n\n").into()
}

/// One event, for the document: what stands behind `data:`.
pub(super) enum EventView {}

impl JsonSchema for EventView {
    fn schema_name() -> Cow<'static, str> {
        "PredictionEvent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = json!({ "enum": ["INPROGRESS", "FINISHED", "ERROR", "TERMINATED", "STOPPED"] });
        let list = json!({ "type": "array", "items": { "type": "object" } });
        let (text, object) = (json!({ "type": "string" }), json!({ "type": "object" }));
        let node = json!({
            "type": "object",
            "properties": {
                "nodeId": text, "nodeLabel": text, "error": text,
                "status": { "enum": ["INPROGRESS", "FINISHED", "ERROR", "STOPPED", "TERMINATED"] },
            },
            "required": ["nodeId", "nodeLabel", "status"],
        });
        let kind = |event: &str, data: &Value, what: &str| {
            json!({
                "type": "object",
                "description": what,
                "properties": { "event": { "const": event }, "data": data },
                "required": ["event", "data"],
            })
        };
        json_schema!({
            "description": "Between the first event and `end` in any order and number. Lines that begin with `:` say nothing.",
            "oneOf": [
                kind("agentFlowEvent", &words, "How an agentflow stands; its first event is `INPROGRESS`."),
                kind("start", &text, "A chatflow's answer begins."),
                kind("token", &text, "A piece of the answer."),
                kind("thinking", &text, "A piece of what the model thinks."),
                kind("nextAgentFlow", &node, "A node has begun or ended."),
                kind("agentFlowExecutedData", &list, "What the nodes have come to so far."),
                kind("calledTools", &list, "The functions that a model calls."),
                kind("usedTools", &list, "What they answered."),
                kind("usageMetadata", &object, "How many tokens that took."),
                kind("action", &object, "What somebody is asked, where the flow waits."),
                kind("metadata", &object, "`chatId`, `chatMessageId`, `question`, `sessionId` and others, once all is kept."),
                kind("error", &text, "Why there is no answer."),
                kind("end", &json!({ "const": "[DONE]" }), "The last event."),
            ],
        })
    }
}

/// How a prediction went.
pub(super) struct Outcome {
    pub(super) kind: FlowKind,
    pub(super) run: RunId,
    pub(super) message: ChatMessageId,
    pub(super) executed: Executed,
    pub(super) text: String,
    pub(super) value: Option<Value>,
    /// What is asked, where it waits for somebody.
    pub(super) action: Option<Value>,
    pub(super) used_tools: Option<Value>,
    pub(super) memory_type: Option<&'static str>,
    pub(super) is_streamable: bool,
    /// Whether the caller may look at what the flow does.
    pub(super) shows_all: bool,
}

impl Outcome {
    /// The answer in one piece.
    pub(super) fn answer(&self, asked: &Asked) -> Value {
        let input = &asked.input;
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        match &self.value {
            Some(value) => put("json", value.clone()),
            None => put("text", json!(self.text)),
        };
        put("question", json!(asked.question));
        put("chatId", json!(input.chat_id));
        put("chatMessageId", json!(self.message));
        put("sessionId", json!(input.session_id));
        match self.kind {
            FlowKind::Agentflow => {
                put("form", json!(input.form.clone().unwrap_or_default()));
                put("executionId", json!(self.run));
                put(
                    "agentFlowExecutedData",
                    nodes(&self.executed, self.shows_all),
                );
            }
            FlowKind::Chatflow => {
                put("isStreamValid", json!(self.is_streamable));
                if let Some(memory) = self.memory_type {
                    put("memoryType", json!(memory));
                }
                if let Some(tools) = &self.used_tools {
                    put("usedTools", tools.clone());
                }
            }
        }
        if let Some(action) = &self.action {
            put("action", action.clone());
        }
        Value::Object(fields)
    }

    /// What comes after the last piece of a streamed answer.
    pub(super) fn metadata(&self, asked: &Asked) -> Value {
        let input = &asked.input;
        let mut metadata = json!({
            "chatId": input.chat_id,
            "chatMessageId": self.message,
            "question": asked.question,
            "sessionId": input.session_id,
        });
        if let Some(memory) = self.memory_type {
            metadata["memoryType"] = json!(memory);
        }
        if let Some(action) = &self.action {
            metadata["action"] = action.clone();
        }
        metadata
    }

    /// What was asked and what was answered, as it is kept.
    pub(super) fn messages(&self, asked: &Asked, now_ms: i64) -> Vec<ChatMessage> {
        let mut more = Map::new();
        if let Some(action) = &self.action {
            more.insert("action".to_owned(), action.clone());
        }
        if let Some(tools) = &self.used_tools {
            more.insert("usedTools".to_owned(), tools.clone());
        }
        let content = self
            .value
            .as_ref()
            .map_or_else(|| self.text.clone(), Value::to_string);
        vec![
            said(asked, &self.run, now_ms),
            ChatMessage {
                id: self.message.clone(),
                role: ChatRole::Api,
                content,
                more,
                files: Vec::new(),
                ..said(asked, &self.run, now_ms)
            },
        ]
    }
}

/// What the user has said, as it is kept.
pub(super) fn said(asked: &Asked, run: &RunId, now_ms: i64) -> ChatMessage {
    let mut more = Map::new();
    if !asked.uploads.is_empty() {
        more.insert("fileUploads".to_owned(), json!(asked.uploads));
    }
    let content = match &asked.human_input {
        Some(answer) => {
            let word = if answer.proceeds { "Proceed" } else { "Reject" };
            answer.feedback.clone().unwrap_or_else(|| word.to_owned())
        }
        None => asked.input.question.clone(),
    };
    ChatMessage {
        id: ChatMessageId::generate(),
        role: ChatRole::User,
        content,
        chat_type: asked.chat_type,
        chat_id: asked.input.chat_id.clone(),
        session_id: asked.input.session_id.clone(),
        execution: Some(run.clone()),
        lead_email: asked.lead_email.clone(),
        more,
        files: asked.files.clone(),
        created_at_ms: now_ms,
    }
}

/// What the nodes came to.
pub(super) fn nodes(executed: &Executed, shows_all: bool) -> Value {
    let told = executed.nodes.iter().map(|node| told(node, shows_all));
    Value::Array(told.collect())
}

fn told(node: &ExecutedNode, shows_all: bool) -> Value {
    let data = if shows_all {
        node.data.clone()
    } else {
        let mut shown = Map::new();
        for name in ["id", "name"] {
            if let Some(value) = node.data.get(name) {
                shown.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(error) = failure(node, false) {
            shown.insert("error".to_owned(), json!(error));
        }
        if let Some(content) = node
            .data
            .get("output")
            .and_then(|output| output.get("content"))
        {
            shown.insert("output".to_owned(), json!({ "content": content }));
        }
        Value::Object(shown)
    };
    json!({
        "nodeId": node.node_id,
        "nodeLabel": node.label,
        "data": data,
        "previousNodeIds": node.before,
        "status": node.status.as_str(),
    })
}

/// Why a node has failed.
pub(super) fn failure(node: &ExecutedNode, shows_all: bool) -> Option<String> {
    let message = node.data.get("error")?.as_str()?;
    Some(reason(message, shows_all))
}

/// Why something failed: all of it, or without the URLs, names and addresses of the servers that the flow calls.
pub(super) fn reason(message: &str, shows_all: bool) -> String {
    if shows_all {
        return message.to_owned();
    }
    let words = message.split(' ').map(|word| match word.contains("://") {
        true => without_server(word),
        // What a certificate is for stands as `DnsName("a.example")`.
        false => word.split_inclusive(MARKS).map(without_server).collect(),
    });
    words.collect::<Vec<String>>().join(" ")
}

/// What stands around the name of a server, and not in it.
const MARKS: [char; 18] = [
    '`', '\'', '"', '(', ')', '<', '>', ',', ';', '\n', '\r', '\t', '{', '}', '=', '@', '/', '|',
];

fn without_server(word: &str) -> String {
    let bare = word.trim_matches(|letter| MARKS.contains(&letter) || ".:".contains(letter));
    match word.split_once(bare) {
        Some((before, after)) if is_server(bare) => format!("{before}a server{after}"),
        _ => word.to_owned(),
    }
}

/// Whether this is a URL, an address, `name:port`, or a name of several labels as URLs have them.
fn is_server(bare: &str) -> bool {
    let is_label = |label: &str| {
        let mut letters = label.bytes();
        !label.is_empty()
            && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_'))
    };
    let is_name = |name: &str| {
        name.split('.').all(is_label) && name.bytes().any(|letter| letter.is_ascii_alphabetic())
    };
    let has_port = || {
        let named = bare.rsplit_once(':');
        named.is_some_and(|(name, port)| is_name(name) && port.parse::<u16>().is_ok())
    };
    let is_domain = || {
        let last = bare.rsplit_once('.').map_or("", |(_, last)| last);
        last.len() > 1
            && last.bytes().all(|letter| letter.is_ascii_lowercase())
            && !bare.bytes().any(|letter| letter.is_ascii_uppercase())
            && is_name(bare)
    };
    bare.contains("://")
        || bare.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || bare.parse::<SocketAddr>().is_ok()
        || has_port()
        || is_domain()
}

/// The functions that a model has called: all of it, or their names.
pub(super) fn tools(called: Value, shows_all: bool) -> Value {
    let Value::Array(calls) = called else {
        return called;
    };
    let name = |call: &Value| json!({ "tool": call["tool"], "toolInput": {}, "toolOutput": "" });
    match shows_all {
        true => Value::Array(calls),
        false => calls.iter().map(name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_tools_the_names_are_told_to_everybody() {
        let used = json!([{ "tool": "find", "toolInput": { "q": "x" }, "toolOutput": "SECRET" }]);
        assert_eq!(tools(used.clone(), true), used);
        let told = json!([{ "tool": "find", "toolInput": {}, "toolOutput": "" }]);
        assert_eq!(tools(used, false), told);
    }

    #[test]
    fn who_may_not_look_at_a_flow_is_not_told_which_servers_it_calls() {
        for (message, told) in [
            (
                "cannot connect to http://127.0.0.1:1/v1/chat/completions: Connection refused",
                "cannot connect to a server: Connection refused",
            ),
            (
                "POST https://llm.internal/v1 answered 500: see \"https://llm.internal/help\".",
                "POST a server answered 500: see \"a server\".",
            ),
            (
                "10.0.0.7, [::1]:80 and fd00::1 too",
                "a server, a server and a server too",
            ),
            (
                "`db.internal:80` is at 10.0.0.1, a private address; add `db.internal:80` to `outbound_allow`",
                "`a server` is at a server, a private address; add `a server` to `outbound_allow`",
            ),
            (
                "`internal:8080` and `[fd00::1]:80`: for DnsName(\"db.internal\") only, not db.internal.",
                "`a server` and `a server`: for DnsName(\"a server\") only, not a server.",
            ),
            (
                "502: {host: db.internal}, proxy=10.0.0.7:80, me@db.internal/v1\tdb.internal\r\nhost|db.internal",
                "502: {host: a server}, proxy=a server, me@a server/v1\ta server\r\nhost|a server",
            ),
            ("text/html and v1/chat", "text/html and v1/chat"),
            ("the step 1.2 failed: 3:4", "the step 1.2 failed: 3:4"),
            (
                "(e.g. `settings.timeoutMs`, $flow.state.x), in line 1:2",
                "(e.g. `settings.timeoutMs`, $flow.state.x), in line 1:2",
            ),
            ("", ""),
        ] {
            assert_eq!(reason(message, false), told);
            assert_eq!(reason(message, true), message);
        }
    }

    #[test]
    fn an_event_is_written_to_the_letter_and_holds_no_other_data_mark() {
        let written = |name: &str, data: Value| {
            String::from_utf8(event(name, &data).to_vec()).unwrap_or_default()
        };
        assert_eq!(
            written("token", json!("a\nb")),
            "message:\ndata:{\"event\":\"token\",\"data\":\"a\\nb\"}\n\n"
        );
        let image = written("token", json!("see data:image/png"));
        assert_eq!(image.matches("data:").count(), 1, "{image}");
        let line = image
            .lines()
            .nth(1)
            .and_then(|line| line.strip_prefix("data:"));
        let parsed: Value = serde_json::from_str(line.unwrap_or_default()).unwrap_or_default();
        assert_eq!(parsed["data"], "see data:image/png");
    }
}
