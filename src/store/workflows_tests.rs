//! Workflows: versions, life cycle, purge.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, draft, edit, new_run};
use super::{Edit, Started, StoreError, WorkflowEdit};
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::run::RunStatus;
use crate::model::workflow::{
    Workflow,
    WorkflowStatus::{self, Active, Archived, Paused},
};

fn done<T: std::fmt::Debug>(edit: Result<Edit<T>, StoreError>) -> T {
    match edit {
        Ok(Edit::Done(value)) => value,
        other => panic!("{other:?}"),
    }
}

fn conflict<T: std::fmt::Debug>(edit: Result<Edit<T>, StoreError>) -> String {
    match edit {
        Ok(Edit::Conflict(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn moved(fixture: &Fixture, workflow: &Workflow, to: WorkflowStatus) -> Workflow {
    done(
        fixture
            .store
            .set_workflow_status(workflow.id.clone(), to, ChangedBy::local("test"), 4_000)
            .await,
    )
}

#[tokio::test]
async fn an_edit_makes_a_version_only_when_the_current_one_counts() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let made = fixture.workflow("w").await;
    assert_eq!(store.workflow(&made.id).unwrap().unwrap(), made);

    let replaced = done(store.edit_workflow(made.id.clone(), edit("w2", 2)).await);
    assert_eq!((replaced.version, replaced.name.as_str()), (1, "w2"));
    assert_eq!(
        fixture.count("definition"),
        1,
        "the draft's former definition is gone"
    );
    assert_eq!(store.workflow(&made.id).unwrap().unwrap(), replaced);

    moved(&fixture, &made, Active).await;
    let second = done(store.edit_workflow(made.id.clone(), edit("w2", 3)).await);
    assert_eq!((second.version, second.status), (2, Active));
    let same = done(store.edit_workflow(made.id.clone(), edit("w2", 3)).await);
    assert_eq!(same, second, "nothing changed");

    moved(&fixture, &made, Paused).await;
    assert_eq!(
        done(store.edit_workflow(made.id.clone(), edit("w2", 4)).await).version,
        2
    );
    let paused = store.workflow(&made.id).unwrap().unwrap();
    fixture.ended(&paused, RunStatus::Completed).await;
    assert_eq!(
        done(store.edit_workflow(made.id.clone(), edit("w2", 5)).await).version,
        3
    );

    let versions = store.workflow_versions(&made.id, None, 10).await.unwrap();
    let numbers: Vec<i64> = versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(versions[0].change_summary.as_deref(), Some("marker 5"));
    let first = store
        .workflow_versions(&made.id, Some(2), 10)
        .await
        .unwrap();
    assert_eq!(first.len(), 1);
    let second = store.workflow_version(&made.id, 2).unwrap().unwrap();
    assert_eq!(second.definition, Some(draft("", 4).definition));
    assert_eq!(store.workflow_version(&made.id, 9).unwrap(), None);
    assert_eq!(
        store.definition(paused.definition_sequence).unwrap(),
        Some(paused.definition)
    );
    let version = fixture.raw().execute(
        "UPDATE workflow_version SET name = 'x' WHERE version = 2",
        [],
    );
    assert!(version.unwrap_err().to_string().contains("never changes"));
}

#[tokio::test]
async fn edits_on_a_false_assumption_are_conflicts() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let made = fixture.workflow("w").await;
    let blind = WorkflowEdit {
        expected_version: Some(4),
        ..edit("w2", 2)
    };
    let why = conflict(store.edit_workflow(made.id.clone(), blind).await);
    assert!(
        why.contains("version 4") && why.contains("version 1"),
        "{why}"
    );
    moved(&fixture, &made, Archived).await;
    let why = conflict(store.edit_workflow(made.id.clone(), edit("w2", 2)).await);
    assert!(why.contains("archived"), "{why}");
    let why = conflict(
        store
            .set_workflow_status(made.id.clone(), Active, ChangedBy::local("test"), 1)
            .await,
    );
    assert!(why.contains("archived") && why.contains("active"), "{why}");
    let unknown = store
        .edit_workflow(WorkflowId::generate(), edit("w2", 2))
        .await;
    assert!(matches!(unknown, Ok(Edit::NotFound)));
    assert_eq!(fixture.count("definition"), 1, "nothing was written");
}

#[tokio::test]
async fn the_life_cycle_is_the_models() {
    let fixture = Fixture::new();
    for from in WorkflowStatus::ALL {
        for to in WorkflowStatus::ALL {
            let workflow = fixture.workflow("w").await;
            fixture
                .raw()
                .execute(
                    "UPDATE workflow SET status = ?1 WHERE sequence = ?2",
                    (from.as_str(), workflow.sequence),
                )
                .unwrap();
            let moved = fixture
                .store
                .set_workflow_status(workflow.id.clone(), to, ChangedBy::local("test"), 9)
                .await
                .unwrap();
            assert_eq!(
                matches!(moved, Edit::Done(_)),
                from.may_become(to),
                "{from:?} {to:?}"
            );
            let now = fixture
                .store
                .workflow(&workflow.id)
                .unwrap()
                .unwrap()
                .status;
            assert_eq!(now, if from.may_become(to) { to } else { from });
        }
    }
}

#[tokio::test]
async fn a_purge_takes_everything_of_one_workflow_and_nothing_else() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (kept, gone) = (
        fixture.workflow("kept").await,
        fixture.workflow("gone").await,
    );
    assert_eq!(
        kept.definition_sequence, gone.definition_sequence,
        "equal definitions are one row"
    );
    let (kept_run, _) = fixture.ended(&kept, RunStatus::Completed).await;
    for _ in 0..210 {
        fixture.ended(&gone, RunStatus::Failed).await;
    }
    let (_, open) = fixture.run(&gone, 2_000).await;
    done(store.edit_workflow(gone.id.clone(), edit("gone", 2)).await);
    let why = conflict(
        store
            .purge_workflow(gone.id.clone(), ChangedBy::local("test"), 9_000)
            .await,
    );
    assert!(why.contains(open.as_str()), "{why}");
    assert_eq!(fixture.count("run"), 212);

    done(store.cancel_run(open, "control".into(), 3_000).await);
    done(
        store
            .purge_workflow(gone.id.clone(), ChangedBy::local("test"), 9_000)
            .await,
    );
    assert_eq!(store.workflow(&gone.id).unwrap(), None);
    assert_eq!(store.journal(kept_run, 0).unwrap().len(), 1);
    for (table, rows) in [
        ("run", 1),
        ("journal", 1),
        ("workflow", 1),
        ("workflow_version", 1),
        ("definition", 1),
    ] {
        assert_eq!(fixture.count(table), rows, "{table}");
    }
    assert!(matches!(
        store
            .purge_workflow(gone.id.clone(), ChangedBy::local("test"), 9_000)
            .await,
        Ok(Edit::NotFound)
    ));
    // Numbers are not given out again: a worker that outlived its run must not meet another one.
    let (next, _) = fixture.run(&kept, 5_000).await;
    assert!(next > 212, "{next}");
    // A start that was prepared before the purge finds no version.
    let late = store.start_run(new_run(&gone, 5_000)).await;
    assert!(matches!(late, Ok(Started::VersionChanged)), "{late:?}");
}
