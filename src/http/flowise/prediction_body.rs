//! What a flow is asked: the body of a prediction, and what of it the flow's owner lets a caller change.
//! May not know who asks or how it is answered. Promise: what is null is absent, as one of Flowise's own clients sends it; what
//! nobody has opened by name changes nothing.

use super::flows::Flow;
use super::form::SentForm;
use super::uploads::Uploads;
use super::worded;
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::id::ChatMessageId;
use crate::model::chatflow::{ChatFile, ChatType, OverrideRules};
use crate::model::flow::{Drawing, FlowKind, HumanInput, PredictionInput, Role, Turn, flow_data};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use warp::http::StatusCode;

/// What is said before the reason where an answer failed: clients cut it off.
pub(super) const PLACE: &str = "Error: predictionsServices.buildChatflow - ";
/// The longest name of a conversation or a session.
const MAX_NAME_CHARS: usize = 255;
/// The longest address of who asks: 64 characters, an `@` and a domain of 255.
const MAX_EMAIL_CHARS: usize = 320;
/// How many turns and files may be sent along.
const MAX_ITEMS: usize = 1_000;

/// A question to a flow.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct PredictionBody(pub(super) Fields);

impl JsonSchema for PredictionBody {
    fn schema_name() -> Cow<'static, str> {
        "Prediction".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let nullable = |kind: &str, what: &str| serde_json::json!({ "type": [kind, "null"], "description": what });
        json_schema!({
            "type": "object",
            "properties": {
                "question": nullable("string", "What the user says."),
                "form": nullable("object", "The values of the form that an agentflow begins with, in place of a question."),
                "streaming": { "type": ["boolean", "string", "null"], "description": "Whether the answer is told as it comes, where the flow can." },
                "chatId": nullable("string", "The conversation; a new one, if absent."),
                "overrideConfig": nullable("object", "`sessionId`, `vars`, and inputs of nodes, as far as the flow's owner has opened them."),
                "history": nullable("array", "What was said before: `{role, content}` or `{type, message}`, of `userMessage` and `apiMessage`."),
                "uploads": nullable("array", "Images (`url`, `file`) and texts of files (`file:full`): `{type, name, mime, data}`."),
                "leadEmail": nullable("string", "Who asks, where a widget has found out: 320 characters at most."),
                "humanInput": nullable("object", "The answer to an agentflow that waits for one: `{type, startNodeId, feedback}`, `proceed` or `reject`."),
            },
        })
    }
}

/// The same as a form. What is an object or a list in JSON is its text here.
#[derive(JsonSchema)]
#[schemars(rename = "PredictionForm")]
pub(super) struct PredictionForm {
    /// What the user says.
    #[schemars(rename = "question")]
    _question: Option<String>,
    /// An image or a text that is sent along; the field may come several times.
    #[schemars(rename = "files", extend("format" = "binary"))]
    _files: Option<String>,
}

/// A body, found to be what it should.
pub(super) struct Asked {
    pub(super) input: PredictionInput,
    pub(super) is_streaming: bool,
    pub(super) lead_email: Option<String>,
    pub(super) human_input: Option<HumanInput>,
    /// What is told of what was sent along.
    pub(super) uploads: Vec<Value>,
    /// The images whose bytes were.
    pub(super) files: Vec<ChatFile>,
    /// By which way it came.
    pub(super) chat_type: ChatType,
    /// The question as it was asked, without what was put before it.
    pub(super) question: String,
}

/// What is wrong with a question, in the form in which clients show it.
pub(super) fn mistake(what: impl std::fmt::Display) -> Problem {
    worded(StatusCode::BAD_REQUEST, format!("{PLACE}{what}"))
}

impl PredictionBody {
    /// Whether the answer is wanted as it comes: known before anything else, since refusals differ by it.
    pub(super) fn read(self, flow: &Flow, rules: &OverrideRules) -> Result<Asked, Problem> {
        let PredictionBody(Fields(mut fields)) = self;
        fields.retain(|_, value| !value.is_null());
        let overrides = object(&fields, "overrideConfig")?.unwrap_or_default();
        let session = text(&overrides, "sessionId")?;
        let chat_id = match fields.get("chatId") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(mistake("Invalid chatId: must be a string")),
        };
        let filled = |text: &String| !text.is_empty();
        let session = session.filter(filled);
        let chat_id = chat_id.filter(filled).or_else(|| session.clone());
        let chat_id = chat_id.unwrap_or_else(|| ChatMessageId::generate().to_string());
        let session_id = session.unwrap_or_else(|| chat_id.clone());
        for name in [&chat_id, &session_id] {
            if name.chars().count() > MAX_NAME_CHARS {
                return Err(mistake(format!(
                    "`chatId` and `sessionId` have {MAX_NAME_CHARS} characters at most"
                )));
            }
        }
        let human_input = fields.get("humanInput").map(human_input).transpose()?;
        let form = object(&fields, "form")?.filter(|form| !form.is_empty());
        let question = text(&fields, "question")?.unwrap_or_default();
        if flow.kind == FlowKind::Agentflow && form.is_some() && !question.is_empty() {
            return Err(mistake(
                "Question and form cannot be provided at the same time",
            ));
        }
        if form.is_none() && human_input.is_none() && !fields.contains_key("question") {
            return Err(mistake("`question` or `form` is missing"));
        }
        let sent = Uploads::read(list(&fields, "uploads")?)?;
        let told = match &form {
            Some(form) => PredictionInput::form_text(form),
            None => question.clone(),
        };
        let input = PredictionInput {
            question: told,
            form,
            chatflow_id: flow.id().to_string(),
            chat_id,
            session_id,
            history: turns(list(&fields, "history")?)?,
            file_attachment: sent.attachment,
            images: sent.images,
            variables: rules.variables(&variables(&overrides)),
            overrides: inputs(flow, rules, &overrides),
            ..PredictionInput::default()
        };
        Ok(Asked {
            is_streaming: is_true(fields.get("streaming")),
            lead_email: email(&fields)?,
            human_input,
            uploads: sent.told,
            files: sent.files,
            chat_type: ChatType::External,
            question,
            input,
        })
    }

    /// The same, sent as a form: its files stand behind the uploads that it names.
    pub(super) fn of_form(form: SentForm) -> Result<PredictionBody, Problem> {
        let mut fields = form.texts;
        if !form.files.is_empty() {
            let mut uploads = list(&fields, "uploads")?.to_vec();
            for file in &form.files {
                uploads.push(file.upload()?);
            }
            fields.insert("uploads".to_owned(), Value::Array(uploads));
        }
        Ok(PredictionBody(Fields(fields)))
    }
}

