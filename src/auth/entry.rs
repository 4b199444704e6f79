//! One key in memory, as a request holds it: what it may do, and the counters of its requests.
//! May not know the ring, the store or how the key was recognised. Promise: an entry never changes; a changed key gets a
//! new entry that shares the counters, so windows survive the change.

use super::request_counts::RequestCounts;
use super::rules::Holding;
use crate::clock::Clock;
use crate::id::KeyId;
use crate::model::alert::Network;
use crate::model::key::{KeyRecord, LastUse, PublicId};
use crate::model::limit::{Category, Limit, LimitState, Window};
use crate::model::scope::{Permission, PermissionSet};
use crate::model::usage::{CONTROL, UtcHour};
use crate::model::workflow::Reach;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Event streams that one key may have open at once, so that no key takes every connection.
pub const MAX_STREAMS: u32 = 100;

/// One key in memory. Cheap to check; counts its own requests.
pub struct KeyEntry {
    holder: Holder,
    label: String,
    counters: Arc<Counters>,
}

/// Who a key is and what it holds: what rules need to know of the key that asks.
#[derive(Clone)]
pub(super) struct Holder {
    /// The key's id.
    pub(super) id: KeyId,
    /// The text that was presented, by its public part; `None` for the owner of the data folder.
    pub(super) text: Option<PublicId>,
    /// What it holds.
    pub(super) holding: Holding,
}

/// What is counted for a key, whatever becomes of its record.
#[derive(Default)]
pub(super) struct Counters {
    windows: [Mutex<Window>; 3],
    /// The second of the last noted use, and from where it was: further ones from there are not noted in it, so that a use
    /// costs one atomic read.
    noted_use: AtomicU64,
    last_use: Mutex<LastUseNote>,
    streams: AtomicU32,
    requests: RequestCounts,
}

/// Room for one open event stream of a key; given back when dropped.
pub struct StreamSeat(Arc<Counters>);

impl Drop for StreamSeat {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct LastUseNote {
    latest: Option<(i64, IpAddr, Category)>,
    written: bool,
    /// The networks of the uses since they were last looked at, each once with its first use.
    networks: Vec<(Network, i64)>,
}

/// So many networks of a key are noted from one look to the next.
const MAX_NOTED_NETWORKS: usize = 64;

impl KeyEntry {
    /// The entry of a key that was presented by this text.
    pub(super) fn new(
        record: &KeyRecord,
        text: PublicId,
        holding: Holding,
        counters: Arc<Counters>,
    ) -> KeyEntry {
        KeyEntry {
            holder: Holder {
                id: record.id.clone(),
                text: Some(text),
                holding,
            },
            label: record.current.public_id.clone(),
            counters,
        }
    }

    /// The owner of the data folder. It holds everything, so that rules need no exception for it.
    /// `label` says by which way they came.
    pub(super) fn owner(label: &str) -> KeyEntry {
        KeyEntry {
            holder: Holder {
                // `control` is an id, so nothing is ever generated here.
                id: CONTROL.parse().unwrap_or_else(|_| KeyId::generate()),
                text: None,
                holding: Holding {
                    permissions: PermissionSet::ALL,
                    reach: Reach::All,
                    expires_at_ms: None,
                    limits: [Limit::Unlimited; 3],
                },
            },
            label: label.to_owned(),
            counters: Arc::default(),
        }
    }

    /// The key's id; `control` for the owner of the data folder.
    pub fn id(&self) -> &KeyId {
        &self.holder.id
    }

    /// What logs and run records call the key: the public id of its current text, or `control` for the owner of the data
    /// folder.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Everything it may do.
    pub fn permissions(&self) -> PermissionSet {
        self.holder.holding.permissions
    }

    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.holder.holding.permissions.has(permission)
    }

    /// Which workflows it reaches.
    pub fn reach(&self) -> &Reach {
        &self.holder.holding.reach
    }

