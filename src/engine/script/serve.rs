//! The process that runs scripts, as it is from inside: reads an order, runs it, answers, and waits for the next.
//! Promises: it never outlives the server (it ends with its input), nor a script's time by more than [`PATIENCE_MS`], even
//! where a script cannot be stopped; it opens no file and writes no core.

use super::failure;
use super::message::{Failure, Order, Report};
use super::sandbox;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long after its time a script that cannot be stopped ends the process.
const PATIENCE_MS: u64 = 2_000;
/// The native stack of a script's thread; what a script may use of it is bounded by [`sandbox::MAX_STACK_BYTES`].
const STACK_BYTES: usize = 4 * 1024 * 1024;
/// Address space beside a script's memory: the program itself, its threads, copies of input and result.
#[cfg(unix)]
const OTHER_BYTES: u64 = 1024 * 1024 * 1024;

/// Answers the orders of `input` until it ends. Ends the process itself where a script cannot be stopped.
pub fn serve(input: impl Read + Send + 'static, mut output: impl Write) {
    let (send, orders) = mpsc::sync_channel(1);
    // A thread of its own, so that the end of the input is seen while a script runs.
    let reader = thread::Builder::new().spawn(move || {
        for line in BufReader::new(input).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    if reader.is_err() {
        return;
    }
    for line in orders {
        let Some(mut answer) = answer(&line) else {
            std::process::exit(1);
        };
        answer.push('\n');
        if output
            .write_all(answer.as_bytes())
            .and_then(|()| output.flush())
            .is_err()
        {
            return;
        }
    }
}

/// The report for one order; `None` when there is none to be had.
fn answer(line: &str) -> Option<String> {
    let order: Order = serde_json::from_str(line).ok()?;
    limit_process(order.memory_bytes);
    let patience = Duration::from_millis(order.timeout_ms.saturating_add(PATIENCE_MS));
    let (timeout_ms, (send, report)) = (order.timeout_ms, mpsc::channel());
    thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || send.send(sandbox::evaluate(&order)))
        .ok()?;
    let report = match report.recv_timeout(patience) {
        Ok(report) => report,
        Err(RecvTimeoutError::Disconnected) => {
            let words = "the script broke the interpreter".to_owned();
            unfit(Failure::Wrong(words))
        }
        Err(RecvTimeoutError::Timeout) => {
            log::debug!("{}", failure::too_slow(timeout_ms).message);
            return None;
        }
    };
    serde_json::to_string(&report).ok()
}

fn unfit(failure: Failure) -> Report {
    Report {
        result: Err(failure),
        logs: Vec::new(),
        is_fit: false,
    }
}

/// What the system itself keeps the process to. Where it does not know a limit, QuickJS's own is left.
#[cfg(unix)]
fn limit_process(memory_bytes: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (
            Resource::As,
            OTHER_BYTES.saturating_add(u64::try_from(memory_bytes).unwrap_or(u64::MAX)),
        ),
    ];
    for (resource, most) in wanted {
        let maximum = getrlimit(resource).maximum;
        let most = maximum.map_or(most, |maximum| maximum.min(most));
        let limit = Rlimit {
            current: Some(most),
            maximum,
        };
        if let Err(error) = setrlimit(resource, limit) {
            log::debug!("no limit for {resource:?}: {error}");
        }
    }
}

#[cfg(not(unix))]
fn limit_process(_memory_bytes: usize) {}
