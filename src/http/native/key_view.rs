//! What is sent and told about keys. A key's text stands in the answer that creates it (POST, rotate) and nowhere else.

use crate::auth::KeyText;
use crate::clock::iso_utc;
use crate::http::body::{object, sent};
use crate::http::describe::NAME_PATTERN;
use crate::http::visit::Ctx;
use crate::id::{KeyId, WorkflowId};
use crate::model::key::{KeyFormat, KeyRecord, KeySecret};
use crate::model::limit::{KeyLimits, Limit};
use crate::model::scope::all_words;
use crate::model::workflow::Reach;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Which keys to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// `meta.cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Limits a minute. Absent leaves a limit as it is, `null` takes it away.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeyLimits")]
pub(super) struct LimitsBody {
    /// For what reads.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    read: Option<Option<u32>>,
    /// For what writes.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    write: Option<Option<u32>>,
    /// For starts, cancels and retries of runs.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    execute: Option<Option<u32>>,
}

/// A key to make.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "NewKey", transform = one_end_and_one_binding)]
pub(super) struct CreateBody {
    /// For people, 1 to 255 characters.
    #[schemars(length(min = 1, max = 255), regex(pattern = NAME_PATTERN))]
    pub(super) name: String,
    /// What the key may do: words like `runs:read`, at least one; none that the calling key lacks.
    #[schemars(schema_with = "scope_words")]
    pub(super) scopes: Vec<String>,
    /// How its text is made; default `wfk`.
    pub(super) format: Option<KeyFormat>,
    /// When it ends: in the future, within ten years; never, if absent. Not together with `expiresInSeconds`.
    #[schemars(extend("format" = "date-time"))]
    pub(super) expires_at: Option<String>,
    /// After how long it ends, at most ten years.
    #[schemars(range(min = 1, max = 315_619_200))]
    pub(super) expires_in_seconds: Option<i64>,
    /// Binds the key to this workflow, which is there. Not together with `workflowPrefix`.
    pub(super) workflow_id: Option<WorkflowId>,
    /// Binds the key to workflows whose name starts so.
    #[schemars(length(min = 1, max = 255), regex(pattern = NAME_PATTERN))]
    pub(super) workflow_prefix: Option<String>,
    /// Limits of its own; absent ones are the server's.
    #[serde(default, deserialize_with = "object")]
    pub(super) limits: Option<LimitsBody>,
}

/// What to change of a key; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "KeyChange")]
pub(super) struct UpdateBody {
    /// For people, 1 to 255 characters.
    #[schemars(length(min = 1, max = 255), regex(pattern = NAME_PATTERN))]
    pub(super) name: Option<String>,
    /// What the key may do from now on.
    #[serde(default)]
    #[schemars(schema_with = "scope_words_or_null")]
    pub(super) scopes: Option<Vec<String>>,
    /// When it ends, in the future; `null` for never.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(extend("format" = "date-time"))]
    pub(super) expires_at: Option<Option<String>>,
    /// Limits of its own.
    #[serde(default, deserialize_with = "object")]
    pub(super) limits: Option<LimitsBody>,
    /// Whether it is out of use until it is enabled again.
    pub(super) disabled: Option<bool>,
}

/// How to rotate a key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "KeyRotation")]
pub(super) struct RotateBody {
    /// For how long the old text works on once the new one was used; default 3600.
    #[schemars(range(max = 86_400))]
    pub(super) grace_seconds: Option<u32>,
}

fn scope_words(_: &mut SchemaGenerator) -> Schema {
    let words: Vec<&str> = all_words().collect();
    json_schema!({ "type": "array", "minItems": 1, "maxItems": 64, "items": { "enum": words } })
}

fn scope_words_or_null(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = scope_words(generator);
    schema.insert("type".to_owned(), json!(["array", "null"]));
    schema
}

/// Of two ways to say when a key ends, and of two to say what it is bound to, one at most is used.
fn one_end_and_one_binding(schema: &mut Schema) {
    let not_both = |one: &str, other: &str| {
        let is_said = json!({ "not": { "type": "null" } });
        json!({ "not": { "properties": { one: is_said, other: is_said }, "required": [one, other] } })
    };
    let rules = json!([
        not_both("expiresAt", "expiresInSeconds"),
        not_both("workflowId", "workflowPrefix"),
    ]);
    schema.insert("allOf".to_owned(), rules);
}