    /// Counts a request; `Err` when it is over the limit (and then not counted). `Ok(None)`: no limit.
    pub fn count(
        &self,
        category: Category,
        clock: &Clock,
    ) -> Result<Option<LimitState>, LimitState> {
        let (Limit::PerMinute(limit), window) = self.limit_and_window(category) else {
            return Ok(None);
        };
        // The clock is read while the window is held, so that times stay in order.
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = window.count(clock.monotonic_ms(), limit);
        let now_ms = clock.now_ms();
        match counted {
            Ok(room) => Ok(Some(LimitState::accepted(limit, room, now_ms))),
            Err(room) => Err(LimitState::refused(limit, room, now_ms)),
        }
    }

    /// The state of a window without counting; `None`: no limit.
    pub fn peek(&self, category: Category, clock: &Clock) -> Option<LimitState> {
        let (Limit::PerMinute(limit), window) = self.limit_and_window(category) else {
            return None;
        };
        let window = window.lock().unwrap_or_else(PoisonError::into_inner);
        let room = window.peek(clock.monotonic_ms(), limit);
        Some(LimitState::accepted(limit, room, clock.now_ms()))
    }

    /// Room for one more event stream; `None` when the key has [`MAX_STREAMS`] open.
    pub fn take_stream_seat(&self) -> Option<StreamSeat> {
        let seat = StreamSeat(Arc::clone(&self.counters));
        let taken = seat.0.streams.fetch_add(1, Ordering::Relaxed);
        (taken < MAX_STREAMS).then_some(seat)
    }

    /// Whether more than half of the seats are taken: then those who have gone away are to be found soon.
    pub fn seats_are_scarce(&self) -> bool {
        self.counters.streams.load(Ordering::Relaxed) > MAX_STREAMS / 2
    }

    /// Notes the use in memory, at most once a second and address; written later, in batches. Requests are counted in the hour
    /// of the last use.
    pub fn touch(&self, now_ms: i64, address: IpAddr, category: Category) {
        self.counters.touch(now_ms, address, category);
    }

    /// Counts a request that was let in, for usage. A write of one counter.
    pub fn note_let_in(&self, category: Category) {
        self.counters.requests.let_in(category);
    }

    /// Counts a request that was refused for something that the key lacks, for usage.
    pub fn note_refused(&self) {
        self.counters.requests.refused();
    }

    /// Counts a request that was refused for the key's limit, for usage.
    pub fn note_limited(&self) {
        self.counters.requests.limited();
    }

    /// What is counted for the key.
    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Who the key is and what it holds.
    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    fn limit_and_window(&self, category: Category) -> (Limit, &Mutex<Window>) {
        let [read, write, execute] = self.holder.holding.limits;
        let [read_window, write_window, execute_window] = &self.counters.windows;
        match category {
            Category::Read => (read, read_window),
            Category::Write => (write, write_window),
            Category::Execute => (execute, execute_window),
        }
    }
}

impl Counters {
    fn touch(&self, now_ms: i64, address: IpAddr, category: Category) {
        let this_use = second_and_address(now_ms, address);
        // A read first: a store in every request would move the cache line between cores.
        if self.noted_use.load(Ordering::Relaxed) == this_use {
            return;
        }
        self.noted_use.store(this_use, Ordering::Relaxed);
        self.requests.begin_hour(UtcHour::of(now_ms));
        let network = Network::of(address);
        let mut note = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        let second = |at_ms: i64| at_ms.div_euclid(1_000);
        let is_new = |(at_ms, ..): (i64, IpAddr, Category)| second(at_ms) != second(now_ms);
        if note.latest.is_none_or(is_new) {
            note.latest = Some((now_ms, address, category));
            note.written = false;
        }
        let is_noted = note.networks.iter().any(|(noted, _)| *noted == network);
        if !is_noted && note.networks.len() < MAX_NOTED_NETWORKS {
            note.networks.push((network, now_ms));
        }
    }

    /// Whether there were uses since the last look.
    pub(super) fn has_networks(&self) -> bool {
        let note = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        !note.networks.is_empty()
    }

