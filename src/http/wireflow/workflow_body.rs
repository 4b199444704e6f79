//! The body of a save: of `POST /workflows` and `PUT /workflows/:id`. Read field by field, so that every mistake is told at
//! once; what the server itself writes (`createdAt`, `executionCount`, …) is let be, so that what GET gave can be sent back.

use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::id::{WorkflowId, is_id};
use crate::model::graph::record::GraphDetails;
use crate::model::graph::{outputs, refusal};
use crate::model::plan::DefinitionProblem;
use crate::model::workflow::{Definition, DefinitionFormat};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const MAX_NAME_CHARS: usize = 255;
const MAX_TEXT_CHARS: usize = 10_000;
const MAX_WORD_CHARS: usize = 255;
const MAX_TAGS: usize = 50;

/// The body of a save as it was sent.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct SaveBody(pub(super) Fields);

impl JsonSchema for SaveBody {
    fn schema_name() -> Cow<'static, str> {
        "WireflowSave".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "id": { "type": ["string", "null"], "description": "Of `POST`: the workflow to change in place of making one." },
                "name": { "type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS, "description": "For people; no control characters." },
                "description": { "type": ["string", "null"], "maxLength": MAX_TEXT_CHARS, "description": "What people should know." },
                "nodes": { "type": "array", "items": { "type": "object", "required": ["id"] }, "description": "The nodes; `GET /nodes` describes every type." },
                "edges": { "type": "array", "items": { "type": "object", "required": ["source", "target"] }, "description": "What leads from node to node." },
                "tags": { "type": ["array", "null"], "items": { "type": "string", "maxLength": MAX_WORD_CHARS }, "maxItems": MAX_TAGS, "description": "For finding it again." },
                "isActive": { "type": ["boolean", "null"], "description": "Whether it can be run; a new one can." },
                "webhookId": { "type": ["string", "null"], "description": "The id by which a request starts it; `null` takes it away." },
                "isWebhookOpen": { "type": ["boolean", "null"], "description": "Whether such a request needs no key." },
                "mediaId": { "type": ["string", "null"], "maxLength": MAX_WORD_CHARS, "description": "The project that the client counts it to." },
                "teamId": { "type": ["string", "null"], "maxLength": MAX_WORD_CHARS, "description": "The team that the client counts it to." },
                "exposedInputs": { "type": ["array", "null"], "description": "The nodes whose values a run may be given; without it every input node." },
                "baseUpdatedAt": { "type": ["string", "null"], "description": "The `updatedAt` that the change was made from; another state is a 409." },
            },
            "required": ["name", "nodes", "edges"],
        })
    }
}

/// A save, checked for form. Of what may be left out: `None` leaves it as it is.
pub(super) struct Save {
    pub(super) id: Option<WorkflowId>,
    pub(super) name: String,
    pub(super) description: Option<Option<String>>,
    pub(super) is_active: Option<bool>,
    pub(super) base_updated_at: Option<String>,
    tags: Option<Vec<String>>,
    media_id: Option<Option<String>>,
    team_id: Option<Option<String>>,
    webhook_id: Option<Option<String>>,
    is_webhook_open: Option<bool>,
    exposed_inputs: Option<Value>,
    /// `nodes` and `edges`, without what runs have left in them.
    pub(super) graph: Value,
}

impl Save {
    pub(super) fn read(SaveBody(Fields(body)): SaveBody) -> Result<Save, Problem> {
        let body = Value::Object(body);
        refusal::of_saved(&body).map_err(Problem::NoGraph)?;
        let Value::Object(fields) = body else {
            return Err(Problem::NoGraph(refusal::Refusal::MissingSaved));
        };
        let mut form = Form {
            fields,
            problems: Vec::new(),
        };
        let save = Save {
            id: form.id(),
            name: form.name(),
            description: form.text("description", MAX_TEXT_CHARS),
            is_active: form.flag("isActive"),
            base_updated_at: form.text("baseUpdatedAt", MAX_WORD_CHARS).flatten(),
            tags: form.tags(),
            media_id: form.text("mediaId", MAX_WORD_CHARS),
            team_id: form.text("teamId", MAX_WORD_CHARS),
            webhook_id: form.webhook_id(),
            is_webhook_open: form.flag("isWebhookOpen"),
            exposed_inputs: form.exposed_inputs(),
            graph: form.graph(),
        };
        if form.problems.is_empty() {
            Ok(save)
        } else {
            Err(invalid(form.problems))
        }
    }

    /// The definition that it makes of the one before it.
    pub(super) fn definition(&self, before: Option<&Definition>) -> Result<Definition, Problem> {
        let before = before.and_then(|definition| definition.body.as_object());
        let mut fields = before.cloned().unwrap_or_default();
        let trigger = self
            .trigger(fields.get("trigger"))
            .map_err(|problem| invalid(vec![problem]))?;
        fields.insert("trigger".to_owned(), trigger);
        for name in ["nodes", "edges"] {
            fields.insert(name.to_owned(), self.graph[name].clone());
        }
        match &self.exposed_inputs {
            None => {}
            Some(Value::Null) => drop(fields.remove("exposedInputs")),
            Some(exposed) => drop(fields.insert("exposedInputs".to_owned(), exposed.clone())),
        }
        Ok(Definition {
            format: DefinitionFormat::Graph,
            body: Value::Object(fields),
        })
    }

