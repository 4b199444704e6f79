//! The read connections: a pool of connections that cannot write.
//! May not know what is read. Promise: scans never take the last connection, so a point read on an async worker waits for
//! other point reads at most.

use super::{StoreError, writer::BUSY_TIMEOUT};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// How long a read waits for a connection.
const GET_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the first connections may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// What all read connections together may map of the file, in bytes. Mapped pages count as the process's memory, once for
/// each connection.
const MMAP_BYTES: i64 = 32 << 20;
/// The page cache of one read connection, in KiB.
const CACHE_KIB: i64 = 2_048;

/// The pool; clones share it.
#[derive(Clone)]
pub(super) struct Readers {
    pool: r2d2::Pool<SqliteConnectionManager>,
    scans: Arc<Semaphore>,
}

impl Readers {
    /// Opens `count` read-only connections (at least two: one for scans, one for point reads).
    pub(super) fn open(path: &Path, count: u32) -> Result<Readers, StoreError> {
        let count = count.max(2);
        let mmap_bytes = MMAP_BYTES / i64::from(count);
        let manager = SqliteConnectionManager::file(path)
            .with_flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(move |connection| {
                connection.busy_timeout(BUSY_TIMEOUT)?;
                connection.set_prepared_statement_cache_capacity(64);
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
                connection.pragma_update(None, "query_only", true)?;
                connection.pragma_update(None, "trusted_schema", false)?;
                connection.pragma_update(None, "cell_size_check", true)?;
                connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
                connection.pragma_update_and_check(None, "mmap_size", mmap_bytes, |_| Ok(()))
            });
        let pool = r2d2::Pool::builder()
            .max_size(count)
            .test_on_check_out(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(OPEN_TIMEOUT)
            .build(manager)
            .map_err(|error| StoreError::Unusable(format!("no read connection: {error}")))?;
        let scans = usize::try_from(count / 2).unwrap_or(1);
        Ok(Readers {
            pool,
            scans: Arc::new(Semaphore::new(scans)),
        })
    }

    /// Reads on the calling thread: for what costs microseconds.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self
            .pool
            .get_timeout(GET_TIMEOUT)
            .map_err(|_| StoreError::Database("every read connection is busy".into()))?;
        work(&connection).map_err(|error| match error {
            // Nothing was to be written here.
            StoreError::NotCommitted(text) => StoreError::Database(text),
            error => error,
        })
    }

    /// Reads on the blocking pool: for lists and whatever grows with the data.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Ok(permit) = self.scans.clone().acquire_owned().await else {
            return Err(StoreError::Closed);
        };
        let readers = self.clone();
        let scan = tokio::task::spawn_blocking(move || {
            let result = readers.read(work);
            drop(permit);
            result
        });
        scan.await
            .unwrap_or_else(|_| Err(StoreError::Database("a read panicked".into())))
    }
}
