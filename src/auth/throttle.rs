//! Failed attempts by address: how many there were in the last minute, and whether the next failing one is answered.
//! May not know keys. Promise: only failing attempts are refused here, never a good key; a bounded number of addresses is
//! remembered.

use crate::model::address_limit::AddressWindows;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failed attempts in any minute that are answered with their reason; the next ones with "too many".
pub(super) const FAILURES_PER_MINUTE: u32 = 60;

/// The failed attempts of the last minute, by address (IPv6 by /64).
#[derive(Default)]
pub(super) struct Throttle {
    failures: Mutex<AddressWindows>,
}

impl Throttle {
    /// Counts a failed attempt. Over the limit it is not counted; then the seconds after which one will be again.
    pub(super) fn fail(&self, peer: IpAddr, now_ms: u64) -> Result<(), u32> {
        match self.failures().count(peer, now_ms, FAILURES_PER_MINUTE) {
            Ok(_) => Ok(()),
            Err(room) => Err(room.retry_after_s()),
        }
    }

    /// Whether the next failing attempt of this address would be one too many.
    pub(super) fn is_over(&self, peer: IpAddr, now_ms: u64) -> bool {
        self.failures().is_over(peer, now_ms, FAILURES_PER_MINUTE)
    }

    /// Forgets the addresses without a failed attempt in the last minute.
    pub(super) fn forget_idle(&self, now_ms: u64) {
        self.failures().forget_idle(now_ms);
    }

    fn failures(&self) -> MutexGuard<'_, AddressWindows> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn sixty_failures_a_minute_are_answered_and_no_more() {
        let throttle = Throttle::default();
        let peer: IpAddr = "203.0.113.9".parse().expect("an address");
        for attempt in 0..60 {
            assert!(!throttle.is_over(peer, attempt));
            assert_eq!(throttle.fail(peer, attempt), Ok(()));
        }
        assert!(throttle.is_over(peer, 100));
        assert_eq!(throttle.fail(peer, 100), Err(60));
        assert_eq!(throttle.fail(peer, 59_999), Err(1));
        assert_eq!(throttle.fail(peer, 60_000), Ok(()));
        assert_eq!(throttle.fail(peer, 60_000), Err(1));
        let neighbour = "203.0.113.10".parse().expect("an address");
        assert_eq!(throttle.fail(neighbour, 100), Ok(()));
    }
}
