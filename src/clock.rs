//! Time, handed in: the only place that reads the machine's clocks, and the only one that sleeps until a moment.
//! May not know what the time is wanted for. Promise: a test can hold the clock still, move it, and make the wall
//! clock jump both ways, and a sleep ends at its wall-clock moment even when the machine was suspended meanwhile.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// No sleep is longer than this without the wall clock being read again (laptops suspend; clocks are set).
const LONGEST_NAP_MS: i64 = 1_000;

/// The moment at which work has taken so long, for libraries that give up at one. It is the machine's, also beside a clock
/// that is held still.
pub fn deadline_after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

/// A handle to the time; clones share it.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System { start: Instant },
    Manual(Arc<Manual>),
}

struct Manual {
    time: Mutex<ManualTime>,
    moved: watch::Sender<()>,
}

struct ManualTime {
    unix_ms: i64,
    monotonic_ms: u64,
}

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Clock {
        Clock(Source::System {
            start: Instant::now(),
        })
    }

    /// A clock that stands at `unix_ms` until it is moved.
    pub fn manual(unix_ms: i64) -> Clock {
        Clock(Source::Manual(Arc::new(Manual {
            time: Mutex::new(ManualTime {
                unix_ms,
                monotonic_ms: 0,
            }),
            moved: watch::Sender::new(()),
        })))
    }

    /// Milliseconds since the Unix epoch. May jump.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System { .. } => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
                }),
            Source::Manual(manual) => manual.read(|time| time.unix_ms),
        }
    }

    /// Milliseconds since the clock was made. Never goes back.
    pub fn monotonic_ms(&self) -> u64 {
        match &self.0 {
            Source::System { start } => {
                u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
            }
            Source::Manual(manual) => manual.read(|time| time.monotonic_ms),
        }
    }

    /// Sleeps until the wall clock shows `unix_ms` or later.
    pub async fn sleep_until(&self, unix_ms: i64) {
        match &self.0 {
            Source::System { .. } => loop {
                let left_ms = unix_ms.saturating_sub(self.now_ms());
                let Ok(nap_ms @ 1..) = u64::try_from(left_ms.min(LONGEST_NAP_MS)) else {
                    return;
                };
                tokio::time::sleep(Duration::from_millis(nap_ms)).await;
            },
            Source::Manual(manual) => {
                let mut moved = manual.moved.subscribe();
                while self.now_ms() < unix_ms {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Sleeps for so long, whatever the wall clock does meanwhile.
    pub async fn sleep_ms(&self, duration_ms: u64) {
        match &self.0 {
            Source::System { .. } => tokio::time::sleep(Duration::from_millis(duration_ms)).await,
            Source::Manual(manual) => {
                let mut moved = manual.moved.subscribe();
                let until_ms = self.monotonic_ms().saturating_add(duration_ms);
                while self.monotonic_ms() < until_ms {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Moves a manual clock forward and wakes its sleepers. A system clock is not moved.
    pub fn advance_ms(&self, by_ms: u64) {
        self.shift(by_ms, i64::try_from(by_ms).unwrap_or(i64::MAX));
    }

    /// Makes a manual wall clock jump, either way, as when somebody sets it; monotonic time stands still.
    pub fn jump_ms(&self, by_ms: i64) {
        self.shift(0, by_ms);
    }

    fn shift(&self, monotonic_by_ms: u64, unix_by_ms: i64) {
        if let Source::Manual(manual) = &self.0 {
            {
                let mut time = manual.time.lock().unwrap_or_else(PoisonError::into_inner);
                time.monotonic_ms = time.monotonic_ms.saturating_add(monotonic_by_ms);
                time.unix_ms = time.unix_ms.saturating_add(unix_by_ms);
            }
            manual.moved.send_replace(());
        }
    }
}

impl Manual {
    fn read<T>(&self, get: impl FnOnce(&ManualTime) -> T) -> T {
        get(&self.time.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// ISO 8601 UTC with milliseconds (`2024-01-15T10:00:00.000Z`), the one form in which dates leave the server.
pub fn iso_utc(unix_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(unix_ms)
        .unwrap_or(chrono::DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Reads an ISO 8601 date and time with a zone into milliseconds since the Unix epoch.
pub fn parse_iso(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|date| date.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_wall_clock_reaches_its_moment() {
        let clock = Clock::manual(1_000);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(5_000).await }
        });
        tokio::task::yield_now().await;
        clock.advance_ms(3_999);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.jump_ms(86_400_000);
        sleeper.await.expect("the sleeper ended");
        assert_eq!(clock.monotonic_ms(), 3_999);
        clock.jump_ms(-86_400_000);
        assert_eq!(clock.now_ms(), 4_999);
    }

    #[test]
    fn dates_are_iso_8601_utc_with_milliseconds() {
        assert_eq!(iso_utc(1_705_312_800_000), "2024-01-15T10:00:00.000Z");
        assert_eq!(
            parse_iso("2024-01-15T11:00:00+01:00"),
            Some(1_705_312_800_000)
        );
        assert_eq!(parse_iso("tomorrow"), None);
    }
}
