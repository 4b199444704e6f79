//! Runs: start, append, cancel, the final status, idempotency and recovery.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, chunk, new_run, open};
use super::{Appended, Edit, Idempotency, NewRun, Started};
use crate::id::RunId;
use crate::model::run::{Event, RunStatus};
use crate::model::workflow::Workflow;
use RunStatus::{Cancelled, Completed, Failed, Pending, Running};

#[tokio::test]
async fn a_run_is_what_its_chunks_made_of_it() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let workflow = fixture.workflow("w").await;
    let (sequence, id) = fixture.run(&workflow, 2_000).await;
    let pending = store.run(&id).unwrap().unwrap();
    assert_eq!(
        (pending.summary.status, pending.input.get()),
        (Pending, r#"{"a": 1}"#)
    );
    for (from, count, status) in [(0, 3, Running), (3, 1, Running), (4, 2, Completed)] {
        assert_eq!(
            store
                .append(sequence, chunk(from, count, status))
                .await
                .unwrap(),
            Appended::Done(Vec::new())
        );
    }
    let run = store.run(&id).unwrap().unwrap();
    assert_eq!(run.summary.status, Completed);
    assert_eq!(
        (run.summary.started_at_ms, run.summary.finished_at_ms),
        (Some(2_100), Some(2_500))
    );
    assert_eq!(run.output.unwrap().get(), r#"{"ok":true}"#);
    assert_eq!((run.workflow_name.as_str(), run.root_id), ("w", id));
    // A neighbour's journal is not this one's.
    fixture.ended(&workflow, Failed).await;
    for from in 0..8 {
        let numbers: Vec<u64> = store
            .journal(sequence, from)
            .unwrap()
            .iter()
            .map(|one| one.sequence)
            .collect();
        assert_eq!(numbers, (from..6).collect::<Vec<u64>>(), "from {from}");
    }
    assert_eq!(store.journal(sequence, u64::MAX).unwrap(), []);
    // In parts, a chunk or more at a time.
    let part = |from, enough_bytes| {
        let events = store.journal_part(sequence, from, enough_bytes).unwrap();
        events
            .iter()
            .map(|event| event.sequence)
            .collect::<Vec<_>>()
    };
    assert_eq!(part(0, 1), [0, 1, 2]);
    assert_eq!(part(1, 1), [1, 2]);
    assert_eq!(part(3, 1), [3]);
    assert_eq!(part(0, 1 << 20), [0, 1, 2, 3, 4, 5]);
    assert!(part(6, 1).is_empty());
    let events = store.journal(sequence, 3).unwrap();
    assert_eq!(
        events[0].event,
        Event::StepWaiting {
            step: "s3".into(),
            until_ms: 1
        }
    );
}

#[tokio::test]
async fn a_start_with_its_first_chunk_is_one_commit() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let run = NewRun {
        first: Some(chunk(0, 40, Completed)),
        ..new_run(&workflow, 2_000)
    };
    let id = run.id.clone();
    let Started::New(sequence) = fixture.store.start_run(run).await.unwrap() else {
        panic!("a replay");
    };
    assert_eq!(
        fixture.store.run(&id).unwrap().unwrap().summary.status,
        Completed
    );
    assert_eq!(fixture.store.journal(sequence, 0).unwrap().len(), 40);
    assert_eq!(fixture.count("journal"), 1);
}

