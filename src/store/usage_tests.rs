//! What is counted when runs begin and end, and what a balance gives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, chunk, new_run};
use super::{Appended, Charge, Chunk, Idempotency, NewRun, Started};
use crate::model::credit::{Estimate, NodeCost};
use crate::model::run::RunError;
use crate::model::run::RunStatus::{Completed, Failed, Running};
use crate::model::usage::{HourRefusals, HourUsage, Usage, UtcDay, UtcHour};
use crate::model::workflow::Workflow;

const DAY_MS: i64 = 86_400_000;
const KEY: &str = "key_1";

/// What an account used on the days 0 to 9, by day.
async fn used(fixture: &Fixture, account: &str) -> Vec<(i64, Usage)> {
    let report = fixture
        .store
        .usage(
            vec![account.to_owned()],
            UtcHour(0),
            UtcHour::last_of(UtcDay(9)),
        )
        .await
        .unwrap();
    let days = report.by_day().into_iter();
    days.map(|(day, usage)| (day.0, usage)).collect()
}

fn ends_at(mut chunk: Chunk, finished_at_ms: i64, steps_ended: u32) -> Chunk {
    chunk.row.finished_at_ms = Some(finished_at_ms);
    chunk.steps_ended = steps_ended;
    chunk
}

fn started() -> Usage {
    Usage {
        started_runs: 1,
        ..Usage::default()
    }
}

#[tokio::test]
async fn a_run_is_counted_when_it_starts_and_its_steps_and_time_when_it_ends() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let (sequence, _) = fixture.run(&workflow, 2_000).await;
    assert_eq!(used(&fixture, KEY).await, [(0, started())]);
    let part = Chunk {
        steps_ended: 3,
        ..chunk(0, 3, Running)
    };
    fixture.store.append(sequence, part).await.unwrap();
    assert_eq!(used(&fixture, KEY).await, [(0, started())]);
    // It began at 2,100.
    let end = ends_at(chunk(3, 1, Completed), DAY_MS + 100, 1);
    fixture.store.append(sequence, end).await.unwrap();
    let ended = Usage {
        completed_runs: 1,
        steps: 4,
        run_ms: 86_398_000,
        ..Usage::default()
    };
    assert_eq!(used(&fixture, KEY).await, [(0, started()), (1, ended)]);
    // An end that comes too late counts nothing.
    let late = ends_at(chunk(4, 1, Failed), DAY_MS + 200, 1);
    fixture.store.append(sequence, late).await.unwrap();
    assert_eq!(used(&fixture, KEY).await.len(), 2);
    assert_eq!(used(&fixture, KEY).await[1].1, ended);
}

#[tokio::test]
async fn a_start_that_is_an_end_counts_both_also_over_midnight() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    for (created_at_ms, finished_at_ms) in [(2_000, 2_500), (DAY_MS - 1, DAY_MS)] {
        let run = NewRun {
            first: Some(ends_at(chunk(0, 2, Completed), finished_at_ms, 2)),
            ..new_run(&workflow, created_at_ms)
        };
        fixture.store.start_run(run).await.unwrap();
    }
    let ended = |run_ms| Usage {
        completed_runs: 1,
        steps: 2,
        run_ms,
        ..Usage::default()
    };
    let mut first = ended(400);
    first.started_runs = 2;
    let second = ended(u64::try_from(DAY_MS - 2_100).unwrap());
    assert_eq!(used(&fixture, KEY).await, [(0, first), (1, second)]);
}

