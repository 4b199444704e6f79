//! Schedules on disk: what a firing writes, all of it or nothing, and how much of the log is kept.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, new_run};
use super::{Fire, NewRun, Started, WorkflowDraft, WorkflowEdit};
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::trigger::FiringOutcome;
use crate::model::workflow::{Definition, DefinitionFormat, Workflow, WorkflowStatus};
use crate::store::Edit;
use serde_json::json;

const MINUTE_MS: i64 = 60_000;

/// An active workflow that fires every minute from the first on.
async fn scheduled(fixture: &Fixture) -> Workflow {
    let interval = json!({ "value": 1, "unit": "minutes" });
    let definition = Definition {
        format: DefinitionFormat::Steps,
        body: json!({ "trigger": { "type": "schedule", "interval": interval }, "steps": [] }),
    };
    let draft = WorkflowDraft::new("scheduled".into(), None, definition);
    let (id, by) = (WorkflowId::generate(), ChangedBy::local("control"));
    let workflow = fixture
        .store
        .create_workflow(id, draft, by, 0)
        .await
        .unwrap();
    assert_eq!(fixture.count("schedule"), 0, "a draft has none");
    let active = fixture.store.set_workflow_status(
        workflow.id.clone(),
        WorkflowStatus::Active,
        ChangedBy::local("test"),
        0,
    );
    match active.await.unwrap() {
        Edit::Done(workflow) => workflow,
        other => panic!("{other:?}"),
    }
}

fn fire(workflow: &Workflow, due_ms: i64) -> Fire {
    Fire {
        workflow_sequence: workflow.sequence,
        due_ms,
        next_fire_ms: Some(due_ms + MINUTE_MS),
        scheduled_at_ms: due_ms,
        fired_at_ms: due_ms + 5,
        missed: 0,
        outcome: FiringOutcome::Started,
        error: None,
    }
}

fn fired_run(workflow: &Workflow, fire: Fire) -> NewRun {
    NewRun {
        fire: Some(fire),
        ..new_run(workflow, 1)
    }
}

#[tokio::test]
async fn a_time_starts_one_run_and_a_late_comer_writes_nothing() {
    let fixture = Fixture::new();
    let workflow = scheduled(&fixture).await;
    let store = &fixture.store;
    assert_eq!(store.next_fire_ms().unwrap(), Some(MINUTE_MS));
    assert_eq!(store.due_schedules(MINUTE_MS - 1, 9).unwrap(), []);
    assert_eq!(store.due_schedules(MINUTE_MS, 9).unwrap().len(), 1);
    let first = fired_run(&workflow, fire(&workflow, MINUTE_MS));
    let id = first.id.clone();
    assert!(matches!(
        store.start_run(first).await.unwrap(),
        Started::New(_)
    ));
    let status = store.schedule_status(workflow.sequence).unwrap();
    assert_eq!(status.next_fire_ms, Some(2 * MINUTE_MS));
    assert_eq!(status.last_run_at_ms, Some(MINUTE_MS + 5));
    assert!(store.has_fired(workflow.sequence, MINUTE_MS).unwrap());

    // The same time again; another time under a due that has passed; a served time under the due that is.
    let served = Fire {
        scheduled_at_ms: MINUTE_MS,
        ..fire(&workflow, 2 * MINUTE_MS)
    };
    for late in [
        fire(&workflow, MINUTE_MS),
        fire(&workflow, 3 * MINUTE_MS),
        served,
    ] {
        let started = store.start_run(fired_run(&workflow, late)).await.unwrap();
        assert!(matches!(started, Started::NotDue), "{started:?}");
    }
    let mut skipped = fire(&workflow, MINUTE_MS);
    skipped.outcome = FiringOutcome::SkippedMissed;
    store.log_firing(skipped).await.unwrap();
    store
        .pass_over(workflow.sequence, MINUTE_MS, None)
        .await
        .unwrap();
    assert_eq!((fixture.count("run"), fixture.count("firing")), (1, 1));
    let log = store.firings(&workflow.id, None, 10).await.unwrap();
    assert_eq!(log[0].run_id.as_ref(), Some(&id));
    assert_eq!(store.next_fire_ms().unwrap(), Some(2 * MINUTE_MS));
}

