//! What a failed attempt means: another one, and when, or the end of the step.
//! May not know clocks or chance: both are handed in, and the decision is recorded, so it is made once.
//! Promise: no delay is longer than 24 h, none is shorter than the other side asked for (within those 24 h), and no
//! policy makes the arithmetic overflow.

use super::{Node, RetryPolicy};
use crate::model::run::{Event, StepError};

/// The longest delay, in milliseconds: 24 h.
pub const MAX_DELAY_MS: u64 = 86_400_000;

/// The event that records the failure of attempt number `attempt` of the activation `step`, when `failed_before` attempts failed before it
/// (attempts with unknown outcome do not count). `random` is drawn evenly from 0 up to 1 and moves the jitter.
pub fn after_failure(
    node: &Node,
    step: String,
    attempt: u32,
    failed_before: u32,
    error: StepError,
    now_ms: i64,
    random: f64,
) -> Event {
    let again = error.retryable && failed_before.saturating_add(1) < node.retry.max_attempts;
    let retry_at_ms = again.then(|| {
        let asked = u64::try_from(error.retry_after_ms.unwrap_or(0)).unwrap_or(0);
        let delay = delay_ms(&node.retry, failed_before, random)
            .max(asked)
            .min(MAX_DELAY_MS);
        now_ms.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX))
    });
    Event::StepFailed {
        step,
        attempt,
        error,
        retry_at_ms,
    }
}

/// The delay after the failure number `failed_before + 1`: exponential, capped, with jitter half to all of it.
fn delay_ms(policy: &RetryPolicy, failed_before: u32, random: f64) -> u64 {
    let exponent = i32::try_from(failed_before).unwrap_or(i32::MAX);
    let cap = policy.max_delay_ms.min(MAX_DELAY_MS) as f64;
    // An infinite product is capped like any other; zero times infinity is the one that needs a rule of its own.
    let full = policy.initial_delay_ms as f64 * policy.backoff_multiplier.powi(exponent);
    let full = if full.is_nan() { 0.0 } else { full.min(cap) };
    let part = if policy.jitter {
        0.5 + random.clamp(0.0, 1.0) / 2.0
    } else {
        1.0
    };
    // A float outside the range of the integer saturates.
    (full * part) as u64
}
