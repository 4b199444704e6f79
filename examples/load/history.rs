//! A long history: many finished runs of the first workflow in a data folder, recorded through the store.

use crate::Result;
use flowlatch::id::RunId;
use flowlatch::model::page::PageRequest;
use flowlatch::model::run::{RunStatus, TriggerType};
use flowlatch::model::workflow::WorkflowFilter;
use flowlatch::store::{Chunk, NewRun, RunRow, Store, StoreOptions};
use indicatif::ProgressBar;
use serde_json::value::RawValue;
use std::path::Path;

const AT_ONCE: usize = 500;
const OUTPUT: &str =
    r#"{"value":42,"note":"one of very many runs, with an output of the usual size"}"#;

/// Child: records so many runs.
pub(crate) fn seed(folder: &str, runs: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let options = StoreOptions {
            readers: 2,
            commit_hook: None,
        };
        let store = Store::open(&Path::new(folder).join("flowlatch.db"), options)?;
        let page = store
            .list_workflows(WorkflowFilter::default(), PageRequest::default())
            .await?;
        let id = &page.items.first().ok_or("the folder has no workflow")?.id;
        let workflow = store.workflow(id)?.ok_or("the workflow is gone")?;
        let progress = ProgressBar::new(runs as u64);
        for from in (0..runs).step_by(AT_ONCE) {
            let count = AT_ONCE.min(runs - from);
            let started = (0..count).map(|n| {
                store.start_run(finished(&workflow, 1_700_000_000_000 + (from + n) as i64))
            });
            futures_util::future::try_join_all(started).await?;
            progress.inc(count as u64);
        }
        store.close().await;
        Ok(())
    })
}

fn finished(workflow: &flowlatch::model::workflow::Workflow, at_ms: i64) -> NewRun {
    let id = RunId::generate();
    let output = RawValue::from_string(OUTPUT.to_owned()).ok();
    let events = format!(
        r#"[{{"type":"run.started"}},{{"type":"step.completed","step":"s0","output":{OUTPUT}}},{{"type":"run.completed","output":{OUTPUT}}}]"#
    );
    NewRun {
        root_id: id.clone(),
        id,
        workflow_sequence: workflow.sequence,
        workflow_version: workflow.version,
        definition_sequence: workflow.definition_sequence,
        trigger: TriggerType::Api,
        started_by: Some("abcdefgh".to_owned()),
        account: None,
        retry_of: None,
        parent_sequence: None,
        depth: 0,
        top_sequence: None,
        flow_root: None,
        max_below_top: u32::MAX,
        trigger_data: None,
        fire: None,
        charge: None,
        input: RawValue::from_string(r#"{"amount":42,"name":"Ada"}"#.to_owned())
            .unwrap_or_default(),
        created_at_ms: at_ms,
        idempotency: None,
        has_own_definition: false,
        own_definition: None,
        first: Some(Chunk {
            node_outputs: None,
            from: 0,
            at_ms,
            count: 3,
            steps_ended: 1,
            events,
            row: RunRow {
                status: RunStatus::Completed,
                started_at_ms: Some(at_ms),
                due_at_ms: None,
                awaits_others: false,
                finished_at_ms: Some(at_ms),
                output,
                error: None,
            },
        }),
    }
}
