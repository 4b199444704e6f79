//! The tools of agents: a calculator, the date and time, calls of a URL, other flows.
//! May not know models. Promise: what a tool gives back is bounded.

use super::{Handed, calculator, error};
use crate::clock::iso_utc;
use crate::engine::outbound::{OutboundRequest, url};
use crate::engine::step::Effects;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

/// The most that a tool tells the model, in characters.
const MAX_ANSWER_CHARS: usize = 20_000;

/// A tool, ready to be called.
pub(super) struct Tool {
    /// As the model calls it.
    pub(super) name: String,
    description: String,
    /// JSON Schema.
    parameters: Value,
    work: Work,
}

enum Work {
    Calculate,
    Now,
    Request {
        method: &'static str,
        url: String,
        headers: Vec<(String, String)>,
    },
    Flow {
        id: String,
    },
}

/// The tools that a node has chosen.
pub(super) fn tools(node: &Handed<'_>) -> Result<Vec<Tool>, StepError> {
    let mut all: Vec<Tool> = Vec::new();
    for chosen in node.list("agentTools") {
        let kind = chosen
            .get("agentSelectedTool")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let nothing = Map::new();
        let config = chosen
            .get("agentSelectedToolConfig")
            .and_then(Value::as_object);
        if kind.is_empty() {
            continue;
        }
        let mut tool = tool(kind, config.unwrap_or(&nothing))?;
        // Models tell tools apart by their names.
        if all.iter().any(|known| known.name == tool.name) {
            tool.name = format!("{}_{}", tool.name, all.len() + 1);
        }
        all.push(tool);
    }
    Ok(all)
}

fn tool(kind: &str, config: &Map<String, Value>) -> Result<Tool, StepError> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let text_parameter = |name: &str, what: &str| {
        json!({ "type": "object", "required": [name],
            "properties": { name: { "type": "string", "description": what } } })
    };
    Ok(match kind {
        "calculator" => Tool {
            name: "calculator".to_owned(),
            description: "Works out an arithmetic expression, such as (2 + 3) * sqrt(16)."
                .to_owned(),
            parameters: text_parameter("input", "The expression"),
            work: Work::Calculate,
        },
        "currentDateTime" => Tool {
            name: "current_date_time".to_owned(),
            description: "Tells the current date and time in UTC.".to_owned(),
            parameters: json!({ "type": "object", "properties": {} }),
            work: Work::Now,
        },
        "requestsGet" => request("GET", "requestsGet", config),
        "requestsPost" => request("POST", "requestsPost", config),
        "requestsPut" => request("PUT", "requestsPut", config),
        "requestsDelete" => request("DELETE", "requestsDelete", config),
        "chatflowTool" => Tool {
            name: named(text("name"), "flow"),
            description: or(text("description"), "Asks another flow."),
            parameters: text_parameter("input", "What to ask"),
            work: Work::Flow {
                id: text("selectedChatflow").to_owned(),
            },
        },
        other => return Err(error(format!("there is no tool `{other}` here"))),
    })
}

fn request(method: &'static str, prefix: &str, config: &Map<String, Value>) -> Tool {
    let text = |name: &str| {
        let text = config
            .get(&format!("{prefix}{name}"))
            .and_then(Value::as_str);
        text.unwrap_or_default().trim()
    };
    let url = text("Url");
    let takes_body = matches!(method, "POST" | "PUT");
    let mut properties = Map::new();
    if url.is_empty() {
        properties.insert(
            "url".to_owned(),
            json!({ "type": "string", "description": "Where to" }),
        );
    }
    let query = text("QueryParamsSchema");
    if !query.is_empty() || url.is_empty() {
        properties.insert(
            "queryParams".to_owned(),
            object_of(query, "The parameters of the query"),
        );
    }
    if takes_body {
        properties.insert(
            "body".to_owned(),
            object_of(text("BodySchema"), "The body, as JSON"),
        );
    }
    let headers: Map<String, Value> = serde_json::from_str(text("Headers")).unwrap_or_default();
    let headers = headers.into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    });
    let verb = method.to_ascii_lowercase();
    Tool {
        name: named(text("Name"), &format!("requests_{verb}")),
        description: or(
            text("Description"),
            &format!("Sends a {method} request and gives the answer."),
        ),
        parameters: json!({ "type": "object", "properties": properties }),
        work: Work::Request {
            method,
            url: url.to_owned(),
            headers: headers.collect(),
        },
    }
}

/// The schema of an object whose fields a node describes as JSON: `{"id": {"type": "string", "description": …}}`.
fn object_of(written: &str, what: &str) -> Value {
    let fields: Map<String, Value> = serde_json::from_str(written).unwrap_or_default();
    let mut schema = json!({ "type": "object", "description": what });
    if let (false, Some(parts)) = (fields.is_empty(), schema.as_object_mut()) {
        let fields = fields
            .into_iter()
            .filter(|(_, field)| field.is_object())
            .map(|(name, mut field)| {
                if let Some(field) = field.as_object_mut() {
                    field
                        .retain(|part, _| matches!(part.as_str(), "type" | "description" | "enum"));
                }
                (name, field)
            });
        parts.insert("properties".to_owned(), Value::Object(fields.collect()));
    }
    schema
}

/// A name as models know functions: letters, digits, `_` and `-`.
fn named(text: &str, default: &str) -> String {
    let name: String = text
        .trim()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || letter == '-' {
                letter
            } else {
                '_'
            }
        })
        .take(60)
        .collect();
    if name.is_empty() {
        default.to_owned()
    } else {
        name
    }
}

fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}

impl Tool {
    /// As the model is told of it.
    pub(super) fn described(&self) -> Value {
        json!({ "name": self.name, "description": self.description, "parameters": self.parameters })
    }

    /// Does its work.
    pub(super) async fn call(
        &self,
        effects: &Effects,
        given: &Value,
        key: &str,
    ) -> Result<String, StepError> {
        let input = given
            .get("input")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text = match &self.work {
            Work::Calculate => calculator::evaluate(input).map_err(error)?,
            Work::Now => iso_utc(effects.now_ms),
            Work::Flow { id } => match &effects.flows {
                Some(flows) => flows.ask(id, input).await?,
                None => return Err(error("only a run of a flow asks flows")),
            },
            Work::Request {
                method,
                url,
                headers,
            } => send(effects, method, url, headers, given, key).await?,
        };
        Ok(text.chars().take(MAX_ANSWER_CHARS).collect())
    }
}

async fn send(
    effects: &Effects,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    given: &Value,
    key: &str,
) -> Result<String, StepError> {
    let asked = given.get("url").and_then(Value::as_str).unwrap_or_default();
    let url = if url.is_empty() { asked } else { url };
    let query = given.get("queryParams").and_then(Value::as_object);
    let query: Vec<(String, String)> = query
        .into_iter()
        .flatten()
        .map(|(name, value)| match value {
            Value::String(text) => (name.clone(), text.clone()),
            other => (name.clone(), other.to_string()),
        })
        .collect();
    let body = given
        .get("body")
        .filter(|_| matches!(method, "POST" | "PUT"));
    let mut headers = headers.to_vec();
    if body.is_some()
        && !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.push(("idempotency-key".to_owned(), key.to_owned()));
    let response = effects
        .send(OutboundRequest {
            method: method.to_owned(),
            url: url::with_params(url, &query)?,
            headers,
            body: body.map(|body| body.to_string().into_bytes()),
            timeout_ms: effects.timeout_ms,
            max_response_bytes: None,
            confined: None,
        })
        .await?;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    match response.status {
        200..300 => Ok(text),
        status => Ok(format!("Status {status}: {text}")),
    }
}
