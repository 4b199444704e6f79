//! One endpoint as an OpenAPI operation.
//! May not know which endpoints there are.

use super::refusals;
use super::schemas::Schemas;
use crate::http::describe::{AnswerDescription, BodyDescription, Description, Shape};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::flowise::own_word as flowise_word;
use crate::http::native::{Meta, native_word};
use crate::http::wireflow::own_word as wireflow_word;
use crate::model::limit::Category;
use serde_json::{Map, Value, json};

/// `/api/v1/runs/:id` as OpenAPI writes it: `/api/v1/runs/{id}`. Two doors may share a path, and a document can say only one
/// thing of it: the native door's stand as they are, another's under its own prefix.
pub(super) fn path_template(endpoint: &Endpoint) -> String {
    let prefix = match endpoint.door {
        Door::Native => "",
        door => door.prefix(),
    };
    let segments = endpoint.segments().iter();
    let path: String = segments
        .map(|segment| match segment.strip_prefix(':') {
            Some(name) => format!("/{{{name}}}"),
            None => format!("/{segment}"),
        })
        .collect();
    format!("{prefix}{path}")
}

/// The operation of an endpoint.
pub(super) fn operation(endpoint: &Endpoint, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "security": match endpoint.access {
            Access::Open | Access::SignedIn => json!([]),
            Access::NeedsUnlessOpen(..) => json!([{ "bearer": [] }, {}]),
            Access::AnyKey(_) | Access::Needs(..) | Access::NeedsOneOf(..) => match endpoint.door {
                Door::Wireflow | Door::Flowise => json!([{ "bearer": [] }]),
                _ => json!([{ "apiKey": [] }]),
            },
        },
        "responses": {},
    });
    let Some(about) = &endpoint.description else {
        return operation;
    };
    operation["summary"] = json!(about.summary);
    operation["tags"] = json!([about.tag]);
    operation["description"] = json!(text(endpoint, about));
    operation["parameters"] = Value::Array(parameters(endpoint, about, schemas));
    if let Some(body) = &about.body {
        operation["requestBody"] = request_body(body, schemas);
    }
    if let Some(form) = about.multipart {
        let content = &mut operation["requestBody"]["content"];
        content["multipart/form-data"] = json!({ "schema": schemas.read(form) });
        if about.body.is_none() {
            operation["requestBody"]["required"] = json!(true);
        }
    }
    if let Some(form) = about.form {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/x-www-form-urlencoded": { "schema": schemas.read(form) } },
        });
    }
    if let Some(what) = about.foreign_body {
        operation["requestBody"] = json!({ "description": what, "content": { "*/*": {} } });
    }
    let mut responses = refusals::responses(endpoint, about, schemas);
    for answer in &about.answers {
        responses.insert(
            answer.status.to_string(),
            response(endpoint, about, answer, schemas),
        );
    }
    if let Some(event) = about.stream
        && let Some(done) = responses.get_mut("200")
    {
        done["content"]["text/event-stream"] =
            json!({ "schema": stream_of(&schemas.written(event)) });
    }
    operation["responses"] = Value::Object(responses);
    operation
}

