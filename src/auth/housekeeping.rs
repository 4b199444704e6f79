//! What the keyring writes in batches: last uses, folded refusals and how many requests were made; and what it forgets when
//! its time is over. With it comes the look for what is unusual, and for keys
//! that end soon.
//! May not know HTTP. Promise: no request waits for any of this, and a write that fails is tried again, never passed on.

use super::entry::Counters;
use super::keyring::Keyring;
use super::refusals::{Counted, audit_row, counted, hour_refusals};
use crate::id::KeyId;
use crate::model::key::{LastUse, REVOKED_KEPT_MS};
use std::sync::Arc;
use tokio::sync::watch;

/// How often requests that were counted are written: a crash loses those of so long.
const USAGE_PERIOD_MS: u64 = 5_000;
/// How often everything else is done: last uses are accurate to a minute.
const PERIOD_MS: u64 = 30_000;
/// How often keys that end soon are looked for.
const ENDS_PERIOD_MS: u64 = 3_600_000;

impl Keyring {
    /// Writes how many requests were made every 5 s; writes last uses and folded refusals that are due, and drops what is over,
    /// every 30 s; looks for keys that end soon at once, and every hour. Runs until `stop`.
    pub async fn housekeeping(&self, mut stop: watch::Receiver<bool>) {
        let mut done_at_ms = self.shared.clock.monotonic_ms();
        let mut ends_due_ms = 0;
        loop {
            tokio::select! {
                () = self.shared.clock.sleep_ms(USAGE_PERIOD_MS) => {}
                // A sender that is gone has nothing more to say than "stop".
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            self.write_usage().await;
            self.look_for_unusual(self.shared.clock.now_ms()).await;
            let monotonic_ms = self.shared.clock.monotonic_ms();
            if monotonic_ms >= ends_due_ms {
                ends_due_ms = monotonic_ms.saturating_add(ENDS_PERIOD_MS);
                self.look_for_ends(self.shared.clock.now_ms()).await;
            }
            if monotonic_ms.saturating_sub(done_at_ms) < PERIOD_MS {
                continue;
            }
            done_at_ms = monotonic_ms;
            let now_ms = self.shared.clock.now_ms();
            self.write_last_uses().await;
            self.write_refusals(now_ms).await;
            self.delete_bygone(now_ms).await;
            self.shared.throttle.forget_idle(monotonic_ms);
        }
    }

    /// Writes everything that is still in memory; at shutdown.
    pub async fn flush(&self) {
        self.write_usage().await;
        self.write_last_uses().await;
        self.write_refusals(i64::MAX).await;
        self.look_for_unusual(self.shared.clock.now_ms()).await;
    }

    async fn write_last_uses(&self) {
        let (uses, counters): (Vec<(KeyId, LastUse)>, Vec<Arc<Counters>>) = self
            .ring()
            .counters()
            .filter_map(|(id, counters)| {
                let last_use = counters.take_unwritten()?;
                Some(((id.clone(), last_use), Arc::clone(counters)))
            })
            .unzip();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.shared.store.record_last_uses(uses).await {
            log::warn!(
                "the last uses of {} keys were not written: {error}",
                counters.len()
            );
            counters
                .iter()
                .for_each(|counters| counters.mark_unwritten());
        }
    }

    /// Writes the refusals whose minute is over at `now_ms`.
    async fn write_refusals(&self, now_ms: i64) {
        let folds = self.shared.refusals.take_over_before(now_ms);
        if folds.is_empty() {
            return;
        }
        let rows = folds.iter().map(audit_row).collect();
        let counts = folds.iter().filter_map(hour_refusals).collect();
        if let Err(error) = self.shared.store.append_refusals(rows, counts).await {
            log::warn!(
                "{} rows of refusals were not written to the audit log: {error}",
                folds.len()
            );
            self.shared.refusals.put_back(folds);
            return;
        }
        let watched: Vec<Counted> = folds.iter().filter_map(counted).collect();
        self.look_at_refusals(&watched);
    }

    /// Deletes the keys that were revoked more than 90 days ago.
    async fn delete_bygone(&self, now_ms: i64) {
        let _turn = self.shared.changes.lock().await;
        if !self.ring().has_bygone(now_ms) {
            return;
        }
        let before_ms = now_ms.saturating_sub(REVOKED_KEPT_MS);
        match self
            .shared
            .store
            .delete_keys_revoked_before(before_ms)
            .await
        {
            Ok(ids) => {
                let mut ring = self.ring_mut();
                for id in &ids {
                    ring.remove(id);
                    self.shared.watch.forget(id);
                }
            }
            Err(error) => log::warn!("keys that were revoked long ago were not deleted: {error}"),
        }
    }
}
