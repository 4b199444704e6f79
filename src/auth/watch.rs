//! Watches for unusual activity, and for keys that end soon: what the rules want to know of the last minutes, and what was
//! noticed and is not written yet.
//! May not know HTTP or who is told. Promises: no request waits for any of this, what is remembered is bounded, and what could
//! not be written is written the next time.

use super::entry::Counters;
use super::keyring::Keyring;
use super::refusals::{Counted, Origin};
use crate::clock::iso_utc;
use crate::id::{AlertId, KeyId};
use crate::model::alert::{
    Alert, AlertKind, BURST_REQUESTS, KnownNetworks, MANY_REFUSALS, Network, OFTEN_LIMITED,
    RecentCounts, Seen, USUAL_DAYS, UsualRate,
};
use crate::model::audit::AuditEntry;
use crate::model::usage::{Usage, UtcDay, UtcHour};
use crate::store::{Noticed, StoreError};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MINUTE_MS: i64 = 60_000;
/// Of so many keys and networks are refusals summed up at once.
const MAX_ORIGINS: usize = 20_000;
/// So much of what was noticed waits to be written at most.
const MAX_UNWRITTEN: usize = 1_000;

/// What is remembered.
#[derive(Default)]
pub(super) struct Watch(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    /// The requests of each key in the minute that it is.
    minute: i64,
    requests: HashMap<KeyId, u64>,
    /// Those that were noted and could not be written: they come again.
    put_back: HashMap<KeyId, u64>,
    /// The keys that made many in a minute that is over: the minute's end, and how many.
    busy: Vec<(KeyId, i64, u64)>,
    refusals: HashMap<(Origin, AlertKind), RecentCounts>,
    networks: HashMap<KeyId, KnownNetworks>,
    unwritten: Noticed,
}

impl Watch {
    /// Notes how many requests of a key are about to be written; those that were put back were noted before.
    pub(super) fn count(&self, key: &KeyId, requests: u64, now_ms: i64) {
        let mut memory = self.lock();
        memory.begin_minute(now_ms.div_euclid(MINUTE_MS));
        let known = memory.put_back.remove(key).unwrap_or_default();
        let made = memory.requests.entry(key.clone()).or_default();
        *made = made.saturating_add(requests.saturating_sub(known));
    }

    /// Notes that requests of a key were not written and come again.
    pub(super) fn put_back(&self, key: &KeyId, requests: u64) {
        self.lock().put_back.insert(key.clone(), requests);
    }

    /// Forgets a key that is gone.
    pub(super) fn forget(&self, key: &KeyId) {
        let mut memory = self.lock();
        memory.networks.remove(key);
        memory.put_back.remove(key);
    }

    fn take_busy(&self, now_ms: i64) -> Vec<(KeyId, i64, u64)> {
        let mut memory = self.lock();
        memory.begin_minute(now_ms.div_euclid(MINUTE_MS));
        std::mem::take(&mut memory.busy)
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn begin_minute(&mut self, minute: i64) {
        if self.minute == minute {
            return;
        }
        let end_ms = self.minute.saturating_add(1).saturating_mul(MINUTE_MS);
        let made = std::mem::take(&mut self.requests).into_iter();
        self.busy.extend(
            made.filter(|(_, requests)| *requests >= BURST_REQUESTS)
                .map(|(key, requests)| (key, end_ms, requests)),
        );
        self.busy.truncate(MAX_UNWRITTEN);
        self.minute = minute;
    }

    /// The sum of the last minutes of this origin, with these refusals.
    fn add_refusals(&mut self, refused: &Counted, kind: AlertKind) -> u64 {
        let at = (refused.origin.clone(), kind);
        if self.refusals.len() >= MAX_ORIGINS && !self.refusals.contains_key(&at) {
            return refused.count;
        }
        let recent = self.refusals.entry(at).or_default();
        recent.add(refused.minute, refused.count)
    }

    fn notice(&mut self, alert: Alert) {
        if self.unwritten.alerts.len() < MAX_UNWRITTEN {
            let entry = audit_row(&alert);
            self.unwritten.alerts.push((alert, entry));
        }
    }
}

impl Keyring {
    /// Looks at what was used since the last look, and writes what is unusual about it.
    pub(super) async fn look_for_unusual(&self, now_ms: i64) {
        self.look_at_networks();
        for (id, at_ms, requests) in self.shared.watch.take_busy(now_ms) {
            match self.usual_rate(&id, at_ms).await {
                Ok(Some((name, rate))) if rate.is_exceeded_by(requests) => {
                    let key = Some((id, name));
                    let alert = new_alert(AlertKind::Burst, at_ms, key, None, requests);
                    self.shared.watch.lock().notice(alert);
                }
                Ok(_) => {}
                Err(error) => log::warn!("whether key {id} makes a burst is not known: {error}"),
            }
        }
        self.write_noticed().await;
    }

