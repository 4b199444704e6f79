//! Publishing a graph as an app: as every door takes and shows it, without their envelopes.
//! May not know any door. Promise: a name that is another app's is not taken.

use super::problem::Problem;
use super::reach::reachable;
use super::visit::Ctx;
use crate::id::WorkflowId;
use crate::store::Edit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_SLUG_CHARS: usize = 64;

/// The name of an app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PublishBody")]
pub(super) struct PublishBody {
    /// Small letters, digits and hyphens; a letter or a digit at either end.
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    slug: String,
}

/// A graph, and the app that it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Publication")]
pub(super) struct PublicationView {
    /// The workflow.
    workflow_id: WorkflowId,
    /// The name of the app; `null` where it is none.
    slug: Option<String>,
    /// The path where the app is executed.
    endpoint: Option<String>,
}

/// Publishes the workflow that the path names.
pub(super) async fn publish(ctx: &Ctx, body: PublishBody) -> Result<PublicationView, Problem> {
    if !is_slug(&body.slug) {
        return Err(Problem::InvalidField {
            field: "slug".to_owned(),
            message: format!(
                "`slug` has 1 to {MAX_SLUG_CHARS} characters out of a-z, 0-9 and `-`, and no `-` at either end"
            ),
        });
    }
    set(ctx, Some(body.slug)).await
}

/// Makes the workflow that the path names no app.
pub(super) async fn unpublish(ctx: &Ctx) -> Result<PublicationView, Problem> {
    set(ctx, None).await
}

async fn set(ctx: &Ctx, slug: Option<String>) -> Result<PublicationView, Problem> {
    let workflow_id = reachable(ctx)?.workflow.id.clone();
    let (api, by) = (ctx.api(), ctx.changed_by());
    let published =
        api.store
            .publish_app(workflow_id.clone(), slug.clone(), by, api.clock.now_ms());
    match published.await? {
        Edit::Done(()) => Ok(PublicationView {
            endpoint: slug.as_deref().map(|slug| endpoint_of(ctx, slug)),
            workflow_id,
            slug,
        }),
        Edit::NotFound => Err(Problem::NotFound("workflow")),
        Edit::Conflict(why) => Err(Problem::Conflict(why)),
    }
}

/// The path where an app is executed.
pub(super) fn endpoint_of(ctx: &Ctx, slug: &str) -> String {
    format!("{}/api/v1/apps/{slug}/execute", ctx.api().options.base_path)
}

fn is_slug(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (text.bytes().next(), text.bytes().next_back());
    text.len() <= MAX_SLUG_CHARS
        && [first, last].iter().all(|end| end.is_some_and(is_letter))
        && text.bytes().all(|byte| is_letter(byte) || byte == b'-')
}
