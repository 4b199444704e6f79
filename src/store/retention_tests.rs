//! Removing runs and giving pages back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, chunk, edit, new_run, raw_json};
use super::retention::{RunScope, StoredRun};
use super::{Idempotency, Started};
use crate::model::run::RunStatus;
use std::collections::HashSet;

async fn all(fixture: &Fixture, scope: RunScope) -> Vec<StoredRun> {
    let first = fixture.store.stored_runs(scope, 0, 2).await.unwrap();
    let after = first.last().map_or(0, |run| run.sequence);
    let rest = fixture.store.stored_runs(scope, after, 100).await.unwrap();
    first.into_iter().chain(rest).collect()
}

#[tokio::test]
async fn runs_are_shown_oldest_first_with_what_they_hold() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.workflow("a").await, fixture.workflow("b").await);
    let (done, _) = fixture.ended(&one, RunStatus::Completed).await;
    let (open, _) = fixture.run(&one, 3_000).await;
    let mut child = new_run(&other, 3_000);
    (child.parent_sequence, child.depth) = (Some(open), 1);
    let Started::New(child) = fixture.store.start_run(child).await.unwrap() else {
        panic!("a new run");
    };
    let ended = fixture.store.append(child, chunk(0, 3, RunStatus::Failed));
    ended.await.unwrap();

    let runs = all(&fixture, RunScope::All).await;
    let short: Vec<_> = runs
        .iter()
        .map(|run| {
            (
                run.sequence,
                run.finished_at_ms,
                run.event_count,
                run.is_needed,
            )
        })
        .collect();
    let ended = Some(2_500);
    assert_eq!(
        short,
        [
            (done, ended, 1, false),
            (open, None, 0, false),
            (child, ended, 3, true),
        ]
    );
    // The input, and for the first one also the output and one event.
    let input = r#"{"a": 1}"#.len() as u64;
    let output = r#"{"ok":true}"#.len() as u64;
    let events = chunk(0, 1, RunStatus::Completed).events.len() as u64;
    assert_eq!(runs[0].bytes, input + output + events);
    assert_eq!(runs[1].bytes, input);
    assert_eq!(
        runs[2].bytes,
        input + chunk(0, 3, RunStatus::Failed).events.len() as u64
    );
    assert_eq!(
        all(&fixture, RunScope::Workflow(other.sequence)).await,
        runs[2..]
    );
    for (scope, finished) in [
        (RunScope::All, 2),
        (RunScope::Workflow(one.sequence), 1),
        (RunScope::Workflow(99), 0),
    ] {
        let counted = fixture.store.finished_runs(scope).await.unwrap();
        assert_eq!(counted, finished, "{scope:?}");
    }
    // Once its parent has ended nobody needs the child.
    let ended = fixture
        .store
        .append(open, chunk(0, 1, RunStatus::Cancelled));
    ended.await.unwrap();
    assert!(!all(&fixture, RunScope::All).await[2].is_needed);
}

#[tokio::test]
async fn only_finished_runs_are_removed_and_their_journals_go_with_them() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("a").await;
    let (done, _) = fixture.ended(&workflow, RunStatus::Failed).await;
    let (kept, _) = fixture.ended(&workflow, RunStatus::Completed).await;
    let (open, _) = fixture.run(&workflow, 3_000).await;
    let begun = fixture.store.append(open, chunk(0, 2, RunStatus::Running));
    begun.await.unwrap();
    assert_eq!(fixture.count("journal"), 3);
    fixture
        .store
        .remove_runs(vec![done, open, 77])
        .await
        .unwrap();
    let left: Vec<i64> = all(&fixture, RunScope::All)
        .await
        .iter()
        .map(|run| run.sequence)
        .collect();
    assert_eq!(left, [kept, open]);
    assert_eq!(fixture.count("journal"), 2);
    assert_eq!(fixture.store.journal(open, 0).unwrap().len(), 2);
    // A number is never given out again.
    let (next, _) = fixture.run(&workflow, 4_000).await;
    assert!(next > open);
}

