//! What an execution writes: events gather in an open chunk, which a commit turns into a row of the journal.
//! May not know what steps do. Promises: what happened is in the journal before anybody is told; a stretch of pure steps is
//! one row; where the store cannot write now, a recorded run waits and a new one is refused.

use super::handover::Recorder;
use super::{Execution, Halt};
use crate::engine::EngineError;
use crate::engine::start::Accepted;
use crate::model::graph::record::NodeOutput;
use crate::model::run::{Event, RunStatus};
use crate::store::{Appended, Chunk, NewRun, RunRow, Started, StoreError};

/// A stretch of pure steps is committed after so many events, or after so long.
const CHUNK_EVENTS: u32 = 256;
const CHUNK_MS: i64 = 20;
/// Nor does a chunk grow much larger than this, in bytes: whoever reads a journal reads whole chunks.
const CHUNK_BYTES: usize = 256 << 10;
/// How long to wait before a commit that failed is tried again.
const COMMIT_RETRY_MS: u64 = 250;

/// Events that are not committed yet.
#[derive(Default)]
pub(super) struct OpenChunk {
    /// The sequence number of its first event.
    from: u64,
    at_ms: i64,
    pub(super) count: u32,
    /// How many attempts of this run end in it.
    steps_ended: u32,
    /// With the end of a graph's run: what its nodes came to.
    pub(super) node_outputs: Option<Vec<NodeOutput>>,
    /// The events in JSON, separated by commas.
    events: String,
}

impl Execution {
    pub(super) fn row(&self, status: RunStatus) -> RunRow {
        RunRow {
            status,
            started_at_ms: self.run.summary.started_at_ms,
            due_at_ms: None,
            awaits_others: status == RunStatus::Running && self.awaits_others(),
            finished_at_ms: None,
            output: None,
            error: None,
        }
    }

    /// Whether a step waits for an answer or the end of another run.
    pub(super) fn awaits_others(&self) -> bool {
        self.state.waiting().next().is_some()
    }

    /// Adds an event, and before the first one that the run has begun. An event that does not fit ends the execution.
    pub(super) fn note(&mut self, event: &Event) -> Result<(), Halt> {
        self.push(event).map_err(|error| {
            log::error!("run {} cannot go on: {error}", self.run.summary.id);
            Halt::Over
        })?;
        if matches!(
            event,
            Event::StepCompleted { .. } | Event::StepFailed { .. }
        ) {
            self.chunk.steps_ended += 1;
        }
        self.keep_told(event);
        Ok(())
    }

    pub(super) fn push(&mut self, event: &Event) -> Result<(), EngineError> {
        if self.chunk.count == 0 {
            self.chunk.at_ms = self.shared.clock.now_ms();
        }
        if self.run.summary.started_at_ms.is_none() {
            self.run.summary.started_at_ms = Some(self.chunk.at_ms);
            self.run.summary.status = RunStatus::Running;
            self.fold_in(&Event::RunStarted)?;
        }
        self.fold_in(event)
    }

    fn fold_in(&mut self, event: &Event) -> Result<(), EngineError> {
        let internal = |error: &dyn std::fmt::Display| EngineError::Internal(error.to_string());
        self.state
            .apply(&self.definition.plan, self.chunk.at_ms, event)
            .map_err(|error| internal(&error))?;
        if self.chunk.count > 0 {
            self.chunk.events.push(',');
        }
        self.chunk
            .events
            .push_str(&serde_json::to_string(event).map_err(|error| internal(&error))?);
        self.chunk.count += 1;
        Ok(())
    }

