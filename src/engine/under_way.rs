//! Which runs are under way in this process.
//! May not know what runs do. Promise: no run is driven twice at the same time, and a cancel reaches the call that it ends,
//! from the moment at which the run can be known to anybody.

use crate::id::RunId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The runs that are being driven, each with the end through which it is told of its cancel.
#[derive(Default, Clone)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<RunId, watch::Sender<bool>>>>);

/// The right to drive a run; given back when it is dropped.
pub(super) struct Claim {
    under_way: UnderWay,
    id: RunId,
    cancelled: watch::Receiver<bool>,
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<bool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: somebody drives the run already.
    pub(super) fn claim(&self, id: &RunId) -> Option<Claim> {
        let mut runs = self.lock();
        if runs.contains_key(id) {
            return None;
        }
        let cancel = watch::Sender::new(false);
        let cancelled = cancel.subscribe();
        runs.insert(id.clone(), cancel);
        Some(Claim {
            under_way: self.clone(),
            id: id.clone(),
            cancelled,
        })
    }

    /// Tells whoever drives the run that it was cancelled.
    pub(super) fn cancel(&self, id: &RunId) {
        if let Some(cancel) = self.lock().get(id) {
            cancel.send_replace(true);
        }
    }
}

impl Claim {
    /// Returns when the run was cancelled.
    pub(super) async fn cancelled(&mut self) {
        // The sender stays in the map for as long as this claim lives.
        if self
            .cancelled
            .wait_for(|cancelled| *cancelled)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn a_run_is_claimed_once_at_a_time_and_learns_of_its_cancel() {
        let (under_way, id) = (UnderWay::default(), RunId::generate());
        let mut claim = under_way.claim(&id).expect("nobody has it");
        assert!(under_way.claim(&id).is_none());
        assert!(under_way.claim(&RunId::generate()).is_some());
        under_way.cancel(&id);
        claim.cancelled().await;
        drop(claim);
        let again = under_way.claim(&id).expect("it was given back");
        assert!(!*again.cancelled.borrow(), "an old cancel is not for it");
    }
}
