//! Who wants to know that a run's journal has grown. A wake-up carries nothing: the watcher reads the journal itself, so
//! it can see only what is committed. Costs one look into a map per commit, and nothing for runs that nobody watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

type Watched = HashMap<i64, watch::Sender<()>>;

/// The runs that are being watched.
#[derive(Default, Clone)]
pub(super) struct Watchers(Arc<Mutex<Watched>>);

/// One watcher of one run.
pub struct Subscription {
    watchers: Watchers,
    run_sequence: i64,
    grown: watch::Receiver<()>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self, run_sequence: i64) -> Subscription {
        let grown = self
            .lock()
            .entry(run_sequence)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        Subscription {
            watchers: self.clone(),
            run_sequence,
            grown,
        }
    }

    pub(super) fn tell(&self, run_sequence: i64) {
        if let Some(sender) = self.lock().get(&run_sequence) {
            sender.send_replace(());
        }
    }
}

impl Subscription {
    /// Returns when something was recorded since the last call.
    pub async fn grown(&mut self) {
        // The sender lives in the map for as long as this subscription does.
        if self.grown.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.watchers.lock();
        if watched
            .get(&self.run_sequence)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            watched.remove(&self.run_sequence);
        }
    }
}