/// A key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Key")]
pub(super) struct KeyView {
    /// Stays over rotations.
    id: KeyId,
    /// For people.
    name: String,
    /// The text to send as `x-api-key`: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// How the text begins; names it without giving it away.
    key_prefix: String,
    /// How its text is made.
    format: KeyFormat,
    /// What it may do.
    scopes: Vec<String>,
    /// Whether it is let in.
    #[schemars(extend("enum" = ["active", "revoked", "expired", "disabled"]))]
    status: &'static str,
    /// The workflow that it is bound to.
    workflow_id: Option<WorkflowId>,
    /// How the names of the workflows begin that it is bound to.
    workflow_prefix: Option<String>,
    /// The limits in force.
    limits: LimitsView,
    /// When it ends; `null` for never.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
    /// The id of the key that made it, or a word like `control`.
    created_by: String,
    /// When it was used last; written down with some delay.
    #[schemars(extend("format" = "date-time"))]
    last_used_at: Option<String>,
    /// From which address.
    last_used_from: Option<String>,
    /// When it was revoked.
    #[schemars(extend("format" = "date-time"))]
    revoked_at: Option<String>,
    /// The text that will take over when it is first used.
    pending: Option<PendingView>,
    /// The text that was in use before.
    former: Option<FormerView>,
}

/// The limits in force a minute; `null` is no limit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyLimitsInForce")]
struct LimitsView {
    /// For what reads.
    read: Limit,
    /// For what writes.
    write: Limit,
    /// For starts, cancels and retries of runs.
    execute: Limit,
}

/// A key's next text.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PendingKeyText")]
struct PendingView {
    /// How it begins.
    key_prefix: String,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it goes if it was never used.
    #[schemars(extend("format" = "date-time"))]
    lapses_at: Option<String>,
    /// For how long the present text works on then.
    grace_seconds: u32,
}

/// A key's text before the present one.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FormerKeyText")]
struct FormerView {
    /// How it begins.
    key_prefix: String,
    /// Until when it works.
    #[schemars(extend("format" = "date-time"))]
    valid_until: Option<String>,
}

impl LimitsBody {
    /// These limits over those of now.
    pub(super) fn over(self, now: KeyLimits) -> KeyLimits {
        KeyLimits {
            read: self.read.map(Limit::from).or(now.read),
            write: self.write.map(Limit::from).or(now.write),
            execute: self.execute.map(Limit::from).or(now.execute),
        }
    }
}

/// A key as it is told; with its text where that was just made.
pub(super) fn view(ctx: &Ctx, record: &KeyRecord, text: Option<&KeyText>) -> KeyView {
    let [read, write, execute] = ctx.api().keyring.limits_of(record);
    let shown = |secret: &KeySecret| format!("{}{}", record.format.prefix(), secret.public_id);
    let (workflow_id, workflow_prefix) = match &record.reach {
        Reach::All => (None, None),
        Reach::Workflow(id) => (Some(id.clone()), None),
        Reach::Prefix(prefix) => (None, Some(prefix.clone())),
    };
    KeyView {
        id: record.id.clone(),
        name: record.name.clone(),
        key: text.map(|text| text.reveal().to_owned()),
        key_prefix: shown(&record.current),
        format: record.format,
        scopes: record.scopes.clone(),
        status: record.standing(ctx.api().clock.now_ms()).as_str(),
        workflow_id,
        workflow_prefix,
        limits: LimitsView {
            read,
            write,
            execute,
        },
        expires_at: record.expires_at_ms.map(iso_utc),
        created_at: iso_utc(record.created_at_ms),
        updated_at: iso_utc(record.updated_at_ms),
        created_by: record.created_by.clone(),
        last_used_at: record.last_use.as_ref().map(|used| iso_utc(used.at_ms)),
        last_used_from: record.last_use.as_ref().map(|used| used.address.clone()),
        revoked_at: record.revoked_at_ms.map(iso_utc),
        pending: record.pending.as_ref().map(|pending| PendingView {
            key_prefix: shown(&pending.secret),
            created_at: iso_utc(pending.secret.created_at_ms),
            lapses_at: pending.secret.valid_until_ms.map(iso_utc),
            grace_seconds: pending.grace_seconds,
        }),
        former: record.former.as_ref().map(|former| FormerView {
            key_prefix: shown(former),
            valid_until: former.valid_until_ms.map(iso_utc),
        }),
    }
}
