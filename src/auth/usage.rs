//! The usage of keys: writing what was counted, and who may see whose.
//! May not know HTTP. Promise: what was counted before a write began is in the store when it has ended well, and what could
//! not be written is written the next time.

use super::entry::{Counters, KeyEntry};
use super::keyring::Keyring;
use crate::model::scope::Permission;
use crate::model::usage::{CONTROL, DayUsage, SCHEDULE, WEBHOOK};
use crate::model::workflow::Reach;
use std::sync::Arc;

impl Keyring {
    /// Writes how many requests were made. Where that cannot be written now, the log says so, and they stay counted.
    pub async fn write_usage(&self) {
        // One after another: who waits here finds what others have taken out in the store.
        let _turn = self.shared.usage_turn.lock().await;
        let mut rows = Vec::new();
        let mut sources: Vec<Arc<Counters>> = Vec::new();
        for (account, counters) in self.every_counter() {
            for (day, usage) in counters.requests().take() {
                rows.push(DayUsage {
                    account: account.clone(),
                    day,
                    usage,
                });
                sources.push(Arc::clone(&counters));
            }
        }
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.shared.store.add_usage(rows.clone()).await {
            log::warn!("how many requests were made is not written yet: {error}");
            for (row, counters) in rows.iter().zip(sources) {
                counters.requests().put_back(row.day, &row.usage);
            }
        }
    }

    /// Whose usage a key sees: its own; where it may see keys, that of those which it may manage; and where it reaches every
    /// workflow, what the clock and other services have started.
    pub fn usage_seen_by(&self, by: &KeyEntry) -> Vec<String> {
        let own = by.id().to_string();
        if !by.may(Permission::KeysView) {
            return vec![own];
        }
        let mut seen = self.ring().ids_seen_by(by.holder());
        if *by.reach() == Reach::All {
            seen.extend([SCHEDULE, WEBHOOK].map(str::to_owned));
        }
        let control = self.control();
        if by.holder().holding.covers(&control.holder().holding) {
            seen.push(CONTROL.to_owned());
        }
        if !seen.contains(&own) {
            seen.push(own);
        }
        seen
    }

    /// The counters of every key, and of the owner of the data folder.
    fn every_counter(&self) -> Vec<(String, Arc<Counters>)> {
        let ring = self.ring();
        let keys = ring.counters();
        let mut all: Vec<_> = keys
            .map(|(id, counters)| (id.to_string(), Arc::clone(counters)))
            .collect();
        all.push((CONTROL.to_owned(), self.control().counters()));
        all
    }
}
