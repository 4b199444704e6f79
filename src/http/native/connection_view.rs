//! What is sent and told about connections. A credential goes in and never comes out.

use crate::clock::iso_utc;
use crate::engine::connections::Credentials;
use crate::id::{ConnectionId, ID_PATTERN};
use crate::model::connection::{BoundHost, Connection, ConnectionKind, ConnectionStatus};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Which connections are listed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only those of this provider.
    pub(super) provider: Option<String>,
    /// Only those in this status.
    #[schemars(with = "Option<StatusWord>")]
    pub(super) status: Option<ConnectionStatus>,
    /// How many at most, 1 to 100; 50 when it is left out.
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// Where the page before ended.
    pub(super) cursor: Option<String>,
}

/// A connection to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "NewConnection")]
pub(super) struct CreateBody {
    /// What people call it, 1 to 255 characters.
    #[schemars(length(min = 1, max = 255))]
    pub(super) name: String,
    /// The service, one word: what steps name.
    #[schemars(regex(pattern = ID_PATTERN))]
    pub(super) provider: String,
    /// How the credential is presented.
    #[serde(rename = "type")]
    #[schemars(with = "KindWord")]
    pub(super) kind: String,
    /// The credential; its fields go by the type.
    #[schemars(with = "CredentialFields")]
    pub(super) credentials: Credentials,
    /// Where it may be sent: `host` (every port) or `host:port`. A mail server may leave it out: it is its own host.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(super) hosts: Vec<String>,
    /// Whether it is the one that is meant when several of its provider are active; the former one steps back.
    #[serde(default)]
    pub(super) is_default: bool,
}

/// What is to be changed of a connection; what is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "ConnectionChange")]
pub(super) struct ChangeBody {
    /// What people call it.
    #[schemars(length(min = 1, max = 255))]
    pub(super) name: Option<String>,
    /// Another credential, whole.
    #[schemars(with = "Option<CredentialFields>")]
    pub(super) credentials: Option<Credentials>,
    /// Where the credential may be sent. A new host needs `credentials` too.
    #[schemars(length(max = 20))]
    pub(super) hosts: Option<Vec<String>>,
    /// Whether it is its provider's default one.
    pub(super) is_default: Option<bool>,
}

/// How a connection is tested.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConnectionTestRequest")]
pub(super) struct TestBody {
    /// A URL on a bound host, or a path on the first one over https; `/` when it is left out.
    pub(super) url: Option<String>,
}

/// A connection; its credential is not shown to anybody.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Connection")]
pub(super) struct ConnectionView<'a> {
    /// `conn_` and a UUID.
    id: &'a ConnectionId,
    /// What people call it.
    name: &'a str,
    /// The service.
    provider: &'a str,
    /// How the credential is presented.
    #[serde(rename = "type")]
    #[schemars(with = "KindWord")]
    kind: ConnectionKind,
    /// `active`, or `error` after a test that was refused.
    #[schemars(with = "StatusWord")]
    status: ConnectionStatus,
    /// Where the credential may be sent.
    #[schemars(with = "Vec<String>")]
    hosts: &'a [BoundHost],
    /// Whether it is its provider's default one.
    is_default: bool,
    /// Always null: no account is asked for.
    external_account_id: Option<&'a str>,
    /// Always null: nothing is synchronised.
    #[schemars(extend("format" = "date-time"))]
    last_synced_at: Option<String>,
    /// What the last test found, in words.
    last_test: Option<&'a str>,
    /// When it was last tested.
    #[schemars(extend("format" = "date-time"))]
    last_tested_at: Option<String>,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it was last changed.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

/// What a test found.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ConnectionTest")]
pub(super) struct TestView<'a> {
    /// Whether the other side took the call.
    pub(super) ok: bool,
    /// Its status; null when there was no answer.
    pub(super) status: Option<u16>,
    /// In words.
    pub(super) message: &'a str,
    /// When.
    #[schemars(extend("format" = "date-time"))]
    pub(super) tested_at: String,
}

/// What deleting answers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeletedConnection")]
pub(super) struct DeletedView<'a> {
    /// What is gone.
    pub(super) id: &'a ConnectionId,
    /// Always true.
    pub(super) deleted: bool,
}

/// A connection as it is shown.
pub(super) fn view(connection: &Connection) -> ConnectionView<'_> {
    ConnectionView {
        id: &connection.id,
        name: &connection.name,
        provider: &connection.provider,
        kind: connection.kind,
        status: connection.status,
        hosts: &connection.hosts,
        is_default: connection.is_default,
        external_account_id: None,
        last_synced_at: None,
        last_test: connection.last_test.as_deref(),
        last_tested_at: connection.last_tested_at_ms.map(iso_utc),
        created_at: iso_utc(connection.created_at_ms),
        updated_at: iso_utc(connection.updated_at_ms),
    }
}

/// How the document shows [`ConnectionKind`].
enum KindWord {}

impl JsonSchema for KindWord {
    fn schema_name() -> Cow<'static, str> {
        "ConnectionType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How a connection's credential is presented.",
            "type": "string",
            "enum": ConnectionKind::ALL,
        })
    }
}

/// How the document shows [`ConnectionStatus`].
enum StatusWord {}

impl JsonSchema for StatusWord {
    fn schema_name() -> Cow<'static, str> {
        "ConnectionStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether a connection is thought to work. No connection is in another status than `active` or `error`.",
            "type": "string",
            "enum": ConnectionStatus::ALL,
        })
    }
}

/// How the document shows [`Credentials`].
enum CredentialFields {}

impl JsonSchema for CredentialFields {
    fn schema_name() -> Cow<'static, str> {
        "Credentials".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The fields of a credential. `api-key`: `key`, `in` (`header` or `query`), `name`. `bearer`: `token`. \
                `basic`: `username`, `password`. `smtp`: `host`, `port`, `security`, `username`, `password`, `from`.",
            "type": "object",
            "additionalProperties": { "type": ["string", "integer"], "minimum": 0 },
            "maxProperties": 20,
            "writeOnly": true,
        })
    }
}
