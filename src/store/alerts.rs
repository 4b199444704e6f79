//! Alerts: what was noticed, with its row in the audit log, and what of it is still to be told; and the networks from which
//! keys are used. May not know what is unusual or who is told. Promises: an alert, its audit row and what it was noticed by are
//! one commit; the same cause is recorded once in its time; an alert waits until it was told or given up.

use super::{Store, StoreError, audit, column};
use crate::id::KeyId;
use crate::model::alert::{Alert, AlertKind, MAX_NETWORKS};
use crate::model::audit::AuditEntry;
use rusqlite::{Connection, Row};
use std::cmp::Reverse;

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// How many alerts an hour are recorded, and beside them how many ends of keys; a flood of them says no more.
const MAX_AN_HOUR: i64 = 1_000;
/// So many of them are of one key, so that no key keeps others from being noticed.
const MAX_OF_KEY_AN_HOUR: i64 = 20;

/// What was noticed.
#[derive(Debug, Clone, Default)]
pub struct Noticed {
    /// Networks from which keys were used, and when, in milliseconds since the Unix epoch.
    pub networks: Vec<(KeyId, String, i64)>,
    /// Alerts, each with its row for the audit log.
    pub alerts: Vec<(Alert, AuditEntry)>,
}

/// An alert that is to be told now.
#[derive(Debug, Clone)]
pub struct DueAlert {
    /// Its number.
    pub sequence: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What it is.
    pub alert: Alert,
}

impl Store {
    /// The networks from which a key was used, with the last use of each. A point read.
    pub fn key_networks(&self, id: &KeyId) -> Result<Vec<(String, i64)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(NETWORKS)?
                .query_and_then([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Records what was noticed, and gives the alerts that it recorded: those with a cause that was recorded lately are passed
    /// over. With `is_told` they wait to be told.
    pub async fn record_noticed(
        &self,
        noticed: Noticed,
        is_told: bool,
    ) -> Result<Vec<Alert>, StoreError> {
        self.write(move |connection| {
            for (key, network, used_ms) in &noticed.networks {
                keep_network(connection, key, network, *used_ms)?;
            }
            let mut recorded = Vec::new();
            for (alert, entry) in noticed.alerts {
                if record(connection, &alert, &entry, is_told)? {
                    recorded.push(alert);
                }
            }
            Ok(recorded)
        })
        .await
    }

    /// The newest alerts of these kinds, however many there are of others.
    pub async fn newest_alerts(
        &self,
        kinds: &'static [AlertKind],
        limit: u32,
    ) -> Result<Vec<Alert>, StoreError> {
        self.scan(move |connection| {
            let mut statement = connection.prepare_cached(NEWEST_OF_KIND)?;
            let mut found: Vec<(i64, Alert)> = Vec::new();
            for kind in kinds {
                let rows = statement.query_and_then((kind.as_str(), limit), |row| {
                    Ok::<_, StoreError>((row.get(8)?, alert(row)?))
                })?;
                found.extend(rows.collect::<Result<Vec<_>, StoreError>>()?);
            }
            found.sort_by_key(|(sequence, _)| Reverse(*sequence));
            let newest = found.into_iter().map(|(_, alert)| alert);
            Ok(newest.take(limit as usize).collect())
        })
        .await
    }

    /// The newest alerts of one key.
    pub async fn newest_alerts_of(
        &self,
        key: String,
        limit: u32,
    ) -> Result<Vec<Alert>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(NEWEST_OF_KEY)?
                .query_and_then((key, limit), alert)?
                .collect()
        })
        .await
    }

    /// The alerts that are to be told by now, the longest due first.
    pub async fn due_alerts(&self, now_ms: i64, limit: u32) -> Result<Vec<DueAlert>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(DUE)?
                .query_and_then((now_ms, limit), |row| {
                    Ok(DueAlert {
                        alert: alert(row)?,
                        sequence: row.get(8)?,
                        attempts: column::unsigned(row, 9)?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// Notes an attempt to tell an alert, and when the next one is due; `None`: it was told, or is given up.
    pub async fn alert_tried(
        &self,
        sequence: i64,
        next_try_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE alert SET attempts = attempts + 1, next_try_ms = ?2 WHERE sequence = ?1",
                )?
                .execute((sequence, next_try_ms))?;
            Ok(())
        })
        .await
    }

    /// Forgets alerts that are older than the moment.
    pub async fn forget_alerts_before(&self, unix_ms: i64) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection.prepare_cached(FORGET)?.execute([unix_ms])?;
            Ok(())
        })
        .await
    }
}

