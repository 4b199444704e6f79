//! Rows of a Flowise database, by the names of their columns.

use super::tables::{FEEDBACK, FLOWS, KEYS, MESSAGES, TABLES, Table, VARIABLES};
use super::{BrokenRow, FlowiseFile, FlowiseFileError, RowPlace};
use crate::model::flowise_import::{
    Cell, SourceFeedback, SourceFlow, SourceMessage, SourceVariable, Thing,
};
use crate::secret::SecretText;
use rusqlite::types::ValueRef;
use std::vec::IntoIter;

/// A row of `apikey`.
pub struct FlowiseKey {
    /// `id`.
    pub id: Cell,
    /// `apiKey`: the text itself, which Flowise keeps in plain.
    pub text: SecretText,
    /// `keyName`.
    pub name: Cell,
    /// `permissions`: a list in JSON.
    pub permissions: Cell,
    /// `updatedDate`.
    pub updated: Cell,
}

/// A row, or why it cannot be read.
type Read<T> = Result<Result<T, BrokenRow>, FlowiseFileError>;

/// The cells of a row, in the order of the table's columns.
struct Cells(IntoIter<Cell>);

impl Cells {
    fn next(&mut self) -> Cell {
        self.0.next().flatten()
    }
}

impl FlowiseFile {
    /// Where the rows of what is imported are, in the order in which they are imported.
    pub fn rows(&self, of: Thing) -> Result<Vec<RowPlace>, FlowiseFileError> {
        self.places(match of {
            Thing::Keys => &KEYS,
            Thing::Flows => &FLOWS,
            Thing::Variables => &VARIABLES,
            Thing::Messages => &MESSAGES,
            Thing::Feedback => &FEEDBACK,
        })
    }

    /// How many rows there are, of all that is imported.
    pub fn row_count(&self) -> Result<u64, FlowiseFileError> {
        let mut sum = 0;
        for table in &TABLES {
            sum += self.places(table)?.len() as u64;
        }
        Ok(sum)
    }

    /// A key.
    pub fn key(&self, place: RowPlace) -> Read<FlowiseKey> {
        self.read(&KEYS, place, |cells| FlowiseKey {
            id: cells.next(),
            text: SecretText::new(cells.next().unwrap_or_default()),
            name: cells.next(),
            permissions: cells.next(),
            updated: cells.next(),
        })
    }

    /// A flow.
    pub fn flow(&self, place: RowPlace) -> Read<SourceFlow> {
        self.read(&FLOWS, place, |cells| SourceFlow {
            id: cells.next(),
            name: cells.next(),
            flow_data: cells.next(),
            kind: cells.next(),
            deployed: cells.next(),
            is_public: cells.next(),
            apikeyid: cells.next(),
            category: cells.next(),
            chatbot_config: cells.next(),
            api_config: cells.next(),
            analytic: cells.next(),
            speech_to_text: cells.next(),
            text_to_speech: cells.next(),
            follow_up_prompts: cells.next(),
            mcp_server_config: cells.next(),
            created: cells.next(),
            updated: cells.next(),
        })
    }

    /// A variable.
    pub fn variable(&self, place: RowPlace) -> Read<SourceVariable> {
        self.read(&VARIABLES, place, |cells| SourceVariable {
            id: cells.next(),
            name: cells.next(),
            value: cells.next(),
            kind: cells.next(),
            created: cells.next(),
            updated: cells.next(),
        })
    }

    /// A message.
    pub fn message(&self, place: RowPlace) -> Read<SourceMessage> {
        const OWN_FIELDS: usize = 9;
        self.read(&MESSAGES, place, |cells| SourceMessage {
            id: cells.next(),
            chatflowid: cells.next(),
            role: cells.next(),
            content: cells.next(),
            chat_type: cells.next(),
            chat_id: cells.next(),
            session_id: cells.next(),
            lead_email: cells.next(),
            created: cells.next(),
            more: MESSAGES
                .columns
                .iter()
                .skip(OWN_FIELDS)
                .map(|name| (*name, cells.next()))
                .collect(),
        })
    }

    /// What somebody thought of a message.
    pub fn feedback(&self, place: RowPlace) -> Read<SourceFeedback> {
        self.read(&FEEDBACK, place, |cells| SourceFeedback {
            id: cells.next(),
            chatflowid: cells.next(),
            message_id: cells.next(),
            chat_id: cells.next(),
            rating: cells.next(),
            content: cells.next(),
            created: cells.next(),
        })
    }

    fn read<T>(
        &self,
        table: &Table,
        place: RowPlace,
        make: impl FnOnce(&mut Cells) -> T,
    ) -> Read<T> {
        let broken = |reason: String| BrokenRow {
            place: format!("row {} of {}", place.row, table.name),
            reason,
        };
        let most = table.max_row_bytes;
        if place.bytes > most {
            return Ok(Err(broken(format!("it has more than {most} bytes"))));
        }
        let cells = self
            .connection
            .prepare_cached(table.one)
            .and_then(|mut statement| {
                statement.query_row([place.row], |row| {
                    let cell = |index| Ok(cell(row.get_ref(index)?, table, index));
                    let cells = (0..table.columns.len()).map(cell);
                    Ok(cells
                        .collect::<rusqlite::Result<Vec<_>>>()?
                        .into_iter()
                        .collect::<Result<Vec<Cell>, String>>())
                })
            });
        let cells = cells.map_err(|error| self.unreadable(&error))?;
        Ok(cells
            .map(|cells| make(&mut Cells(cells.into_iter())))
            .map_err(broken))
    }
}

/// A value as text. Any type may stand in any column of such a table.
fn cell(value: ValueRef<'_>, table: &Table, index: usize) -> Result<Cell, String> {
    let column = || table.columns.get(index).copied().unwrap_or_default();
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(
            std::str::from_utf8(bytes)
                .map_err(|_| format!("`{}` is not UTF-8", column()))?
                .to_owned(),
        ),
        ValueRef::Blob(_) => return Err(format!("`{}` is no text", column())),
    })
}
