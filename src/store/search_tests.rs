//! Runs that are looked for among many: what fits is found, at a price that has a bound.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::Fixture;
use crate::model::page::PageRequest;
use crate::model::run::{RunStatus, TriggerType};
use crate::model::run_search::RunSearch;

const RUNS: i64 = 5_000;

/// A workflow `many` with 5,000 completed runs, one made each second; of these one in a thousand by a schedule, and the first
/// one by a webhook. Another workflow has as many pending ones before them.
async fn many() -> Fixture {
    let fixture = Fixture::new();
    fixture.workflow("other").await;
    fixture.workflow("many").await;
    let insert = |workflow: i64, status: &str, finished: &str| {
        format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {RUNS})
             INSERT INTO run (id, workflow, workflow_version, definition, status, event_count, trigger_type, created_at_ms,
                finished_at_ms, root_id, input)
             SELECT printf('run_{workflow}%07d', n), {workflow}, 1, 1, '{status}', 0,
                CASE WHEN n = 1 THEN 'webhook' WHEN n % 1000 = 0 THEN 'schedule' ELSE 'api' END,
                n * 1000 + ({workflow} - 1) * 5000000, {finished}, 'root', '{{}}' FROM n"
        )
    };
    let connection = fixture.raw();
    connection
        .execute_batch(&insert(1, "pending", "NULL"))
        .unwrap();
    connection
        .execute_batch(&insert(2, "completed", "n"))
        .unwrap();
    fixture
}

/// How many runs fit, and on how many pages of fifty they are.
async fn found(fixture: &Fixture, search: RunSearch) -> (usize, usize) {
    let (mut runs, mut pages) = (Vec::new(), 0);
    let mut page = PageRequest::default();
    loop {
        let found = fixture
            .store
            .search_runs(search.clone(), page.clone())
            .await
            .unwrap();
        assert!(found.items.len() <= 50);
        for run in &found.items {
            assert!(search.fits(&run.summary), "{run:?}");
        }
        runs.extend(found.items.into_iter().map(|run| run.summary.sequence));
        pages += 1;
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    assert!(
        runs.is_sorted_by(|a, b| a > b),
        "newest first, each once: {runs:?}"
    );
    (runs.len(), pages)
}

#[tokio::test]
async fn what_fits_is_found_and_a_page_looks_at_two_thousand_rows() {
    let fixture = many().await;
    let of = |workflow: &str| RunSearch {
        workflow: Some(workflow.to_owned()),
        ..RunSearch::default()
    };
    let by = |trigger| RunSearch {
        trigger: Some(trigger),
        ..RunSearch::default()
    };
    let within = |from_ms, until_ms| RunSearch {
        from_ms,
        until_ms,
        ..RunSearch::default()
    };
    for (search, expected) in [
        // The index leads there.
        (by(TriggerType::Schedule), (10, 1)),
        (by(TriggerType::Subworkflow), (0, 1)),
        (within(Some(5_001_000), Some(5_010_000)), (9, 1)),
        (within(None, Some(10_000)), (9, 1)),
        (within(Some(9_999_000), None), (2, 1)),
        (within(Some(20_000_000), None), (0, 1)),
        (of("nobody"), (0, 1)),
        // Few of those that are looked at fit: a page for each two thousand.
        (
            RunSearch {
                trigger: Some(TriggerType::Webhook),
                ..of("many")
            },
            (1, 3),
        ),
        (
            RunSearch {
                status: Some(RunStatus::Pending),
                ..of("many")
            },
            (0, 3),
        ),
        (
            RunSearch {
                status: Some(RunStatus::Completed),
                ..of("other")
            },
            (0, 3),
        ),
        (of("many"), (5_000, 100)),
    ] {
        assert_eq!(
            found(&fixture, search.clone()).await,
            expected,
            "{search:?}"
        );
    }
}

#[tokio::test]
async fn of_workflows_with_one_name_the_newest_is_meant() {
    let fixture = Fixture::new();
    let old = fixture.workflow("twice").await;
    let new = fixture.workflow("twice").await;
    fixture.run(&old, 1_000).await;
    let (sequence, _) = fixture.run(&new, 2_000).await;
    for (named, expected) in [
        ("twice", Some(sequence)),
        (new.id.as_str(), Some(sequence)),
        (old.id.as_str(), Some(sequence - 1)),
        ("twic", None),
    ] {
        let search = RunSearch {
            workflow: Some(named.to_owned()),
            ..RunSearch::default()
        };
        let found = fixture.store.search_runs(search, PageRequest::default());
        let found = found.await.unwrap().items;
        let sequences: Vec<i64> = found.iter().map(|run| run.summary.sequence).collect();
        assert_eq!(
            sequences,
            expected.into_iter().collect::<Vec<_>>(),
            "{named}"
        );
    }
}

#[tokio::test]
async fn a_page_whose_last_run_is_gone_goes_on_with_what_is_older() {
    let fixture = many().await;
    let connection = fixture.raw();
    // The newest hundred were made in one moment.
    connection
        .execute(
            "UPDATE run SET created_at_ms = 10000000 WHERE sequence > 9900",
            [],
        )
        .unwrap();
    let page = |after| PageRequest {
        after,
        ..PageRequest::default()
    };
    let search = || RunSearch {
        workflow: Some("many".to_owned()),
        ..RunSearch::default()
    };
    let first = fixture
        .store
        .search_runs(search(), page(None))
        .await
        .unwrap();
    let last = first.items.last().unwrap().summary.sequence;
    connection
        .execute("DELETE FROM run WHERE sequence = ?1", [last])
        .unwrap();
    let next = fixture.store.search_runs(search(), page(first.next));
    let next = next.await.unwrap().items;
    let sequences: Vec<i64> = next.iter().map(|run| run.summary.sequence).collect();
    let expected: Vec<i64> = (1..=50).map(|back| last - back).collect();
    assert_eq!(sequences, expected);
}
