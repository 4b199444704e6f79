//! Sliding-window limits: categories, a key's limits, the exact window, and what a caller is told of it.
//! May not know keys or clocks. Promise: in any 60 s never more than the limit is accepted, and below it nothing is
//! refused.

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
