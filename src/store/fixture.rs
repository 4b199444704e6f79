//! What the tests of this layer share: a store in a folder of its own, with a workflow and runs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Chunk, NewRun, RunRow, Started, Store, StoreOptions, WorkflowDraft, WorkflowEdit};
use crate::id::{RunId, WorkflowId};
use crate::model::audit::ChangedBy;
use crate::model::run::{Event, RunStatus, TriggerType};
use crate::model::workflow::{Definition, DefinitionFormat, Workflow};
use serde_json::{json, value::RawValue};
use std::path::PathBuf;
use tempfile::TempDir;

/// A store and the folder that goes with it.
pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) folder: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        Fixture { store, folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// A connection beside the store's, for looking and for damaging.
    pub(super) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    pub(super) fn count(&self, table: &str) -> i64 {
        self.raw()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap()
    }

    pub(super) async fn workflow(&self, name: &str) -> Workflow {
        self.store
            .create_workflow(
                WorkflowId::generate(),
                draft(name, 1),
                ChangedBy::local("control"),
                1_000,
            )
            .await
            .unwrap()
    }

    /// Records a run without events; gives its row number.
    pub(super) async fn run(&self, workflow: &Workflow, created_at_ms: i64) -> (i64, RunId) {
        let run = new_run(workflow, created_at_ms);
        let id = run.id.clone();
        match self.store.start_run(run).await.unwrap() {
            Started::New(sequence) => (sequence, id),
            other => panic!("{other:?}"),
        }
    }

    /// Records a run that ends at once in this status.
    pub(super) async fn ended(&self, workflow: &Workflow, status: RunStatus) -> (i64, RunId) {
        let (sequence, id) = self.run(workflow, 2_000).await;
        self.store
            .append(sequence, chunk(0, 1, status))
            .await
            .unwrap();
        (sequence, id)
    }
}

pub(super) fn open(folder: &TempDir) -> Store {
    let options = StoreOptions {
        readers: 4,
        commit_hook: None,
    };
    Store::open(&folder.path().join("test.db"), options).unwrap()
}

pub(super) fn draft(name: &str, marker: i64) -> WorkflowDraft {
    let definition = Definition {
        format: DefinitionFormat::Steps,
        body: json!({ "trigger": { "type": "api" }, "marker": marker }),
    };
    WorkflowDraft::new(name.into(), None, definition)
}

pub(super) fn edit(name: &str, marker: i64) -> WorkflowEdit {
    WorkflowEdit {
        draft: draft(name, marker),
        change_summary: Some(format!("marker {marker}")),
        expected_version: None,
        by: ChangedBy::local("control"),
        now_ms: 3_000,
    }
}

pub(super) fn raw_json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.into()).unwrap()
}

pub(super) fn new_run(workflow: &Workflow, created_at_ms: i64) -> NewRun {
    let id = RunId::generate();
    NewRun {
        root_id: id.clone(),
        id,
        workflow_sequence: workflow.sequence,
        workflow_version: workflow.version,
        definition_sequence: workflow.definition_sequence,
        has_own_definition: false,
        own_definition: None,
        trigger: TriggerType::Api,
        started_by: Some("key_1".into()),
        account: Some("key_1".into()),
        retry_of: None,
        parent_sequence: None,
        depth: 0,
        top_sequence: None,
        flow_root: None,
        max_below_top: u32::MAX,
        trigger_data: None,
        input: raw_json(r#"{"a": 1}"#),
        created_at_ms,
        idempotency: None,
        fire: None,
        charge: None,
        first: None,
    }
}

/// `count` waits from event `from` on, after which the run is in this status.
pub(super) fn chunk(from: u64, count: u32, status: RunStatus) -> Chunk {
    let events: Vec<Event> = (0..u64::from(count))
        .map(|index| Event::StepWaiting {
            step: format!("s{}", from + index),
            until_ms: 1,
        })
        .collect();
    Chunk {
        from,
        at_ms: 2_500,
        count,
        steps_ended: 0,
        node_outputs: None,
        events: serde_json::to_string(&events).unwrap(),
        row: RunRow {
            status,
            started_at_ms: Some(2_100),
            due_at_ms: None,
            awaits_others: false,
            finished_at_ms: status.is_final().then_some(2_500),
            output: (status == RunStatus::Completed).then(|| raw_json(r#"{"ok":true}"#)),
            error: None,
        },
    }
}
