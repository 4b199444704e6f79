//! Executions as they are read of runs: every state, and what is never removed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, chunk, new_run, raw_json};
use super::{Started, WorkflowDraft};
use crate::id::{RunId, WorkflowId};
use crate::model::audit::ChangedBy;
use crate::model::chatflow::{ExecutionFilter, ExecutionRemoval, ExecutionState};
use crate::model::flow::{FlowKind, definition};
use crate::model::run::{RunError, RunStatus};
use crate::model::workflow::{Reach, Workflow};

async fn flow(fixture: &Fixture, name: &str) -> Workflow {
    let drawing = r#"{"nodes":[],"edges":[]}"#;
    let draft = WorkflowDraft::new(
        name.to_owned(),
        None,
        definition(FlowKind::Agentflow, drawing),
    );
    let made = fixture.store.create_workflow(
        WorkflowId::generate(),
        draft,
        ChangedBy::local("test"),
        1_000,
    );
    made.await.unwrap()
}

/// A run that stands so: its status, its error, whether it awaits others, the run whose step has started it.
async fn stands(
    fixture: &Fixture,
    workflow: &Workflow,
    status: RunStatus,
    error: Option<&str>,
    awaits_others: bool,
    parent: Option<i64>,
) -> (i64, RunId) {
    let mut run = new_run(workflow, 2_000);
    run.input = raw_json(r#"{"sessionId":"s"}"#);
    run.parent_sequence = parent;
    let id = run.id.clone();
    let Started::New(sequence) = fixture.store.start_run(run).await.unwrap() else {
        panic!("a new run");
    };
    let mut recorded = chunk(0, 1, status);
    recorded.row.awaits_others = awaits_others;
    recorded.row.error = error.map(|code| RunError {
        code: code.to_owned(),
        message: "why".to_owned(),
        step_id: None,
    });
    fixture.store.append(sequence, recorded).await.unwrap();
    (sequence, id)
}

fn state(fixture: &Fixture, id: &RunId) -> ExecutionState {
    fixture
        .store
        .execution(id)
        .unwrap()
        .expect("an execution")
        .state
}

#[tokio::test]
async fn every_state_is_read_of_the_run() {
    use RunStatus::{Cancelled, Completed, Failed, Running};
    let fixture = Fixture::new();
    let flow = flow(&fixture, "flow").await;
    for (status, error, awaits, expected) in [
        (Running, None, false, ExecutionState::InProgress),
        (Running, None, true, ExecutionState::Stopped),
        (Completed, None, false, ExecutionState::Finished),
        (Failed, Some("STEP_ERROR"), false, ExecutionState::Error),
        (Failed, Some("TIMEOUT"), false, ExecutionState::Timeout),
        (Cancelled, None, false, ExecutionState::Terminated),
    ] {
        let (_, id) = stands(&fixture, &flow, status, error, awaits, None).await;
        assert_eq!(state(&fixture, &id), expected);
        let filter = ExecutionFilter {
            state: Some(expected),
            ..ExecutionFilter::default()
        };
        let (found, total) = fixture.store.list_executions(filter, 0, 10).await.unwrap();
        assert_eq!((found.len(), total), (1, 1), "{expected:?}");
        assert_eq!(
            (&found[0].id, found[0].session_id.as_deref()),
            (&id, Some("s"))
        );
        assert_eq!(found[0].updated_at_ms, 2_500);
    }
    // One that waits for a run below it waits for nobody.
    let (parent, id) = stands(&fixture, &flow, Running, None, true, None).await;
    stands(&fixture, &flow, Running, None, false, Some(parent)).await;
    assert_eq!(state(&fixture, &id), ExecutionState::InProgress);
}

#[tokio::test]
async fn what_is_needed_stays_and_what_goes_takes_everything_with_it() {
    let fixture = Fixture::new();
    let (flow, other) = (
        flow(&fixture, "flow").await,
        fixture.workflow("other").await,
    );
    let ended = |parent| stands(&fixture, &flow, RunStatus::Completed, None, false, parent);
    let (going, going_id) = stands(&fixture, &flow, RunStatus::Running, None, false, None).await;
    let (_, below) = ended(Some(going)).await;
    let (named, named_id) = ended(None).await;
    let (public, public_id) = ended(None).await;
    let (_, of_other) = fixture.ended(&other, RunStatus::Completed).await;
    let sql = "INSERT INTO idempotency VALUES (?1, 'k', ?2, zeroblob(32), 5000)";
    fixture.raw().execute(sql, (flow.sequence, named)).unwrap();
    fixture
        .store
        .set_execution_public(public, true)
        .await
        .unwrap();
    assert!(
        fixture
            .store
            .execution(&public_id)
            .unwrap()
            .unwrap()
            .is_public
    );
    assert_eq!(fixture.store.execution(&of_other).unwrap(), None);

    let remove =
        |ids: Vec<RunId>, reach, now_ms| fixture.store.remove_executions(ids, reach, now_ms);
    use ExecutionRemoval::{Needed, NotFound, Removed};
    let all = vec![
        going_id,
        below,
        named_id.clone(),
        of_other,
        public_id.clone(),
    ];
    let elsewhere = Reach::Prefix("none".to_owned());
    let removed = remove(vec![public_id.clone()], elsewhere, 1).await.unwrap();
    assert_eq!(removed, [NotFound]);
    let removed = remove(all, Reach::All, 4_999).await.unwrap();
    assert_eq!(removed, [Needed, Needed, Needed, NotFound, Removed]);
    let removed = remove(vec![named_id], Reach::All, 5_000).await.unwrap();
    assert_eq!(removed, [Removed], "the key has lapsed");
    let left = |sql: &str| -> i64 { fixture.raw().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(left("SELECT count(*) FROM public_execution"), 0);
    let journal = format!("SELECT count(*) FROM journal WHERE position >> 24 = {public}");
    assert_eq!(left(&journal), 0);
}
