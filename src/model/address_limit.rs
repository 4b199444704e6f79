//! Limits by address: one exact window for each address that was seen lately (IPv6 by /64).
//! May not know what is counted or what time it is. Promise: at most [`MAX_ADDRESSES`] are remembered, so a flood from many
//! addresses costs a fixed amount of memory.

use super::limit::{Room, Window};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// How many addresses are remembered.
pub const MAX_ADDRESSES: usize = 20_000;

/// The windows of the addresses that were seen in the last minute, and of some that were not.
#[derive(Debug, Default)]
pub struct AddressWindows(HashMap<IpAddr, Window>);

impl AddressWindows {
    /// Accepts one more of `peer` if fewer than `limit` were accepted in the minute before `now_ms` (monotonic).
    pub fn count(&mut self, peer: IpAddr, now_ms: u64, limit: u32) -> Result<Room, Room> {
        let address = counted_as(peer);
        if self.0.len() >= MAX_ADDRESSES && !self.0.contains_key(&address) {
            self.make_room(now_ms);
        }
        self.0.entry(address).or_default().count(now_ms, limit)
    }

    /// Whether the next one of `peer` would be one too many.
    pub fn is_over(&self, peer: IpAddr, now_ms: u64, limit: u32) -> bool {
        self.0
            .get(&counted_as(peer))
            .is_some_and(|window| window.peek(now_ms, limit).remaining == 0)
    }

    /// Forgets the addresses of which nothing was heard in the last minute.
    pub fn forget_idle(&mut self, now_ms: u64) {
        self.0.retain(|_, window| !window.is_idle(now_ms));
        self.0.shrink_to_fit();
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops the idle addresses; when all are busy, the eighth that has been quiet the longest. An eighth at once, so that a
    /// flood from ever new addresses pays for one search in thousands of attempts.
    fn make_room(&mut self, now_ms: u64) {
        self.0.retain(|_, window| !window.is_idle(now_ms));
        if self.0.len() < MAX_ADDRESSES {
            return;
        }
        forget_an_eighth(&mut self.0, Window::last_ms);
    }
}

/// Forgets the eighth of which `moment_ms` is the earliest, where there are any.
pub fn forget_an_eighth<K, V>(windows: &mut HashMap<K, V>, moment_ms: impl Fn(&V) -> u64) {
    if windows.is_empty() {
        return;
    }
    let mut moments_ms: Vec<u64> = windows.values().map(&moment_ms).collect();
    let eighth = moments_ms.len() / 8;
    let (_, last_ms, _) = moments_ms.select_nth_unstable(eighth);
    let last_ms = *last_ms;
    let mut surplus = eighth + 1;
    windows.retain(|_, window| {
        let drop = surplus > 0 && moment_ms(window) <= last_ms;
        surplus -= usize::from(drop);
        !drop
    });
}

/// The address under which a peer is counted: whoever has one IPv6 address has the whole /64.
pub fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(first_64_bits(address)),
    }
}

/// The network of an IPv6 address, /64.
pub fn first_64_bits(address: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use std::net::Ipv4Addr;

    const LIMIT: u32 = 60;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn numbered(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_a_mapped_address_as_its_own() {
        for (peer, neighbour, together) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let mut windows = AddressWindows::default();
            for _ in 0..LIMIT {
                assert!(windows.count(address(peer), 0, LIMIT).is_ok());
            }
            assert_eq!(
                windows.is_over(address(neighbour), 0, LIMIT),
                together,
                "{neighbour}"
            );
        }
    }

    #[test]
    fn the_number_of_addresses_is_bounded_and_idle_ones_go_first() {
        let mut windows = AddressWindows::default();
        let busy = address("198.51.100.7");
        for number in 0..(MAX_ADDRESSES as u32 - 1) {
            assert!(windows.count(numbered(number), 0, LIMIT).is_ok());
        }
        for _ in 0..LIMIT {
            assert!(windows.count(busy, 30_000, LIMIT).is_ok());
        }
        assert_eq!(windows.len(), MAX_ADDRESSES);
        assert!(windows.count(address("192.0.2.1"), 60_000, LIMIT).is_ok());
        assert_eq!(windows.len(), 2);
        assert!(windows.is_over(busy, 60_000, LIMIT));
    }

    #[test]
    fn when_all_are_busy_the_quietest_go() {
        let mut windows = AddressWindows::default();
        for number in 0..60_000 {
            let now_ms = 1_000 + u64::from(number) / 10;
            assert!(windows.count(numbered(number), now_ms, LIMIT).is_ok());
            assert!(windows.len() <= MAX_ADDRESSES);
        }
        assert!(windows.len() > MAX_ADDRESSES / 2);
        assert!(windows.0.contains_key(&numbered(59_999)));
        assert!(!windows.0.contains_key(&numbered(0)));
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let mut windows = AddressWindows::default();
        assert!(windows.is_empty());
        assert!(windows.count(numbered(1), 0, LIMIT).is_ok());
        assert!(windows.count(numbered(2), 1, LIMIT).is_ok());
        windows.forget_idle(60_000);
        assert_eq!(windows.len(), 1);
    }
}
