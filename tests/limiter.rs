//! The sliding window against a reference that keeps every accepted time and counts them anew each time.

#![allow(clippy::expect_used)]

use flowlatch::model::limit::{LimitState, Room, WINDOW_MS, Window};
use proptest::prelude::*;

/// The rule itself: a request is accepted when fewer than `limit` were accepted in the 60 s before it.
#[derive(Default)]
struct Reference {
    accepted: Vec<u64>,
}

impl Reference {
    fn live(&self, now_ms: u64) -> Vec<u64> {
        let live = |time: &u64| now_ms - time < WINDOW_MS;
        self.accepted.iter().copied().filter(live).collect()
    }

    fn count(&mut self, now_ms: u64, limit: u32) -> bool {
        let accepts = self.live(now_ms).len() < limit as usize;
        if accepts {
            self.accepted.push(now_ms);
        }
        accepts
    }

    /// In how many milliseconds one more slot is free than now, found by trying every moment at which one leaves.
    fn wait_ms(&self, now_ms: u64, limit: u32) -> u64 {
        let live = self.live(now_ms);
        let room_at = |moment: u64| {
            let used = live
                .iter()
                .filter(|time| moment - *time < WINDOW_MS)
                .count();
            (limit as usize).saturating_sub(used)
        };
        live.iter()
            .map(|time| time + WINDOW_MS)
            .find(|moment| room_at(*moment) > room_at(now_ms))
            .map_or(WINDOW_MS, |moment| moment - now_ms)
    }
}

/// Gaps between requests: bursts, ordinary traffic, long silences, and steps onto the window's very edge.
fn gaps() -> impl Strategy<Value = Vec<u64>> {
    let gap = prop_oneof![
        6 => Just(0_u64),
        4 => 1_u64..50,
        3 => 50_u64..5_000,
        2 => prop::sample::select(vec![59_998, 59_999, 60_000, 60_001, 30_000, 29_999]),
        1 => 60_000_u64..200_000,
    ];
    prop::collection::vec(gap, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn never_above_the_limit_and_never_refusing_below_it(gaps in gaps(), limit in 1_u32..40, start_ms in any::<u32>()) {
        let (mut window, mut reference) = (Window::default(), Reference::default());
        let mut now_ms = u64::from(start_ms);
        for gap in gaps {
            now_ms += gap;
            let peeked = window.peek(now_ms, limit);
            let before = limit as usize - reference.live(now_ms).len();
            prop_assert_eq!(peeked.remaining as usize, before);
            let counted = window.count(now_ms, limit);
            prop_assert_eq!(counted.is_ok(), reference.count(now_ms, limit));
            let room = counted.unwrap_or_else(|room| room);
            prop_assert_eq!(room.remaining as usize, limit as usize - reference.live(now_ms).len());
            prop_assert_eq!(room.wait_ms, reference.wait_ms(now_ms, limit));
            prop_assert_eq!(window.peek(now_ms, limit), room);
        }
        // The promise itself, apart from the reference: every window that begins with an accepted request.
        for (index, first) in reference.accepted.iter().enumerate() {
            let within = reference.accepted[index..].iter().filter(|time| *time - first < WINDOW_MS);
            prop_assert!(within.count() <= limit as usize);
        }
    }

    #[test]
    fn whoever_waits_as_told_is_accepted(gaps in gaps(), limit in 1_u32..20) {
        let (mut window, mut now_ms) = (Window::default(), 0);
        for gap in gaps {
            now_ms += gap;
            let Err(room) = window.count(now_ms, limit) else { continue };
            let state = LimitState::refused(limit, room, 1_700_000_000_000);
            let retry_s = u64::from(state.retry_after_s.unwrap_or(0));
            prop_assert!((1..=60).contains(&retry_s));
            prop_assert_eq!(state.remaining, 0);
            prop_assert_eq!(state.reset_unix_s, 1_700_000_000 + retry_s);
            prop_assert_eq!(window.peek(now_ms + room.wait_ms - 1, limit).remaining, 0);
            prop_assert!(window.peek(now_ms + room.wait_ms, limit).remaining >= 1);
            prop_assert!(window.peek(now_ms + retry_s * 1_000, limit).remaining >= 1);
            prop_assert!(window.count(now_ms + room.wait_ms - 1, limit).is_err());
            now_ms += retry_s * 1_000;
            prop_assert!(window.count(now_ms, limit).is_ok());
        }
    }

    #[test]
    fn a_limit_that_changes_on_the_way_is_never_passed(steps in prop::collection::vec((0_u64..20_000, 0_u32..10), 1..200)) {
        let (mut window, mut reference, mut now_ms) = (Window::default(), Reference::default(), 0);
        for (gap, limit) in steps {
            now_ms += gap;
            let counted = window.count(now_ms, limit);
            prop_assert_eq!(counted.is_ok(), reference.count(now_ms, limit));
            if let Err(room) = counted {
                let expected = if limit == 0 { WINDOW_MS } else { reference.wait_ms(now_ms, limit) };
                prop_assert_eq!(room.wait_ms, expected);
            }
        }
    }
}

#[test]
fn the_state_says_limit_remaining_reset_and_retry() {
    let mut window = Window::default();
    let unix_ms = 1_700_000_000_250;
    let fresh = LimitState::accepted(3, window.peek(0, 3), unix_ms);
    assert_eq!(
        (
            fresh.limit,
            fresh.remaining,
            fresh.reset_unix_s,
            fresh.retry_after_s
        ),
        (3, 3, 1_700_000_061, None),
        "unused: now + 60, rounded up"
    );
    let mut remaining = Vec::new();
    for time_ms in [0, 500, 900] {
        let room = window.count(time_ms, 3).expect("in the limit");
        remaining.push(room.remaining);
    }
    assert_eq!(remaining, [2, 1, 0]);
    let room = window.count(1_000, 3).expect_err("the fourth");
    assert_eq!(
        room,
        Room {
            remaining: 0,
            wait_ms: 59_000
        }
    );
    let refused = LimitState::refused(3, room, unix_ms);
    assert_eq!(
        (refused.reset_unix_s, refused.retry_after_s),
        (1_700_000_060, Some(59))
    );
}
