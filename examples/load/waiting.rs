//! Many runs that wait for a moment: what they cost in memory while they do, and how late they go on.
//!
//! Their moments are spread, so that it is waking which is measured, not how many runs can be driven at once. Moments and
//! wakings are those of the journals, read when the server has stopped.

use crate::client::{Load, run_body, run_head, with_body};
use crate::servers::Server;
use crate::table::Table;
use crate::{CONNECTIONS, Result, Size, workflows};
use flowlatch::clock::Clock;
use flowlatch::model::page::PageRequest;
use flowlatch::model::run::{Event, RunFilter};
use flowlatch::store::{Store, StoreOptions};
use std::path::Path;
use std::time::Duration;

/// What each run is given to be started in, and a second more for all.
const START_MS: u64 = 1;
/// So long before the first moment memory is looked at.
const LOOK_MS: i64 = 100;
/// So long after the last moment the journals are read.
const GRACE_MS: i64 = 2_000;

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let data = folder.join("waiting");
    let runs = size.waiting_runs;
    let server = Server::flowlatch(&data, &[workflows::WAIT])?;
    let idle_mb = server.resident_mb()?;
    let first_ms = Clock::system().now_ms() + i64::try_from(1_000 + runs * START_MS)?;
    let last_ms = first_ms + i64::try_from(size.waiting_spread_ms)?;
    waits(&server, runs, first_ms, last_ms).send_all(CONNECTIONS, runs)?;
    rest_until(first_ms - LOOK_MS)?;
    let waiting_mb = server.resident_mb()?;
    rest_until(last_ms + GRACE_MS)?;
    drop(server);
    let late_ms = lateness(&data, runs)?;
    table.row(
        &format!("memory of {runs} runs that wait, over a server at rest"),
        &format!("{:.1} MB", waiting_mb - idle_mb),
        "≤ 20 MB",
    );
    let at = |part: f64| late_ms[((late_ms.len() - 1) as f64 * part) as usize];
    table.row(
        "how late they go on, median and 99th percentile",
        &format!("{} and {} ms", at(0.5), at(0.99)),
        "≤ 50 ms",
    );
    Ok(())
}

/// Starts runs that wait, one after the other, for moments between these.
fn waits(server: &Server, runs: u64, first_ms: i64, last_ms: i64) -> Load {
    let head = run_head(server, workflows::WAIT);
    let clock = Clock::system();
    let apart_ms = (last_ms - first_ms) as f64 / runs as f64;
    Load::each(server, move |number| {
        let due_ms = first_ms + (number as f64 * apart_ms) as i64;
        let wait_ms = due_ms - clock.now_ms();
        with_body(
            &head,
            &run_body(&format!(r#"{{"waitMs":{wait_ms}}}"#), "async"),
        )
    })
}

fn rest_until(unix_ms: i64) -> Result<()> {
    let left_ms = unix_ms - Clock::system().now_ms();
    let left_ms = u64::try_from(left_ms).map_err(|_| {
        format!(
            "the machine is too slow: the runs were to be started {} ms ago",
            -left_ms
        )
    })?;
    std::thread::sleep(Duration::from_millis(left_ms));
    Ok(())
}

/// By how many milliseconds each run went on after its moment, in order.
fn lateness(data: &Path, runs: u64) -> Result<Vec<i64>> {
    let options = StoreOptions {
        readers: 2,
        commit_hook: None,
    };
    let store = Store::open(&data.join("flowlatch.db"), options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut late_ms = runtime.block_on(async {
        let mut late_ms = Vec::new();
        let mut after = None;
        loop {
            let page = PageRequest {
                after,
                ..PageRequest::default()
            };
            let page = store.list_runs(RunFilter::default(), page).await?;
            for run in &page.items {
                late_ms.push(late_by(&store, run.sequence)?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        store.close().await;
        Ok::<_, Box<dyn std::error::Error>>(late_ms)
    })?;
    late_ms.sort_unstable();
    if late_ms.len() as u64 == runs {
        Ok(late_ms)
    } else {
        Err(format!("{} runs are recorded, not {runs}", late_ms.len()).into())
    }
}

fn late_by(store: &Store, run_sequence: i64) -> Result<i64> {
    let (mut due_ms, mut woken_ms) = (None, None);
    for recorded in store.journal(run_sequence, 0)? {
        match recorded.event {
            Event::StepWaiting { until_ms, .. } => due_ms = Some(until_ms),
            Event::StepCompleted { .. } => woken_ms = Some(recorded.at_ms),
            _ => {}
        }
    }
    let late_ms = woken_ms
        .zip(due_ms)
        .map(|(woken_ms, due_ms)| woken_ms - due_ms);
    late_ms.ok_or_else(|| format!("run number {run_sequence} has not waited or not gone on").into())
}
