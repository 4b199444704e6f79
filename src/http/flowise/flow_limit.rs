//! How often one address may ask a flow that says how often it may: fixed windows, as Flowise counts them.
//! May not know who asks. Promise: no more is remembered than [`MAX_REMEMBERED`] addresses, those whose window has ended first.

use super::text;
use crate::http::visit::Visit;
use crate::id::WorkflowId;
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
pub struct FlowLimits(Mutex<HashMap<(WorkflowId, IpAddr), Window>>);

#[derive(Clone, Copy)]
struct Window {
    ends_ms: u64,
    asked: u32,
}

impl FlowLimits {
    /// Counts one more: how many there were in this window with it, and in how many milliseconds that ends.
    fn count(&self, flow: &WorkflowId, peer: IpAddr, now_ms: u64, length_ms: u64) -> (u32, u64) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_REMEMBERED {
            windows.retain(|_, window| window.ends_ms > now_ms);
        }
        if windows.len() >= MAX_REMEMBERED {
            windows.clear();
        }
        let fresh = Window {
            ends_ms: now_ms.saturating_add(length_ms),
            asked: 0,
        };
        let window = windows.entry((flow.clone(), peer)).or_insert(fresh);
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
    let peer = visit.peer.address.to_canonical();
    let (asked, left_ms) = visit
        .api
        .flow_limits
        .count(flow, peer, clock.monotonic_ms(), length_ms);
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
