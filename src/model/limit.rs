//! Sliding-window limits: categories, a key's limits, the exact window, and what a caller is told of it.
//! May not know keys or clocks. Promise: in any 60 s never more than the limit is accepted, and below it nothing is
//! refused.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The window's length.
pub const WINDOW_MS: u64 = 60_000;

/// What kind of request a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// GET and HEAD.
    Read,
    /// Every other method.
    Write,
    /// Runs: start, cancel, retry.
    Execute,
}

impl Category {
    /// Every category that counts by key.
    pub const ALL: [Category; 3] = [Category::Read, Category::Write, Category::Execute];

    /// The category as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Read => "read",
            Category::Write => "write",
            Category::Execute => "execute",
        }
    }
}

/// One limit: so many requests in any minute, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "Option<u32>", from = "Option<u32>")]
pub enum Limit {
    /// At most this many in any 60 s.
    PerMinute(u32),
    /// No limit; its headers are left out. `null` in JSON, `none` on the command line.
    Unlimited,
}

impl From<Limit> for Option<u32> {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::PerMinute(n) => Some(n),
            Limit::Unlimited => None,
        }
    }
}

impl From<Option<u32>> for Limit {
    fn from(n: Option<u32>) -> Self {
        n.map_or(Limit::Unlimited, Limit::PerMinute)
    }
}

impl Limit {
    /// Whether this limit lets more through than `other` does.
    pub fn exceeds(self, other: Limit) -> bool {
        match (self, other) {
            (_, Limit::Unlimited) => false,
            (Limit::Unlimited, Limit::PerMinute(_)) => true,
            (Limit::PerMinute(this), Limit::PerMinute(other)) => this > other,
        }
    }
}

/// The limits that a key has of its own; `None` means the configuration's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyLimits {
    /// For reading.
    pub read: Option<Limit>,
    /// For writing.
    pub write: Option<Limit>,
    /// For starting, cancelling and retrying runs.
    pub execute: Option<Limit>,
}

impl KeyLimits {
    /// The limits in force where these stand above `defaults`; both in the order of [`Category::ALL`].
    pub fn over(&self, defaults: &[Limit; 3]) -> [Limit; 3] {
        let [read, write, execute] = *defaults;
        [
            self.read.unwrap_or(read),
            self.write.unwrap_or(write),
            self.execute.unwrap_or(execute),
        ]
    }
}

/// What a caller is told of a limit after a request was counted (or refused).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// The limit.
    pub limit: u32,
    /// How many more would be accepted now.
    pub remaining: u32,
    /// The second, rounded up, at which the next slot frees; when none is used, now + 60. Unix seconds.
    pub reset_unix_s: u64,
    /// For a refusal: after how many seconds the next request will be accepted.
    pub retry_after_s: Option<u32>,
}

impl LimitState {
    /// What is told with a request that was counted, or that only asked; `unix_ms` is now.
    pub fn accepted(limit: u32, room: Room, unix_ms: i64) -> LimitState {
        let free_ms = u64::try_from(unix_ms)
            .unwrap_or(0)
            .saturating_add(room.wait_ms);
        LimitState {
            limit,
            remaining: room.remaining,
            reset_unix_s: free_ms.div_ceil(1_000),
            retry_after_s: None,
        }
    }

    /// What is told with a request that was refused; `unix_ms` is now.
    pub fn refused(limit: u32, room: Room, unix_ms: i64) -> LimitState {
        LimitState {
            retry_after_s: Some(room.retry_after_s()),
            ..LimitState::accepted(limit, room, unix_ms)
        }
    }
}

/// How much room a window has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many more would be accepted now.
    pub remaining: u32,
    /// In how many milliseconds the next slot frees; the whole window's length when none is used.
    pub wait_ms: u64,
}

impl Room {
    /// The wait in seconds, rounded up: whoever waits so long is accepted.
    pub fn retry_after_s(self) -> u32 {
        u32::try_from(self.wait_ms.div_ceil(1_000)).unwrap_or(u32::MAX)
    }
}

/// What a window that has been idle keeps allocated, in requests.
const KEPT_CAPACITY: usize = 1_024;

/// An exact sliding window: the times of what was accepted in the last minute, four bytes each, grown as it is used.
/// Refused requests leave no trace. Times are monotonic milliseconds.
#[derive(Debug, Default)]
pub struct Window {
    /// Oldest first, modulo 2³². None is older than two minutes when it is looked at (see `settle`), so differences hold.
    accepted: VecDeque<u32>,
    last_ms: u64,
}

impl Window {
    /// Accepts one more if fewer than `limit` were accepted in the minute before `now_ms`.
    pub fn count(&mut self, now_ms: u64, limit: u32) -> Result<Room, Room> {
        let now_ms = self.settle(now_ms);
        if self.used() >= limit {
            return Err(self.room(0, now_ms, limit));
        }
        self.accepted.push_back(low_bits(now_ms));
        Ok(self.room(0, now_ms, limit))
    }

    /// The room there is, without counting.
    pub fn peek(&self, now_ms: u64, limit: u32) -> Room {
        let now_ms = now_ms.max(self.last_ms);
        let gone = if self.is_idle(now_ms) {
            self.accepted.len()
        } else {
            self.accepted
                .partition_point(|time| age_ms(*time, now_ms) >= WINDOW_MS)
        };
        self.room(gone, now_ms, limit)
    }