#[tokio::test]
async fn keys_name_runs_until_they_expire_and_are_forgotten_in_slices() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("a").await;
    let mut runs = Vec::new();
    for (key, expires_at_ms) in [("old", 1_000), ("new", 9_000)] {
        let mut run = new_run(&workflow, 500);
        run.idempotency = Some(Idempotency {
            key: key.into(),
            request_digest: [1; 32],
            expires_at_ms,
        });
        match fixture.store.start_run(run).await.unwrap() {
            Started::New(sequence) => runs.push(sequence),
            other => panic!("{other:?}"),
        }
    }
    let named = fixture.store.runs_with_keys(2_000).await.unwrap();
    assert_eq!(named, HashSet::from([runs[1]]));
    let forgotten = fixture.store.forget_idempotency_before(2_000);
    forgotten.await.unwrap();
    assert_eq!(fixture.count("idempotency"), 1);
}

#[tokio::test]
async fn every_workflow_has_its_current_definition() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.workflow("a").await, fixture.workflow("b").await);
    let edited = fixture.store.edit_workflow(one.id.clone(), edit("a", 2));
    edited.await.unwrap();
    let one_now = fixture.store.workflow(&one.id).unwrap().unwrap();
    assert_ne!(one_now.definition_sequence, other.definition_sequence);
    let mut current = fixture.store.current_definitions().await.unwrap();
    current.sort_unstable();
    assert_eq!(
        current,
        [
            (one.sequence, one_now.definition_sequence),
            (other.sequence, other.definition_sequence)
        ]
    );
}

#[tokio::test]
async fn the_file_shrinks_while_the_store_is_open() {
    let fixture = Fixture::new();
    let empty_bytes = fixture.store.space().unwrap().total_bytes;
    let workflow = fixture.workflow("a").await;
    let mut runs = Vec::new();
    for _ in 0..300 {
        let mut run = new_run(&workflow, 500);
        run.input = raw_json(&format!("\"{}\"", "x".repeat(20_000)));
        let Started::New(sequence) = fixture.store.start_run(run).await.unwrap() else {
            panic!("a new run");
        };
        let ended = fixture
            .store
            .append(sequence, chunk(0, 1, RunStatus::Completed));
        ended.await.unwrap();
        runs.push(sequence);
    }
    fixture.store.checkpoint().await.unwrap();
    let full = fixture.store.space().unwrap();
    assert!(full.used_bytes() > 6_000_000, "{full:?}");
    // The newest ones stay: they stand at the end of the file.
    fixture
        .store
        .remove_runs(runs[..280].to_vec())
        .await
        .unwrap();
    let emptied = fixture.store.space().unwrap();
    assert_eq!(emptied.total_bytes, full.total_bytes);
    assert!(emptied.free_bytes > 5_000_000, "{emptied:?}");
    let mut slices = 0;
    let last = loop {
        let space = fixture.store.vacuum().await.unwrap();
        slices += 1;
        if space.free_bytes == 0 {
            break space;
        }
    };
    assert!(slices > 4, "{slices}");
    // There are fewer pages that say where others belong.
    assert!(last.used_bytes() <= emptied.used_bytes());
    fixture.store.checkpoint().await.unwrap();
    // The checkpoint comes after the answer, before the next batch.
    fixture.store.vacuum().await.unwrap();
    let bytes = std::fs::metadata(fixture.path()).unwrap().len();
    assert_eq!(bytes, last.total_bytes);
    // A fifteenth of the runs is left, and the pages that every database has.
    let [left_bytes, full_bytes] = [bytes, full.total_bytes].map(|bytes| bytes - empty_bytes);
    assert!(left_bytes * 12 < full_bytes, "{left_bytes} of {full_bytes}");
    let left = all(&fixture, RunScope::All).await;
    assert_eq!(left.len(), 20);
    assert_eq!(
        fixture
            .store
            .run_by_sequence(runs[290])
            .unwrap()
            .unwrap()
            .input
            .get()
            .len(),
        20_002
    );
}
