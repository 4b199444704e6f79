//! Agents that clients made. May not know those that came with the server, nor how a model is called.
//! Promise: a page holds each agent once, newest first, whatever is added meanwhile.

use super::{Edit, Store, StoreError, column, cursor};
use crate::id::AgentId;
use crate::model::agent::{Agent, AgentDraft, AgentFilter, AgentProvider, AgentStatus, AgentType};
use crate::model::page::{Cursor, Page, PageRequest};
use rusqlite::{Connection, Row, named_params};

/// More agents than this are not stored.
pub const MAX_AGENTS: i64 = 10_000;

impl Store {
    /// The agent with this id. A point read.
    pub fn agent(&self, id: &AgentId) -> Result<Option<Agent>, StoreError> {
        self.read(|connection| agent(connection, id))
    }

    /// A page of agents, newest first.
    pub async fn list_agents(
        &self,
        filter: AgentFilter,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        self.scan(move |connection| list(connection, &filter, &page))
            .await
    }

    /// Adds an agent; `false` when there are [`MAX_AGENTS`] already.
    pub async fn insert_agent(&self, agent: Agent) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM agent")?
                .query_row([], |row| row.get(0))?;
            if count >= MAX_AGENTS {
                return Ok(false);
            }
            write(connection, INSERT, &agent)?;
            Ok(true)
        })
        .await
    }

    /// Replaces what an agent is, if it still is as `former`; else a conflict.
    pub async fn replace_agent(
        &self,
        id: AgentId,
        former: AgentDraft,
        draft: AgentDraft,
        now_ms: i64,
    ) -> Result<Edit<Agent>, StoreError> {
        self.write(move |connection| {
            let Some(mut found) = agent(connection, &id)? else {
                return Ok(Edit::NotFound);
            };
            if found.draft != former {
                return Ok(Edit::Conflict("the agent was changed meanwhile".to_owned()));
            }
            found.draft = draft;
            found.updated_at_ms = now_ms;
            write(connection, UPDATE, &found)?;
            Ok(Edit::Done(found))
        })
        .await
    }

    /// Removes an agent; whether there was one.
    pub async fn delete_agent(&self, id: AgentId) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached("DELETE FROM agent WHERE id = ?1")?
                .execute([id.as_str()])?;
            Ok(removed > 0)
        })
        .await
    }
}

macro_rules! select {
    ($narrowing:literal) => {
        concat!(
            "SELECT id, name, description, type, status, provider, model, system_prompt, output_schema, temperature,
                max_tokens, connection, created_at_ms, updated_at_ms
             FROM agent WHERE ",
            $narrowing
        )
    };
}

pub(super) const BY_ID: &str = select!("id = ?1");
pub(super) const NEWEST: &str = select!("sequence < ?1 ORDER BY sequence DESC");
pub(super) const OLDER: &str = "SELECT max(sequence) FROM agent
     WHERE created_at_ms < ?1 OR created_at_ms = ?1 AND id < ?2";
const KNOWN: &str = "SELECT sequence FROM agent WHERE id = ?1";

const INSERT: &str = "
    INSERT INTO agent (id, name, description, type, status, provider, model, system_prompt, output_schema, temperature,
        max_tokens, connection, created_at_ms, updated_at_ms)
    VALUES (:id, :name, :description, :type, :status, :provider, :model, :system_prompt, :output_schema, :temperature,
        :max_tokens, :connection, :created_at_ms, :updated_at_ms)";

const UPDATE: &str = "
    UPDATE agent SET name = :name, description = :description, type = :type, status = :status, provider = :provider,
        model = :model, system_prompt = :system_prompt, output_schema = :output_schema, temperature = :temperature,
        max_tokens = :max_tokens, connection = :connection, created_at_ms = :created_at_ms,
        updated_at_ms = :updated_at_ms
    WHERE id = :id";

fn write(connection: &Connection, sql: &'static str, agent: &Agent) -> Result<(), StoreError> {
    let draft = &agent.draft;
    let schema = draft
        .output_schema
        .as_ref()
        .map(column::to_json)
        .transpose()?;
    connection.prepare_cached(sql)?.execute(named_params! {
        ":id": agent.id.as_str(),
        ":name": draft.name,
        ":description": draft.description,
        ":type": draft.agent_type.as_str(),
        ":status": draft.status.as_str(),
        ":provider": draft.provider.as_str(),
        ":model": draft.model,
        ":system_prompt": draft.system_prompt,
        ":output_schema": schema,
        ":temperature": draft.temperature,
        ":max_tokens": draft.max_tokens,
        ":connection": draft.connection_id,
        ":created_at_ms": agent.created_at_ms,
        ":updated_at_ms": agent.updated_at_ms,
    })?;
    Ok(())
}

fn agent(connection: &Connection, id: &AgentId) -> Result<Option<Agent>, StoreError> {
    let mut statement = connection.prepare_cached(BY_ID)?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(read).transpose()
}

fn list(
    connection: &Connection,
    filter: &AgentFilter,
    page: &PageRequest,
) -> Result<Page<Agent>, StoreError> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let snapshot = connection.unchecked_transaction()?;
    let before = cursor::before(&snapshot, KNOWN, OLDER, page.after.as_ref())?;
    let mut statement = snapshot.prepare_cached(NEWEST)?;
    let mut rows = statement.query([before])?;
    let mut items: Vec<Agent> = Vec::new();
    while let Some(row) = rows.next()? {
        let found = read(row)?;
        if !filter.wants(&found.draft) {
            continue;
        }
        if items.len() == limit {
            let next = items.last().map(|last| Cursor {
                ts: last.created_at_ms,
                id: last.id.as_str().to_owned(),
            });
            return Ok(Page { items, next });
        }
        items.push(found);
    }
    Ok(Page { items, next: None })
}

fn read(row: &Row<'_>) -> Result<Agent, StoreError> {
    Ok(Agent {
        id: column::id(row, 0)?,
        draft: AgentDraft {
            name: row.get(1)?,
            description: row.get(2)?,
            agent_type: column::word(row, 3, AgentType::parse)?,
            status: column::word(row, 4, AgentStatus::parse)?,
            provider: column::word(row, 5, AgentProvider::parse)?,
            model: row.get(6)?,
            system_prompt: row.get(7)?,
            output_schema: column::optional_json(row, 8)?,
            temperature: row.get(9)?,
            max_tokens: row.get(10)?,
            connection_id: row.get(11)?,
        },
        is_built_in: false,
        created_at_ms: row.get(12)?,
        updated_at_ms: row.get(13)?,
    })
}
