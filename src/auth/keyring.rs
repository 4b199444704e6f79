//! The ring with its surroundings: store, clock, throttle. Recognises callers; changes are in `issue`.
//! May not know HTTP. Promise: recognising a key that was seen before takes neither a slow hash, nor a lock that somebody
//! holds while waiting, nor memory.

use super::entry::{Holder, KeyEntry};
use super::first_use::{Digest, DigestKey, HashQueue, Lane, QueueFull};
use super::refusals::{Refusals, Subject};
use super::request_counts::RequestCounts;
use super::ring::{Ring, Seen};
use super::throttle::Throttle;
use super::watch::Watch;
use super::{KeyringOptions, Refusal};
use crate::clock::Clock;
use crate::id::KeyId;
use crate::model::key::{ForeignLookup, KeyRecord, KeyShape, parse};
use crate::model::limit::Limit;
use crate::model::page::{Page, PageRequest};
use crate::model::usage::CONTROL;
use crate::store::{Store, StoreError};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A handle to all keys; clones share it.
#[derive(Clone)]
pub struct Keyring {
    pub(super) shared: Arc<Shared>,
}

/// What the clones of a keyring share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) throttle: Throttle,
    pub(super) refusals: Refusals,
    pub(super) watch: Watch,
    /// Whether alerts are to be told to somebody.
    pub(super) tells_alerts: bool,
    /// Events of other services.
    pub(super) webhooks: RequestCounts,
    /// Held by whoever changes a key, from reading the record until the change is in memory: changes are one after another.
    pub(super) changes: tokio::sync::Mutex<()>,
    /// Held by whoever writes how many requests were made.
    pub(super) usage_turn: tokio::sync::Mutex<()>,
    pub(super) digest_key: DigestKey,
    ring: RwLock<Ring>,
    foreign_lookup: ForeignLookup,
    queue: HashQueue,
    control: Arc<KeyEntry>,
}

impl Keyring {
    /// Loads every key.
    pub async fn open(
        store: Store,
        clock: Clock,
        options: KeyringOptions,
    ) -> Result<Keyring, StoreError> {
        let (store, records) = tokio::task::spawn_blocking(move || {
            let records = store.all_keys();
            (store, records)
        })
        .await
        .map_err(|_| StoreError::Closed)?;
        let mut ring = Ring::new(options.default_limits);
        for record in records? {
            ring.put(record);
        }
        let digest_key = DigestKey::generate()
            .map_err(|error| StoreError::NotCommitted(format!("no random bytes: {error}")))?;
        Ok(Keyring {
            shared: Arc::new(Shared {
                store,
                clock,
                throttle: Throttle::default(),
                refusals: Refusals::default(),
                watch: Watch::default(),
                tells_alerts: options.tells_alerts,
                webhooks: RequestCounts::default(),
                changes: tokio::sync::Mutex::new(()),
                usage_turn: tokio::sync::Mutex::new(()),
                digest_key,
                ring: RwLock::new(ring),
                foreign_lookup: options.foreign_lookup,
                queue: HashQueue::new(),
                control: Arc::new(KeyEntry::owner(CONTROL)),
            }),
        })
    }

    /// Whom this text lets in, where that is known without a slow hash; `None`: ask [`Keyring::verify`].
    /// Malformed and unknown texts count as failed attempts of `peer`; over the limit they are `Throttled`. An unknown
    /// public part and a wrong secret are the same refusal. Refusals are not audited here: that is the door's.
    pub fn check(&self, text: &[u8], peer: IpAddr) -> Option<Result<Arc<KeyEntry>, Refusal>> {
        let Some((shape, digest)) = self.read(text) else {
            return Some(Err(self.refused(Refusal::Malformed, peer)));
        };
        match self.look_up(&shape, &digest) {
            Seen::In(entry) => Some(Ok(entry)),
            Seen::Refused(refusal) => Some(Err(self.refused(refusal, peer))),
            Seen::Unverified(_) | Seen::Successor(_) => None,
        }
    }

    /// Whom this text lets in, with the slow hash the first time, and the change of texts when a successor is first used.
    /// However many attempts failed at `peer`, a good text is let in; a flood of others only makes it wait. `Throttled`
    /// after one second also says that more presentations wait than the server takes at once.
    pub async fn verify(&self, text: &[u8], peer: IpAddr) -> Result<Arc<KeyEntry>, Refusal> {
        let Some((shape, digest)) = self.read(text) else {
            return Err(self.refused(Refusal::Malformed, peer));
        };
        let mut seen = self.look_up(&shape, &digest);
        if let Seen::Unverified(verifier) = &seen {
            let is_over = self
                .shared
                .throttle
                .is_over(peer, self.shared.clock.monotonic_ms());
            let lane = if is_over { Lane::Throttled } else { Lane::Calm };
            self.shared
                .queue
                .try_text(verifier, text, digest, lane)
                .await
                .map_err(|QueueFull| Refusal::Throttled { retry_after_s: 1 })?;
            seen = self.look_up(&shape, &digest);
        }
        if let Seen::Successor(entry) = &seen {
            self.use_successor(entry, shape.public_id, peer).await;
            seen = self.look_up(&shape, &digest);
        }
        match seen {
            // Still a successor: its first use could not be written. That is no reason to refuse a good key; the next
            // request tries again.
            Seen::In(entry) | Seen::Successor(entry) => Ok(entry),
            Seen::Refused(refusal) => Err(self.refused(refusal, peer)),
            Seen::Unverified(_) => Err(self.refused(Refusal::Unknown, peer)),
        }
    }

