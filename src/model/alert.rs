//! Unusual activity and keys that end soon: what is worth an alert. Pure rules; the moments and numbers are handed in.
//! May not know how keys, refusals or alerts are kept. Promises: the first network of a key is no alert, a number below its
//! threshold never is, and what is remembered for a rule is bounded.

use super::address_limit::first_64_bits;
use super::key::ENDS_SOON_MS;
use crate::id::{AlertId, KeyId};
use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;

/// So many refusals of one key or network in five minutes are many.
pub const MANY_REFUSALS: u64 = 100;
/// A key (or a network without one) that was over its limit so often in five minutes is limited often.
pub const OFTEN_LIMITED: u64 = 50;
/// A burst is so many requests of a key in one minute at least,
pub const BURST_REQUESTS: u64 = 100;
/// and more than so many times what it makes in a minute on average.
pub const BURST_TIMES: u64 = 10;
/// How many days the average goes back, beside the day that it is.
pub const USUAL_DAYS: u32 = 7;
/// A key that is younger has no usual rate yet.
pub const USUAL_MINUTES: u64 = 24 * 60;
/// For so long the same is not told again.
const SAME_CAUSE_MS: i64 = 60 * 60 * 1_000;
/// How many networks of a key are remembered: the latest.
pub const MAX_NETWORKS: usize = 32;
/// For how long alerts are kept: 90 days.
pub const ALERTS_KEPT_MS: i64 = 90 * 86_400_000;

/// Over how many minutes refusals are summed up.
const SUMMED_MINUTES: i64 = 5;
/// How accurate the last use of a network is.
const NETWORK_USE_MS: i64 = 60 * 60 * 1_000;

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// A key was used from a network from which it was not used before.
    NewAddress,
    /// Many requests of one key or network were refused.
    ManyRefusals,
    /// A key made many more requests in a minute than it usually does.
    Burst,
    /// A key or network was over its limit again and again.
    OftenLimited,
    /// A key is about to end.
    KeyExpiring,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [AlertKind; 5] = [
        AlertKind::NewAddress,
        AlertKind::ManyRefusals,
        AlertKind::Burst,
        AlertKind::OftenLimited,
        AlertKind::KeyExpiring,
    ];

    /// Those of unusual activity.
    pub const UNUSUAL: [AlertKind; 4] = [
        AlertKind::NewAddress,
        AlertKind::ManyRefusals,
        AlertKind::Burst,
        AlertKind::OftenLimited,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertKind::NewAddress => "new_address",
            AlertKind::ManyRefusals => "many_refusals",
            AlertKind::Burst => "burst",
            AlertKind::OftenLimited => "often_limited",
            AlertKind::KeyExpiring => "key_expiring",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<AlertKind> {
        AlertKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// The action in the audit log.
    pub fn action(self) -> &'static str {
        match self {
            AlertKind::NewAddress => "alert.new_address",
            AlertKind::ManyRefusals => "alert.many_refusals",
            AlertKind::Burst => "alert.burst",
            AlertKind::OftenLimited => "alert.often_limited",
            AlertKind::KeyExpiring => "alert.key_expiring",
        }
    }

    /// For so long the same cause is not told again: an end of a key is told once.
    pub fn same_for_ms(self) -> i64 {
        match self {
            AlertKind::KeyExpiring => ENDS_SOON_MS,
            _ => SAME_CAUSE_MS,
        }
    }
}

/// Something that was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Stays the same however often it is told.
    pub id: AlertId,
    /// What it was.
    pub kind: AlertKind,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The key's id and name, where there is one.
    pub key: Option<(KeyId, String)>,
    /// From where: an address, or the network of refusals.
    pub address: Option<String>,
    /// How many requests it was about.
    pub count: u64,
    /// Of a key that is about to end: when, in milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
}

impl Alert {
    /// What two alerts have in common that are the same: their kind, and the key or the network. Of a new address both; of
    /// a key that ends its end too.
    pub fn cause(&self) -> String {
        let key = self.key.as_ref().map_or("-", |(id, _)| id.as_str());
        let address = match (self.kind, &self.key) {
            (AlertKind::NewAddress, _) | (_, None) => self.address.as_deref().unwrap_or("-"),
            (_, Some(_)) => "-",
        };
        let kind = self.kind.as_str();
        match self.expires_at_ms {
            Some(end_ms) => format!("{kind} {key} {end_ms}"),
            None => format!("{kind} {key} {address}"),
        }
    }
}

/// From where a key is used: an address, of IPv6 its /64, since whoever has one has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(first_64_bits(address)),
            v4 => v4,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

/// What a use of a key from a network says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The first one of the key: to be remembered.
    First,
    /// Known; used an hour ago or longer: to be written down.
    KnownFromBefore,
    /// Known, and used just now.
    Known,
    /// Another one than ever: to be remembered, and told.
    New,
}

/// The networks from which a key was used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownNetworks(Vec<(String, i64)>);

impl KnownNetworks {
    /// Those that were written down, with the last use of each in milliseconds since the Unix epoch.
    pub fn new(networks: Vec<(String, i64)>) -> KnownNetworks {
        KnownNetworks(networks)
    }

    /// Notes a use. Where there are too many, the one that was not used for the longest is forgotten.
    pub fn see(&mut self, network: Network, now_ms: i64) -> Seen {
        let text = network.to_string();
        if let Some((_, used_ms)) = self.0.iter_mut().find(|(known, _)| *known == text) {
            if now_ms.saturating_sub(*used_ms) < NETWORK_USE_MS {
                return Seen::Known;
            }
            *used_ms = now_ms;
            return Seen::KnownFromBefore;
        }
        let seen = if self.0.is_empty() {
            Seen::First
        } else {
            Seen::New
        };
        self.0.insert(0, (text, now_ms));
        self.0
            .sort_by_key(|(_, used_ms)| std::cmp::Reverse(*used_ms));
        self.0.truncate(MAX_NETWORKS);
        seen
    }
}

/// Counts of the last minutes.
#[derive(Debug, Clone, Default)]
pub struct RecentCounts(VecDeque<(i64, u64)>);

impl RecentCounts {
    /// Adds what was counted in a minute (since the Unix epoch); gives the sum of the five minutes up to the newest one.
    pub fn add(&mut self, minute: i64, count: u64) -> u64 {
        self.0.push_back((minute, count));
        let newest = self.0.iter().map(|(minute, _)| *minute).max();
        let newest = newest.unwrap_or(minute);
        self.0
            .retain(|(minute, _)| *minute > newest - SUMMED_MINUTES);
        self.0
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether nothing of it counts any more at this minute.
    pub fn is_over(&self, minute: i64) -> bool {
        self.0
            .iter()
            .all(|(counted, _)| *counted <= minute - SUMMED_MINUTES)
    }
}

/// What a key usually does: its requests in a number of minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualRate {
    /// How many.
    pub requests: u64,
    /// In how many minutes.
    pub minutes: u64,
}

impl UsualRate {
    /// Whether so many requests in one minute are a burst.
    pub fn is_exceeded_by(self, requests: u64) -> bool {
        requests >= BURST_REQUESTS
            && self.minutes >= USUAL_MINUTES
            && u128::from(requests) * u128::from(self.minutes)
                > u128::from(BURST_TIMES) * u128::from(self.requests)
    }
}

#[cfg(test)]
mod tests;
