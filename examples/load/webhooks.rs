//! Requests of other services, each signed and another event, beside requests of somebody with a key: each starts a run of
//! the same workflow with the same input, and is answered when that is on disk. The database grows all the while, and what
//! comes later finds it larger: the two take turns in coming first.

use crate::client::{Load, Measured, run_body, run_head, with_body};
use crate::servers::Server;
use crate::table::Table;
use crate::{CONNECTIONS, Result, Size, workflows};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the runs of one round may take to end.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let server = Server::flowlatch(&folder.join("webhooks"), &[workflows::SIGNED])?;
    let (starts, events) = (starts(&server), events(&server));
    require_a_run(&events)?;
    let (mut started, mut received) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let mut both = [(&starts, &mut started), (&events, &mut received)];
        if round % 2 == 1 {
            both.reverse();
        }
        for (load, measured) in both {
            measured.push(load.measure(CONNECTIONS, size.seconds)?);
            settle(&server)?;
        }
    }
    require_a_run(&events)?;
    let (started, received) = (Measured::median(&started), Measured::median(&received));
    table.row(
        "signed webhooks beside starts with a key, each a run that is not waited for, a second",
        &format!(
            "{:.0} / {:.0} = {:.2}",
            received.per_second,
            started.per_second,
            received.per_second / started.per_second
        ),
        "≥ 0.8",
    );
    Ok(())
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

/// Returns when all runs have ended: what is left of one side would slow the other down.
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
