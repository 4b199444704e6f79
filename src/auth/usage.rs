//! The usage of keys: writing what was counted, and who may see whose.
//! May not know HTTP. Promise: what was counted before a write began is in the store when it has ended well, and what could
//! not be written is written the next time.

use super::entry::{Counters, KeyEntry};
use super::keyring::Keyring;
use super::request_counts::RequestCounts;
use super::watch::made;
use crate::id::KeyId;
use crate::model::scope::Permission;
use crate::model::usage::{CONTROL, HourUsage, SCHEDULE, UtcHour, WEBHOOK};
use crate::model::workflow::Reach;
use std::sync::Arc;

impl Keyring {
    /// Writes how many requests were made. Where that cannot be written now, the log says so, and they stay counted.
    pub async fn write_usage(&self) {
        // One after another: who waits here finds what others have taken out in the store.
        let _turn = self.shared.usage_turn.lock().await;
        let now_ms = self.shared.clock.now_ms();
        let mut rows = Vec::new();
        let mut sources: Vec<Arc<Counters>> = Vec::new();
        let mut made_by: Vec<(KeyId, u64)> = Vec::new();
        for (account, counters) in self.every_counter() {
            let mut requests = 0_u64;
            for (hour, usage) in counters.requests().take() {
                requests = requests.saturating_add(made(&usage));
                rows.push(HourUsage {
                    account: account.to_string(),
                    hour,
                    usage,
                });
                sources.push(Arc::clone(&counters));
            }
            if requests > 0 && account.as_str() != CONTROL {
                self.shared.watch.count(&account, requests, now_ms);
                made_by.push((account, requests));
            }
        }
        let webhooks = self.shared.webhooks.take();
        rows.extend(webhooks.into_iter().map(|(hour, usage)| HourUsage {
            account: WEBHOOK.to_owned(),
            hour,
            usage,
        }));
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.shared.store.add_usage(rows.clone()).await {
            log::warn!("how many requests were made is not written yet: {error}");
            let sources = sources.iter().map(|counters| counters.requests());
            let sources = sources.chain(std::iter::repeat(&self.shared.webhooks));
            for (row, requests) in rows.iter().zip(sources) {
                requests.put_back(row.hour, &row.usage);
            }
            for (key, requests) in made_by {
                self.shared.watch.put_back(&key, requests);
            }
        }
    }

    /// Counts an event of another service that was believed, for usage.
    pub fn note_webhook(&self) {
        let webhooks: &RequestCounts = &self.shared.webhooks;
        webhooks.begin_hour(UtcHour::of(self.shared.clock.now_ms()));
        webhooks.webhook();
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
    fn every_counter(&self) -> Vec<(KeyId, Arc<Counters>)> {
        let control = self.control();
        let ring = self.ring();
        let keys = ring.counters();
        let mut all: Vec<_> = keys
            .map(|(id, counters)| (id.clone(), Arc::clone(counters)))
            .collect();
        all.push((control.id().clone(), control.counters()));
        all
    }
}
