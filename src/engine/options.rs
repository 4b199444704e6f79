//! What the engine is made of that others decide: bounds and numbers, and what talks to people and models.
//! May not know where they are written down.

use super::llm::Llm;
use super::mail::Mailer;
use super::script::ScriptOptions;
use super::step::Backends;
use super::{CreditOptions, Retention};
use crate::model::table::TableLimits;
use std::collections::BTreeMap;

/// What the engine takes from the configuration.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Runs under way at once; further ones wait in order.
    pub max_running_runs: usize,
    /// Runs of one key that have begun and not ended; `None` for no such limit.
    pub max_running_runs_per_key: Option<usize>,
    /// The largest output of a step, in bytes; of a larger one the size and the beginning are kept.
    pub max_output_bytes: usize,
    /// How many bytes of recorded outputs a run may hold at once, as JSON; the step that would go over it fails.
    pub max_run_output_bytes: usize,
    /// The largest input of a run, in bytes.
    pub max_input_bytes: usize,
    /// Which finished runs are kept.
    pub retention: Retention,
    /// What nodes cost, and what may be spent.
    pub credits: CreditOptions,
    /// The most iterations of a loop.
    pub max_iterations: u32,
    /// How many runs may stand above a run: sub-workflows of sub-workflows.
    pub max_depth: u32,
    /// How many unfinished runs may stand below a run: those that its steps have started, and theirs.
    pub max_runs_below: u32,
    /// How many calls of models and of other flows a flow may make for one question, with all flows that it asks.
    pub max_flow_calls: u32,
    /// What the links of approvals are signed with.
    pub link_key: [u8; 32],
    /// What `{{env.NAME}}` may see.
    pub environment: BTreeMap<String, String>,
    /// What scripts may use.
    pub scripts: ScriptOptions,
    /// What tables may hold.
    pub table_limits: TableLimits,
}

/// What talks to people and models.
pub struct Messengers {
    /// What sends mail.
    pub mailer: Mailer,
    /// What asks language models.
    pub llm: Llm,
    /// The model of an agent or a step that names none.
    pub llm_model: String,
    /// What runs the nodes of graphs that the server does not run itself.
    pub backends: Backends,
}
