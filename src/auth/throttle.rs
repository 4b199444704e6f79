//! Failed attempts by address: how many there were in the last minute, and whether the next failing one is answered.
//! May not know keys. Promise: only failing attempts are refused here, never a good key; at most [`MAX_ADDRESSES`] are
//! remembered, so a flood from many addresses costs a fixed amount of memory.

use crate::model::limit::Window;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Failed attempts in any minute that are answered with their reason; the next ones with "too many".
pub(super) const FAILURES_PER_MINUTE: u32 = 60;

/// How many addresses are remembered.
const MAX_ADDRESSES: usize = 20_000;

/// The failed attempts of the last minute, by address (IPv6 by /64).
#[derive(Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<IpAddr, Window>>,
}

impl Throttle {
    /// Counts a failed attempt. Over the limit it is not counted; then the seconds after which one will be again.
    pub(super) fn fail(&self, peer: IpAddr, now_ms: u64) -> Result<(), u32> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let address = counted_as(peer);
        if failures.len() >= MAX_ADDRESSES && !failures.contains_key(&address) {
            make_room(&mut failures, now_ms);
        }
        match failures
            .entry(address)
            .or_default()
            .count(now_ms, FAILURES_PER_MINUTE)
        {
            Ok(_) => Ok(()),
            Err(room) => Err(room.retry_after_s()),
        }
    }

    /// Whether the next failing attempt of this address would be one too many.
    pub(super) fn is_over(&self, peer: IpAddr, now_ms: u64) -> bool {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&counted_as(peer))
            .is_some_and(|window| window.peek(now_ms, FAILURES_PER_MINUTE).remaining == 0)
    }

    /// Forgets the addresses without a failed attempt in the last minute.
    pub(super) fn forget_idle(&self, now_ms: u64) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, window| !window.is_idle(now_ms));
        failures.shrink_to_fit();
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// Drops the idle addresses; when all are busy, the eighth that has been quiet the longest. An eighth at once, so that a
/// flood from ever new addresses pays for one search in thousands of attempts.
fn make_room(failures: &mut HashMap<IpAddr, Window>, now_ms: u64) {
    failures.retain(|_, window| !window.is_idle(now_ms));
    if failures.len() < MAX_ADDRESSES {
        return;
    }
    let mut last_ms: Vec<u64> = failures.values().map(Window::last_ms).collect();
    let eighth = last_ms.len() / 8;
    let (_, quiet_since_ms, _) = last_ms.select_nth_unstable(eighth);
    let quiet_since_ms = *quiet_since_ms;
    let mut surplus = eighth + 1;
    failures.retain(|_, window| {
        let drop = surplus > 0 && window.last_ms() <= quiet_since_ms;
        surplus -= usize::from(drop);
        !drop
    });
}

/// The address under which a peer's attempts are counted: whoever has one IPv6 address has the whole /64.
fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(first_64_bits(address)),
    }
}

/// The network of an IPv6 address, /64.
pub(super) fn first_64_bits(address: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use std::net::Ipv4Addr;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn numbered(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn sixty_failures_a_minute_are_answered_and_no_more() {
        let throttle = Throttle::default();
        let peer = address("203.0.113.9");
        for attempt in 0..60 {
            assert!(!throttle.is_over(peer, attempt));
            assert_eq!(throttle.fail(peer, attempt), Ok(()));
        }
        assert!(throttle.is_over(peer, 100));
        assert_eq!(throttle.fail(peer, 100), Err(60));
        assert_eq!(throttle.fail(peer, 59_999), Err(1));
        assert_eq!(throttle.fail(peer, 60_000), Ok(()));
        assert_eq!(throttle.fail(peer, 60_000), Err(1));
        assert_eq!(throttle.fail(address("203.0.113.10"), 100), Ok(()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_a_mapped_address_as_its_own() {
        for (peer, neighbour, together) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let throttle = Throttle::default();
            for _ in 0..60 {
                assert_eq!(throttle.fail(address(peer), 0), Ok(()));
            }
            assert_eq!(
                throttle.is_over(address(neighbour), 0),
                together,
                "{neighbour}"
            );
        }
    }

    #[test]
    fn the_number_of_addresses_is_bounded_and_idle_ones_go_first() {
        let throttle = Throttle::default();
        let busy = address("198.51.100.7");
        for number in 0..(MAX_ADDRESSES as u32 - 1) {
            assert_eq!(throttle.fail(numbered(number), 0), Ok(()));
        }
        for _ in 0..60 {
            assert_eq!(throttle.fail(busy, 30_000), Ok(()));
        }
        assert_eq!(throttle.len(), MAX_ADDRESSES);
        assert_eq!(throttle.fail(address("192.0.2.1"), 60_000), Ok(()));
        assert_eq!(throttle.len(), 2);
        assert!(throttle.is_over(busy, 60_000));
    }

    #[test]
    fn when_all_are_busy_the_quietest_go() {
        let throttle = Throttle::default();
        for number in 0..60_000 {
            assert_eq!(
                throttle.fail(numbered(number), 1_000 + u64::from(number) / 10),
                Ok(())
            );
            assert!(throttle.len() <= MAX_ADDRESSES);
        }
        assert!(throttle.len() > MAX_ADDRESSES / 2);
        let failures = throttle.failures.lock().expect("not poisoned");
        assert!(failures.contains_key(&numbered(59_999)));
        assert!(!failures.contains_key(&numbered(0)));
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let throttle = Throttle::default();
        assert_eq!(throttle.fail(numbered(1), 0), Ok(()));
        assert_eq!(throttle.fail(numbered(2), 1), Ok(()));
        throttle.forget_idle(60_000);
        assert_eq!(throttle.len(), 1);
    }
}