#[tokio::test]
async fn a_run_that_is_not_recorded_leaves_its_time_due() {
    let fixture = Fixture::new();
    let workflow = scheduled(&fixture).await;
    let mut run = fired_run(&workflow, fire(&workflow, MINUTE_MS));
    run.workflow_version = 7;
    let started = fixture.store.start_run(run).await.unwrap();
    assert!(matches!(started, Started::VersionChanged), "{started:?}");
    // A row that the schema refuses takes the whole job along.
    let mut run = fired_run(&workflow, fire(&workflow, MINUTE_MS));
    run.depth = 1_000;
    assert!(fixture.store.start_run(run).await.is_err());
    assert_eq!((fixture.count("run"), fixture.count("firing")), (0, 0));
    assert_eq!(fixture.store.next_fire_ms().unwrap(), Some(MINUTE_MS));
}

#[tokio::test]
async fn the_log_keeps_the_newest_and_forgets_the_old() {
    let fixture = Fixture::new();
    let workflow = scheduled(&fixture).await;
    fixture
        .raw()
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
             INSERT INTO firing (workflow, scheduled_at_ms, fired_at_ms, outcome, missed)
             SELECT ?1, i, i, 'skipped_missed', 0 FROM n",
            [workflow.sequence],
        )
        .unwrap();
    let run = fired_run(&workflow, fire(&workflow, MINUTE_MS));
    fixture.store.start_run(run).await.unwrap();
    assert_eq!(fixture.count("firing"), 2_000);
    let newest = fixture.store.firings(&workflow.id, None, 2).await.unwrap();
    assert_eq!(newest[0].scheduled_at_ms, MINUTE_MS);
    assert_eq!(newest[1].scheduled_at_ms, 2_500);
    fixture.store.forget_firings_before(2_500).await.unwrap();
    assert_eq!(fixture.count("firing"), 2);
}

#[tokio::test]
async fn the_schedule_follows_its_workflow_and_goes_with_it() {
    let fixture = Fixture::new();
    let workflow = scheduled(&fixture).await;
    let store = &fixture.store;
    let edit = |trigger, now_ms| WorkflowEdit {
        draft: WorkflowDraft::new(
            "scheduled".into(),
            None,
            Definition {
                format: DefinitionFormat::Steps,
                body: json!({ "trigger": trigger, "steps": [], "at": now_ms }),
            },
        ),
        change_summary: None,
        expected_version: None,
        by: ChangedBy::local("control"),
        now_ms,
    };
    let minutely = json!({ "type": "schedule", "interval": { "value": 1, "unit": "minutes" } });
    let hourly = json!({ "type": "schedule", "interval": { "value": 1, "unit": "hours" } });
    for (trigger, now_ms, next_ms) in [
        (minutely.clone(), 30_000, Some(MINUTE_MS)),
        (hourly, 40_000, Some(3_640_000)),
        (json!({ "type": "api" }), 50_000, None),
        (minutely, 55_000, Some(115_000)),
    ] {
        let edited = store
            .edit_workflow(workflow.id.clone(), edit(trigger, now_ms))
            .await;
        assert!(matches!(edited.unwrap(), Edit::Done(_)));
        assert_eq!(store.next_fire_ms().unwrap(), next_ms, "at {now_ms}");
    }
    let mut failed = fire(&workflow, 115_000);
    (failed.outcome, failed.error) = (FiringOutcome::Failed, Some("no".into()));
    store.log_firing(failed).await.unwrap();
    assert_eq!(fixture.count("firing"), 1);
    store
        .purge_workflow(workflow.id.clone(), ChangedBy::local("test"), 9_000)
        .await
        .unwrap();
    assert_eq!((fixture.count("schedule"), fixture.count("firing")), (0, 0));
}