#[tokio::test]
async fn cancelled_and_broken_runs_are_counted_with_those_below_them_and_nobodys_are_not() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let (parent, id) = fixture.run(&workflow, 2_000).await;
    let child = NewRun {
        parent_sequence: Some(parent),
        account: Some("schedule".into()),
        ..new_run(&workflow, 2_000)
    };
    fixture.store.start_run(child).await.unwrap();
    let done = Chunk {
        steps_ended: 5,
        ..chunk(0, 5, Running)
    };
    fixture.store.append(parent, done).await.unwrap();
    let by = "key_7".to_owned();
    fixture.store.cancel_run(id, by, 4_000).await.unwrap();
    let cancelled = |steps, run_ms| Usage {
        started_runs: 1,
        cancelled_runs: 1,
        steps,
        run_ms,
        ..Usage::default()
    };
    assert_eq!(used(&fixture, KEY).await, [(0, cancelled(5, 1_900))]);
    let of_child = [(0, cancelled(0, 0))];
    assert_eq!(used(&fixture, "schedule").await, of_child);
    assert!(
        used(&fixture, "key_7").await.is_empty(),
        "who cancels pays nothing"
    );

    let nobodys = NewRun {
        account: None,
        ..new_run(&workflow, 2_000)
    };
    let Started::New(sequence) = fixture.store.start_run(nobodys).await.unwrap() else {
        panic!("a replay");
    };
    let error = RunError {
        code: "JOURNAL_DAMAGED".into(),
        message: "gone".into(),
        step_id: None,
    };
    let end = fixture.store.fail_run(sequence, error.clone(), 5_000);
    assert!(matches!(end.await.unwrap(), Appended::Done(_)));
    assert_eq!(fixture.count("usage"), 2);

    let (sequence, _) = fixture.run(&workflow, DAY_MS).await;
    let end = fixture.store.fail_run(sequence, error, DAY_MS + 9);
    assert!(matches!(end.await.unwrap(), Appended::Done(_)));
    let failed = Usage {
        started_runs: 1,
        failed_runs: 1,
        ..Usage::default()
    };
    assert_eq!(used(&fixture, KEY).await[1], (1, failed));
}

#[tokio::test]
async fn a_million_requests_are_a_row_and_old_days_are_forgotten() {
    let fixture = Fixture::new();
    let request = |day| HourUsage {
        account: KEY.to_owned(),
        hour: UtcHour::first_of(UtcDay(day)),
        usage: Usage {
            read_requests: 990,
            refused_requests: 10,
            ..Usage::default()
        },
    };
    for _ in 0..1_000 {
        fixture.store.add_usage(vec![request(5)]).await.unwrap();
    }
    assert_eq!(fixture.count("usage"), 1);
    let expected = Usage {
        read_requests: 990_000,
        refused_requests: 10_000,
        ..Usage::default()
    };
    assert_eq!(used(&fixture, KEY).await, [(5, expected)]);
    // More days than one job forgets.
    let old = (-4_500..0).map(request).collect();
    fixture.store.add_usage(old).await.unwrap();
    assert_eq!(fixture.count("usage"), 4_501);
    fixture.store.forget_usage_before(UtcDay(5)).await.unwrap();
    assert_eq!(used(&fixture, KEY).await, [(5, expected)]);
    assert_eq!(fixture.count("usage"), 1);
}

/// Account, hour, reading, limited and webhook requests of [`KEY`] and another account.
async fn counted_by_hour(fixture: &Fixture, other: &str) -> Vec<(String, i64, u64, u64, u64)> {
    let accounts = vec![KEY.to_owned(), other.to_owned()];
    let hours = fixture
        .store
        .usage_hours(accounts, UtcHour(-100), UtcHour(100))
        .await
        .unwrap();
    let counted = |row: HourUsage| {
        let usage = row.usage;
        let requests = (usage.read_requests, usage.limited_requests);
        (
            row.account,
            row.hour.0,
            requests.0,
            requests.1,
            usage.webhook_requests,
        )
    };
    hours.into_iter().map(counted).collect()
}

