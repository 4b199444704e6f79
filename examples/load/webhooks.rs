//! Requests of other services, each signed and another event, beside requests of somebody with a key: each starts a run of
//! the same workflow with the same input, and is answered when that is on disk.
//!
//! One long measurement of each would say little: the database grows all the while, files are checkpointed now and then, and
//! a machine is never quiet for long. So there are many short pairs, over the same connections: so many starts and as many
//! webhooks, the two taking turns in coming first, their requests made before the clock runs (who sends has to sign, not who
//! receives). Before each side the runs of the one before have ended. Each pair has its own ratio; of all of them the median
//! is told, with the quartiles. The first pairs are a warm-up and count for nothing.

use crate::client::{Connections, Load, run_body, run_head, with_body};
use crate::servers::Server;
use crate::table::Table;
use crate::{CONNECTIONS, Result, Size, workflows};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the runs of one side may take to end.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// Pairs that do not count: one in each order.
const WARM_UP: usize = 2;

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let server = Server::flowlatch(&folder.join("webhooks"), &[workflows::SIGNED])?;
    let (starts, events) = (starts(&server), events(&server));
    require_a_run(&events)?;
    let mut connections = Connections::open(&server, CONNECTIONS)?;
    let mut pairs = Vec::with_capacity(size.pairs);
    for number in 0..WARM_UP + size.pairs {
        let mut side = |load: &Load| {
            let requests = load.made(size.requests_a_side);
            settle(&server)?;
            connections.per_second(&requests)
        };
        pairs.push(if number % 2 == 0 {
            let started = side(&starts)?;
            (side(&events)?, started)
        } else {
            (side(&events)?, side(&starts)?)
        });
    }
    require_a_run(&events)?;
    let counted = &pairs[WARM_UP..];
    let [received, started, ratios] = [
        counted.iter().map(|(received, _)| *received).collect(),
        counted.iter().map(|(_, started)| *started).collect(),
        counted.iter().map(|(one, other)| one / other).collect(),
    ]
    .map(quartiles);
    table.row(
        "signed webhooks beside starts with a key, each a run that is not waited for, a second",
        &format!(
            "{:.0} / {:.0} = {:.2} (quartiles {:.2} and {:.2} of {} pairs)",
            received[1],
            started[1],
            ratios[1],
            ratios[0],
            ratios[2],
            counted.len()
        ),
        "≥ 0.8",
    );
    Ok(())
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(mut measured: Vec<f64>) -> [f64; 3] {
    measured.sort_by(f64::total_cmp);
    [0.25, 0.5, 0.75].map(|part| measured[((measured.len() - 1) as f64 * part).round() as usize])
}

fn input(number: u64) -> String {
    format!(r#"{{"amount":42,"name":"Ada","order":{number}}}"#)
}

fn starts(server: &Server) -> Load {
    let head = run_head(server, workflows::SIGNED);
    Load::each(server, move |number| {
        with_body(&head, &run_body(&input(number), "async"))
    })
}

fn events(server: &Server) -> Load {
    let path = workflows::WEBHOOK_PATH;
    Load::each(server, move |number| {
        let body = input(number);
        let head = format!(
            "POST /webhooks/custom/{path} HTTP/1.1\r\nhost: localhost\r\n{}: evt_{number}\r\n{}: {}\r\n",
            workflows::EVENT_HEADER,
            workflows::SIGNATURE_HEADER,
            signature(&body),
        );
        with_body(&head, &body)
    })
}

fn signature(body: &str) -> String {
    // A key of any length will do.
    Hmac::<sha2::Sha256>::new_from_slice(workflows::SECRET.as_bytes())
        .map(|mac| hex::encode(mac.chain_update(body).finalize().into_bytes()))
        .unwrap_or_default()
}

/// The next event is new, and starts one run.
fn require_a_run(events: &Load) -> Result<()> {
    let answer = events.body()?;
    if answer.contains(r#""workflowsTriggered":1"#) {
        Ok(())
    } else {
        Err(format!("an event that starts no run: {answer}").into())
    }
}

/// Returns when all runs have ended: what is left of one side would slow the other one down.
fn settle(server: &Server) -> Result<()> {
    let began = Instant::now();
    for status in ["pending", "running"] {
        let list = Load::get(server, &format!("/api/v1/runs?limit=1&status={status}"));
        loop {
            let answer: Value = serde_json::from_str(&list.body()?)?;
            if answer["data"].as_array().is_some_and(Vec::is_empty) {
                break;
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("runs are {status} after {PATIENCE:?}").into());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
    Ok(())
}
