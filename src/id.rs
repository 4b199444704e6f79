//! The identifiers that clients see: one type a kind, so that a run's id can never be handed where a workflow's is meant.
//! May not know what they identify. Promises: an id holds only `[A-Za-z0-9_-]{1,64}`, so it can stand in a path,
//! a header or a log line as it is; a clone shares its text, for a run's id is kept in many places.

use std::{fmt, str::FromStr, sync::Arc};

/// The text is not an id: empty, longer than 64 characters, or with a character outside `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: ids have 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`")]
pub struct BadId(pub String);

/// What [`is_id`] accepts, for documents.
pub const ID_PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";

/// Whether `text` matches `[A-Za-z0-9_-]{1,64}`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = ID_PATTERN, "examples" = [concat!($prefix, "0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5")]))]
        pub struct $name(Arc<str>);

        impl $name {
            /// A fresh id: UUID version 7 (RFC 9562), so that later ids sort after earlier ones.
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "{}"), uuid::Uuid::now_v7()).into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                if is_id(text) { Ok(Self(text.into())) } else { Err(BadId(text.chars().take(80).collect())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                (*id.0).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A workflow: a bare UUID, as the Workflows API has it.
    WorkflowId, ""
);
id!(
    /// A run: `run_` and a UUID.
    RunId, "run_"
);
id!(
    /// An event that another service sent: `evt_` and a UUID.
    EventId, "evt_"
);
id!(
    /// The record of an API key: `key_` and a UUID. It stays when the key's text is rotated.
    KeyId, "key_"
);
id!(
    /// An agent: `agent_` and a UUID; built-in ones have a word in its place.
    AgentId, "agent_"
);
id!(
    /// A connection: `conn_` and a UUID.
    ConnectionId, "conn_"
);

id!(
    /// An alert: `alert_` and a UUID.
    AlertId, "alert_"
);
id!(
    /// A data table: `tbl_` and a UUID.
    TableId, "tbl_"
);
id!(
    /// A row of a data table: `row_` and a UUID.
    RowId, "row_"
);
id!(
    /// A folder of data tables: `fld_` and a UUID.
    FolderId, "fld_"
);
id!(
    /// A file that a client has uploaded: `media_` and a UUID.
    MediaId, "media_"
);
id!(
    /// A message of a chat: a bare UUID, as Flowise has it.
    ChatMessageId, ""
);
id!(
    /// What somebody said of a message: a bare UUID.
    FeedbackId, ""
);
id!(
    /// Who has left an address with a chat widget: a bare UUID.
    LeadId, ""
);
id!(
    /// A variable that all flows share: a bare UUID.
    VariableId, ""
);

impl RunId {
    /// The same id for the same text: that of a run which stands for another one.
    pub fn derived(text: &str) -> RunId {
        let digest = blake3::hash(text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        RunId(format!("run_{}", uuid::Uuid::from_bytes(bytes)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_alphabet_passes() {
        for good in ["a", "run_0190-x", &"x".repeat(64)] {
            assert!(good.parse::<RunId>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a%2fb", "..", "ä", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<RunId> = (0..50).map(|_| RunId::generate()).collect();
        assert!(ids.is_sorted());
    }
}
