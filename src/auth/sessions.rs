//! Sessions of the dashboard in memory: which there are, and when they end. May not know passwords or the store.
//! Promise: a session ends after a time without use and after a longer one whatever its use; their number has a bound.

use crate::store::{SessionHash, StoredSession};
use std::collections::HashMap;

/// How long a session lasts without being used, in milliseconds: 12 hours.
const IDLE_MS: i64 = 12 * 60 * 60 * 1_000;
/// How long it lasts at most: 7 days.
const LIFETIME_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How many there are at once; the one that was used least lately makes room.
const MAX_SESSIONS: usize = 64;
/// How far what is written of the last use may lie behind.
const TOUCH_EVERY_MS: i64 = 5 * 60 * 1_000;

/// How long a browser keeps its half, in seconds.
pub const SESSION_SECONDS: i64 = LIFETIME_MS / 1_000;

/// The sessions that there are.
#[derive(Default)]
pub(super) struct Sessions(HashMap<SessionHash, Times>);

struct Times {
    created_at_ms: i64,
    last_used_ms: i64,
    written_ms: i64,
}

/// A session that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Whether its last use is worth writing down.
    pub(super) is_stale: bool,
}

impl Times {
    fn is_over(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.last_used_ms) >= IDLE_MS
            || now_ms.saturating_sub(self.created_at_ms) >= LIFETIME_MS
    }
}

impl Sessions {
    pub(super) fn of(stored: Vec<StoredSession>) -> Sessions {
        let mut sessions = Sessions::default();
        for session in stored {
            sessions.add(session);
        }
        sessions
    }

    /// Uses a session, if it has not ended.
    pub(super) fn using(&mut self, hash: &SessionHash, now_ms: i64) -> Option<Found> {
        let times = self
            .0
            .get_mut(hash)
            .filter(|times| !times.is_over(now_ms))?;
        times.last_used_ms = now_ms;
        let is_stale = now_ms.saturating_sub(times.written_ms) >= TOUCH_EVERY_MS;
        if is_stale {
            times.written_ms = now_ms;
        }
        Some(Found { is_stale })
    }

    /// Whether a session has not ended; no use of it.
    pub(super) fn has(&self, hash: &SessionHash, now_ms: i64) -> bool {
        self.0.get(hash).is_some_and(|times| !times.is_over(now_ms))
    }

    /// How many have not ended.
    pub(super) fn count(&self, now_ms: i64) -> usize {
        self.0
            .values()
            .filter(|times| !times.is_over(now_ms))
            .count()
    }

    /// Which sessions have to go before another one comes: those that have ended, and one more where there is no room.
    pub(super) fn leaving(&self, now_ms: i64) -> Vec<SessionHash> {
        let mut over: Vec<SessionHash> = Vec::new();
        let mut least: Option<(i64, SessionHash)> = None;
        for (hash, times) in &self.0 {
            if times.is_over(now_ms) {
                over.push(*hash);
            } else if least.is_none_or(|(used, _)| times.last_used_ms < used) {
                least = Some((times.last_used_ms, *hash));
            }
        }
        if self.0.len() - over.len() >= MAX_SESSIONS {
            over.extend(least.map(|(_, hash)| hash));
        }
        over
    }

    pub(super) fn add(&mut self, session: StoredSession) {
        let times = Times {
            created_at_ms: session.created_at_ms,
            last_used_ms: session.last_used_ms,
            written_ms: session.last_used_ms,
        };
        self.0.insert(session.token_hash, times);
    }

    pub(super) fn remove(&mut self, hash: &SessionHash) {
        self.0.remove(hash);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1_000;

    fn session(number: u8, now_ms: i64) -> StoredSession {
        StoredSession {
            token_hash: [number; 32],
            created_at_ms: now_ms,
            last_used_ms: now_ms,
        }
    }

    #[test]
    fn a_session_ends_without_use_and_after_its_lifetime() {
        let mut sessions = Sessions::default();
        sessions.add(session(1, 0));
        assert_eq!(sessions.using(&[2; 32], 0), None);
        assert!(sessions.using(&[1; 32], 12 * HOUR_MS - 1).is_some());
        assert_eq!(sessions.using(&[1; 32], 24 * HOUR_MS - 1), None);
        sessions.add(session(3, 0));
        for hour in (0..7 * 24).step_by(11) {
            assert!(sessions.using(&[3; 32], hour * HOUR_MS).is_some(), "{hour}");
        }
        assert_eq!(sessions.using(&[3; 32], 7 * 24 * HOUR_MS), None);
        assert_eq!(sessions.leaving(7 * 24 * HOUR_MS).len(), 2);
    }

    #[test]
    fn the_last_use_is_written_now_and_then() {
        let mut sessions = Sessions::of(vec![session(1, 0)]);
        let mut stale = |now_ms| sessions.using(&[1; 32], now_ms).map(|found| found.is_stale);
        assert_eq!(stale(1), Some(false));
        assert_eq!(stale(TOUCH_EVERY_MS), Some(true));
        assert_eq!(stale(TOUCH_EVERY_MS + 1), Some(false));
    }

    #[test]
    fn the_one_that_was_used_least_lately_makes_room() {
        let mut sessions = Sessions::default();
        for number in 0..64 {
            sessions.add(session(number, i64::from(number)));
            assert_eq!(sessions.leaving(100).len(), usize::from(number == 63));
        }
        assert!(sessions.using(&[0; 32], 100).is_some());
        assert_eq!(sessions.leaving(100), vec![[1; 32]]);
    }
}
