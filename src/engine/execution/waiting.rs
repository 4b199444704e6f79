//! A run for which there is nothing to do now: it waits for what is being done outside, or is left alone.
//! Promise: nothing that comes while the run is being left alone is lost.

use super::{Execution, Halt, told};
use crate::model::run::RunStatus;
use std::time::Duration;

/// What ends so soon shares the commit of the run's start; what takes longer is recorded before.
const SOON: Duration = Duration::from_millis(5);

impl Execution {
    /// Waits for what is being done outside, or leaves the run alone until its moment.
    pub(super) async fn wait(&mut self, due_ms: Option<i64>) -> Result<(), Halt> {
        if self.flights.is_empty() {
            return self.park(due_ms).await;
        }
        if self.unrecorded.is_some()
            && let Ok(landed) = tokio::time::timeout(SOON, self.flights.next()).await
        {
            return self.land(landed);
        }
        self.commit_open().await?;
        let Some(claim) = self.claim.as_mut() else {
            return Err(Halt::Over);
        };
        let mut stopping = self.shared.stopping.subscribe();
        let landed = tokio::select! {
            landed = self.flights.next() => Some(landed),
            () = claim.spoken_to() => None,
            () = self.shared.clock.sleep_until(due_ms.unwrap_or(i64::MAX)) => None,
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        if claim.is_cancelled() {
            return Err(Halt::Over);
        }
        match landed {
            Some(landed) => self.land(landed),
            None => Ok(()),
        }
    }

    /// Leaves the run alone until its moment, or until somebody has something for it.
    async fn park(&mut self, due_ms: Option<i64>) -> Result<(), Halt> {
        let mut row = self.row(RunStatus::Running);
        row.due_at_ms = due_ms;
        if due_ms.is_none() && !row.awaits_others {
            let id = &self.run.summary.id;
            log::error!("run {id} has nothing to do and nothing to wait for");
            return Err(Halt::Over);
        }
        self.commit(row).await?;
        self.tell_stop().await;
        let Some(claim) = self.claim.take() else {
            return Err(Halt::Over);
        };
        if let Err(claim) = claim.give_back() {
            self.claim = Some(claim);
            self.has_news = true;
            // Whoever has answered hears how it goes on.
            self.told = told(&self.shared, &self.definition, &self.run);
            return Ok(());
        }
        // Whoever wakes the run claims it anew.
        if let Some(due_ms) = due_ms {
            self.shared.timers.park(self.run.summary.sequence, due_ms);
        }
        Err(Halt::Parked)
    }
}