    /// Whether nothing was counted, or tried, for a whole window.
    pub fn is_idle(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.last_ms) >= WINDOW_MS
    }

    /// The monotonic moment of the last count, accepted or not.
    pub fn last_ms(&self) -> u64 {
        self.last_ms
    }

    /// Drops what has left the window. Gives the moment, never earlier than the one before.
    fn settle(&mut self, now_ms: u64) -> u64 {
        let now_ms = now_ms.max(self.last_ms);
        if self.is_idle(now_ms) {
            // Also what makes 32 bits enough: after 49 days of silence an old time would look new.
            self.accepted.clear();
            self.accepted.shrink_to(KEPT_CAPACITY);
        }
        self.last_ms = now_ms;
        while let Some(oldest) = self.accepted.front() {
            if age_ms(*oldest, now_ms) < WINDOW_MS {
                break;
            }
            self.accepted.pop_front();
        }
        now_ms
    }

    fn used(&self) -> u32 {
        u32::try_from(self.accepted.len()).unwrap_or(u32::MAX)
    }

    /// The room when the first `gone` times no longer count. After a limit was lowered more may be in the window than it
    /// allows; then the next slot frees when the surplus has left, too.
    fn room(&self, gone: usize, now_ms: u64, limit: u32) -> Room {
        let used = self.accepted.len().saturating_sub(gone);
        let limit_len = usize::try_from(limit).unwrap_or(usize::MAX);
        let next = gone + used.saturating_sub(limit_len);
        let wait_ms = self.accepted.get(next).map_or(WINDOW_MS, |time| {
            WINDOW_MS.saturating_sub(age_ms(*time, now_ms))
        });
        Room {
            remaining: limit.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX)),
            wait_ms,
        }
    }
}

/// The low 32 bits of a time: all that is kept of it.
fn low_bits(time_ms: u64) -> u32 {
    (time_ms & u64::from(u32::MAX)) as u32
}

fn age_ms(time: u32, now_ms: u64) -> u64 {
    u64::from(low_bits(now_ms).wrapping_sub(time))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn no_limit_is_more_than_any_limit() {
        use Limit::{PerMinute, Unlimited};
        for (this, other, exceeds) in [
            (PerMinute(5), PerMinute(5), false),
            (PerMinute(6), PerMinute(5), true),
            (PerMinute(4), PerMinute(5), false),
            (Unlimited, PerMinute(u32::MAX), true),
            (PerMinute(u32::MAX), Unlimited, false),
            (Unlimited, Unlimited, false),
        ] {
            assert_eq!(this.exceeds(other), exceeds, "{this:?} over {other:?}");
        }
    }

    #[test]
    fn a_keys_own_limits_stand_above_the_defaults() {
        let own = KeyLimits {
            write: Some(Limit::Unlimited),
            execute: Some(Limit::PerMinute(1)),
            read: None,
        };
        let defaults = [1_000, 100, 500].map(Limit::PerMinute);
        assert_eq!(
            own.over(&defaults),
            [
                Limit::PerMinute(1_000),
                Limit::Unlimited,
                Limit::PerMinute(1)
            ]
        );
    }

    #[test]
    fn a_slot_frees_exactly_a_minute_later() {
        let mut window = Window::default();
        assert_eq!(
            window.count(1_000, 2),
            Ok(Room {
                remaining: 1,
                wait_ms: 60_000
            })
        );
        assert_eq!(
            window.count(1_500, 2),
            Ok(Room {
                remaining: 0,
                wait_ms: 59_500
            })
        );
        assert_eq!(
            window.count(60_999, 2),
            Err(Room {
                remaining: 0,
                wait_ms: 1
            })
        );
        assert!(window.count(61_000, 2).is_ok());
        assert!(window.count(61_000, 2).is_err());
    }

    #[test]
    fn a_lowered_limit_waits_for_the_surplus_to_leave() {
        let mut window = Window::default();
        for time in [0, 10_000, 20_000, 30_000] {
            assert!(window.count(time, 10).is_ok());
        }
        let room = window.count(30_000, 2).expect_err("four are over two");
        assert_eq!(room.wait_ms, 50_000);
        assert!(window.count(79_999, 2).is_err());
        assert!(window.count(80_000, 2).is_ok());
    }

    #[test]
    fn a_limit_of_nothing_lets_nothing_through() {
        let mut window = Window::default();
        let room = window.count(5, 0).expect_err("nothing passes");
        assert_eq!((room.remaining, room.retry_after_s()), (0, 60));
    }

    #[test]
    fn old_times_do_not_come_back_when_32_bits_wrap() {
        let mut window = Window::default();
        assert!(window.count(7, 1).is_ok());
        let wrapped = (1_u64 << 32) + 8;
        assert_eq!(window.peek(wrapped, 1).remaining, 1);
        assert!(window.count(wrapped, 1).is_ok());
        assert!(window.count(wrapped + 59_999, 1).is_err());
    }

    #[test]
    fn a_clock_that_seems_to_go_back_frees_nothing() {
        let mut window = Window::default();
        assert!(window.count(100_000, 1).is_ok());
        assert!(window.count(1_000, 1).is_err());
        assert!(window.count(159_999, 1).is_err());
        assert!(window.count(160_000, 1).is_ok());
    }

    #[test]
    fn seconds_are_rounded_up() {
        let room = Room {
            remaining: 0,
            wait_ms: 1,
        };
        let state = LimitState::refused(9, room, 1_000_000);
        assert_eq!((state.reset_unix_s, state.retry_after_s), (1_001, Some(1)));
        let state = LimitState::accepted(9, room, 999_999);
        assert_eq!((state.reset_unix_s, state.retry_after_s), (1_000, None));
    }
}
