//! Refusals for the audit log, folded: one row for each reason, key (or network) and minute, with a count.
//! May not know why something was refused, or the store. Promise: noting is cheap and bounded, whatever is thrown at the
//! server; past [`MAX_OPEN_FOLDS`] who it was is given up before how often.

use crate::id::KeyId;
use crate::model::address_limit::first_64_bits;
use crate::model::audit::AuditEntry;
use crate::model::key::PublicId;
use crate::model::usage::{HourRefusals, UtcHour};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

/// How many folds are open at once.
const MAX_OPEN_FOLDS: usize = 10_000;

/// Of these, how many are kept for refusals whose origin is given up: one for each reason and minute.
const KEPT_FOR_REST: usize = 500;

const MINUTE_MS: i64 = 60_000;

/// The reason where a limit was reached.
pub(super) const LIMITED: &str = "limited";

/// Who was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// A key that is known, by its public part.
    Key(PublicId),
    /// Nobody known: the network, IPv4 by /24 and IPv6 by /64.
    Network(IpAddr),
    /// Everybody for whom there was no room.
    Rest,
}

impl Subject {
    /// The network of an address.
    pub(super) fn network(peer: IpAddr) -> Subject {
        Subject::Network(match peer.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(address) => IpAddr::V6(first_64_bits(address)),
        })
    }

    fn address(self) -> Option<String> {
        match self {
            Subject::Network(network) if network.is_ipv4() => Some(format!("{network}/24")),
            Subject::Network(network) => Some(format!("{network}/64")),
            Subject::Key(_) | Subject::Rest => None,
        }
    }
}

/// What is folded into one row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fold {
    reason: &'static str,
    subject: Subject,
    minute: i64,
}

/// How often, and the id of the key where there is one.
#[derive(Clone)]
pub(super) struct Tally {
    count: u64,
    key: Option<KeyId>,
}

/// The refusals that are not written yet.
#[derive(Default)]
pub(super) struct Refusals {
    open: Mutex<HashMap<Fold, Tally>>,
}

impl Refusals {
    /// Notes one refusal.
    pub(super) fn note(
        &self,
        reason: &'static str,
        subject: Subject,
        key: Option<&KeyId>,
        now_ms: i64,
    ) {
        let fold = Fold {
            reason,
            subject,
            minute: now_ms.div_euclid(MINUTE_MS),
        };
        add(
            &mut self.open.lock().unwrap_or_else(PoisonError::into_inner),
            fold,
            key,
            1,
        );
    }

    /// Takes out the folds whose minute is over; with `now_ms` at its largest, all.
    pub(super) fn take_over_before(&self, now_ms: i64) -> Vec<(Fold, Tally)> {
        let minute = now_ms.div_euclid(MINUTE_MS);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = open.extract_if(|fold, _| fold.minute < minute).collect();
        if open.is_empty() {
            open.shrink_to_fit();
        }
        drop(open);
        taken.sort_by_key(|(fold, _)| fold.minute);
        taken
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, folds: Vec<(Fold, Tally)>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (fold, tally) in folds {
            add(&mut open, fold, tally.key.as_ref(), tally.count);
        }
    }
}

fn add(open: &mut HashMap<Fold, Tally>, fold: Fold, key: Option<&KeyId>, count: u64) {
    if let Some(tally) = open.get_mut(&fold) {
        tally.count = tally.count.saturating_add(count);
        return;
    }
    let (fold, key) = if open.len() < MAX_OPEN_FOLDS - KEPT_FOR_REST {
        (fold, key.cloned())
    } else {
        let rest = Fold {
            subject: Subject::Rest,
            ..fold
        };
        (rest, None)
    };
    if let Some(tally) = open.get_mut(&fold) {
        tally.count = tally.count.saturating_add(count);
    } else if open.len() < MAX_OPEN_FOLDS {
        open.insert(fold, Tally { count, key });
    }
}

/// From whom refusals came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A key.
    Key(KeyId),
    /// A network without one, as in [`Subject::Network`].
    Network(String),
}

/// The refusals of a fold, for who watches them.
pub(super) struct Counted {
    /// From whom.
    pub(super) origin: Origin,
    /// Why.
    pub(super) reason: &'static str,
    /// The minute, since the Unix epoch.
    pub(super) minute: i64,
    /// How many.
    pub(super) count: u64,
}

/// What of a fold is watched; nothing where its origin was given up.
pub(super) fn counted((fold, tally): &(Fold, Tally)) -> Option<Counted> {
    let origin = match &tally.key {
        Some(id) => Origin::Key(id.clone()),
        None => Origin::Network(fold.subject.address()?),
    };
    Some(Counted {
        origin,
        reason: fold.reason,
        minute: fold.minute,
        count: tally.count,
    })
}