impl Asked {
    /// What a flow is asked by a request of another service.
    pub(super) fn of_webhook(input: PredictionInput) -> Asked {
        Asked {
            question: input.question.clone(),
            input,
            is_streaming: false,
            lead_email: None,
            human_input: None,
            uploads: Vec::new(),
            files: Vec::new(),
            chat_type: ChatType::Webhook,
        }
    }
}

/// What stands in a form may be the text of JSON.
fn variables(overrides: &Map<String, Value>) -> Value {
    match overrides.get("vars") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        other => other.cloned().unwrap_or_default(),
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(mistake(format!("`{name}` is a text"))),
    }
}

fn email(fields: &Map<String, Value>) -> Result<Option<String>, Problem> {
    match text(fields, "leadEmail")? {
        Some(email) if email.chars().count() > MAX_EMAIL_CHARS => Err(mistake(format!(
            "`leadEmail` has {MAX_EMAIL_CHARS} characters at most"
        ))),
        email => Ok(email),
    }
}

/// An object, or the text of one, as forms send it.
fn object(fields: &Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, Problem> {
    let parsed = match fields.get(name) {
        None => return Ok(None),
        Some(Value::Object(object)) => return Ok(Some(object.clone())),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(_) => None,
    };
    parsed
        .map(Some)
        .ok_or_else(|| mistake(format!("`{name}` is an object")))
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= MAX_ITEMS => Ok(items),
        Some(Value::Array(_)) => Err(mistake(format!("`{name}` has {MAX_ITEMS} entries at most"))),
        Some(_) => Err(mistake(format!("`{name}` is a list"))),
    }
}

fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true))) || value.and_then(Value::as_str) == Some("true")
}

fn human_input(value: &Value) -> Result<HumanInput, Problem> {
    let proceeds = match value["type"].as_str() {
        Some("proceed") => true,
        Some("reject") => false,
        _ => return Err(mistake("`humanInput.type` is `proceed` or `reject`")),
    };
    let said = |name: &str| {
        let text = value[name].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    Ok(HumanInput {
        proceeds,
        node_id: said("startNodeId"),
        feedback: said("feedback"),
    })
}

/// What was said before. Clients write a turn in one of two ways, one of them with the other's fields as null.
fn turns(history: &[Value]) -> Result<Vec<Turn>, Problem> {
    let read = |item: &Value| -> Option<Turn> {
        let said = |name: &str| item.get(name).and_then(Value::as_str);
        let role = match said("role").or_else(|| said("type"))? {
            "userMessage" => Role::User,
            "apiMessage" => Role::Assistant,
            _ => return None,
        };
        let content = said("content").or_else(|| said("message"))?.to_owned();
        Some(Turn { role, content })
    };
    let turns: Option<Vec<Turn>> = history.iter().map(read).collect();
    turns.ok_or_else(|| {
        mistake(
            "Invalid history format. Each history item must have: { role: \"apiMessage\" | \"userMessage\", content: string }",
        )
    })
}

/// For nodes by id, the inputs that a caller replaces and may. A value that is an object keyed by ids of nodes is for these.
fn inputs(
    flow: &Flow,
    rules: &OverrideRules,
    overrides: &Map<String, Value>,
) -> BTreeMap<String, Map<String, Value>> {
    let mut replaced: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let wanted = overrides
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "sessionId" | "vars" | "analytics"));
    let wanted: Vec<(&String, &Value)> = wanted.collect();
    if wanted.is_empty() {
        return replaced;
    }
    let text = flow_data(&flow.compiled.workflow.definition).unwrap_or_default();
    let Some(drawing) = Drawing::read(text, &mut Vec::new()) else {
        return replaced;
    };
    let is_node = |id: &String| drawing.nodes.iter().any(|node| node.id == *id);
    for (name, value) in wanted {
        let by_node = value
            .as_object()
            .filter(|object| object.keys().any(is_node));
        for node in &drawing.nodes {
            let value = match by_node {
                Some(object) => object.get(&node.id),
                None => Some(value),
            };
            if let Some(value) = value
                && rules.allows_input(&node.label, name)
            {
                let inputs = replaced.entry(node.id.clone()).or_default();
                inputs.insert(name.clone(), switched(value));
            }
        }
    }
    replaced
}

/// Forms send switches as texts.
fn switched(value: &Value) -> Value {
    match value.as_str() {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        _ => value.clone(),
    }
}
