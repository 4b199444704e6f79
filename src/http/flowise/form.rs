//! Forms (`multipart/form-data`) with texts and files, as Flowise's clients send them.
//! May not know what they are for. Promises: a form is no larger than other bodies; no field but `files` comes twice.

use super::worded;
use crate::http::body;
use crate::http::multipart::{Form, FormField, FormProblem};
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::model::json::{MAX_DEPTH, depth};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{Either, Full};
use serde_json::{Map, Value, json};
use warp::http::StatusCode;

/// The field with the files, of which there may be several.
const FILES: &str = "files";
/// Fields with a text; others say nothing.
const TEXTS: [&str; 4] = ["chatId", "leadEmail", "question", "streaming"];
/// Fields whose text is JSON.
const OF_JSON: [&str; 5] = ["form", "history", "humanInput", "overrideConfig", "uploads"];

/// What a form has.
#[derive(Default)]
pub(super) struct SentForm {
    /// Its texts by name.
    pub(super) texts: Map<String, Value>,
    /// Its files, in their order.
    pub(super) files: Vec<SentFile>,
}

/// A file of a form.
pub(super) struct SentFile {
    /// What its sender calls it.
    pub(super) name: String,
    /// The media type that its sender says.
    pub(super) mime: String,
    /// What is in it.
    pub(super) bytes: Vec<u8>,
}

/// Reads the body as a form.
pub(super) async fn read(visit: &Visit, boundary: String) -> Result<SentForm, Problem> {
    let bytes = body::read(visit, visit.api.options.max_body_bytes, |_| Ok(())).await?;
    let length = bytes.len() as u64;
    let mut body = Either::Right(Full::new(bytes));
    let mut form = Form::new(&mut body, boundary, length);
    let mut sent = SentForm::default();
    while let Some(field) = form.next().await.map_err(refused)? {
        sent.add(field).await?;
    }
    Ok(sent)
}

fn refused(problem: FormProblem) -> Problem {
    match problem {
        // It is as long as it was found to be.
        FormProblem::TooLarge => Problem::Internal,
        FormProblem::Invalid(message) => Problem::invalid(message),
    }
}

impl SentForm {
    async fn add(&mut self, mut field: FormField<'_>) -> Result<(), Problem> {
        let name = field.name().unwrap_or_default().to_owned();
        let is_json = OF_JSON.contains(&name.as_str());
        if !is_json && name != FILES && !TEXTS.contains(&name.as_str()) {
            return field.skip().await.map_err(refused);
        }
        let file_name = field.file_name().unwrap_or_default().to_owned();
        let mime = field.content_type().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(refused)? {
            bytes.extend_from_slice(&chunk);
        }
        if name == FILES {
            self.files.push(SentFile {
                name: file_name,
                mime,
                bytes,
            });
            return Ok(());
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Problem::invalid(format!("The field `{name}` is not UTF-8.")))?;
        let value = if is_json {
            parsed(&name, &text)?
        } else {
            Value::String(text)
        };
        if self.texts.insert(name.clone(), value).is_some() {
            return Err(Problem::invalid(format!(
                "The form has the field `{name}` twice."
            )));
        }
        Ok(())
    }
}

fn parsed(name: &str, text: &str) -> Result<Value, Problem> {
    if depth(text) > MAX_DEPTH {
        return Err(Problem::invalid(format!(
            "The field `{name}` is nested more than {MAX_DEPTH} levels deep."
        )));
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text)
        .map_err(|error| Problem::invalid(format!("The field `{name}` is not JSON: {error}.")))
}

impl SentFile {
    /// The text in it; what is no text is refused by name.
    pub(super) fn text(&self) -> Result<&str, Problem> {
        let text = std::str::from_utf8(&self.bytes).ok();
        text.filter(|text| !text.contains('\0')).ok_or_else(|| {
            worded(
                StatusCode::BAD_REQUEST,
                format!(
                    "`{:.80}` is no text in UTF-8; texts are read here, and images sent along with a question.",
                    self.name
                ),
            )
        })
    }

    /// As clients send it along in JSON: an image, else a text.
    pub(super) fn upload(&self) -> Result<Value, Problem> {
        let (kind, data) = if self.mime.starts_with("image/") {
            let data = STANDARD.encode(&self.bytes);
            ("file", format!("data:{};base64,{data}", self.mime))
        } else {
            ("file:full", self.text()?.to_owned())
        };
        Ok(json!({ "type": kind, "name": self.name, "mime": self.mime, "data": data }))
    }
}
