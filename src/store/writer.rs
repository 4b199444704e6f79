//! The one thread that writes: what has queued up becomes one transaction, each job in a savepoint of its own.
//! May not know what the jobs do. Promises: a caller is answered after the commit that makes the answer true; a job that
//! fails or panics is undone alone; when SQLite gives the transaction up, nobody of the batch is told "done".

use super::{CommitHook, CommitPoint, StoreError};
use crate::clock::Clock;
use rusqlite::Connection;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;

/// How many jobs may wait; further ones are refused at once.
const MAX_QUEUED_JOBS: usize = 4_096;
/// How many jobs share a commit at most.
const MAX_BATCH_JOBS: usize = 512;
/// After this long a batch takes no further job, so that a few large ones cannot swell the WAL.
const MAX_BATCH_MS: u64 = 20;
/// So many frames (4 KiB each) not yet in the database file start a checkpoint. Reads get slower from 4,000 on.
const CHECKPOINT_FRAMES: i64 = 3_000;
/// From this length on (40 MiB) the WAL is restarted even if readers have to be waited for.
const RESTART_FRAMES: i64 = 10_000;
/// How long a restart waits for readers.
const RESTART_WAIT: Duration = Duration::from_millis(200);
/// How long any statement waits for a lock that another process holds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells a caller how its job ended; the argument is what became of the batch.
type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Runs in the transaction, or learns why there is none. Gives why it wants to be undone, and how to tell.
type Job =
    Box<dyn FnOnce(Result<&Connection, StoreError>) -> (Result<(), StoreError>, Tell) + Send>;

enum Message {
    Job(Job),
    Stop,
}

/// The callers' end of the queue.
pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    checkpoint_asked: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread, which owns the connection from now on. The clock tells how long a batch has taken.
    pub(super) fn start(
        connection: Connection,
        hook: Option<CommitHook>,
        clock: Clock,
    ) -> Result<Writer, StoreError> {
        let (queue, jobs) = sync_channel(MAX_QUEUED_JOBS);
        let checkpoint_asked = Arc::new(AtomicBool::new(false));
        let service = Service {
            checkpoint_asked: checkpoint_asked.clone(),
            connection,
            jobs,
            hook,
            clock,
            restart_tried_at: 0,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || service.run())
            .map_err(|error| StoreError::Unusable(format!("no thread for writes: {error}")))?;
        Ok(Writer {
            queue,
            thread: Mutex::new(Some(thread)),
            checkpoint_asked,
        })
    }

    /// Runs `work` in a transaction that it shares with whatever else is queued; ends after the commit. It is queued here and
    /// now, so that what waits for it does not carry it around.
    pub(super) fn write<T, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = connection.and_then(|connection| {
                catch_unwind(AssertUnwindSafe(|| work(connection)))
                    .unwrap_or_else(|_| Err(StoreError::Database("a write panicked".into())))
            });
            let kept = outcome.as_ref().map(|_| ()).map_err(StoreError::clone);
            let tell: Tell = Box::new(move |committed| {
                // A caller that has gone away needs no answer.
                drop(answer.send(outcome.and_then(|value| committed.map(|()| value))));
            });
            (kept, tell)
        });
        let queued = self.queue.try_send(Message::Job(job));
        let queued = queued.map_err(|refused| match refused {
            TrySendError::Full(_) => {
                StoreError::NotCommitted("the queue of writes is full; try again".into())
            }
            TrySendError::Disconnected(_) => StoreError::Closed,
        });
        async move {
            queued?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        }
    }

    /// After the next batch everything is copied into the database file, however little it is.
    pub(super) fn ask_for_checkpoint(&self) {
        self.checkpoint_asked.store(true, Ordering::Relaxed);
    }

    /// Commits what is queued, checkpoints, ends the thread. Blocks until it has ended; a second call returns at once.
    pub(super) fn stop(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread ends by itself when nobody can send any more, so a failed send is as good as a stop.
            drop(self.queue.send(Message::Stop));
            if thread.join().is_err() {
                log::error!("the thread that writes to the database panicked");
            }
        }
    }
}

/// The thread's side.
struct Service {
    connection: Connection,
    jobs: Receiver<Message>,
    hook: Option<CommitHook>,
    clock: Clock,
    checkpoint_asked: Arc<AtomicBool>,
    /// The length of the WAL when it was last tried to restart it.
    restart_tried_at: i64,
}

