//! What is sent and told about keys in Flowise's door. A key's text stands in the answer that makes it and nowhere else.

use super::{WORKSPACE, worded};
use crate::auth::KeyText;
use crate::clock::iso_utc;
use crate::http::describe::NAME_PATTERN;
use crate::http::problem::Problem;
use crate::id::KeyId;
use crate::model::chatflow::BoundFlow;
use crate::model::key::KeyRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warp::http::StatusCode;

/// A key to make, or what one is to be from now on. Fields that are not known are let be.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FlowiseKeyBody")]
pub(super) struct KeyBody {
    /// For people, 1 to 255 characters.
    #[schemars(with = "String", required, length(max = 255), extend("pattern" = NAME_PATTERN))]
    key_name: Option<Value>,
    /// What the key may do: words like `chatflows:view`, at least one; none that the calling key lacks.
    #[schemars(with = "Vec<String>", required)]
    permissions: Option<Value>,
    /// When it ends; never, if absent or `null`. Flowise's own keys have no end.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    expires_at: Option<Value>,
}

/// The same, found to be what it should.
pub(super) struct KeyRequest {
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
    pub(super) expires_at_ms: Option<i64>,
}

impl KeyBody {
    /// Reads the fields. `function` is by what Flowise names the place of a mistake.
    pub(super) fn read(self, function: &str) -> Result<KeyRequest, Problem> {
        let lacking = |what: &str| {
            worded(
                StatusCode::PRECONDITION_FAILED,
                format!("Error: apikeyController.{function} - {what}"),
            )
        };
        let name = match self.key_name {
            Some(Value::String(name)) if !name.is_empty() => name,
            _ => return Err(lacking("keyName not provided!")),
        };
        let permissions = self.permissions.and_then(strings);
        let permissions =
            permissions.ok_or_else(|| lacking("permissions must be an array of strings!"))?;
        let expires_at_ms = match self.expires_at {
            None | Some(Value::Null) => None,
            Some(moment) => {
                let read = moment.as_str().and_then(crate::clock::parse_iso);
                Some(read.ok_or_else(|| {
                    Problem::invalid("`expiresAt` is a date like 2030-01-31T00:00:00Z.")
                })?)
            }
        };
        Ok(KeyRequest {
            name,
            permissions,
            expires_at_ms,
        })
    }
}

/// A list of texts that has some.
fn strings(value: Value) -> Option<Vec<String>> {
    serde_json::from_value(value)
        .ok()
        .filter(|words: &Vec<String>| !words.is_empty())
}

/// Which keys to list.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListQuery {
    /// Which page, from 1; all keys without it.
    pub(super) page: Option<i64>,
    /// How many a page.
    pub(super) limit: Option<i64>,
}

/// A key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FlowiseKey")]
pub(super) struct KeyView {
    /// Stays over rotations.
    id: KeyId,
    /// For people.
    key_name: String,
    /// Its whole text in the answer that makes it; elsewhere how it begins, and `***`.
    api_key: String,
    /// What it may do.
    permissions: Vec<String>,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_date: String,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    updated_date: String,
    /// When it ends, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// Always `default`.
    workspace_id: &'static str,
    /// The chatflows that are bound to it.
    chat_flows: Vec<BoundView>,
}

/// A chatflow that is bound to a key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FlowiseBoundFlow")]
pub(super) struct BoundView {
    /// Its name.
    pub(super) flow_name: String,
    /// Its categories, with `;` between them.
    pub(super) category: Option<String>,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    pub(super) updated_date: String,
}

impl BoundView {
    /// A flow as it is told beside its key.
    pub(super) fn of(flow: BoundFlow) -> BoundView {
        BoundView {
            flow_name: flow.name,
            category: flow.category,
            updated_date: iso_utc(flow.updated_at_ms),
        }
    }
}

/// Some keys: all of them, or one page.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FlowiseKeys")]
pub(super) enum KeysView {
    /// All.
    All(Vec<KeyView>),
    /// One page.
    Page(KeyPage),
}

/// A page of keys.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowiseKeyPage")]
pub(super) struct KeyPage {
    /// How many there are on all pages.
    pub(super) total: usize,
    /// Those of this page.
    pub(super) data: Vec<KeyView>,
}

/// A key as it is told; with its text where that was just made.
pub(super) fn view(record: &KeyRecord, text: Option<&KeyText>, flows: Vec<BoundView>) -> KeyView {
    let masked = || format!("{}{}***", record.format.prefix(), record.current.public_id);
    KeyView {
        id: record.id.clone(),
        key_name: record.name.clone(),
        api_key: text.map_or_else(masked, |text| text.reveal().to_owned()),
        permissions: record.scopes.clone(),
        created_date: iso_utc(record.created_at_ms),
        updated_date: iso_utc(record.updated_at_ms),
        expires_at: record.expires_at_ms.map(iso_utc),
        workspace_id: WORKSPACE,
        chat_flows: flows,
    }
}