    /// Looks at refusals whose minute is over.
    pub(super) fn look_at_refusals(&self, refused: &[Counted]) {
        if let Some(newest) = refused.iter().map(|one| one.minute).max() {
            let mut memory = self.shared.watch.lock();
            memory.refusals.retain(|_, recent| !recent.is_over(newest));
        }
        for one in refused {
            let (kind, many) = if one.reason == super::refusals::LIMITED {
                (AlertKind::OftenLimited, OFTEN_LIMITED)
            } else {
                (AlertKind::ManyRefusals, MANY_REFUSALS)
            };
            let count = self.shared.watch.lock().add_refusals(one, kind);
            if count < many {
                continue;
            }
            let at_ms = one.minute.saturating_add(1).saturating_mul(MINUTE_MS);
            let (key, address) = match &one.origin {
                Origin::Key(id) => (self.named(id), None),
                Origin::Network(network) => (None, Some(network.clone())),
            };
            if key.is_some() || address.is_some() {
                let alert = new_alert(kind, at_ms, key, address, count);
                self.shared.watch.lock().notice(alert);
            }
        }
    }

    /// Looks for keys that end soon, and writes those whose end was not written before, the soonest first. What cannot be
    /// written now is found again the next time, and takes no room of what is unusual.
    pub(super) async fn look_for_ends(&self, now_ms: i64) {
        let mut soon = self.ring().ending_soon(now_ms);
        soon.sort_by_key(|(_, _, end_ms)| *end_ms);
        for slice in soon.chunks(MAX_UNWRITTEN) {
            let ends = slice.iter().map(|(id, name, end_ms)| {
                let key = Some((id.clone(), name.clone()));
                let alert = Alert {
                    expires_at_ms: Some(*end_ms),
                    ..new_alert(AlertKind::KeyExpiring, now_ms, key, None, 0)
                };
                let entry = audit_row(&alert);
                (alert, entry)
            });
            let noticed = Noticed {
                networks: Vec::new(),
                alerts: ends.collect(),
            };
            let store = &self.shared.store;
            match store
                .record_noticed(noticed, self.shared.tells_alerts)
                .await
            {
                Ok(alerts) => alerts.iter().for_each(warn),
                Err(error) => log::warn!("which keys end soon is not written yet: {error}"),
            }
        }
    }

    /// Notes from where keys were used since the last look. What cannot be looked at now is looked at the next time.
    fn look_at_networks(&self) {
        let used: Vec<(KeyId, Arc<Counters>)> = {
            let ring = self.ring();
            let counters = ring.counters();
            counters
                .filter(|(_, counters)| counters.has_networks())
                .map(|(id, counters)| (id.clone(), Arc::clone(counters)))
                .collect()
        };
        for (id, counters) in used {
            if let Err(error) = self.know_networks(&id) {
                log::warn!("from where key {id} is used is not looked at for now: {error}");
                continue;
            }
            for (network, used_ms) in counters.take_networks() {
                self.see(&id, network, used_ms);
            }
        }
    }

    /// Has the networks of a key in memory.
    fn know_networks(&self, id: &KeyId) -> Result<(), StoreError> {
        let is_known = self.shared.watch.lock().networks.contains_key(id);
        if !is_known {
            let known = KnownNetworks::new(self.shared.store.key_networks(id)?);
            let mut memory = self.shared.watch.lock();
            memory.networks.insert(id.clone(), known);
        }
        Ok(())
    }

