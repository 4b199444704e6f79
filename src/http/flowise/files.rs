//! `/attachments` and `/get-upload-file`: the text of files that are sent along with a question, and the images that were.
//! Promises: who may ask a flow reads of a conversation whose name they hold, and of no other; what somebody has sent is saved
//! by a browser, and never shown as a page of this server.

use super::chatflows::TAG;
use super::entry::{asks, enter, enter_flow};
use super::form::read;
use super::{Answer, about, ok, worded};
use crate::http::body::read_query;
use crate::http::describe::Word;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::media_links::SAVED;
use crate::http::multipart::boundary;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::media::{disposition, file_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use warp::http::{HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ATTACH: &str = "/api/v1/attachments/:id/:chatId";
    const FETCH: &str = "/api/v1/get-upload-file";
    let door = Door::Flowise;
    vec![
        Endpoint::unless_open(door, Method::POST, ATTACH, asks(Category::Write), attach).described(
            about(TAG, "Read the text of files")
                .says(
                    "For `uploads` of the type `file:full`. Texts in UTF-8, 16 at most and together no larger than other bodies; \
                     nothing of them is kept. The flow has to have `fullFileUpload` on.",
                )
                .path::<WorkflowId>()
                .path::<Word>()
                .or_multipart::<FilesForm>()
                .gives_bare::<Vec<AttachmentView<'_>>>(200),
        ),
        Endpoint::unless_open(door, Method::GET, FETCH, asks(Category::Read), fetch).described(
            about(TAG, "Fetch an image that was sent along")
                .says("As an attachment, under a type that no browser runs.")
                .query::<FileQuery>()
                .gives_bytes("The image.")
                .with_header("Content-Disposition", "What the image is called.")
                .may(404, "There is no such flow or image."),
        ),
    ]
}

/// The form of attachments.
#[derive(JsonSchema)]
#[schemars(rename = "AttachmentForm")]
struct FilesForm {
    /// A file, with its name and media type; the field may come several times.
    #[schemars(rename = "files", extend("format" = "binary"))]
    _files: String,
}

/// The text of a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Attachment")]
struct AttachmentView<'a> {
    /// What its sender calls it, without a path.
    name: String,
    /// The media type that its sender says.
    mime_type: &'a str,
    /// How many bytes it has.
    size: usize,
    /// Its text.
    content: &'a str,
}

/// Which image is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UploadedFileQuery")]
struct FileQuery {
    /// The flow.
    #[schemars(with = "String", required)]
    chatflow_id: Option<String>,
    /// The conversation.
    #[schemars(with = "String", required)]
    chat_id: Option<String>,
    /// What the image is called.
    #[schemars(with = "String", required)]
    file_name: Option<String>,
    /// Says nothing: it is always an attachment.
    #[serde(rename = "download")]
    _download: Option<String>,
}

async fn attach(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, _) = enter(&visit, access).await?;
    let bad = |message: String| worded(StatusCode::BAD_REQUEST, message);
    let chatbot = flow.chatbot();
    let allowed = chatbot
        .file_types()
        .ok_or_else(|| bad("File upload is not enabled for this chatflow".to_owned()))?;
    let boundary = boundary(&visit.headers)?.ok_or(Problem::UnsupportedMediaType)?;
    let form = read(&visit, boundary).await?;
    if form.files.is_empty() {
        return Err(bad("The form has no field `files`.".to_owned()));
    }
    let mut views = Vec::new();
    for file in &form.files {
        if !allowed.is_empty() && !allowed.contains(&file.mime.as_str()) {
            let (name, mime) = (&file.name, &file.mime);
            return Err(bad(format!(
                "`{name:.80}` is of the type `{mime:.80}`, which the flow does not take."
            )));
        }
        views.push(AttachmentView {
            name: file_name(Some(&file.name)).map_err(bad)?,
            mime_type: &file.mime,
            size: file.bytes.len(),
            content: file.text()?,
        });
    }
    ok(&views)
}

async fn fetch(visit: Arc<Visit>, access: Access) -> Answer {
    let asked: FileQuery = read_query(&visit)?;
    let text = |text: Option<String>| text.unwrap_or_default();
    let (flow, _) = enter_flow(&visit, access, &text(asked.chatflow_id)).await?;
    let workflow = flow.compiled.workflow.sequence;
    let store = &visit.api.store;
    let (chat_id, name) = (text(asked.chat_id), text(asked.file_name));
    let found = store.chat_file(workflow, &chat_id, &name)?;
    let file = found.ok_or_else(|| worded(StatusCode::NOT_FOUND, "File not found"))?;
    let header_of =
        |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal(&error));
    let content_type = header_of(&file.content_type)?;
    let name = header_of(&disposition(&file.name))?;
    let mut response = Response::new(bytes::Bytes::from(file.bytes).into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.extend(SAVED);
    Ok(response)
}
