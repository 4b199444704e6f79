//! How often one address (IPv6 by /64) may ask a flow that says how often it may: fixed windows, as Flowise counts them.
//! May not know who asks. Promise: no more is remembered than [`MAX_REMEMBERED`] addresses; those are forgotten first whose window
//! ends first.

use super::text;
use crate::http::visit::Visit;
use crate::id::WorkflowId;
use crate::model::address_limit::{counted_as, forget_an_eighth};
use crate::model::chatflow::FlowRateLimit;
use crate::model::limit::LimitState;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use warp::http::{StatusCode, header};
use warp::reply::Response;

/// How many addresses at flows are remembered at once.
const MAX_REMEMBERED: usize = 20_000;

/// The windows of addresses that have asked lately.
#[derive(Default)]
pub struct FlowLimits(Mutex<Windows>);

type Windows = HashMap<(WorkflowId, IpAddr), Window>;

#[derive(Clone, Copy)]
struct Window {
    ends_ms: u64,
    asked: u32,
}

impl FlowLimits {
    /// Counts one more: how many there were in this window with it, and in how many milliseconds that ends.
    fn count(&self, flow: &WorkflowId, peer: IpAddr, now_ms: u64, length_ms: u64) -> (u32, u64) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asks = (flow.clone(), counted_as(peer));
        if windows.len() >= MAX_REMEMBERED && !windows.contains_key(&asks) {
            // An eighth at once, so that a flood from ever new addresses pays for one search in thousands of requests.
            forget_an_eighth(&mut windows, |window| window.ends_ms);
        }
        let fresh = Window {
            ends_ms: now_ms.saturating_add(length_ms),
            asked: 0,
        };
        let window = windows.entry(asks).or_insert(fresh);
        // A window that was made before the limit was shortened ends with the new one.
        if window.ends_ms <= now_ms || window.ends_ms > fresh.ends_ms {
            *window = fresh;
        }
        window.asked = window.asked.saturating_add(1);
        (window.asked, window.ends_ms.saturating_sub(now_ms))
    }
}

/// Counts a request; the answer to the one that is too many, in the words of the flow's owner.
pub(super) fn within_flow_limit(
    visit: &Visit,
    flow: &WorkflowId,
    limit: &FlowRateLimit,
) -> Result<(), Box<Response>> {
    let clock = &visit.api.clock;
    let length_ms = u64::from(limit.duration_s) * 1_000;
    let (asked, left_ms) =
        visit
            .api
            .flow_limits
            .count(flow, visit.peer.address, clock.monotonic_ms(), length_ms);
    let left_s = left_ms.div_ceil(1_000);
    let now_s = u64::try_from(clock.now_ms() / 1_000).unwrap_or_default();
    visit.flow_limit.get_or_init(|| LimitState {
        limit: limit.max,
        remaining: limit.max.saturating_sub(asked),
        reset_unix_s: now_s.saturating_add(left_s),
        retry_after_s: None,
    });
    if asked <= limit.max {
        return Ok(());
    }
    let mut refused = text(StatusCode::TOO_MANY_REQUESTS, limit.message.clone());
    refused
        .headers_mut()
        .insert(header::RETRY_AFTER, left_s.into());
    Err(Box::new(refused))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn a_flood_of_addresses_does_not_open_a_window_anew_nor_does_a_neighbour_of_an_ipv6_network() {
        let (limits, flow) = (FlowLimits::default(), WorkflowId::generate());
        let asked = |peer: IpAddr, now_ms| limits.count(&flow, peer, now_ms, 60_000).0;
        for number in 0..100_000 {
            asked(IpAddr::V4(Ipv4Addr::from_bits(number)), 0);
        }
        let own = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!((asked(own(1), 10), asked(own(2), 20)), (1, 2));
        for number in 100_000..115_000 {
            asked(IpAddr::V4(Ipv4Addr::from_bits(number)), 30);
        }
        assert_eq!(asked(own(1), 40), 3);
        let kept = limits
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        assert!(kept <= MAX_REMEMBERED, "{kept}");
    }
}