#[tokio::test]
async fn the_hours_of_a_day_that_is_over_become_one_row_and_no_sum_changes() {
    let fixture = Fixture::new();
    let row = |account: &str, hour, count| HourUsage {
        account: account.to_owned(),
        hour: UtcHour(hour),
        usage: Usage {
            read_requests: count,
            limited_requests: 2 * count,
            webhook_requests: 3 * count,
            ..Usage::default()
        },
    };
    let refused = |hour, count| HourRefusals {
        hour: UtcHour(hour),
        reason: "unknown".to_owned(),
        count,
    };
    let rows = vec![
        row(KEY, 0, 1),
        row(KEY, 5, 10),
        row(KEY, 23, 100),
        row("other", 23, 7),
        row(KEY, 24, 1_000),
        row(KEY, 25, 2_000),
        row(KEY, -1, 5),
    ];
    fixture.store.add_usage(rows).await.unwrap();
    let counts = vec![refused(3, 1), refused(23, 2), refused(25, 4)];
    fixture
        .store
        .append_refusals(Vec::new(), counts)
        .await
        .unwrap();
    let before = used(&fixture, KEY).await;
    for _ in 0..2 {
        fixture.store.fold_usage_before(UtcDay(1)).await.unwrap();
        assert_eq!(used(&fixture, KEY).await, before);
        let hours = counted_by_hour(&fixture, "other").await;
        assert_eq!(
            hours,
            [
                (KEY.to_owned(), -24, 5, 10, 15),
                (KEY.to_owned(), 0, 111, 222, 333),
                (KEY.to_owned(), 24, 1_000, 2_000, 3_000),
                (KEY.to_owned(), 25, 2_000, 4_000, 6_000),
                ("other".to_owned(), 0, 7, 14, 21),
            ]
        );
        let refusals = fixture.store.refusal_hours(UtcHour(0), UtcHour(100));
        assert_eq!(refusals.await.unwrap(), [refused(0, 3), refused(25, 4)]);
    }
    fixture.store.forget_usage_before(UtcDay(1)).await.unwrap();
    assert_eq!(used(&fixture, KEY).await.len(), 1);
    let refusals = fixture.store.refusal_hours(UtcHour(0), UtcHour(100));
    assert_eq!(refusals.await.unwrap(), [refused(25, 4)]);
}

fn charged(workflow: &Workflow, credits: u64, granted: Option<u64>) -> NewRun {
    let breakdown = vec![NodeCost {
        id: "n".into(),
        label: "N".into(),
        credits,
    }];
    NewRun {
        charge: Some(Charge {
            estimate: Estimate { credits, breakdown },
            granted,
        }),
        ..new_run(workflow, 2_000)
    }
}

#[tokio::test]
async fn two_starts_never_spend_the_same_credits_and_a_refused_one_writes_nothing() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    assert_eq!(fixture.store.spent_credits().unwrap(), 0);
    // In one batch, so that no point read could tell them apart.
    let starts = (0..16).map(|_| fixture.store.start_run(charged(&workflow, 3, Some(10))));
    let starts = futures_util::future::join_all(starts).await;
    let mut new = 0;
    for start in starts {
        match start.unwrap() {
            Started::New(_) => new += 1,
            Started::InsufficientCredits(short) => {
                assert_eq!((short.required, short.available), (3, 1));
                assert_eq!(short.breakdown.len(), 1);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((new, fixture.count("run")), (3, 3));
    assert_eq!(fixture.store.spent_credits().unwrap(), 9);
    let usage = Usage {
        started_runs: 3,
        credits: 9,
        ..Usage::default()
    };
    assert_eq!(used(&fixture, KEY).await, [(0, usage)]);
    // What the operator adds is there at once, and without end is without end.
    for (granted, credits) in [(Some(12), 3), (None, 1_000_000)] {
        let start = fixture
            .store
            .start_run(charged(&workflow, credits, granted));
        assert!(matches!(start.await.unwrap(), Started::New(_)));
    }
    assert_eq!(fixture.store.spent_credits().unwrap(), 1_000_012);
}

#[tokio::test]
async fn what_is_no_new_run_costs_nothing() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let idempotent = || NewRun {
        idempotency: Some(Idempotency {
            key: "k".into(),
            request_digest: [1; 32],
            expires_at_ms: 9_000,
        }),
        ..charged(&workflow, 3, Some(4))
    };
    let first = fixture.store.start_run(idempotent()).await.unwrap();
    assert!(matches!(first, Started::New(_)), "{first:?}");
    let again = fixture.store.start_run(idempotent()).await.unwrap();
    assert!(matches!(again, Started::Replayed(_)), "{again:?}");
    let stale = NewRun {
        workflow_version: 7,
        ..charged(&workflow, 1, Some(4))
    };
    let stale = fixture.store.start_run(stale).await.unwrap();
    assert!(matches!(stale, Started::VersionChanged), "{stale:?}");
    assert_eq!(fixture.store.spent_credits().unwrap(), 3);
    assert_eq!(used(&fixture, KEY).await[0].1.started_runs, 1);
}
