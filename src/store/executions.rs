//! Executions of flows: runs, read as Flowise's clients know them. May not know journals' events. Promises: nothing of a run
//! is kept here a second time but whether it is public; an unfinished run is never removed.

use super::retention::{REMOVE_FINISHED, forget};
use super::run_list::find_workflow;
use super::workflow_list::end_of_prefix;
use super::{Store, StoreError, column};
use crate::id::RunId;
use crate::model::chatflow::{Execution, ExecutionFilter, ExecutionRemoval, ExecutionState};
use crate::model::workflow::Reach;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

impl Store {
    /// One execution; `None` also of a run of what is no flow. A point read.
    pub fn execution(&self, id: &RunId) -> Result<Option<Execution>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(ONE)?
                .query_and_then([id.as_str()], execution)?
                .next()
                .transpose()
        })
    }

    /// So many executions after the first so many, newest first; and how many there are.
    pub async fn list_executions(
        &self,
        filter: ExecutionFilter,
        skipped: usize,
        limit: usize,
    ) -> Result<(Vec<Execution>, u64), StoreError> {
        self.scan(move |connection| list(connection, &filter, skipped, limit))
            .await
    }

    /// Shows the execution of this run to everybody who knows its id, or to them no more.
    pub async fn set_execution_public(
        &self,
        run_sequence: i64,
        is_public: bool,
    ) -> Result<(), StoreError> {
        let sql = if is_public {
            "INSERT INTO public_execution (run) SELECT sequence FROM run WHERE sequence = ?1 ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM public_execution WHERE run = ?1"
        };
        self.write(move |connection| {
            connection.prepare_cached(sql)?.execute([run_sequence])?;
            Ok(())
        })
        .await
    }

    /// Removes executions that have ended, with their journals. What became of each, in the order of the ids.
    pub async fn remove_executions(
        &self,
        ids: Vec<RunId>,
        reach: Reach,
        now_ms: i64,
    ) -> Result<Vec<ExecutionRemoval>, StoreError> {
        self.write(move |connection| {
            ids.iter()
                .map(|id| remove(connection, id, &reach, now_ms))
                .collect()
        })
        .await
    }
}

/// Where a run stands, in Flowise's words. One that waits for others but for no run below it waits for somebody.
macro_rules! state_sql {
    () => {
        "CASE r.status WHEN 'completed' THEN 'FINISHED' WHEN 'cancelled' THEN 'TERMINATED'
            WHEN 'failed' THEN CASE WHEN r.error ->> '$.code' = 'TIMEOUT' THEN 'TIMEOUT' ELSE 'ERROR' END
            ELSE CASE WHEN r.awaits_others = 1 AND NOT EXISTS (SELECT 1 FROM run c
                WHERE c.parent = r.sequence AND (c.status = 'pending' OR c.status = 'running'))
            THEN 'STOPPED' ELSE 'INPROGRESS' END END"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "r.sequence, r.id, ",
            state_sql!(),
            ", w.id, w.name, CAST(r.input ->> '$.sessionId' AS TEXT),
            EXISTS (SELECT 1 FROM public_execution p WHERE p.run = r.sequence), r.created_at_ms,
            coalesce(r.finished_at_ms, (SELECT j.at_ms FROM journal j
                WHERE j.position >= r.sequence << 24 AND j.position < (r.sequence + 1) << 24
                ORDER BY j.position DESC LIMIT 1), r.created_at_ms)"
        )
    };
}

/// The runs that a filter leaves, `?1` to `?9`: flow by flow, so that runs of anything else cost nothing. The session, which
/// stands in the input, is looked at last.
macro_rules! matching {
    () => {
        concat!(
            " FROM chatflow f CROSS JOIN workflow w ON w.sequence = f.workflow
             CROSS JOIN run r INDEXED BY run_by_workflow ON r.workflow = f.workflow
             WHERE (?1 IS NULL OR f.workflow = ?1)
                AND (?2 IS NULL OR r.id = ?2)
                AND (?3 IS NULL OR instr(lower(w.name), lower(?3)) > 0)
                AND (?4 IS NULL OR r.created_at_ms >= ?4)
                AND (?5 IS NULL OR r.created_at_ms <= ?5)
                AND (?6 IS NULL OR w.name >= ?6 AND w.name < ?7)
                AND (?8 IS NULL OR ?8 = ",
            state_sql!(),
            ") AND (?9 IS NULL OR r.input ->> '$.sessionId' = ?9)"
        )
    };
}

pub(super) const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM run r CROSS JOIN chatflow f ON f.workflow = r.workflow CROSS JOIN workflow w ON w.sequence = r.workflow
     WHERE r.id = ?1"
);