    /// What starts runs: a request, and by the webhook id where there is one. Another trigger, which only the native API
    /// sets, stays.
    fn trigger(&self, before: Option<&Value>) -> Result<Value, DefinitionProblem> {
        let kind = before.map_or("api", |trigger| {
            trigger["type"].as_str().unwrap_or_default()
        });
        let known = before.filter(|_| kind == "hook");
        let known_id = known.and_then(|trigger| trigger["id"].as_str());
        let id = match &self.webhook_id {
            None => known_id,
            Some(id) => id.as_deref(),
        };
        let is_open = self
            .is_webhook_open
            .unwrap_or_else(|| known.is_some_and(|trigger| trigger["isOpen"] == true));
        match (id, before) {
            (Some(_), Some(_)) if !matches!(kind, "api" | "hook") => Err(DefinitionProblem {
                place: "webhookId".to_owned(),
                message: format!(
                    "the workflow has a trigger of the type `{kind}`; change it through the native API first"
                ),
            }),
            (Some(id), _) => Ok(json!({ "type": "hook", "id": id, "isOpen": is_open })),
            (None, Some(other)) if kind != "hook" => Ok(other.clone()),
            (None, _) => Ok(json!({ "type": "api" })),
        }
    }

    /// What it makes of what is kept beside the definition.
    pub(super) fn details(&self, before: GraphDetails) -> GraphDetails {
        GraphDetails {
            tags: self.tags.clone().unwrap_or(before.tags),
            media_id: self.media_id.clone().unwrap_or(before.media_id),
            team_id: self.team_id.clone().unwrap_or(before.team_id),
        }
    }
}

pub(super) fn invalid(problems: Vec<DefinitionProblem>) -> Problem {
    Problem::Invalid("Invalid workflow".to_owned(), problems)
}

/// Reads fields and notes what is wrong with them.
struct Form {
    fields: Map<String, Value>,
    problems: Vec<DefinitionProblem>,
}

impl Form {
    fn problem(&mut self, place: &str, message: impl Into<String>) {
        self.problems.push(DefinitionProblem {
            place: place.to_owned(),
            message: message.into(),
        });
    }

    fn id(&mut self) -> Option<WorkflowId> {
        let text = self.text("id", MAX_WORD_CHARS).flatten()?;
        let id = text.parse().ok();
        if id.is_none() {
            self.problem("id", "it is no id of a workflow");
        }
        id
    }

    fn name(&mut self) -> String {
        let name = self.text("name", MAX_NAME_CHARS).flatten();
        let name = name.unwrap_or_default();
        if name.chars().any(char::is_control) || (!name.is_empty() && name.trim().is_empty()) {
            let message = "it has 1 to 255 characters, not only spaces, and no control characters";
            self.problem("name", message);
        }
        name
    }

    fn text(&mut self, field: &str, max_chars: usize) -> Option<Option<String>> {
        match self.fields.remove(field)? {
            Value::Null => return Some(None),
            Value::String(text) if text.chars().count() <= max_chars => return Some(Some(text)),
            Value::String(_) => {
                self.problem(field, format!("it is longer than {max_chars} characters"));
            }
            _ => self.problem(field, "it is not a string"),
        }
        None
    }

    fn flag(&mut self, field: &str) -> Option<bool> {
        match self.fields.remove(field)? {
            Value::Null => None,
            Value::Bool(flag) => Some(flag),
            _ => {
                self.problem(field, "it is `true` or `false`");
                None
            }
        }
    }

    fn tags(&mut self) -> Option<Vec<String>> {
        let tags = self.fields.remove("tags")?;
        if tags.is_null() {
            return Some(Vec::new());
        }
        let read = Vec::<String>::deserialize(tags).ok().filter(|tags| {
            tags.len() <= MAX_TAGS && tags.iter().all(|tag| tag.chars().count() <= MAX_WORD_CHARS)
        });
        if read.is_none() {
            let message = format!(
                "it is a list of at most {MAX_TAGS} strings of at most {MAX_WORD_CHARS} characters"
            );
            self.problem("tags", message);
        }
        read
    }

    fn webhook_id(&mut self) -> Option<Option<String>> {
        let id = self.text("webhookId", MAX_WORD_CHARS)?;
        if id.as_deref().is_some_and(|id| !is_id(id)) {
            let message = "it has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`";
            self.problem("webhookId", message);
        }
        Some(id)
    }

    fn exposed_inputs(&mut self) -> Option<Value> {
        let exposed = self.fields.remove("exposedInputs")?;
        if !exposed.is_null() && !exposed.is_array() {
            self.problem("exposedInputs", "it is a list of node ids");
        }
        Some(exposed)
    }

    fn graph(&mut self) -> Value {
        let mut part = |name: &str| self.fields.remove(name).unwrap_or_default();
        outputs::without(&json!({ "nodes": part("nodes"), "edges": part("edges") }))
    }
}
