//! Which finished runs go: by age, by number, by size, for all workflows and for single ones.
//! May not know how they are stored. Promises: an unfinished run stays, and so does one that an unfinished run may ask for
//! its result, or an idempotency key still names; what a look says would go is what a sweep then removes.

use super::{Engine, EngineError, Shared};
use crate::model::audit::ChangedBy;
use crate::model::plan::{RunRetention, Settings};
use crate::model::usage::UtcDay;
use crate::store::{RunScope, Space, StoreError, StoredRun};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many runs are looked at, and at most removed, at once.
const SLICE_RUNS: u32 = 400;
/// A job removes no more runs once they have so many events together.
const SLICE_EVENTS: u64 = 20_000;
/// So many bytes of empty pages are kept for what comes, and a tenth of what is used.
const KEPT_FREE_BYTES: u64 = 64 << 10;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is kept, for workflows that do not say it themselves. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Finished runs that ended within so many days.
    pub max_age_days: Option<u64>,
    /// The newest so many finished runs of all workflows together.
    pub max_runs: Option<u64>,
    /// The newest finished runs, as long as the database's pages in use have no more bytes than this.
    pub max_bytes: Option<u64>,
    /// Audit rows of so many days.
    pub audit_days: Option<u64>,
    /// Usage of so many days.
    pub usage_days: Option<u64>,
}

/// What a sweep has removed, or would remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many runs.
    pub runs: u64,
    /// What they and their journals hold, in bytes.
    pub bytes: u64,
    /// How the database's pages are used after it.
    pub space: Space,
}

/// A sweep that has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSweep {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What it has removed.
    pub swept: Swept,
}

/// What the sweeps remember.
#[derive(Default)]
pub(super) struct Sweeper {
    last: Mutex<Option<LastSweep>>,
    /// What definitions say, by row number: a definition never changes. Held by whoever sweeps, one after another.
    known: tokio::sync::Mutex<HashMap<i64, RunRetention>>,
}

impl Sweeper {
    fn last(&self) -> MutexGuard<'_, Option<LastSweep>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// What is kept by default.
    pub fn retention(&self) -> &Retention {
        &self.0.options.retention
    }

    /// The same as [`Engine::sweep`], because somebody asks for it: the audit log has a row for that, before anything goes.
    pub async fn sweep_for(&self, by: &ChangedBy) -> Result<Swept, EngineError> {
        let now_ms = self.0.clock.now_ms();
        let entry = by.entry(now_ms, "retention.pruned", "retention", json!({}));
        self.0.store.append_audit(entry).await?;
        self.sweep().await
    }

    /// Removes what need not be kept any more, gives the room back to the disk, and prunes the audit log and
    /// the usage.
    pub async fn sweep(&self) -> Result<Swept, EngineError> {
        let mut swept = self.walk_all(false).await?;
        let now_ms = self.0.clock.now_ms();
        let store = &self.0.store;
        store.forget_idempotency_before(now_ms).await?;
        if let Some(days) = self.0.options.retention.audit_days {
            store.prune_audit(before(now_ms, days)).await?;
        }
        if let Some(days) = self.0.options.retention.usage_days {
            let oldest = UtcDay::of(before(now_ms, days));
            store.forget_usage_before(oldest).await?;
        }
        // Today and yesterday are shown by the hour.
        let today = UtcDay::of(now_ms);
        store.fold_usage_before(today.minus(1)).await?;
        loop {
            swept.space = store.vacuum().await?;
            let kept = KEPT_FREE_BYTES.max(swept.space.used_bytes() / 10);
            if swept.space.free_bytes <= kept {
                break;
            }
        }
        store.checkpoint().await?;
        let at_ms = self.0.clock.now_ms();
        *self.0.sweeper.last() = Some(LastSweep { at_ms, swept });
        Ok(swept)
    }

    /// The last sweep since the server's start.
    pub fn last_sweep(&self) -> Option<LastSweep> {
        *self.0.sweeper.last()
    }

    /// What a sweep would remove now.
    pub async fn would_sweep(&self) -> Result<Swept, EngineError> {
        self.walk_all(true).await
    }