/// What is told of a run is read of those on the page alone.
const PAGE: &str = concat!(
    "WITH found AS MATERIALIZED (SELECT r.sequence",
    matching!(),
    " ORDER BY r.sequence DESC LIMIT ?10 OFFSET ?11) SELECT ",
    columns!(),
    " FROM found CROSS JOIN run r ON r.sequence = found.sequence CROSS JOIN workflow w ON w.sequence = r.workflow
     ORDER BY found.sequence DESC"
);

const COUNT: &str = concat!("SELECT count(*)", matching!());

pub(super) const NAMED_BY_KEY: &str =
    "SELECT 1 FROM idempotency WHERE workflow = ?1 AND run = ?2 AND expires_at_ms > ?3";

fn list(
    connection: &Connection,
    filter: &ExecutionFilter,
    skipped: usize,
    limit: usize,
) -> Result<(Vec<Execution>, u64), StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let only = match (&filter.flow_id, &filter.reach) {
        (Some(id), _) | (None, Reach::Workflow(id)) => Some(id),
        (None, Reach::All | Reach::Prefix(_)) => None,
    };
    let flow = match only {
        None => None,
        Some(id) => match find_workflow(&snapshot, id)? {
            Some((sequence, name)) if filter.reach.covers(id, &name) => Some(sequence),
            _ => return Ok((Vec::new(), 0)),
        },
    };
    let prefix = match &filter.reach {
        Reach::Prefix(prefix) => Some(prefix.as_str()),
        Reach::All | Reach::Workflow(_) => None,
    };
    let state = filter.state.map(ExecutionState::as_str);
    let end = prefix.map(end_of_prefix);
    let asked = params![
        flow,
        filter.id,
        filter.flow_name,
        filter.from_ms,
        filter.until_ms,
        prefix,
        end,
        state,
        filter.session_id,
    ];
    let total: i64 = snapshot
        .prepare_cached(COUNT)?
        .query_row(asked, |row| row.get(0))?;
    let [skipped, limit] = column::place(skipped, limit);
    let place: [&dyn rusqlite::ToSql; 2] = [&limit, &skipped];
    let asked: Vec<&dyn rusqlite::ToSql> = asked.iter().copied().chain(place).collect();
    let mut statement = snapshot.prepare_cached(PAGE)?;
    let found = statement.query_and_then(asked.as_slice(), execution)?;
    let found = found.collect::<Result<_, StoreError>>()?;
    Ok((found, u64::try_from(total).unwrap_or_default()))
}

fn execution(row: &Row<'_>) -> Result<Execution, StoreError> {
    Ok(Execution {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        state: column::word(row, 2, ExecutionState::parse)?,
        flow_id: column::id(row, 3)?,
        flow_name: row.get(4)?,
        session_id: row.get(5)?,
        is_public: row.get(6)?,
        created_at_ms: row.get(7)?,
        updated_at_ms: row.get(8)?,
    })
}

pub(super) const REMOVABLE: &str = "
    SELECT r.sequence, r.workflow, w.id, w.name, r.finished_at_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM run p
        WHERE p.sequence = r.parent AND p.finished_at_ms IS NULL)
    FROM run r CROSS JOIN chatflow f ON f.workflow = r.workflow CROSS JOIN workflow w ON w.sequence = r.workflow
    WHERE r.id = ?1";

fn remove(
    connection: &Connection,
    id: &RunId,
    reach: &Reach,
    now_ms: i64,
) -> Result<ExecutionRemoval, StoreError> {
    type Found = (i64, i64, crate::id::WorkflowId, String, bool);
    let found = |row: &Row<'_>| -> Result<Found, StoreError> {
        Ok((
            row.get(0)?,
            row.get(1)?,
            column::id(row, 2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    };
    let found = connection
        .prepare_cached(REMOVABLE)?
        .query_and_then([id.as_str()], found)?
        .next()
        .transpose()?;
    let Some((run, workflow, _, _, has_ended)) =
        found.filter(|(_, _, flow, name, _)| reach.covers(flow, name))
    else {
        return Ok(ExecutionRemoval::NotFound);
    };
    let named = connection
        .prepare_cached(NAMED_BY_KEY)?
        .exists((workflow, run, now_ms))?;
    if !has_ended || named {
        return Ok(ExecutionRemoval::Needed);
    }
    let own: Option<Option<i64>> = connection
        .prepare_cached(REMOVE_FINISHED)?
        .query_row([run], |row| row.get(0))
        .optional()?;
    if let Some(own_definition) = own {
        forget(connection, run, own_definition)?;
    }
    Ok(ExecutionRemoval::Removed)
}
