//! What is kept of a flow beside its definition, and their list. May not know what a flow does or who may ask it. Promise:
//! every workflow whose definition is a flow has exactly one record.

use super::workflow_list::end_of_prefix;
use super::workflows::{WORKFLOW_COLUMNS, workflow_columns, workflow_row};
use super::{Store, StoreError, column};
use crate::model::chatflow::{BoundFlow, Chatflow, ChatflowDetails, ChatflowFilter, kind_of};
use crate::model::workflow::{DefinitionFormat, Reach, Workflow};
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;

impl Store {
    /// What is kept of the flow with this row number; nothing of what is no flow. A point read.
    pub fn chatflow(&self, workflow: i64) -> Result<Option<ChatflowDetails>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(DETAILS)?
                .query_and_then([workflow], |row| details(row, 0))?
                .next()
                .transpose()
        })
    }

    /// The flows that are not archived, those that were changed last first.
    pub async fn list_chatflows(
        &self,
        filter: ChatflowFilter,
    ) -> Result<Vec<Chatflow>, StoreError> {
        self.scan(move |connection| list(connection, &filter)).await
    }

    /// The flows that are bound to keys and within the reach, those that were changed last first: by the id of the key, in one query.
    pub async fn flows_of_keys(
        &self,
        reach: Reach,
    ) -> Result<HashMap<String, Vec<BoundFlow>>, StoreError> {
        self.scan(move |connection| {
            let mut statement = connection.prepare_cached(BOUND)?;
            let mut rows = statement.query([])?;
            let mut flows: HashMap<String, Vec<BoundFlow>> = HashMap::new();
            while let Some(row) = rows.next()? {
                let flow = BoundFlow {
                    name: row.get(2)?,
                    category: row.get(3)?,
                    updated_at_ms: row.get(4)?,
                };
                if reach.covers(&column::id(row, 1)?, &flow.name) {
                    flows.entry(row.get(0)?).or_default().push(flow);
                }
            }
            Ok(flows)
        })
        .await
    }
}

/// Reads the keys' own index, in which no other flows are.
pub(super) const BOUND: &str = "
    SELECT f.api_key, w.id, w.name, f.category, w.updated_at_ms
    FROM chatflow f INDEXED BY chatflow_by_api_key CROSS JOIN workflow w ON w.sequence = f.workflow
    WHERE f.api_key IS NOT NULL AND w.status <> 'archived' ORDER BY w.updated_at_ms DESC";

macro_rules! detail_columns {
    () => {
        "f.is_public, f.is_deployed, f.api_key, f.category, f.chatbot_config, f.api_config, f.analytic,
         f.speech_to_text, f.text_to_speech, f.follow_up_prompts, f.mcp_server_config"
    };
}

/// The point read of one record.
pub(super) const DETAILS: &str = concat!(
    "SELECT ",
    detail_columns!(),
    " FROM chatflow f WHERE f.workflow = ?1"
);

macro_rules! list_of {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            workflow_columns!(),
            ", ",
            detail_columns!(),
            " FROM chatflow f
             CROSS JOIN workflow w ON w.sequence = f.workflow
             CROSS JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version
             CROSS JOIN definition d ON d.sequence = v.definition
             LEFT JOIN workflow_canvas c ON c.workflow = w.sequence
             WHERE ",
            $condition,
            "w.status <> 'archived' AND (?2 IS NULL OR w.id = ?2) AND (?3 IS NULL OR w.name >= ?3 AND w.name < ?4)
             ORDER BY w.updated_at_ms DESC, w.sequence DESC"
        )
    };
}

/// Sorts: that flows are read in the order of their changes would want an index that every save pays for.
const LIST: &str = list_of!("?1 IS NULL AND ");

/// Those that are bound to one key.
pub(super) const LIST_OF_KEY: &str = list_of!("f.api_key = ?1 AND ");

fn list(connection: &Connection, filter: &ChatflowFilter) -> Result<Vec<Chatflow>, StoreError> {
    let (id, prefix) = match &filter.reach {
        Reach::All => (None, None),
        Reach::Workflow(id) => (Some(id.as_str()), None),
        Reach::Prefix(prefix) => (None, Some(prefix.as_str())),
    };
    let key = filter.api_key.as_ref().map(|key| key.as_str());
    let sql = if key.is_some() { LIST_OF_KEY } else { LIST };
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_and_then(
        (key, id, prefix, prefix.map(end_of_prefix)),
        |row| -> Result<Chatflow, StoreError> {
            Ok(Chatflow {
                workflow: workflow_row(row)?,
                details: details(row, WORKFLOW_COLUMNS)?,
            })
        },
    )?;
    let is_meant =
        |flow: &Chatflow| kind_of(&flow.workflow).is_some_and(|kind| filter.kinds.contains(&kind));
    found
        .filter(|flow| flow.as_ref().map_or(true, is_meant))
        .collect()
}

fn details(row: &Row<'_>, index: usize) -> Result<ChatflowDetails, StoreError> {
    Ok(ChatflowDetails {
        is_public: row.get(index)?,
        is_deployed: row.get(index + 1)?,
        api_key: column::optional_id(row, index + 2)?,
        category: row.get(index + 3)?,
        chatbot_config: row.get(index + 4)?,
        api_config: row.get(index + 5)?,
        analytic: row.get(index + 6)?,
        speech_to_text: row.get(index + 7)?,
        text_to_speech: row.get(index + 8)?,
        follow_up_prompts: row.get(index + 9)?,
        mcp_server_config: row.get(index + 10)?,
    })
}

/// Sees to it that a workflow which is a flow has a record.
pub(super) fn follow(connection: &Connection, workflow: &Workflow) -> Result<(), StoreError> {
    if workflow.definition.format == DefinitionFormat::Flow {
        connection
            .prepare_cached("INSERT INTO chatflow (workflow) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([workflow.sequence])?;
    }
    Ok(())
}

/// Writes what is kept of the flow with this row number, which has a record. Gives whether it was something else before.
pub(super) fn write(
    connection: &Connection,
    workflow: i64,
    details: &ChatflowDetails,
) -> Result<bool, StoreError> {
    let written = connection
        .prepare_cached(
            "UPDATE chatflow
             SET is_public = ?2, is_deployed = ?3, api_key = ?4, category = ?5, chatbot_config = ?6, api_config = ?7,
                analytic = ?8, speech_to_text = ?9, text_to_speech = ?10, follow_up_prompts = ?11, mcp_server_config = ?12
             WHERE workflow = ?1 AND (is_public, is_deployed, api_key, category, chatbot_config, api_config, analytic,
                speech_to_text, text_to_speech, follow_up_prompts, mcp_server_config)
                IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            workflow,
            details.is_public,
            details.is_deployed,
            details.api_key.as_ref().map(|key| key.as_str()),
            details.category,
            details.chatbot_config,
            details.api_config,
            details.analytic,
            details.speech_to_text,
            details.text_to_speech,
            details.follow_up_prompts,
            details.mcp_server_config,
        ])?;
    Ok(written > 0)
}