    async fn walk_all(&self, only_looks: bool) -> Result<Swept, EngineError> {
        let shared = &self.0;
        let mut known = shared.sweeper.known.lock().await;
        let own = shared.own_retention(&mut known).await?;
        let now_ms = shared.clock.now_ms();
        let mut walker = Walker {
            named: shared.store.runs_with_keys(now_ms).await?,
            shared,
            only_looks,
            gone: HashSet::new(),
            swept: Swept::default(),
        };
        for (workflow, own) in &own {
            walker.one_workflow(*workflow, own, now_ms).await?;
        }
        walker.everything(&own, now_ms).await?;
        walker.swept.space = shared.store.space()?;
        Ok(walker.swept)
    }
}

impl Shared {
    /// What workflows say themselves, by their row numbers.
    async fn own_retention(
        &self,
        known: &mut HashMap<i64, RunRetention>,
    ) -> Result<HashMap<i64, RunRetention>, EngineError> {
        let current = self.store.current_definitions().await?;
        let wanted: HashSet<i64> = current.iter().map(|(_, definition)| *definition).collect();
        known.retain(|definition, _| wanted.contains(definition));
        let mut own = HashMap::new();
        for (workflow, sequence) in current {
            let retention = match known.get(&sequence) {
                Some(retention) => *retention,
                None => {
                    let definition = self.store.definition(sequence)?;
                    let settings = definition.map(|one| Settings::of(&one.body));
                    let retention = settings.unwrap_or_default().retention;
                    known.insert(sequence, retention);
                    retention
                }
            };
            if retention != RunRetention::default() {
                own.insert(workflow, retention);
            }
        }
        Ok(own)
    }
}

/// Until where a walk removes what it meets, from the oldest run on.
#[derive(Debug, Clone, Copy)]
enum Goal {
    /// All that ended before the moment.
    EndedBefore(i64),
    /// So many runs.
    Runs(u64),
    /// So many bytes.
    Bytes(u64),
}

impl Goal {
    /// Whether nothing from this run on is to go.
    fn is_reached(self, run: &StoredRun) -> bool {
        match self {
            // A run ends after it was recorded.
            Goal::EndedBefore(moment_ms) => run.created_at_ms >= moment_ms,
            Goal::Runs(left) | Goal::Bytes(left) => left == 0,
        }
    }

    fn takes(self, finished_at_ms: i64) -> bool {
        match self {
            Goal::EndedBefore(moment_ms) => finished_at_ms < moment_ms,
            Goal::Runs(_) | Goal::Bytes(_) => true,
        }
    }

    fn count(&mut self, run: &StoredRun) {
        match self {
            Goal::EndedBefore(_) => {}
            Goal::Runs(left) => *left = left.saturating_sub(1),
            Goal::Bytes(left) => *left = left.saturating_sub(run.bytes),
        }
    }
}

/// One sweep, or one look at what it would do.
struct Walker<'a> {
    shared: &'a Arc<Shared>,
    only_looks: bool,
    /// Runs that idempotency keys name.
    named: HashSet<i64>,
    /// What a look has counted already.
    gone: HashSet<i64>,
    swept: Swept,
}

