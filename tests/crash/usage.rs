//! Usage, killed at every commit of a run: what is counted and what happened are never apart, and at the end each run and
//! each attempt was counted once.

use crate::every_commit::{expected_output, steps};
use crate::examine::{Scene, start, workflow};
use crate::server::Stop;
use flowlatch::store::CommitPoint::{self, AfterCommit, BeforeCommit};
use rusqlite::Connection;
use std::path::Path;

/// How many attempts end in a run of these steps: `flaky` fails once, where the server lives to see it.
const ATTEMPTS: std::ops::RangeInclusive<i64> = 7..=8;

/// Runs that were started, and that ended; attempts, and the time of those that ended.
type Counts = [i64; 4];

fn counts(connection: &Connection, sql: &str) -> Counts {
    let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
    connection.query_row(sql, [], read).expect("one row")
}

/// What usage says is what the runs in the same file say, and these are what their journals say.
fn usage_fits(data: &Path) -> Counts {
    let file = Connection::open(data.join("flowlatch.db")).expect("it opens");
    let used = counts(
        &file,
        "SELECT coalesce(sum(started_runs), 0), coalesce(sum(completed_runs + failed_runs + cancelled_runs), 0),
            coalesce(sum(steps), 0), coalesce(sum(run_ms), 0) FROM usage",
    );
    let happened = counts(
        &file,
        "SELECT count(*), count(finished_at_ms), coalesce(sum(step_count) FILTER (WHERE finished_at_ms IS NOT NULL), 0),
            coalesce(sum(finished_at_ms - started_at_ms), 0) FROM run",
    );
    assert_eq!(used, happened);
    let uncounted: i64 = file
        .query_row(
            "SELECT count(*) FROM run WHERE step_count <> (
                SELECT count(*) FROM journal j JOIN json_each(j.events) e
                WHERE j.position >= run.sequence * 16777216 AND j.position < (run.sequence + 1) * 16777216
                    AND e.value ->> 'type' IN ('step.completed', 'step.failed'))",
            [],
            |row| row.get(0),
        )
        .expect("a number");
    assert_eq!(uncounted, 0);
    used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runs_end_and_its_usage_are_one_commit() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let workflow = workflow(&server.client, steps(&scene.upstream)).await;
    let far = Stop {
        point: CommitPoint::AfterCommit,
        commit: i64::MAX,
    };
    server.stop_at(far).await;
    start(&server.client, &workflow, "undisturbed", "sync").await;
    let commits = server.commits().await;
    let mut runs = 1;
    for mode in ["sync", "async"] {
        // A synchronous start differs in its first commits only.
        let last = if mode == "sync" { 2 } else { commits + 1 };
        for commit in 1..=last {
            for point in [BeforeCommit, AfterCommit] {
                let key = format!("{mode} {point:?} {commit}");
                server.stop_at(Stop { point, commit }).await;
                let starting = {
                    let (client, workflow) = (server.client.clone(), workflow.clone());
                    let (key, mode) = (key.clone(), mode.to_owned());
                    tokio::spawn(async move { start(&client, &workflow, &key, &mode).await })
                };
                server.stopped().await;
                server.kill();
                starting.await.expect("no panic");
                usage_fits(scene.folder.path());
                server = scene.restarted().await;
                let done = start(&server.client, &workflow, &key, "sync").await;
                assert_eq!(
                    done.expect("an answer").data()["output"],
                    expected_output(&key)
                );
                runs += 1;
            }
        }
    }
    server.kill();
    let [started, ended, attempts, _] = usage_fits(scene.folder.path());
    assert_eq!((started, ended), (runs, runs));
    let least = ATTEMPTS.start() * runs;
    assert!(
        (least..=ATTEMPTS.end() * runs).contains(&attempts),
        "{attempts}"
    );
}