/// `POST /api/v1/workflows/:id/run` is `postWorkflowsIdRun`, and of another door than the native one
/// `wireflowPostWorkflowsIdRun`.
fn operation_id(endpoint: &Endpoint) -> String {
    let method = endpoint.method.as_str().to_ascii_lowercase();
    let mut id = match endpoint.door {
        Door::Wireflow => format!("wireflow{}", capitalized(&method)),
        Door::Flowise => format!("flowise{}", capitalized(&method)),
        _ => method,
    };
    let words = endpoint
        .segments()
        .iter()
        .flat_map(|segment| segment.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| !matches!(*word, "api" | "v1" | ""));
    id.extend(words.map(capitalized));
    id
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn text(endpoint: &Endpoint, about: &Description) -> String {
    let counts = |category| match category {
        Category::Read => "read",
        Category::Write => "write",
        Category::Execute => "execute",
    };
    let access = match endpoint.access {
        Access::Open => "Needs no key.".to_owned(),
        Access::SignedIn => "For people who are signed in to the dashboard.".to_owned(),
        Access::AnyKey(category) => {
            format!("Any key may call it; it counts as `{}`.", counts(category))
        }
        Access::Needs(_, category)
        | Access::NeedsOneOf(_, category)
        | Access::NeedsUnlessOpen(_, category) => {
            let words = endpoint.access.permissions().iter().map(|permission| {
                let word = match endpoint.door {
                    Door::Wireflow => wireflow_word(permission.word()),
                    Door::Flowise => flowise_word(permission.word()),
                    _ => native_word(permission.word()),
                };
                format!("`{word}`")
            });
            format!(
                "Needs the scope {}; it counts as `{}`.",
                words.collect::<Vec<_>>().join(" or "),
                counts(category)
            )
        }
    };
    match about.text {
        Some(text) => format!("{text}\n\n{access}"),
        None => access,
    }
}

fn parameters(endpoint: &Endpoint, about: &Description, schemas: &mut Schemas) -> Vec<Value> {
    let names = endpoint
        .segments()
        .iter()
        .filter_map(|segment| segment.strip_prefix(':'));
    let path = names.zip(&about.path).map(|(name, schema)| {
        json!({ "name": name, "in": "path", "required": true, "schema": schemas.read(*schema) })
    });
    let mut parameters: Vec<Value> = path.collect();
    let query = about.query.map(|query| schemas.read(query));
    parameters.extend(query.iter().flat_map(query_parameters));
    parameters.extend(about.request_headers.iter().map(|header| {
        let mut schema = json!({ "type": "string" });
        if let Some(pattern) = header.pattern {
            schema["pattern"] = json!(pattern);
        }
        json!({ "name": header.name, "in": "header", "description": header.what_for, "schema": schema })
    }));
    parameters
}

/// One parameter for each field. In a query string nothing is `null`: a field may only be left out.
fn query_parameters(query: &Value) -> Vec<Value> {
    let required = query["required"].as_array().cloned().unwrap_or_default();
    let fields = query["properties"].as_object().into_iter().flatten();
    fields
        .map(|(name, schema)| {
            let mut schema = without_null(schema);
            let description = schema
                .as_object_mut()
                .and_then(|fields| fields.remove("description"));
            let mut parameter = json!({
                "name": name,
                "in": "query",
                "required": required.iter().any(|field| field == name),
                "schema": schema,
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameter
        })
        .collect()
}

fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema["type"].as_array() {
        let types: Vec<Value> = types.iter().filter(|one| *one != "null").cloned().collect();
        schema["type"] = match types.as_slice() {
            [one] => one.clone(),
            _ => Value::Array(types),
        };
    }
    let Some(fields) = schema.as_object_mut() else {
        return schema;
    };
    fields.remove("default");
    if let Some(Value::Array(ways)) = fields.remove("anyOf") {
        let mut ways = ways.into_iter().filter(|way| way["type"] != "null");
        if let Some(Value::Object(way)) = ways.next() {
            fields.extend(way);
        }
    }
    schema
}

fn request_body(body: &BodyDescription, schemas: &mut Schemas) -> Value {
    let schema = schemas.read(body.schema);
    let whole = schemas
        .resolve_read(&schema)
        .unwrap_or_else(|| schema.clone());
    let requires = |schema: &Value| {
        let fields = schema["required"].as_array();
        fields.is_some_and(|fields| !fields.is_empty())
    };
    let ways = whole["oneOf"].as_array();
    let is_required = requires(&whole) || ways.is_some_and(|ways| ways.iter().all(requires));
    json!({
        // No body is an empty object.
        "required": is_required,
        "content": { "application/json": { "schema": schema, "example": body.example } },
    })
}

fn response(
    endpoint: &Endpoint,
    about: &Description,
    answer: &AnswerDescription,
    schemas: &mut Schemas,
) -> Value {
    let meaning = match (&answer.shape, answer.status) {
        (Shape::Nothing(meaning) | Shape::Bytes(meaning), _) => meaning,
        (Shape::Page(_), _) => "One page.",
        (_, 201) => "Made.",
        (_, 202) => "Accepted; it goes on.",
        _ => "Done.",
    };
    let mut headers = refusals::usual_headers(refusals::counted(endpoint, about), answer.status);
    for (name, meaning) in &about.answer_headers {
        headers.insert(
            (*name).to_owned(),
            json!({ "description": meaning, "schema": { "type": "string" } }),
        );
    }
    let mut response = json!({ "description": meaning, "headers": headers });
    let content = match &answer.shape {
        Shape::Data(schema) => Some(("application/json", envelope(&schemas.written(*schema)))),
        Shape::Page(schema) => {
            let items = json!({ "type": "array", "items": schemas.written(*schema) });
            let meta = schemas.written(|generator| generator.subschema_for::<Meta>());
            Some(("application/json", envelope_with(&items, meta)))
        }
        Shape::DataWith(schema, meta) => {
            let (data, meta) = (schemas.written(*schema), schemas.written(*meta));
            Some(("application/json", envelope_with(&data, meta)))
        }
        Shape::Bare(schema) => Some(("application/json", schemas.written(*schema))),
        Shape::Events => Some(("text/event-stream", event())),
        Shape::Text(media_type) => Some((*media_type, json!({ "type": "string" }))),
        Shape::Bytes(_) => Some(("*/*", json!({}))),
        Shape::Nothing(_) => None,
    };
    if let Some((media_type, schema)) = content {
        let mut contents = Map::new();
        contents.insert(media_type.to_owned(), json!({ "schema": schema }));
        response["content"] = Value::Object(contents);
    }
    response
}

/// One event of a stream.
fn event() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "event": { "type": "string" },
            "data": { "type": "string", "contentMediaType": "application/json" },
        },
        "required": ["event", "data"],
    })
}

/// One event of a stream whose `data` is JSON of one type.
fn stream_of(data: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": data },
        },
        "required": ["data"],
    })
}

fn envelope(data: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { "success": { "type": "boolean", "const": true }, "data": data },
        "required": ["success", "data"],
    })
}

/// The same, with `meta` beside the data.
fn envelope_with(data: &Value, meta: Value) -> Value {
    let mut whole = envelope(data);
    whole["properties"]["meta"] = meta;
    whole["required"] = json!(["success", "data", "meta"]);
    whole
}
