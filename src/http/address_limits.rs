//! Limits of callers that have no key, by address: one exact window for each category and address.
//! May not know endpoints. Promise: what is counted here is counted nowhere else, and the caller is shown its limit.

use super::problem::Problem;
use super::visit::Visit;
use crate::model::address_limit::AddressWindows;
use crate::model::limit::{Limit, LimitState, Room, WINDOW_MS};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// What a caller without a key is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressCategory {
    /// Looks at something.
    Read,
    /// Starts or answers something.
    Execute,
    /// Events of other services.
    Webhook,
}

/// What one address may do in any 60 seconds.
#[derive(Debug, Clone, Copy)]
pub struct AddressLimitOptions {
    /// Looks: the setting `limit_read`.
    pub read: Limit,
    /// Starts and answers: the setting `limit_execute`.
    pub execute: Limit,
    /// Webhooks: the setting `limit_webhook`.
    pub webhook: Limit,
}

/// The windows of all addresses that were seen lately.
#[derive(Default)]
pub struct AddressLimits {
    read: Mutex<Addresses>,
    execute: Mutex<Addresses>,
    webhook: Mutex<Addresses>,
}

#[derive(Default)]
struct Addresses {
    windows: AddressWindows,
    tidied_ms: u64,
}

impl Addresses {
    fn count(&mut self, peer: IpAddr, now_ms: u64, limit: u32) -> Result<Room, Room> {
        if now_ms.saturating_sub(self.tidied_ms) >= WINDOW_MS {
            self.windows.forget_idle(now_ms);
            self.tidied_ms = now_ms;
        }
        self.windows.count(peer, now_ms, limit)
    }
}

/// Counts a request of an address, and refuses the one that is too many.
pub(super) fn within_address_limit(
    visit: &Visit,
    category: AddressCategory,
) -> Result<(), Problem> {
    let (limits, options) = (&visit.api.address_limits, &visit.api.options.address_limits);
    let (addresses, limit) = match category {
        AddressCategory::Read => (&limits.read, options.read),
        AddressCategory::Execute => (&limits.execute, options.execute),
        AddressCategory::Webhook => (&limits.webhook, options.webhook),
    };
    let Limit::PerMinute(limit) = limit else {
        return Ok(());
    };
    let clock = &visit.api.clock;
    let counted = {
        let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.count(visit.peer.address, clock.monotonic_ms(), limit)
    };
    let state = match counted {
        Ok(room) => LimitState::accepted(limit, room, clock.now_ms()),
        Err(room) => LimitState::refused(limit, room, clock.now_ms()),
    };
    visit.limit.get_or_init(|| Some(state));
    match counted {
        Ok(_) => Ok(()),
        Err(_) => {
            let keyring = &visit.api.keyring;
            keyring.note_refusal("limited", None, visit.peer.address);
            Err(Problem::Limited {
                state,
                of_executions: category == AddressCategory::Execute,
            })
        }
    }
}
