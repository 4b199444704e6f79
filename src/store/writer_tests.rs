//! The ways in which a write, or a whole batch, is lost, and that its callers are told so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, chunk, new_run, open};
use super::writer::Writer;
use super::{CommitPoint, Started, Store, StoreError, StoreOptions, schema, set_meta};
use crate::clock::Clock;
use crate::model::run::RunStatus;
use rusqlite::Connection;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

type Job = Box<dyn FnOnce(&Connection) -> Result<(), StoreError> + Send>;

/// A job that writes one row under this name.
fn add(name: &'static str) -> Job {
    Box::new(move |connection| set_meta(connection, name, "x"))
}

/// A job that writes one row and then something else.
fn add_and(
    name: &'static str,
    then: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
) -> Job {
    Box::new(move |connection| {
        set_meta(connection, name, "x")?;
        then(connection)
    })
}

struct Bench {
    folder: tempfile::TempDir,
    writer: Arc<Writer>,
}

impl Bench {
    /// A writer whose clock stands still, so that time never ends a batch.
    fn new(prepare: impl FnOnce(&Connection)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open(&folder.path().join("test.db")).unwrap();
        prepare(&connection);
        let writer = Arc::new(Writer::start(connection, None, Clock::manual(0)).unwrap());
        Bench { folder, writer }
    }

    /// Runs the jobs in one batch, behind one named `gate` that holds the thread until all of them are queued.
    /// Needs the single-threaded runtime of `#[tokio::test]`.
    async fn batch(&self, jobs: Vec<Job>) -> Vec<Result<(), StoreError>> {
        let (entered, has_entered) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let gate: Job = Box::new(move |connection| {
            entered.send(()).unwrap();
            released.recv().unwrap();
            set_meta(connection, "gate", "x")
        });
        let polled = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for job in std::iter::once(gate).chain(jobs) {
            let (writer, polled) = (self.writer.clone(), polled.clone());
            tasks.push(tokio::spawn(async move {
                polled.fetch_add(1, Ordering::Relaxed);
                writer.write(job).await
            }));
        }
        // A task that was polled has queued its job: there is no waiting before that.
        while polled.load(Ordering::Relaxed) < tasks.len() {
            tokio::task::yield_now().await;
        }
        has_entered.recv().unwrap();
        release.send(()).unwrap();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        outcomes
    }

    /// The names in `meta`, as another connection sees them.
    fn names(&self) -> Vec<String> {
        let connection = Connection::open(self.folder.path().join("test.db")).unwrap();
        connection
            .prepare("SELECT name FROM meta ORDER BY name")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }
}

fn not_committed(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::NotCommitted(_)))
}

#[tokio::test]
async fn a_job_that_fails_or_panics_is_undone_alone() {
    let bench = Bench::new(|_| {});
    let outcomes = bench
        .batch(vec![
            add("a"),
            add_and("failing", |_| Err(StoreError::Database("no".into()))),
            add("b"),
            add_and("panicking", |_| panic!("on purpose")),
            add("c"),
        ])
        .await;
    let told: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(told, [true, true, false, true, false, true]);
    assert_eq!(bench.names(), ["a", "b", "c", "gate"]);
}