    fn see(&self, id: &KeyId, network: Network, used_ms: i64) {
        let seen = {
            let mut memory = self.shared.watch.lock();
            let known = memory.networks.get_mut(id);
            known.map_or(Seen::Known, |known| known.see(network, used_ms))
        };
        if seen == Seen::Known {
            return;
        }
        let key = self.named(id);
        let mut memory = self.shared.watch.lock();
        let noted = (id.clone(), network.to_string(), used_ms);
        if memory.unwritten.networks.len() < MAX_UNWRITTEN {
            memory.unwritten.networks.push(noted);
        }
        if seen == Seen::New && key.is_some() {
            let address = Some(network.to_string());
            memory.notice(new_alert(AlertKind::NewAddress, used_ms, key, address, 1));
        }
    }

    /// A key's name, and how many requests it makes; `None` for a key that is gone.
    async fn usual_rate(
        &self,
        id: &KeyId,
        now_ms: i64,
    ) -> Result<Option<(String, UsualRate)>, StoreError> {
        let Some(record) = self.ring().get(id) else {
            return Ok(None);
        };
        let today = UtcDay::of(now_ms);
        let first = today.minus(USUAL_DAYS);
        let days = self
            .shared
            .store
            .usage_days(vec![id.to_string()], first, today)
            .await?;
        let since_ms = record
            .created_at_ms
            .max(UtcHour::first_of(first).begins_at_ms());
        let minutes = now_ms.saturating_sub(since_ms).div_euclid(MINUTE_MS);
        let rate = UsualRate {
            requests: days
                .iter()
                .fold(0, |sum: u64, day| sum.saturating_add(made(&day.usage))),
            minutes: u64::try_from(minutes).unwrap_or_default(),
        };
        Ok(Some((record.name, rate)))
    }

    fn named(&self, id: &KeyId) -> Option<(KeyId, String)> {
        let record = self.ring().get(id)?;
        Some((record.id, record.name))
    }

    /// Writes what was noticed; what cannot be written now stays.
    pub(super) async fn write_noticed(&self) {
        let noticed = std::mem::take(&mut self.shared.watch.lock().unwritten);
        if noticed.alerts.is_empty() && noticed.networks.is_empty() {
            return;
        }
        let store = &self.shared.store;
        let recorded = store
            .record_noticed(noticed.clone(), self.shared.tells_alerts)
            .await;
        match recorded {
            Ok(alerts) => alerts.iter().for_each(warn),
            Err(error) => {
                log::warn!("what was noticed is not written yet: {error}");
                let mut memory = self.shared.watch.lock();
                let room = MAX_UNWRITTEN.saturating_sub(memory.unwritten.alerts.len());
                let alerts = noticed.alerts.into_iter().take(room);
                memory.unwritten.alerts.extend(alerts);
                let room = MAX_UNWRITTEN.saturating_sub(memory.unwritten.networks.len());
                let networks = noticed.networks.into_iter().take(room);
                memory.unwritten.networks.extend(networks);
            }
        }
    }
}

fn warn(alert: &Alert) {
    log::warn!("{}", told(alert));
}

/// The requests that a key has made, let in or refused.
pub(super) fn made(usage: &Usage) -> u64 {
    usage.requests().saturating_add(usage.refused_requests)
}

fn new_alert(
    kind: AlertKind,
    at_ms: i64,
    key: Option<(KeyId, String)>,
    address: Option<String>,
    count: u64,
) -> Alert {
    Alert {
        id: AlertId::generate(),
        kind,
        at_ms,
        key,
        address,
        count,
        expires_at_ms: None,
    }
}

/// An alert as the log has it.
fn told(alert: &Alert) -> String {
    match (&alert.key, alert.expires_at_ms) {
        (Some((id, _)), Some(end_ms)) => format!("key {id} ends at {}", iso_utc(end_ms)),
        _ => format!("unusual activity: {} ({})", alert.cause(), alert.count),
    }
}

fn audit_row(alert: &Alert) -> AuditEntry {
    AuditEntry {
        at_ms: alert.at_ms,
        actor: "server".to_owned(),
        action: alert.kind.action(),
        target: alert.key.as_ref().map(|(id, _)| id.to_string()),
        address: alert.address.clone(),
        result: "noticed".to_owned(),
        detail: match alert.expires_at_ms {
            Some(end_ms) => json!({ "alert": alert.id.as_str(), "expiresAt": iso_utc(end_ms) }),
            None => json!({ "alert": alert.id.as_str(), "count": alert.count }),
        },
    }
}