impl Service {
    fn run(mut self) {
        while let Ok(Message::Job(first)) = self.jobs.recv() {
            let stop = self.batch(first);
            if let Err(error) = self.checkpoint() {
                log::warn!("checkpoint of the database: {error}");
            }
            if stop {
                break;
            }
        }
        if let Err(error) = self.finish() {
            log::warn!("closing the database: {error}");
        }
    }

    /// Runs `first` and what has queued up behind it in one transaction. Gives whether the thread shall stop.
    fn batch(&self, first: Job) -> bool {
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            let (_, tell) = first(Err(error.clone()));
            tell(Err(error));
            return false;
        }
        let until_ms = self.clock.monotonic_ms().saturating_add(MAX_BATCH_MS);
        let mut tells = Vec::new();
        let mut next = Some(first);
        let mut stop = false;
        let mut batch = Ok(());
        while let Some(job) = next.take() {
            batch = self.run_job(job, &mut tells);
            if batch.is_err() {
                break;
            }
            if tells.len() < MAX_BATCH_JOBS && self.clock.monotonic_ms() < until_ms {
                match self.jobs.try_recv() {
                    Ok(Message::Job(job)) => next = Some(job),
                    Ok(Message::Stop) => stop = true,
                    Err(_) => {}
                }
            }
        }
        let batch = batch.and_then(|()| self.commit());
        if batch.is_err() && !self.connection.is_autocommit() {
            drop(self.execute("ROLLBACK"));
        }
        for tell in tells {
            tell(batch.clone());
        }
        stop
    }

    /// Runs one job in its savepoint. An error is the whole batch's.
    fn run_job(&self, job: Job, tells: &mut Vec<Tell>) -> Result<(), StoreError> {
        let savepoint = self.execute("SAVEPOINT job");
        let (kept, tell) = job(savepoint.clone().map(|()| &self.connection));
        tells.push(tell);
        savepoint?;
        // A full disk or an I/O error may end the WHOLE transaction. What follows would then run in a transaction of its
        // own, and its COMMIT would confirm rows that are gone.
        if self.connection.is_autocommit() {
            return Err(StoreError::NotCommitted(match kept {
                Err(cause) => format!("a write in the same batch ended the transaction: {cause}"),
                Ok(()) => "SQLite ended the transaction".into(),
            }));
        }
        if kept.is_err() {
            self.execute("ROLLBACK TO job")?;
        }
        self.execute("RELEASE job")
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.at(CommitPoint::BeforeCommit);
        self.execute("COMMIT").map_err(|error| match error {
            StoreError::Database(text) => StoreError::NotCommitted(text),
            error => error,
        })?;
        self.at(CommitPoint::AfterCommit);
        Ok(())
    }

    fn at(&self, point: CommitPoint) {
        if let Some(hook) = &self.hook {
            hook(point);
        }
    }

    fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Copies the WAL into the database file when it has grown long. Between two batches, never within a commit: the
    /// callers of the last batch have their answers already.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let (length, copied) = self.wal("PRAGMA wal_checkpoint(NOOP)")?;
        if length < RESTART_FRAMES {
            self.restart_tried_at = 0;
        }
        let asked = self.checkpoint_asked.swap(false, Ordering::Relaxed);
        if asked || length - copied >= CHECKPOINT_FRAMES {
            self.wal("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        if length >= RESTART_FRAMES && length - self.restart_tried_at >= CHECKPOINT_FRAMES {
            self.restart_tried_at = length;
            self.connection.busy_timeout(RESTART_WAIT)?;
            let restarted = self.wal("PRAGMA wal_checkpoint(RESTART)");
            self.connection.busy_timeout(BUSY_TIMEOUT)?;
            restarted?;
        }
        Ok(())
    }

    /// Runs a checkpoint; gives how many frames the WAL has and how many of them are in the database file.
    fn wal(&self, sql: &'static str) -> Result<(i64, i64), StoreError> {
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?)
    }

    /// No `PRAGMA optimize`: statistics from a young database (one workflow) make SQLite scan tables that are large by the
    /// time they are used. Every query is written so that its plan needs none.
    fn finish(&self) -> Result<(), StoreError> {
        self.connection.busy_timeout(RESTART_WAIT)?;
        self.wal("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}
