//! How many requests a key has made: counted in memory, taken out to be written.
//! May not know what a request was about. Promises: counting takes no lock; of what was counted nothing is lost or doubled
//! by taking it out, also while requests come in.

use crate::model::limit::Category;
use crate::model::usage::{Usage, UtcHour};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that are not written yet. On a cache line of its own: every request writes it, and what lies beside it is read.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct RequestCounts {
    read: AtomicU64,
    write: AtomicU64,
    execute: AtomicU64,
    refused: AtomicU64,
    limited: AtomicU64,
    webhook: AtomicU64,
    closed: Mutex<Closed>,
}

#[derive(Default)]
struct Closed {
    /// The hour that the counters above stand for.
    hour: Option<UtcHour>,
    /// What was counted in other hours, or could not be written.
    rows: BTreeMap<UtcHour, Usage>,
}

impl RequestCounts {
    /// A request that was let in.
    pub(super) fn let_in(&self, category: Category) {
        let counter = match category {
            Category::Read => &self.read,
            Category::Write => &self.write,
            Category::Execute => &self.execute,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// An event of another service that was believed.
    pub(super) fn webhook(&self) {
        self.webhook.fetch_add(1, Ordering::Relaxed);
    }

    /// A request that was refused, but not for a limit.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A request that was refused for a limit.
    pub(super) fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    /// What is counted from now on is of this hour. A request of the very moment may still be counted in the hour before.
    pub(super) fn begin_hour(&self, hour: UtcHour) {
        let mut closed = self.lock();
        if closed.hour != Some(hour) {
            self.close(&mut closed);
            closed.hour = Some(hour);
        }
    }

    /// Takes out all that was counted, by hour; hours without requests are left out.
    pub(super) fn take(&self) -> BTreeMap<UtcHour, Usage> {
        let mut closed = self.lock();
        self.close(&mut closed);
        std::mem::take(&mut closed.rows)
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, hour: UtcHour, usage: &Usage) {
        *self.lock().rows.entry(hour).or_default() += usage;
    }

    fn close(&self, closed: &mut Closed) {
        // Nothing is counted before the first hour has begun.
        let Some(hour) = closed.hour else {
            return;
        };
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let limited = take(&self.limited);
        let usage = Usage {
            read_requests: take(&self.read),
            write_requests: take(&self.write),
            execute_requests: take(&self.execute),
            refused_requests: take(&self.refused).saturating_add(limited),
            limited_requests: limited,
            webhook_requests: take(&self.webhook),
            ..Usage::default()
        };
        if usage != Usage::default() {
            *closed.rows.entry(hour).or_default() += &usage;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Closed> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use std::sync::Arc;

    fn usage(read: u64, refused: u64) -> Usage {
        Usage {
            read_requests: read,
            refused_requests: refused,
            ..Usage::default()
        }
    }

    #[test]
    fn hours_are_kept_apart_whichever_way_the_clock_goes_and_taken_once() {
        let counts = RequestCounts::default();
        assert!(counts.take().is_empty());
        for hour in [7, 8, 7] {
            counts.begin_hour(UtcHour(hour));
            counts.begin_hour(UtcHour(hour));
            counts.let_in(Category::Read);
        }
        counts.refused();
        let taken = counts.take();
        let expected = [(UtcHour(7), usage(2, 1)), (UtcHour(8), usage(1, 0))];
        assert_eq!(taken, BTreeMap::from(expected));
        assert!(
            counts.take().is_empty(),
            "an hour without requests is no row"
        );
        for (hour, usage) in &taken {
            counts.put_back(*hour, usage);
        }
        counts.let_in(Category::Read);
        let again = counts.take();
        assert_eq!(again[&UtcHour(7)], usage(3, 1));
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn every_category_has_its_own_counter() {
        let counts = RequestCounts::default();
        counts.begin_hour(UtcHour(0));
        for (category, times) in Category::ALL.into_iter().zip(1..) {
            (0..times).for_each(|_| counts.let_in(category));
        }
        let taken = counts.take()[&UtcHour(0)];
        assert_eq!(
            (
                taken.read_requests,
                taken.write_requests,
                taken.execute_requests,
                taken.refused_requests
            ),
            (1, 2, 3, 0)
        );
        counts.refused();
        counts.limited();
        counts.limited();
        counts.webhook();
        let taken = counts.take()[&UtcHour(0)];
        assert_eq!(
            (
                taken.refused_requests,
                taken.limited_requests,
                taken.webhook_requests
            ),
            (3, 2, 1)
        );
    }

    #[test]
    fn nothing_is_lost_while_it_is_taken_out_and_the_hour_changes() {
        const EACH: u64 = 50_000;
        let counts = Arc::new(RequestCounts::default());
        counts.begin_hour(UtcHour(0));
        let counting: Vec<_> = (0..4)
            .map(|_| {
                let counts = Arc::clone(&counts);
                std::thread::spawn(move || (0..EACH).for_each(|_| counts.let_in(Category::Read)))
            })
            .collect();
        let (mut sum, mut hour) = (0, 0);
        while counting.iter().any(|thread| !thread.is_finished()) {
            hour += 1;
            counts.begin_hour(UtcHour(hour));
            sum += counts
                .take()
                .values()
                .map(|usage| usage.read_requests)
                .sum::<u64>();
        }
        for thread in counting {
            thread.join().expect("no panic");
        }
        sum += counts
            .take()
            .values()
            .map(|usage| usage.read_requests)
            .sum::<u64>();
        assert_eq!(sum, 4 * EACH);
    }
}