/// What a fold adds to the refusals of callers without a key; nothing of a key's, whose usage has it.
pub(super) fn hour_refusals((fold, tally): &(Fold, Tally)) -> Option<HourRefusals> {
    let is_keys = match fold.subject {
        Subject::Key(_) => true,
        Subject::Network(_) => false,
        // What only keys are refused for.
        Subject::Rest => [LIMITED, "forbidden", "other_key"].contains(&fold.reason),
    };
    let hour = UtcHour::of(fold.minute.saturating_mul(MINUTE_MS));
    (!is_keys).then(|| HourRefusals {
        hour,
        reason: fold.reason.to_owned(),
        count: tally.count,
    })
}

/// The row of a fold.
pub(super) fn audit_row((fold, tally): &(Fold, Tally)) -> AuditEntry {
    AuditEntry {
        at_ms: fold.minute.saturating_mul(MINUTE_MS),
        actor: match &tally.key {
            Some(id) => id.to_string(),
            None => "anonymous".to_owned(),
        },
        action: "request.refused",
        target: None,
        address: fold.subject.address(),
        result: fold.reason.to_owned(),
        detail: serde_json::json!({ "count": tally.count }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn network(text: &str) -> Subject {
        Subject::network(text.parse().expect("an address"))
    }

    fn rows(refusals: &Refusals, now_ms: i64) -> Vec<(i64, String, String, Option<String>, u64)> {
        let mut rows: Vec<_> = refusals
            .take_over_before(now_ms)
            .iter()
            .map(audit_row)
            .map(|row| {
                let count = row.detail["count"].as_u64().expect("a count");
                (row.at_ms, row.actor, row.result, row.address, count)
            })
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn refusals_fold_by_reason_network_and_minute() {
        let refusals = Refusals::default();
        for (reason, peer, now_ms) in [
            ("unknown", "203.0.113.1", 60_000),
            ("unknown", "203.0.113.200", 119_999),
            ("unknown", "203.0.114.1", 60_000),
            ("malformed", "203.0.113.1", 60_000),
            ("unknown", "2001:db8::1", 60_000),
            ("unknown", "2001:db8::2:0:0:1", 60_000),
            ("unknown", "203.0.113.1", 120_000),
        ] {
            refusals.note(reason, network(peer), None, now_ms);
        }
        let row = |reason: &str, network: &str, count| {
            (
                60_000,
                "anonymous".to_owned(),
                reason.to_owned(),
                Some(network.to_owned()),
                count,
            )
        };
        assert!(rows(&refusals, 119_999).is_empty());
        assert_eq!(
            rows(&refusals, 120_000),
            [
                row("malformed", "203.0.113.0/24", 1),
                row("unknown", "2001:db8::/64", 2),
                row("unknown", "203.0.113.0/24", 2),
                row("unknown", "203.0.114.0/24", 1),
            ]
        );
        assert_eq!(rows(&refusals, i64::MAX).len(), 1);
        assert!(rows(&refusals, i64::MAX).is_empty());
    }

    #[test]
    fn a_known_key_is_named_and_its_address_is_not() {
        let refusals = Refusals::default();
        let id = KeyId::generate();
        for _ in 0..3 {
            refusals.note("forbidden", Subject::Key(*b"abcdefgh"), Some(&id), 0);
        }
        let expected = (0, id.to_string(), "forbidden".to_owned(), None, 3);
        assert_eq!(rows(&refusals, i64::MAX), [expected]);
    }

    #[test]
    fn a_flood_is_bounded_and_still_counted() {
        let refusals = Refusals::default();
        let total = 3 * MAX_OPEN_FOLDS as u32;
        for number in 0..total {
            let subject = Subject::Network(IpAddr::V4(Ipv4Addr::from(number << 8)));
            refusals.note("unknown", subject, None, i64::from(number % 2) * MINUTE_MS);
        }
        let taken = refusals.take_over_before(i64::MAX);
        assert!(taken.len() <= MAX_OPEN_FOLDS);
        assert_eq!(
            taken.iter().map(|(_, tally)| tally.count).sum::<u64>(),
            u64::from(total)
        );
        refusals.put_back(taken.clone());
        refusals.put_back(taken.clone());
        let again = refusals.take_over_before(i64::MAX);
        assert!(again.len() <= MAX_OPEN_FOLDS);
        assert_eq!(
            again.iter().map(|(_, tally)| tally.count).sum::<u64>(),
            2 * u64::from(total)
        );
    }
}