    /// The networks of the uses since the last look.
    pub(super) fn take_networks(&self) -> Vec<(Network, i64)> {
        let mut note = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut note.networks)
    }

    /// Requests that are not written yet.
    pub(super) fn requests(&self) -> &RequestCounts {
        &self.requests
    }

    /// The last use in this process.
    pub(super) fn last_use(&self) -> Option<LastUse> {
        let note = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        note.latest.map(as_last_use)
    }

    /// The last use if it is not written yet; from now on it counts as written.
    pub(super) fn take_unwritten(&self) -> Option<LastUse> {
        let mut note = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        let unwritten = note.latest.filter(|_| !note.written);
        note.written = true;
        unwritten.map(as_last_use)
    }

    /// What was taken could not be written.
    pub(super) fn mark_unwritten(&self) {
        self.last_use
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .written = false;
    }
}

/// A number that is another one in another second, and for another address.
fn second_and_address(now_ms: i64, address: IpAddr) -> u64 {
    // Odd, so that no two addresses of version 4 have the same product.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let bits = match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            ((bits >> 64) as u64).wrapping_mul(SPREAD) ^ bits as u64
        }
    };
    bits.wrapping_add(1)
        .wrapping_mul(SPREAD)
        .wrapping_add(now_ms.div_euclid(1_000).unsigned_abs())
}

fn as_last_use((at_ms, address, category): (i64, IpAddr, Category)) -> LastUse {
    LastUse {
        at_ms,
        address: address.to_canonical().to_string(),
        category: category.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn limited(limits: [Limit; 3], counters: &Arc<Counters>) -> KeyEntry {
        let mut entry = KeyEntry::owner(CONTROL);
        entry.holder.holding.limits = limits;
        entry.counters = Arc::clone(counters);
        entry
    }

    #[test]
    fn categories_count_apart_and_a_changed_key_keeps_its_windows() {
        let clock = Clock::manual(1_000_000);
        let counters = Arc::default();
        let key = limited(
            [Limit::PerMinute(2), Limit::PerMinute(1), Limit::Unlimited],
            &counters,
        );
        for remaining in [1, 0] {
            let state = key.count(Category::Read, &clock).expect("in the limit");
            assert_eq!(state.map(|state| state.remaining), Some(remaining));
        }
        let refused = key
            .count(Category::Read, &clock)
            .expect_err("over the limit");
        assert_eq!(
            (refused.reset_unix_s, refused.retry_after_s),
            (1_060, Some(60))
        );
        assert!(key.count(Category::Write, &clock).is_ok());
        assert_eq!(key.count(Category::Execute, &clock), Ok(None));
        assert_eq!(key.peek(Category::Execute, &clock), None);

        let wider = limited([Limit::PerMinute(3); 3], &counters);
        assert_eq!(
            wider
                .peek(Category::Read, &clock)
                .map(|state| state.remaining),
            Some(1)
        );
        assert!(wider.count(Category::Read, &clock).is_ok());
        assert!(wider.count(Category::Read, &clock).is_err());
        clock.jump_ms(-86_400_000);
        assert!(
            wider.count(Category::Read, &clock).is_err(),
            "the wall clock frees nothing"
        );
        clock.advance_ms(60_000);
        assert!(wider.count(Category::Read, &clock).is_ok());
    }

    #[test]
    fn a_use_is_noted_once_a_second_and_written_once() {
        let counters = Counters::default();
        assert_eq!(counters.take_unwritten(), None);
        counters.touch(5_000, HOME, Category::Read);
        counters.touch(5_999, HOME, Category::Write);
        let first = counters.take_unwritten().expect("not written yet");
        assert_eq!((first.at_ms, first.category.as_str()), (5_000, "read"));
        assert_eq!(first.address, "127.0.0.1");
        assert_eq!(counters.take_unwritten(), None);
        counters.mark_unwritten();
        assert_eq!(counters.take_unwritten(), Some(first));
        counters.touch(6_000, HOME, Category::Execute);
        assert_eq!(counters.last_use().map(|last| last.at_ms), Some(6_000));
        assert!(counters.take_unwritten().is_some());
    }

    #[test]
    fn the_owner_of_the_data_folder_holds_everything() {
        let control = KeyEntry::owner(CONTROL);
        assert_eq!(
            (control.id().as_str(), control.label()),
            ("control", "control")
        );
        assert!(
            Permission::ALL
                .iter()
                .all(|permission| control.may(*permission))
        );
        assert_eq!(control.count(Category::Write, &Clock::manual(0)), Ok(None));
    }
}