#[tokio::test]
async fn when_sqlite_ends_the_transaction_nobody_is_told_done() {
    let bench = Bench::new(|connection| {
        connection
            .execute_batch(
                "CREATE TRIGGER ending BEFORE INSERT ON meta WHEN NEW.name = 'ending'
                 BEGIN SELECT RAISE(ROLLBACK, 'the end'); END",
            )
            .unwrap();
    });
    let outcomes = bench.batch(vec![add("a"), add("ending"), add("b")]).await;
    // The last one was not part of that batch any more.
    assert!(
        not_committed(&outcomes[0]) && not_committed(&outcomes[1]),
        "{outcomes:?}"
    );
    assert!(outcomes[2].is_err() && outcomes[3].is_ok(), "{outcomes:?}");
    assert!(
        outcomes[0]
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("the end")
    );
    assert_eq!(bench.names(), ["b"]);
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_all() {
    let bench = Bench::new(|connection| {
        // A deferred foreign key, which the real schema never has, fails at COMMIT.
        connection
            .execute_batch(
                "CREATE TABLE parent (x INTEGER PRIMARY KEY);
                 CREATE TABLE child (x INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
    });
    let orphan = add_and("orphan", |connection| {
        connection.execute("INSERT INTO child VALUES (7)", [])?;
        Ok(())
    });
    let outcomes = bench.batch(vec![add("a"), orphan, add("b")]).await;
    assert!(outcomes.iter().all(not_committed), "{outcomes:?}");
    assert_eq!(bench.names(), Vec::<String>::new());
    // The thread is fit for the next batch.
    assert!(bench.batch(vec![add("c")]).await.iter().all(Result::is_ok));
    assert_eq!(bench.names(), ["c", "gate"]);
}

#[tokio::test]
async fn a_transaction_that_cannot_begin_is_told() {
    let bench = Bench::new(|connection| {
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    });
    let other = Connection::open(bench.folder.path().join("test.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(not_committed(&bench.writer.write(add("a")).await));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(bench.writer.write(add("b")).await.is_ok());
    assert_eq!(bench.names(), ["b"]);
}

#[tokio::test]
async fn a_full_disk_loses_no_told_write_and_reading_goes_on() {
    let bench = Bench::new(|connection| {
        let pages: i64 = connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        connection
            .pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(()))
            .unwrap();
    });
    let large = add_and("large", |connection| {
        set_meta(connection, "text", &"x".repeat(1 << 20))
    });
    let outcomes = bench.batch(vec![add("a"), large, add("b")]).await;
    assert!(not_committed(&outcomes[2]), "{outcomes:?}");
    let told: Vec<&str> = ["gate", "a", "large", "b"]
        .into_iter()
        .zip(&outcomes)
        .filter_map(|(name, outcome)| outcome.is_ok().then_some(name))
        .collect();
    let mut there = bench.names();
    there.sort_by_key(|name| told.iter().position(|told| told == name));
    assert_eq!(there, told, "exactly what was told is there");
    // After space was freed, writing works again.
    let freed = bench.writer.write(|connection| {
        connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))?;
        Ok(())
    });
    freed.await.unwrap();
    assert!(bench.batch(vec![add("c")]).await.iter().all(Result::is_ok));
    assert!(bench.names().contains(&"c".to_owned()));
}

#[tokio::test]
async fn the_queue_refuses_at_once_when_it_is_full() {
    let bench = Bench::new(|_| {});
    let names: Vec<&'static str> = (0..5_000)
        .map(|index| &*format!("{index:04}").leak())
        .collect();
    let outcomes = bench.batch(names.iter().copied().map(add).collect()).await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((4_096..=4_097).contains(&done), "{done}");
    assert_eq!(bench.names().len(), done);
    let refused = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(refused.to_string().contains("the queue of writes is full"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_writers_beside_readers_never_see_a_lock() {
    let fixture = Fixture::new();
    let workflow = Arc::new(fixture.workflow("w").await);
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let (store, workflow) = (fixture.store.clone(), workflow.clone());
            tokio::spawn(async move {
                let run = new_run(&workflow, 2_000);
                let id = run.id.clone();
                let Started::New(sequence) = store.start_run(run).await? else {
                    panic!("a replay");
                };
                assert!(store.run(&id)?.is_some(), "what was told is there");
                store
                    .append(sequence, chunk(0, 2, RunStatus::Running))
                    .await?;
                store
                    .append(sequence, chunk(2, 1, RunStatus::Completed))
                    .await?;
                assert_eq!(store.journal(sequence, 0)?.len(), 3);
                Ok::<(), StoreError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(
        (fixture.count("run"), fixture.count("journal")),
        (500, 1_000)
    );
}

#[tokio::test]
async fn the_hook_stands_on_both_sides_of_the_commit_and_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let (seen, path) = (seen.clone(), path.clone());
        Arc::new(move |point: CommitPoint| {
            let visible: i64 = Connection::open(&path)
                .unwrap()
                .query_row(
                    "SELECT count(*) FROM meta WHERE name = 'probe'",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            seen.lock().unwrap().push((point, visible));
        })
    };
    let options = StoreOptions {
        readers: 2,
        commit_hook: Some(hook),
    };
    let store = Store::open(&path, options).unwrap();
    store.set_meta("probe", "x".into()).await.unwrap();
    let expected = [
        (CommitPoint::BeforeCommit, 0),
        (CommitPoint::AfterCommit, 1),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn closing_commits_what_is_queued_and_leaves_no_wal() {
    let fixture = Fixture::new();
    let writes: Vec<_> = (0..100)
        .map(|index| {
            let store = fixture.store.clone();
            let name: &'static str = format!("name{index}").leak();
            tokio::spawn(async move { store.set_meta(name, "x".into()).await })
        })
        .collect();
    // The scheduler does not let all of them run at one yield.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    fixture.store.close().await;
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let wal = fixture.folder.path().join("test.db-wal");
    assert_eq!(std::fs::metadata(wal).map_or(0, |wal| wal.len()), 0);
    let closed = fixture.store.set_meta("late", "x".into()).await;
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
    fixture.store.close().await;
    let instance = fixture.store.instance_id().to_owned();
    let again = open(&fixture.folder);
    assert_eq!(again.instance_id(), instance);
    assert_eq!(again.meta("name99").unwrap().as_deref(), Some("x"));
    assert_eq!(again.meta("late").unwrap(), None);
}

#[tokio::test]
async fn the_wal_stays_short_under_load_and_beside_a_reader_that_stays() {
    let bench = Bench::new(|_| {});
    let wal = bench.folder.path().join("test.db-wal");
    let length = || std::fs::metadata(&wal).unwrap().len();
    // Other text each time: SQLite does not write a page that stays as it is.
    let write = |index: usize| {
        let text = format!("{index:05}").repeat(200_000);
        let name: &'static str = format!("name{}", index % 10).leak();
        bench
            .writer
            .write(move |connection| set_meta(connection, name, &text))
    };
    let mut longest = 0;
    for index in 0..40 {
        write(index).await.unwrap();
        longest = longest.max(length());
    }
    assert!(longest < 20 << 20, "{longest} after 40 MB");
    // A reader's old snapshot keeps the WAL from starting anew.
    let reader = Connection::open(bench.folder.path().join("test.db")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM meta")
        .unwrap();
    for index in 1_000..1_030 {
        write(index).await.unwrap();
    }
    assert!(
        length() > 25 << 20,
        "the reader does hold it back: {}",
        length()
    );
    reader.execute_batch("ROLLBACK").unwrap();
    for index in 2_000..2_015 {
        write(index).await.unwrap();
    }
    assert!(
        length() <= 17 << 20,
        "{} when the reader has gone",
        length()
    );
}