#[tokio::test]
async fn who_comes_second_writes_nothing() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let workflow = fixture.workflow("w").await;
    let (sequence, id) = fixture.run(&workflow, 2_000).await;
    store.append(sequence, chunk(0, 2, Running)).await.unwrap();
    for stale in [0, 1, 3] {
        let told = store
            .append(sequence, chunk(stale, 1, Completed))
            .await
            .unwrap();
        assert_eq!(told, Appended::Superseded, "from {stale}");
    }
    let cancelled = store
        .cancel_run(id.clone(), "key_7".into(), 3_000)
        .await
        .unwrap();
    let Edit::Done(runs) = cancelled else {
        panic!("{cancelled:?}")
    };
    let [run] = runs.as_slice() else {
        panic!("{runs:?}")
    };
    assert_eq!(
        (run.summary.status, run.summary.finished_at_ms),
        (Cancelled, Some(3_000))
    );
    for late in [2, 3] {
        let told = store
            .append(sequence, chunk(late, 1, Completed))
            .await
            .unwrap();
        assert_eq!(told, Appended::Superseded, "from {late}");
    }
    assert_eq!(
        store.append(999, chunk(0, 1, Running)).await.unwrap(),
        Appended::Superseded
    );
    let journal = store.journal(sequence, 0).unwrap();
    assert_eq!(journal.len(), 3);
    assert_eq!(journal[2].event, Event::RunCancelled { by: "key_7".into() });
    let again = store.cancel_run(id, "key_7".into(), 3_001).await.unwrap();
    let Edit::Conflict(why) = again else {
        panic!("{again:?}")
    };
    assert!(why.contains("cancelled"), "{why}");
    let unknown = store
        .cancel_run(RunId::generate(), "key_7".into(), 1)
        .await
        .unwrap();
    assert!(matches!(unknown, Edit::NotFound));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_cancel_and_an_append_exactly_one_wins() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let workflow = fixture.workflow("w").await;
    for _ in 0..100 {
        let (sequence, id) = fixture.run(&workflow, 2_000).await;
        let cancel = tokio::spawn({
            let (store, id) = (store.clone(), id.clone());
            async move { store.cancel_run(id, "control".into(), 3_000).await.unwrap() }
        });
        let appended = store
            .append(sequence, chunk(0, 1, Completed))
            .await
            .unwrap();
        let cancelled = matches!(cancel.await.unwrap(), Edit::Done(_));
        assert_eq!(cancelled, appended == Appended::Superseded);
        let expected = if cancelled { Cancelled } else { Completed };
        assert_eq!(store.run(&id).unwrap().unwrap().summary.status, expected);
        assert_eq!(store.journal(sequence, 0).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_final_status_never_changes_whoever_writes() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let raw = fixture.raw();
    let set = |sequence: i64, status: RunStatus| {
        raw.execute(
            "UPDATE run SET status = ?2, finished_at_ms = CASE WHEN ?2 IN ('pending', 'running') THEN NULL ELSE 1 END
             WHERE sequence = ?1",
            (sequence, status.as_str()),
        )
        .is_ok()
    };
    for from in RunStatus::ALL {
        for to in RunStatus::ALL {
            let (sequence, _) = fixture.run(&workflow, 2_000).await;
            assert!(set(sequence, from));
            assert_eq!(
                set(sequence, to),
                !from.is_final() || from == to,
                "{from:?} {to:?}"
            );
        }
    }
    assert!(raw.execute("UPDATE run SET status = 'lost'", []).is_err());
}

/// A run that a step of another one has started and waits for.
async fn child(fixture: &Fixture, workflow: &Workflow, parent: i64) -> (i64, RunId) {
    let run = NewRun {
        parent_sequence: Some(parent),
        ..new_run(workflow, 2_000)
    };
    let id = run.id.clone();
    match fixture.store.start_run(run).await.unwrap() {
        Started::New(sequence) => (sequence, id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_and_all_below_it_end_in_one_commit() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let workflow = fixture.workflow("w").await;
    for end in [Completed, Failed] {
        let (top, _) = fixture.run(&workflow, 2_000).await;
        let (middle, middle_id) = child(&fixture, &workflow, top).await;
        let (lowest, lowest_id) = child(&fixture, &workflow, middle).await;
        let (other, other_id) = child(&fixture, &workflow, top).await;
        let (_, bystander) = fixture.run(&workflow, 2_000).await;
        store.append(other, chunk(0, 1, Failed)).await.unwrap();
        // As long as it goes on, so do they.
        let told = store.append(top, chunk(0, 1, Running)).await.unwrap();
        assert_eq!(told, Appended::Done(Vec::new()));
        let Appended::Done(cancelled) = store.append(top, chunk(1, 1, end)).await.unwrap() else {
            panic!("superseded");
        };
        let told: Vec<_> = cancelled
            .iter()
            .map(|run| (run.sequence, run.status))
            .collect();
        assert_eq!(told, [(middle, Cancelled), (lowest, Cancelled)]);
        for (id, status) in [
            (&middle_id, Cancelled),
            (&lowest_id, Cancelled),
            (&other_id, Failed),
            (&bystander, Pending),
        ] {
            assert_eq!(store.run(id).unwrap().unwrap().summary.status, status);
        }
        let journal = store.journal(lowest, 0).unwrap();
        let by = "parent".to_owned();
        assert_eq!(journal[0].event, Event::RunCancelled { by });
    }
}

#[tokio::test]
async fn no_run_begins_for_one_that_has_ended() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let (parent, id) = fixture.run(&workflow, 2_000).await;
    child(&fixture, &workflow, parent).await;
    let cancelled = fixture.store.cancel_run(id, "key_7".into(), 3_000).await;
    assert!(matches!(cancelled, Ok(Edit::Done(runs)) if runs.len() == 2));
    let late = NewRun {
        parent_sequence: Some(parent),
        ..new_run(&workflow, 3_000)
    };
    let late = fixture.store.start_run(late).await.unwrap();
    assert!(matches!(late, Started::ParentEnded), "{late:?}");
    assert_eq!(fixture.count("run"), 2);
}

#[tokio::test]
async fn only_unfinished_runs_below_the_same_run_count() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let (top, top_id) = fixture.run(&workflow, 2_000).await;
    let (other, _) = fixture.run(&workflow, 2_000).await;
    let start = async |top_sequence| {
        let run = NewRun {
            top_sequence: Some(top_sequence),
            max_below_top: 2,
            ..new_run(&workflow, 2_000)
        };
        fixture.store.start_run(run).await.unwrap()
    };
    let Started::New(first) = start(top).await else {
        panic!("refused");
    };
    assert!(matches!(start(top).await, Started::New(_)));
    assert!(matches!(start(top).await, Started::TooManyBelowTop));
    assert!(matches!(start(other).await, Started::New(_)));
    assert_eq!(fixture.count("run"), 5);
    let end = chunk(0, 1, Failed);
    fixture.store.append(first, end).await.unwrap();
    assert!(matches!(start(top).await, Started::New(_)));
    // Also below a run that has ended itself.
    let cancelled = fixture.store.cancel_run(top_id, "key_7".into(), 3_000);
    assert!(matches!(cancelled.await, Ok(Edit::Done(_))));
    assert!(matches!(start(top).await, Started::TooManyBelowTop));
}

#[tokio::test]
async fn one_idempotency_key_is_one_run_while_it_holds() {
    let fixture = Fixture::new();
    let (one, other) = (
        fixture.workflow("one").await,
        fixture.workflow("other").await,
    );
    let start = |workflow: &Workflow, key: &str, body: u8, now_ms: i64| {
        let run = NewRun {
            idempotency: Some(Idempotency {
                key: key.into(),
                request_digest: [body; 32],
                expires_at_ms: now_ms + 1_000,
            }),
            ..new_run(workflow, now_ms)
        };
        let store = fixture.store.clone();
        async move { (run.id.clone(), store.start_run(run).await.unwrap()) }
    };
    let (first, started) = start(&one, "k", 1, 0).await;
    assert!(matches!(started, Started::New(_)));
    let (_, again) = start(&one, "k", 1, 999).await;
    assert!(matches!(again, Started::Replayed(run) if run.summary.id == first));
    assert!(matches!(
        start(&one, "k", 2, 999).await.1,
        Started::OtherRequest
    ));
    assert!(matches!(start(&one, "K", 2, 999).await.1, Started::New(_)));
    assert!(matches!(
        start(&other, "k", 2, 999).await.1,
        Started::New(_)
    ));
    assert_eq!(fixture.count("run"), 3);
    // From its last moment on the key counts as absent, and is the new run's.
    let (second, late) = start(&one, "k", 2, 1_000).await;
    assert!(matches!(late, Started::New(_)));
    let (_, again) = start(&one, "k", 2, 1_500).await;
    assert!(matches!(again, Started::Replayed(run) if run.summary.id == second));
    fixture
        .store
        .forget_idempotency_before(2_000)
        .await
        .unwrap();
    assert_eq!(fixture.count("idempotency"), 1);
}

#[tokio::test]
async fn a_run_pins_only_what_its_version_is() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let edited = super::fixture::edit("w", 2);
    fixture
        .store
        .edit_workflow(workflow.id.clone(), edited)
        .await
        .unwrap();
    let stale = fixture.store.start_run(new_run(&workflow, 2_000)).await;
    assert!(matches!(stale, Ok(Started::VersionChanged)), "{stale:?}");
    assert_eq!(fixture.count("run"), 0);
}

#[tokio::test]
async fn reopening_finds_the_unfinished_runs() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let (pending, _) = fixture.run(&workflow, 2_000).await;
    for status in [Completed, Failed, Cancelled] {
        fixture.ended(&workflow, status).await;
    }
    let (parked, _) = fixture.run(&workflow, 2_000).await;
    let mut waiting = chunk(0, 1, Running);
    waiting.row.due_at_ms = Some(77_000);
    fixture.store.append(parked, waiting).await.unwrap();
    fixture.store.close().await;
    let store = open(&fixture.folder);
    let found: Vec<_> = store
        .open_runs()
        .await
        .unwrap()
        .into_iter()
        .map(|run| (run.sequence, run.due_at_ms))
        .collect();
    assert_eq!(found, [(pending, None), (parked, Some(77_000))]);
}