    /// The owner of the data folder: every permission, no limit, no binding.
    pub fn control(&self) -> Arc<KeyEntry> {
        Arc::clone(&self.shared.control)
    }

    /// Whether the key is still in force with what the entry says (event streams ask): the text that it came with still
    /// lets in, and the key still may do and reach as much.
    pub fn in_force(&self, entry: &Arc<KeyEntry>) -> bool {
        let holder = entry.holder();
        self.holder_now(holder)
            .is_some_and(|now| now.holding.covers(&holder.holding))
    }

    /// How many slow hashes were made for recognising texts since the start: one for each text that was presented and
    /// good, and one for each wrong one before that.
    pub fn slow_hashes(&self) -> u64 {
        self.shared.queue.hashes()
    }

    /// A page of the keys that `by` may see, newest first: itself, and those that hold no more than it does.
    pub fn list(&self, by: &KeyEntry, page: &PageRequest) -> Page<KeyRecord> {
        self.ring().seen_by(by.holder(), page)
    }

    /// One key that `by` may see.
    pub fn get(&self, by: &KeyEntry, id: &KeyId) -> Option<KeyRecord> {
        self.ring().get_seen_by(by.holder(), id)
    }

    /// The record of the key behind an entry; `None` for `control`, and for a key that is gone.
    pub fn record(&self, entry: &KeyEntry) -> Option<KeyRecord> {
        self.ring().get(entry.id())
    }

    /// The limits in force for a key, in the order of [`Category::ALL`](crate::model::limit::Category::ALL).
    pub fn limits_of(&self, record: &KeyRecord) -> [Limit; 3] {
        self.ring().limits_in_force(&record.limits)
    }

    /// Notes a refusal for the audit log: folded by reason, key or network, and minute.
    pub fn note_refusal(&self, reason: &'static str, key: Option<&KeyEntry>, peer: IpAddr) {
        let now_ms = self.shared.clock.now_ms();
        let holder = key.map(KeyEntry::holder);
        let subject = match holder.and_then(|holder| holder.text) {
            Some(public_id) => Subject::Key(public_id),
            None => Subject::network(peer),
        };
        let id = holder.map(|holder| &holder.id);
        self.shared.refusals.note(reason, subject, id, now_ms);
    }

    /// The holder as it is now, if its key is in force.
    pub(super) fn holder_now(&self, holder: &Holder) -> Option<Holder> {
        let now_ms = self.shared.clock.now_ms();
        self.ring().holder_now(holder, now_ms)
    }

    /// The keys, for reading.
    pub(super) fn ring(&self) -> RwLockReadGuard<'_, Ring> {
        self.shared
            .ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, for a change that was written.
    pub(super) fn ring_mut(&self) -> RwLockWriteGuard<'_, Ring> {
        self.shared
            .ring
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Shape and digest of a text. The digest is made before anything is looked up, so that an unknown public part takes
    /// as long as a wrong secret.
    fn read(&self, text: &[u8]) -> Option<(KeyShape, Digest)> {
        let shape = parse(text).or_else(|| self.foreign_shape(text))?;
        Some((shape, self.shared.digest_key.digest(text)))
    }

    /// The shape of a text of another form, where keys with such texts were imported.
    fn foreign_shape(&self, text: &[u8]) -> Option<KeyShape> {
        let knows_foreign_texts = self.ring().knows_foreign_texts();
        knows_foreign_texts.then(|| self.shared.foreign_lookup.shape(text))?
    }

    fn look_up(&self, shape: &KeyShape, digest: &Digest) -> Seen {
        let now_ms = self.shared.clock.now_ms();
        self.ring().look_up(shape, digest, now_ms)
    }

    /// The refusal as it is told: what may be a guess counts as a failed attempt. Whoever holds the right secret of a
    /// key that is not in force is not guessing.
    fn refused(&self, refusal: Refusal, peer: IpAddr) -> Refusal {
        match refusal {
            Refusal::Malformed | Refusal::Unknown => {
                let now_ms = self.shared.clock.monotonic_ms();
                match self.shared.throttle.fail(peer, now_ms) {
                    Ok(()) => refusal,
                    Err(retry_after_s) => Refusal::Throttled { retry_after_s },
                }
            }
            Refusal::Missing
            | Refusal::Expired
            | Refusal::Revoked
            | Refusal::Disabled
            | Refusal::Throttled { .. } => refusal,
        }
    }
}
