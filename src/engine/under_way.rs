//! Which runs are under way in this process.
//! May not know what runs do. Promises: no run is driven twice at the same time; a cancel reaches the call that it ends, from
//! the moment at which the run can be known to anybody; news that come while a run is driven are looked at before it is left.

use crate::id::RunId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The runs that are being driven, each with the end through which it is spoken to.
#[derive(Default, Clone)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<RunId, watch::Sender<Word>>>>);

/// What whoever drives a run was told since it looked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Word {
    cancelled: bool,
    /// Somebody has answered, or another run has ended.
    news: bool,
}

/// The right to drive a run; given back when it is dropped.
pub(super) struct Claim {
    under_way: UnderWay,
    id: RunId,
    told: watch::Receiver<Word>,
    is_given_back: bool,
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<Word>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: somebody drives the run already.
    pub(super) fn claim(&self, id: &RunId) -> Option<Claim> {
        let mut runs = self.lock();
        if runs.contains_key(id) {
            return None;
        }
        let word = watch::Sender::new(Word::default());
        let told = word.subscribe();
        runs.insert(id.clone(), word);
        Some(Claim {
            under_way: self.clone(),
            id: id.clone(),
            told,
            is_given_back: false,
        })
    }

    /// Tells whoever drives the run that it was cancelled.
    pub(super) fn cancel(&self, id: &RunId) {
        if let Some(word) = self.lock().get(id) {
            word.send_modify(|word| word.cancelled = true);
        }
    }

    /// Tells whoever drives the run that there is something to look at. False when nobody does.
    pub(super) fn tell_news(&self, id: &RunId) -> bool {
        let runs = self.lock();
        let driven = runs.get(id);
        if let Some(word) = driven {
            word.send_modify(|word| word.news = true);
        }
        driven.is_some()
    }
}

impl Claim {
    /// Returns when the run was cancelled, or there is something to look at.
    pub(super) async fn spoken_to(&mut self) {
        let spoken_to = self.told.wait_for(|word| word.cancelled || word.news);
        // The sender stays in the map for as long as this claim lives.
        if spoken_to.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the run was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.told.borrow().cancelled
    }

    /// Whether there is something to look at; from now on there is not.
    pub(super) fn take_news(&self) -> bool {
        take_news(&self.under_way.lock(), &self.id)
    }

    /// Gives the right back, unless there is something to look at: then the run is not to be left alone now.
    pub(super) fn give_back(mut self) -> Result<(), Claim> {
        let under_way = self.under_way.clone();
        let mut runs = under_way.lock();
        if take_news(&runs, &self.id) {
            return Err(self);
        }
        runs.remove(&self.id);
        self.is_given_back = true;
        Ok(())
    }
}

fn take_news(runs: &HashMap<RunId, watch::Sender<Word>>, id: &RunId) -> bool {
    let mut had_news = false;
    if let Some(word) = runs.get(id) {
        word.send_if_modified(|word| {
            had_news = std::mem::take(&mut word.news);
            false
        });
    }
    had_news
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_given_back {
            self.under_way.lock().remove(&self.id);
        }
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
        claim.spoken_to().await;
        assert!(claim.is_cancelled());
        drop(claim);
        let again = under_way.claim(&id).expect("it was given back");
        assert!(!again.is_cancelled(), "an old cancel is not for it");
    }

    #[tokio::test]
    async fn a_run_with_news_is_not_left_alone() {
        let (under_way, id) = (UnderWay::default(), RunId::generate());
        assert!(!under_way.tell_news(&id), "nobody drives it");
        let mut claim = under_way.claim(&id).expect("nobody has it");
        assert!(under_way.tell_news(&id));
        claim.spoken_to().await;
        let Err(claim) = claim.give_back() else {
            panic!("there was news");
        };
        assert!(!claim.take_news(), "it was looked at");
        assert!(claim.give_back().is_ok());
        assert!(!under_way.tell_news(&id));
    }
}