macro_rules! alerts {
    ($rest:literal) => {
        concat!(
            "SELECT id, type, at_ms, key_id, key_name, address, count, expires_at_ms, sequence, attempts FROM alert ",
            $rest
        )
    };
}

pub(super) const NEWEST_OF_KIND: &str = alerts!("WHERE type = ?1 ORDER BY sequence DESC LIMIT ?2");
pub(super) const NEWEST_OF_KEY: &str = alerts!("WHERE key_id = ?1 ORDER BY sequence DESC LIMIT ?2");
pub(super) const DUE: &str = alerts!("WHERE next_try_ms <= ?1 ORDER BY next_try_ms LIMIT ?2");
pub(super) const SAME: &str = "SELECT 1 FROM alert WHERE cause = ?1 AND at_ms > ?2 LIMIT 1";
pub(super) const SINCE: &str =
    "SELECT count(*) FROM alert WHERE at_ms > ?1 AND (type = 'key_expiring') = ?2";
pub(super) const OF_KEY_SINCE: &str =
    "SELECT count(*) FROM alert WHERE at_ms > ?1 AND +key_id = ?2";
pub(super) const FORGET: &str = "DELETE FROM alert WHERE at_ms < ?1";
pub(super) const NETWORKS: &str = "
    SELECT network, last_used_ms FROM key_network WHERE key = (SELECT sequence FROM api_key WHERE id = ?1)";

fn alert(row: &Row<'_>) -> Result<Alert, StoreError> {
    let key: Option<KeyId> = column::optional_id(row, 3)?;
    let name: Option<String> = row.get(4)?;
    Ok(Alert {
        id: column::id(row, 0)?,
        kind: column::word(row, 1, AlertKind::parse)?,
        at_ms: row.get(2)?,
        key: key.zip(name),
        address: row.get(5)?,
        count: column::unsigned(row, 6)?,
        expires_at_ms: row.get(7)?,
    })
}

/// Keeps a network of a key, and of all of them the latest; a key that is gone has none.
fn keep_network(
    connection: &Connection,
    key: &KeyId,
    network: &str,
    used_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO key_network (key, network, last_used_ms) SELECT sequence, ?2, ?3 FROM api_key WHERE id = ?1
             ON CONFLICT (key, network) DO UPDATE SET last_used_ms = max(last_used_ms, excluded.last_used_ms)",
        )?
        .execute((key.as_str(), network, used_ms))?;
    connection
        .prepare_cached(
            "DELETE FROM key_network WHERE (key, network) IN (
                 SELECT key, network FROM key_network WHERE key = (SELECT sequence FROM api_key WHERE id = ?1)
                 ORDER BY last_used_ms DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((key.as_str(), MAX_NETWORKS as i64))?;
    Ok(())
}

/// Whether the alert was recorded.
fn record(
    connection: &Connection,
    alert: &Alert,
    entry: &AuditEntry,
    is_told: bool,
) -> Result<bool, StoreError> {
    let cause = alert.cause();
    let since = |ms: i64| alert.at_ms.saturating_sub(ms);
    let is_known = connection
        .prepare_cached(SAME)?
        .exists((&cause, since(alert.kind.same_for_ms())))?;
    if is_known || !has_room(connection, alert, since(HOUR_MS))? {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO alert (id, type, cause, at_ms, key_id, key_name, address, count, next_try_ms, expires_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            alert.id.as_str(),
            alert.kind.as_str(),
            &cause,
            alert.at_ms,
            alert.key.as_ref().map(|(id, _)| id.as_str()),
            alert.key.as_ref().map(|(_, name)| name),
            &alert.address,
            i64::try_from(alert.count).unwrap_or(i64::MAX),
            is_told.then_some(alert.at_ms),
            alert.expires_at_ms,
        ))?;
    audit::append(connection, entry)?;
    Ok(true)
}

