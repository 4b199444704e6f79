//! What an execution of a graph costs, and what clients that poll cost executions. An execution is over here when a poll says
//! so, as it is for the clients of graphs.

use crate::client::{Connection, runtime, with_body};
use crate::servers::Server;
use crate::table::Table;
use crate::{CONNECTIONS, Result, Size, workflows};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often each client polls.
const POLL_EVERY: Duration = Duration::from_secs(1);

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let server = Server::flowlatch(&folder.join("graphs"), &[workflows::GRAPH])?;
    let graph = Graph::of(&server);
    let (mut alone, mut polled) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        alone.push(graph.executions(0, size.seconds)?);
        polled.push(graph.executions(CONNECTIONS, size.seconds)?);
    }
    let (alone, polled) = (median(alone), median(polled));
    table.row(
        "forty pure nodes in one execution, from its start to the poll that tells its end, median",
        &format!("{:.2} ms", alone.median_ms),
        "≤ 10 ms",
    );
    table.row(
        &format!(
            "executions a second beside {CONNECTIONS} clients that each poll every second, and without them"
        ),
        &format!(
            "{:.0} / {:.0} = {:.2}",
            polled.per_second,
            alone.per_second,
            polled.per_second / alone.per_second
        ),
        "≥ 0.9",
    );
    Ok(())
}

/// What one client got done, one execution after the other.
struct Done {
    per_second: f64,
    median_ms: f64,
}

/// The round in the middle, by rate.
fn median(mut rounds: Vec<Done>) -> Done {
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let middle = rounds.len() / 2;
    rounds.swap_remove(middle)
}

/// The graph that is executed.
struct Graph<'a> {
    server: &'a Server,
    start: Vec<u8>,
}

impl Graph<'_> {
    fn of(server: &Server) -> Graph<'_> {
        let id = server.workflow(workflows::GRAPH);
        let head = server.bearer_head(&format!("POST /wireflow/api/v1/workflows/{id}/run"));
        Graph {
            server,
            start: with_body(&head, "{}"),
        }
    }

    /// Executes for so many seconds, while so many others poll.
    fn executions(&self, pollers: usize, seconds: f64) -> Result<Done> {
        runtime()?.block_on(async {
            let mut connection = Connection::open(&self.server.address).await?;
            let (poll, _) = self.execute(&mut connection).await?;
            let mut polling = JoinSet::new();
            for number in 0..pollers {
                let later = POLL_EVERY.mul_f64(number as f64 / pollers as f64);
                let (address, poll) = (self.server.address.clone(), poll.clone());
                polling.spawn(async move {
                    tokio::time::sleep(later).await;
                    let mut connection = Connection::open(&address).await.ok()?;
                    loop {
                        connection.ask(&poll).await.ok()?;
                        tokio::time::sleep(POLL_EVERY).await;
                    }
                });
            }
            let began = Instant::now();
            let mut took_ms = Vec::new();
            while began.elapsed().as_secs_f64() < seconds {
                let (_, took) = self.execute(&mut connection).await?;
                took_ms.push(took.as_secs_f64() * 1e3);
            }
            let ended: Option<std::result::Result<Option<()>, _>> = polling.try_join_next();
            if ended.is_some() {
                return Err("a client that polls was not answered".into());
            }
            took_ms.sort_by(f64::total_cmp);
            Ok(Done {
                per_second: took_ms.len() as f64 / began.elapsed().as_secs_f64(),
                median_ms: took_ms[took_ms.len() / 2],
            })
        })
    }

    /// One execution: the request that polls it, and how long it took to its end.
    async fn execute(&self, connection: &mut Connection) -> Result<(Vec<u8>, Duration)> {
        let began = Instant::now();
        let started: Value = serde_json::from_str(&connection.ask(&self.start).await?)?;
        let id = started["data"]["executionId"]
            .as_str()
            .ok_or_else(|| format!("no execution: {started}"))?;
        let path = format!("/wireflow/api/v1/workflows/executions/{id}/poll");
        let poll = format!("{}\r\n", self.server.bearer_head(&format!("GET {path}"))).into_bytes();
        loop {
            let execution: Value = serde_json::from_str(&connection.ask(&poll).await?)?;
            match execution["status"].as_str() {
                Some("RUNNING") => {}
                Some("COMPLETED") => return Ok((poll, began.elapsed())),
                _ => return Err(format!("an execution came to this: {execution}").into()),
            }
        }
    }
}
