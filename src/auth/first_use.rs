//! The first presentation of a text in a process: one slow hash, after which a keyed digest stands for it.
//! May not know keys, addresses or the store. Promise: a text that was recognised once is never hashed again; hashing
//! holds at most two threads, and the queue before it is bounded.

use super::hash;
use crate::model::key::KeyFormat;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// How many presentations wait for a hash, or are hashed, at once. More than there are connections by default, so that
/// connections run out first; a hash takes some 0.4 ms, so the last one waits for two seconds at most.
const MAX_QUEUE: usize = 4_096;

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

/// Random, made at start: digests of one process mean nothing to another.
pub(super) struct DigestKey(Zeroizing<[u8; 32]>);

/// A keyed digest of a text.
#[derive(Clone, Copy)]
pub(super) struct Digest([u8; 32]);

impl DigestKey {
    /// A fresh one.
    pub(super) fn generate() -> Result<DigestKey, getrandom::Error> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(DigestKey(key))
    }

    /// The digest of a text. Some 70 ns.
    pub(super) fn digest(&self, text: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(&self.0, text).as_bytes())
    }
}

/// What recognises one text of a key.
pub(super) struct Verifier {
    format: KeyFormat,
    phc: String,
    digest: OnceLock<Digest>,
}

impl Verifier {
    /// Recognises by the slow hash, until the digest is learnt.
    pub(super) fn new(format: KeyFormat, phc: String) -> Verifier {
        Verifier {
            format,
            phc,
            digest: OnceLock::new(),
        }
    }

    /// The format of the text.
    pub(super) fn format(&self) -> KeyFormat {
        self.format
    }

    /// Whether the digest is that of the text; `None`: not learnt yet.
    pub(super) fn recognises(&self, digest: &Digest) -> Option<bool> {
        let learnt = self.digest.get()?;
        Some(learnt.0.ct_eq(&digest.0).into())
    }

    /// Learns the digest of the text, from whoever knows that it is the right one.
    pub(super) fn learn(&self, digest: Digest) {
        // The second of two simultaneous learners brings the same digest.
        self.digest.get_or_init(|| digest);
    }
}

/// Whether the address that asks has too many failed attempts. The two kinds queue apart, so that a flood of guesses
/// delays only those who share its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// It has not.
    Calm,
    /// It has.
    Throttled,
}

/// The bounded queue before the slow hash: one thread for each lane.
pub(super) struct HashQueue {
    seats: Arc<Semaphore>,
    calm: Arc<Semaphore>,
    throttled: Arc<Semaphore>,
    hashes: AtomicU64,
}

impl HashQueue {
    /// An empty queue.
    pub(super) fn new() -> HashQueue {
        HashQueue {
            seats: Arc::new(Semaphore::new(MAX_QUEUE)),
            calm: Arc::new(Semaphore::new(1)),
            throttled: Arc::new(Semaphore::new(1)),
            hashes: AtomicU64::new(0),
        }
    }

    /// How many hashes were made.
    pub(super) fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Hashes `text`, and if it is the right one teaches the verifier its digest. Does nothing when that was learnt while
    /// this waited.
    pub(super) async fn try_text(
        &self,
        verifier: &Arc<Verifier>,
        text: &[u8],
        digest: Digest,
        lane: Lane,
    ) -> Result<(), QueueFull> {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            return Err(QueueFull);
        };
        let turns = match lane {
            Lane::Calm => &self.calm,
            Lane::Throttled => &self.throttled,
        };
        let Ok(turn) = Arc::clone(turns).acquire_owned().await else {
            return Err(QueueFull);
        };
        if verifier.digest.get().is_some() {
            return Ok(());
        }
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let verifier = Arc::clone(verifier);
        let text = Zeroizing::new(text.to_vec());
        // Seat and turn go with the work: a client that hangs up must not make room for a second hash beside its own.
        let work = tokio::task::spawn_blocking(move || {
            if hash::matches(&text, &verifier.phc) {
                verifier.learn(digest);
            }
            drop((seat, turn));
        });
        if work.await.is_err() {
            log::warn!("a key could not be verified: the server is stopping");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    const TEXT: &[u8] = b"sk-the-right-text";

    fn verifier() -> Arc<Verifier> {
        let phc = hash::hash_key(TEXT).expect("hashed");
        Arc::new(Verifier::new(KeyFormat::Sk, phc))
    }

    fn key() -> DigestKey {
        DigestKey::generate().expect("random bytes")
    }

    #[tokio::test]
    async fn after_the_first_good_text_nothing_is_hashed_any_more() {
        let (queue, verifier, key) = (HashQueue::new(), verifier(), key());
        let (good, bad) = (key.digest(TEXT), key.digest(b"sk-another"));
        assert_eq!(verifier.recognises(&good), None);
        for _ in 0..3 {
            assert_eq!(
                queue
                    .try_text(&verifier, b"sk-another", bad, Lane::Calm)
                    .await,
                Ok(())
            );
        }
        assert_eq!((verifier.recognises(&bad), queue.hashes()), (None, 3));
        assert_eq!(
            queue.try_text(&verifier, TEXT, good, Lane::Throttled).await,
            Ok(())
        );
        assert_eq!(verifier.recognises(&good), Some(true));
        assert_eq!(verifier.recognises(&bad), Some(false));
        assert_eq!(
            queue
                .try_text(&verifier, b"sk-another", bad, Lane::Calm)
                .await,
            Ok(())
        );
        assert_eq!(queue.hashes(), 4);
    }

    #[tokio::test]
    async fn simultaneous_first_presentations_hash_once() {
        let (queue, verifier, key) = (HashQueue::new(), verifier(), key());
        let good = key.digest(TEXT);
        let tries = (0..20).map(|_| queue.try_text(&verifier, TEXT, good, Lane::Calm));
        for outcome in futures_util::future::join_all(tries).await {
            assert_eq!(outcome, Ok(()));
        }
        assert_eq!(
            (verifier.recognises(&good), queue.hashes()),
            (Some(true), 1)
        );
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_a_busy_lane_does_not_hold_the_other() {
        let (queue, verifier, key) = (HashQueue::new(), verifier(), key());
        let good = key.digest(TEXT);
        let busy = Arc::clone(&queue.throttled)
            .acquire_owned()
            .await
            .expect("open");
        assert_eq!(
            queue.try_text(&verifier, TEXT, good, Lane::Calm).await,
            Ok(())
        );
        drop(busy);
        let seats = u32::try_from(MAX_QUEUE).expect("small");
        let all = Arc::clone(&queue.seats)
            .acquire_many_owned(seats)
            .await
            .expect("open");
        assert_eq!(
            queue.try_text(&verifier, TEXT, good, Lane::Calm).await,
            Err(QueueFull)
        );
        drop(all);
        assert_eq!(
            queue.try_text(&verifier, TEXT, good, Lane::Calm).await,
            Ok(())
        );
    }

    #[test]
    fn another_process_has_other_digests() {
        assert_ne!(key().digest(TEXT).0, key().digest(TEXT).0);
    }
}
