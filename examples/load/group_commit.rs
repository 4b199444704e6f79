//! What this disk can do: rows of about 400 bytes with one secondary index, inserted by one writer thread that commits
//! whatever has queued up, `synchronous=FULL`, each producer waiting for its commit.

use crate::Result;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const BATCH: usize = 512;

/// Rows a second with so many producers.
pub(crate) fn inserts_per_second(path: &Path, producers: usize, seconds: f64) -> Result<f64> {
    let database = Connection::open(path)?;
    database.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;
         CREATE TABLE row(sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;",
    )?;
    let (jobs, queue) = mpsc::sync_channel::<(String, oneshot::Sender<()>)>(4096);
    let writer = std::thread::spawn(move || write(database, &queue));
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let inserted: u64 = runtime.block_on(async {
        let one = |producer: usize| {
            let jobs = jobs.clone();
            async move {
                let mut count = 0_u64;
                while Instant::now() < end {
                    let (done, told) = oneshot::channel();
                    if jobs
                        .send((format!("row_{producer}_{count}"), done))
                        .is_err()
                        || told.await.is_err()
                    {
                        break;
                    }
                    count += 1;
                }
                count
            }
        };
        futures_util::future::join_all((0..producers).map(one))
            .await
            .into_iter()
            .sum()
    });
    drop(jobs);
    writer.join().map_err(|_| "the writer panicked")??;
    Ok(inserted as f64 / seconds)
}

fn write(
    mut database: Connection,
    queue: &mpsc::Receiver<(String, oneshot::Sender<()>)>,
) -> rusqlite::Result<()> {
    let body = "x".repeat(400);
    while let Ok(first) = queue.recv() {
        let transaction =
            database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut told = Vec::with_capacity(BATCH);
        let mut next = Some(first);
        while let Some((id, done)) = next {
            transaction
                .prepare_cached("INSERT INTO row(id, body) VALUES(?1, ?2)")?
                .execute((&id, &body))?;
            told.push(done);
            next = if told.len() < BATCH {
                queue.try_recv().ok()
            } else {
                None
            };
        }
        transaction.commit()?;
        // A producer that has gone away wants no answer.
        let _gone: Vec<_> = told.into_iter().map(|done| done.send(())).collect();
    }
    Ok(())
}