/// Whether there were so few alerts since that moment that one more says something. Ends of keys count apart: whoever makes
/// many keys that end soon hides nothing that is unusual.
fn has_room(connection: &Connection, alert: &Alert, since_ms: i64) -> Result<bool, StoreError> {
    let all: i64 = connection
        .prepare_cached(SINCE)?
        .query_row((since_ms, alert.kind == AlertKind::KeyExpiring), |row| {
            row.get(0)
        })?;
    let Some((key, _)) = &alert.key else {
        return Ok(all < MAX_AN_HOUR);
    };
    let of_key: i64 = connection
        .prepare_cached(OF_KEY_SINCE)?
        .query_row((since_ms, key.as_str()), |row| row.get(0))?;
    Ok(all < MAX_AN_HOUR && of_key < MAX_OF_KEY_AN_HOUR)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::id::AlertId;
    use crate::store::audit_tests::entry;
    use crate::store::fixture::Fixture;

    fn noticed(key: &KeyId, numbers: std::ops::Range<u8>) -> Noticed {
        let alert = |number: u8| Alert {
            id: AlertId::generate(),
            kind: AlertKind::NewAddress,
            at_ms: 1_000,
            key: Some((key.clone(), "a key".to_owned())),
            address: Some(format!("203.0.113.{number}")),
            count: 1,
            expires_at_ms: None,
        };
        Noticed {
            networks: Vec::new(),
            alerts: numbers
                .map(|number| (alert(number), entry(1_000, "server")))
                .collect(),
        }
    }

    #[tokio::test]
    async fn ends_of_keys_hide_nothing_that_is_unusual_and_each_is_recorded_in_the_end() {
        const KEYS: usize = 1_001;
        let fixture = Fixture::new();
        let keys: Vec<KeyId> = (0..KEYS).map(|_| KeyId::generate()).collect();
        let ends = |at_ms: i64| {
            let alert = |key: &KeyId| Alert {
                id: AlertId::generate(),
                kind: AlertKind::KeyExpiring,
                at_ms,
                key: Some((key.clone(), "a key".to_owned())),
                address: None,
                count: 0,
                expires_at_ms: Some(86_400_000),
            };
            Noticed {
                networks: Vec::new(),
                alerts: keys
                    .iter()
                    .map(|key| (alert(key), entry(at_ms, "server")))
                    .collect(),
            }
        };
        let record = |noticed| fixture.store.record_noticed(noticed, false);
        assert_eq!(record(ends(1_000)).await.expect("written").len(), KEYS - 1);
        let unusual = record(noticed(&KeyId::generate(), 0..1)).await;
        assert_eq!(unusual.expect("written").len(), 1);
        let later = record(ends(2_000 + HOUR_MS)).await.expect("written");
        let rest: Vec<_> = later.into_iter().filter_map(|alert| alert.key).collect();
        assert_eq!(rest, [(keys[KEYS - 1].clone(), "a key".to_owned())]);
        for (kinds, expected) in [
            (&AlertKind::UNUSUAL[..], 1),
            (&[AlertKind::KeyExpiring][..], 20),
            (&AlertKind::ALL[..], 20),
        ] {
            let found = fixture.store.newest_alerts(kinds, 20).await.expect("read");
            assert!(found.iter().all(|alert| kinds.contains(&alert.kind)));
            assert!(found.is_sorted_by_key(|alert| -alert.at_ms));
            assert_eq!(found.len(), expected, "{kinds:?}");
        }
    }

    #[tokio::test]
    async fn a_key_with_many_alerts_keeps_nobody_else_from_being_noticed() {
        let fixture = Fixture::new();
        let (loud, other) = (KeyId::generate(), KeyId::generate());
        for (key, numbers, recorded) in [
            (&loud, 0..19, 19),
            (&loud, 19..60, 1),
            (&other, 0..2, 2),
            (&loud, 60..61, 0),
        ] {
            let alerts = fixture.store.record_noticed(noticed(key, numbers), false);
            assert_eq!(alerts.await.expect("written").len(), recorded);
        }
        let rows = fixture.count("audit");
        assert_eq!(rows, 22, "a row for each that was recorded");
    }
}