impl Walker<'_> {
    async fn one_workflow(
        &mut self,
        workflow: i64,
        own: &RunRetention,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (scope, nobody) = (RunScope::Workflow(workflow), HashSet::new());
        if let Some(days) = own.max_age_days {
            let goal = Goal::EndedBefore(before(now_ms, days));
            self.walk(scope, goal, &nobody).await?;
        }
        if let Some(max_runs) = own.max_runs {
            let excess = self.excess_runs(scope, max_runs).await?;
            self.walk(scope, Goal::Runs(excess), &nobody).await?;
        }
        if let Some(max_bytes) = own.max_bytes {
            let excess = self.bytes_of(scope).await?.saturating_sub(max_bytes);
            self.walk(scope, Goal::Bytes(excess), &nobody).await?;
        }
        Ok(())
    }

    async fn everything(
        &mut self,
        own: &HashMap<i64, RunRetention>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (keep, nobody) = (self.shared.options.retention, HashSet::new());
        if let Some(days) = keep.max_age_days {
            let own_age = own.iter().filter(|(_, own)| own.max_age_days.is_some());
            let but = own_age.map(|(workflow, _)| *workflow).collect();
            let goal = Goal::EndedBefore(before(now_ms, days));
            self.walk(RunScope::All, goal, &but).await?;
        }
        if let Some(max_runs) = keep.max_runs {
            let excess = self.excess_runs(RunScope::All, max_runs).await?;
            self.walk(RunScope::All, Goal::Runs(excess), &nobody)
                .await?;
        }
        // Pages are larger than what they hold, so a second walk may be needed.
        while let Some(max_bytes) = keep.max_bytes {
            let gone = if self.only_looks { self.swept.bytes } else { 0 };
            let used = self.shared.store.space()?.used_bytes();
            let excess = used.saturating_sub(max_bytes).saturating_sub(gone);
            let before = self.swept.runs;
            self.walk(RunScope::All, Goal::Bytes(excess), &nobody)
                .await?;
            if self.only_looks || excess == 0 || self.swept.runs == before {
                break;
            }
        }
        Ok(())
    }

    async fn excess_runs(&self, scope: RunScope, max_runs: u64) -> Result<u64, StoreError> {
        let finished = self.shared.store.finished_runs(scope).await?;
        // What a look has counted in a workflow is counted for all too.
        let gone = if scope == RunScope::All {
            self.gone.len()
        } else {
            0
        };
        Ok(finished
            .saturating_sub(gone as u64)
            .saturating_sub(max_runs))
    }

    async fn bytes_of(&self, scope: RunScope) -> Result<u64, StoreError> {
        let (mut bytes, mut after) = (0_u64, 0);
        loop {
            let runs = self.slice(scope, after).await?;
            let Some(last) = runs.last() else {
                return Ok(bytes);
            };
            after = last.sequence;
            let kept = runs.iter().filter(|run| !self.gone.contains(&run.sequence));
            bytes = kept.fold(bytes, |sum, run| sum.saturating_add(run.bytes));
        }
    }

    async fn slice(&self, scope: RunScope, after: i64) -> Result<Vec<StoredRun>, StoreError> {
        let store = &self.shared.store;
        store.stored_runs(scope, after, SLICE_RUNS).await
    }

    /// Removes from the oldest run on what may go, until the goal is reached; but none of these workflows.
    async fn walk(
        &mut self,
        scope: RunScope,
        mut goal: Goal,
        but: &HashSet<i64>,
    ) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let runs = match goal {
                Goal::Runs(0) | Goal::Bytes(0) => return Ok(()),
                _ => self.slice(scope, after).await?,
            };
            let Some(last) = runs.last() else {
                return Ok(());
            };
            after = last.sequence;
            let (mut going, mut events) = (Vec::new(), 0);
            for run in &runs {
                if goal.is_reached(run) {
                    return self.remove(going).await;
                }
                let may_go = run.finished_at_ms.is_some_and(|at| goal.takes(at))
                    && !(run.is_needed
                        || but.contains(&run.workflow_sequence)
                        || self.named.contains(&run.sequence)
                        || self.gone.contains(&run.sequence));
                if may_go {
                    goal.count(run);
                    self.swept.runs += 1;
                    self.swept.bytes = self.swept.bytes.saturating_add(run.bytes);
                    going.push(run.sequence);
                    events += u64::from(run.event_count);
                }
                if events >= SLICE_EVENTS {
                    self.remove(std::mem::take(&mut going)).await?;
                    events = 0;
                }
            }
            self.remove(going).await?;
        }
    }

    async fn remove(&mut self, runs: Vec<i64>) -> Result<(), StoreError> {
        if self.only_looks {
            self.gone.extend(runs);
            return Ok(());
        }
        if runs.is_empty() {
            return Ok(());
        }
        self.shared.store.remove_runs(runs).await
    }
}

/// The moment so many days before.
fn before(now_ms: i64, days: u64) -> i64 {
    let days = i64::try_from(days).unwrap_or(i64::MAX);
    now_ms.saturating_sub(days.saturating_mul(DAY_MS))
}