    pub(super) async fn commit_when_due(&mut self) -> Result<(), Halt> {
        let age_ms = self.shared.clock.now_ms() - self.chunk.at_ms;
        if self.chunk.count > 0 && (self.chunk.is_full() || age_ms >= CHUNK_MS) {
            self.commit(self.row(RunStatus::Running)).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Records the open chunk and the row. Where the store cannot now (full disk, full queue), a recorded run waits and
    /// tries again; a run that was never recorded is refused.
    pub(super) async fn commit(&mut self, row: RunRow) -> Result<(), Halt> {
        match self.unrecorded.take() {
            Some(unrecorded) => {
                let (new_run, recorder) = unrecorded;
                self.commit_first(new_run, recorder, row).await?;
            }
            None => self.commit_further(&row).await?,
        }
        self.chunk = OpenChunk::beginning_at(self.chunk.from + u64::from(self.chunk.count));
        self.shared.watchers.tell(self.run.summary.sequence);
        self.tell().await;
        Ok(())
    }

    /// Records what has happened since the last commit, if anything has.
    pub(super) async fn commit_open(&mut self) -> Result<(), Halt> {
        if self.chunk.count == 0 && self.unrecorded.is_none() {
            return Ok(());
        }
        self.commit(self.row(RunStatus::Running)).await
    }

    async fn commit_first(
        &mut self,
        mut new_run: Box<NewRun>,
        recorder: Recorder,
        row: RunRow,
    ) -> Result<(), Halt> {
        self.show(&row);
        new_run.first = (self.chunk.count > 0).then(|| self.chunk.close(row));
        let answer = match recorder.record(&self.shared.store, new_run).await {
            Ok(Started::New(sequence)) => {
                self.run.summary.sequence = sequence;
                self.shared.run_recorded(&self.run.summary.id, sequence);
                self.telling.accepted(Ok(Accepted {
                    run: (*self.run).clone(),
                    replayed: false,
                }));
                return Ok(());
            }
            Ok(Started::Replayed(run)) => Ok(Accepted {
                run: *run,
                replayed: true,
            }),
            Ok(Started::OtherRequest) => Err(EngineError::OtherRequest),
            Ok(Started::InsufficientCredits(shortfall)) => {
                Err(EngineError::InsufficientCredits(shortfall))
            }
            Ok(Started::VersionChanged | Started::NotDue) => Err(EngineError::WorkflowChanged),
            Ok(Started::ParentEnded) => Err(EngineError::parent_ended()),
            Ok(Started::TooManyBelowTop) => Err(self.shared.too_many_below()),
            Err(error) => Err(error.into()),
        };
        self.telling.accepted(answer);
        Err(Halt::Over)
    }

    async fn commit_further(&mut self, row: &RunRow) -> Result<(), Halt> {
        if self.chunk.count == 0 && row.due_at_ms.is_none() && !row.awaits_others {
            return Ok(());
        }
        loop {
            match self
                .shared
                .store
                .append(self.run.summary.sequence, self.chunk.close(row.clone()))
                .await
            {
                Ok(Appended::Done(cancelled)) => {
                    self.shared.let_go(&cancelled);
                    self.show(row);
                    return Ok(());
                }
                Ok(Appended::Superseded) => return Err(Halt::Over),
                Err(StoreError::Closed) => return Err(Halt::Stopping),
                Err(error) => {
                    log::warn!("run {}: {error}; trying again", self.run.summary.id);
                    let mut stopping = self.shared.stopping.subscribe();
                    tokio::select! {
                        _ = stopping.wait_for(|stopping| *stopping) => return Err(Halt::Stopping),
                        () = self.shared.clock.sleep_ms(COMMIT_RETRY_MS) => {}
                    }
                }
            }
        }
    }

    /// Brings the run, as its caller will be shown it, to what was recorded.
    fn show(&mut self, row: &RunRow) {
        self.run.summary.status = row.status;
        self.run.summary.finished_at_ms = row.finished_at_ms;
        self.run.summary.error.clone_from(&row.error);
        self.run.output.clone_from(&row.output);
    }
}

impl OpenChunk {
    /// An empty chunk whose first event will have this sequence number.
    pub(super) fn beginning_at(from: u64) -> OpenChunk {
        OpenChunk {
            from,
            ..OpenChunk::default()
        }
    }

    fn is_full(&self) -> bool {
        self.count >= CHUNK_EVENTS || self.events.len() >= CHUNK_BYTES
    }

    fn close(&self, row: RunRow) -> Chunk {
        let events = format!("[{}]", self.events);
        Chunk {
            from: self.from,
            at_ms: self.at_ms,
            count: self.count,
            steps_ended: self.steps_ended,
            events,
            row,
            node_outputs: self.node_outputs.clone(),
        }
    }
}
