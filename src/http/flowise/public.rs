//! What a chat widget asks before and beside the chat: whether the flow streams, what may be sent to it, how it looks.
//! Promise: what is shown without a key holds no credential, no password and no list of who else may look.

use super::chatflow_view::{ChatflowView, Drawn, outlined, view};
use super::chatflows::TAG;
use super::entry::{asks, enter, find_to_ask, let_in};
use super::flows::{Flow, find, is_anonymous};
use super::{Answer, OVER_ADDRESS_LIMIT, about, ok, worded};
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::id::WorkflowId;
use crate::model::flow::flow_data;
use crate::model::limit::Category;
use crate::model::workflow::Reach;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let (door, needs) = (Door::Flowise, asks(Category::Read));
    let one = |pattern,
               handler: fn(
        Arc<Visit>,
        Access,
    ) -> futures_util::future::BoxFuture<'static, Answer>| {
        Endpoint::unless_open(door, Method::GET, pattern, needs, handler)
    };
    vec![
        Endpoint::unkeyed(door, Method::GET, "/api/v1/chatflows-streaming/:id", streaming).described(
            about(TAG, "Whether a flow's answer can be told as it comes")
                .path::<WorkflowId>()
                .gives_bare::<StreamingView>(200)
                .limits_addresses(OVER_ADDRESS_LIMIT),
        ),
        one("/api/v1/chatflows-uploads/:id", |visit, access| Box::pin(uploads(visit, access))).described(
            about(TAG, "What may be sent to a flow")
                .path::<WorkflowId>()
                .gives_bare::<UploadsView>(200),
        ),
        one("/api/v1/public-chatflows/:id", |visit, access| Box::pin(public_flow(visit, access))).described(
            about(TAG, "Look at a public flow")
                .says("Its nodes without what they are set to, but for the form that it begins with.")
                .path::<WorkflowId>()
                .gives_bare::<ChatflowView<'_>>(200),
        ),
        one("/api/v1/public-chatbotConfig/:id", |visit, access| Box::pin(config(visit, access))).described(
            about(TAG, "How a flow's widget looks")
                .says("The fields of `chatbotConfig`, but for who may ask; with `uploads`, `flowData` and `isTTSEnabled`.")
                .path::<WorkflowId>()
                .gives_bare::<Map<String, Value>>(200),
        ),
    ]
}

/// Whether an answer can be streamed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatflowStreaming")]
struct StreamingView {
    /// Whether it can.
    is_streaming: bool,
}

/// What may be sent along with a question.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatflowUploads")]
struct UploadsView {
    /// Always `false`.
    is_speech_to_text_enabled: bool,
    /// Whether images may be sent.
    is_image_upload_allowed: bool,
    /// Always `false`: there are no document stores.
    #[serde(rename = "isRAGFileUploadAllowed")]
    is_rag_file_upload_allowed: bool,
    /// Which images, and how large.
    img_upload_size_and_types: Vec<UploadKind>,
    /// Always empty.
    file_upload_size_and_types: [u8; 0],
}

/// What one node takes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatflowUploadKind")]
struct UploadKind {
    /// Media types.
    file_types: &'static [&'static str],
    /// How large, in megabytes.
    max_upload_size: u32,
}

const IMAGES: &[&str] = &["image/gif", "image/jpeg", "image/png", "image/webp"];
/// How large an image may be, in megabytes, so that it fits into a body of the default size.
const MAX_IMAGE_MB: u32 = 1;

async fn streaming(visit: Arc<Visit>) -> Answer {
    within_address_limit(&visit, AddressCategory::Read)?;
    let named = visit.parameter(0);
    let flow = find(&visit.api, named, &Reach::All).map_err(|problem| match problem {
        Problem::Worded(StatusCode::NOT_FOUND, _) => {
            worded(StatusCode::NOT_FOUND, format!("Chatflow {named} not found"))
        }
        problem => problem,
    })?;
    let chatbot = flow.chatbot();
    let can = flow
        .compiled
        .flow()
        .is_some_and(|facts| facts.is_streamable);
    ok(&StreamingView {
        is_streaming: can && !chatbot.is_post_processed(),
    })
}

async fn uploads(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, _) = enter(&visit, access).await?;
    ok(&uploads_of(&flow))
}

fn uploads_of(flow: &Flow) -> UploadsView {
    let drawing: Value = serde_json::from_str(drawing(flow)).unwrap_or_default();
    let nodes = drawing["nodes"].as_array().into_iter().flatten();
    let takes_images = nodes.into_iter().any(|node| {
        let inputs = &node["data"]["inputs"];
        let of_models = [
            "llmModelConfig",
            "agentModelConfig",
            "conditionAgentModelConfig",
        ];
        let is_on = |value: &Value| value == true || value == "true";
        of_models
            .iter()
            .any(|config| is_on(&inputs[*config]["allowImageUploads"]))
            || is_on(&inputs["allowImageUploads"])
    });
    UploadsView {
        is_speech_to_text_enabled: false,
        is_image_upload_allowed: takes_images,
        is_rag_file_upload_allowed: false,
        img_upload_size_and_types: if takes_images {
            vec![UploadKind {
                file_types: IMAGES,
                max_upload_size: MAX_IMAGE_MB,
            }]
        } else {
            Vec::new()
        },
        file_upload_size_and_types: [],
    }
}

fn drawing(flow: &Flow) -> &str {
    flow_data(&flow.compiled.workflow.definition).unwrap_or_default()
}

/// What is public is shown to everybody, whatever may ask it; anything else to who may ask it.
async fn public_flow(visit: Arc<Visit>, access: Access) -> Answer {
    if is_anonymous(&visit) {
        within_address_limit(&visit, AddressCategory::Read)?;
    }
    let flow = find_to_ask(&visit, access, visit.parameter(0)).await?;
    if flow.details.is_public != Some(true) {
        let_in(&visit, access, &flow).await?;
    } else if !is_anonymous(&visit) {
        within_address_limit(&visit, AddressCategory::Read)?;
    }
    ok(&view(
        &flow.compiled.workflow,
        &flow.details,
        Drawn::Outlined,
    ))
}

async fn config(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, _) = enter(&visit, access).await?;
    let chatbot = flow.chatbot();
    let mut shown = chatbot.shown();
    let uploads =
        serde_json::to_value(uploads_of(&flow)).map_err(|error| Problem::internal(&error))?;
    shown.insert("uploads".to_owned(), uploads);
    shown.insert("flowData".to_owned(), json!(outlined(drawing(&flow))));
    shown.insert("isTTSEnabled".to_owned(), json!(false));
    ok(&shown)
}
