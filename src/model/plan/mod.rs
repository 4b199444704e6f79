//! Plans: what a definition compiles to, and the one pure answer to "what now?".
//! May not know stores, clocks, HTTP or how a step type does its work (only what shape it has: [`StepRule`]).
//! Promise: `RunState` is the fold of a journal, and [`next`] is a function of plan and state, so a restart is the fold of
//! the journal that was found and then the same function.

mod branch;
mod composite;
mod fields;
pub mod flow;
mod frame;
pub mod graph;
pub mod held;
mod history;
mod iterations;
mod names;
mod nesting;
mod net;
mod next;
pub(in crate::model) mod problem;
mod queue;
mod record;
mod references;
pub mod retry;
mod schema;
mod settings;
mod settled;
mod state;
mod step_fold;
pub mod steps;
mod task;
#[cfg(test)]
mod tests;
mod times;
mod trail;
mod wiring;

pub use history::{History, StepHistory, left_out};
pub use iterations::Collected;
pub use net::Net;
pub use next::next;
pub use problem::{DefinitionProblem, MAX_PROBLEMS, Problems, in_words};
pub(in crate::model) use problem::{
    add as add_problem, capped, enough as enough_problems, hint, shown,
};
pub use queue::Queue;
pub use record::{StepRecord, StepStatus, WaitsFor};
pub use retry::after_failure;
pub use settings::{OnConflict, RunRetention, Settings};
pub use settled::settled_events;
pub use state::{JournalError, RunState};
pub use steps::DefinitionLimits;
pub use task::{Activation, FrameId, Task};
pub use times::{Span, SpanKind, StepTimes};
pub use trail::Passed;
pub use wiring::{InputsTooLarge, Source, Wire, Wiring, wired_config};

use crate::model::flow::{FlowFacts, FlowStep};
use crate::model::run::RunError;
use crate::model::template::{SecretName, Template};
use crate::model::trigger::Trigger;
use crate::model::workflow::{Definition, DefinitionFormat};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A step by its place in [`Plan::nodes`]. Only in memory; journals name steps by id.
pub type NodeIndex = usize;

/// What a step type looks like from outside: all that a compiler has to know of it.
#[derive(Debug, Clone, Copy)]
pub struct StepRule {
    /// `condition`, or connector and action: `api.request`.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// How the planner treats it.
    pub kind: Kind,
    /// Fields of its configuration that are taken as they are: braces in them are no templates.
    pub raw: &'static [&'static str],
    /// Fields of it that are lists, also as one text with commas. The text is split as it was written, before its templates
    /// are rendered: what a template renders to never becomes two items.
    pub lists: &'static [&'static str],
    /// Checks the step's `config` (templates unresolved) and adds every problem that it finds.
    pub check: fn(&Map<String, Value>, &mut Problems<'_>),
    /// Why a step with this `config` would not keep to its `timeoutMs`; `None`: it keeps to it.
    pub untimed: fn(&Map<String, Value>) -> Option<&'static str>,
}

/// How the planner treats a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No effect outside: run at once, shares the next commit.
    Pure,
    /// Its start is committed before the call, its result after it.
    Effect,
    /// Done when its moment has come.
    Wait,
    /// Pure; its way decides which steps are skipped.
    Branch,
    /// Done when somebody has answered.
    Ask,
    /// Starts another run, and is done when that has ended.
    Child,
    /// Runs the steps inside it once for each item, or as often as its conditions say, one after another.
    Loop,
    /// Runs the steps inside it side by side: branches, or once for each item.
    Parallel,
}

impl Kind {
    /// Whether there are steps inside it.
    pub fn is_composite(self) -> bool {
        matches!(self, Kind::Loop | Kind::Parallel)
    }
}

/// What to do when an attempt's outcome is unknown after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// Start another attempt with the same `Idempotency-Key`.
    Retry,
    /// The step has failed.
    Fail,
    /// The step waits until somebody says which of the two.
    Ask,
}

/// `retryConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// 1 to 100; 1 means no retry.
    pub max_attempts: u32,
    /// Delay before the second attempt.
    pub initial_delay_ms: u64,
    /// Each further delay is the former one times this.
    pub backoff_multiplier: f64,
    /// No delay is longer.
    pub max_delay_ms: u64,
    /// Whether delays are drawn from half to all of their length.
    pub jitter: bool,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Node {
    /// Unique in the plan.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// The name of its [`StepRule`].
    pub step_type: &'static str,
    /// How the planner treats it.
    pub kind: Kind,
    /// Its configuration.
    pub config: Template,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout_ms: Option<u64>,
    /// `errorHandling: continue`: what the step's output is when it has failed. Without it the run fails.
    pub fallback: Option<Arc<Value>>,
    /// What a crash in the middle of an attempt means.
    pub on_unknown: OnUnknown,
    /// The steps inside it: of loops and parallel steps.
    pub composite: Option<Composite>,
    /// Where its inputs come from: of the nodes of a graph. See [`wired_config`].
    pub wiring: Option<Wiring>,
    /// What it is in a flow.
    pub flow: Option<Arc<FlowStep>>,
}

/// A block by its place in [`Plan::blocks`]; 0 is the top.
pub type BlockIndex = usize;

/// Steps that belong together: those at the top, or those inside a loop, a branch or an iteration.
#[derive(Debug, Clone)]
pub struct Block {
    /// The steps. Their place here is how the block's order names them.
    pub steps: Vec<NodeIndex>,
    /// In which order they are run.
    pub order: Order,
}

/// In which order the steps of a block are run.
#[derive(Debug, Clone)]
pub enum Order {
    /// One after another, as they stand in the array; branches own the steps that they skip. The first step that fails
    /// ends the block.
    Seq,
    /// Side by side, each as soon as what it needs is there. A step that fails takes those with it that need it; the
    /// others go on.
    Net(Net),
    /// One at a time, as they are called for, again where they are called again. The first step that fails ends the block.
    Queue(Queue),
}

/// What becomes of a loop or a parallel step when something inside it has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInnerFailure {
    /// It fails at once, and what is going on inside is dropped.
    FailAtOnce,
    /// It is an entry of `errors`, and the step ends well.
    Collect,
    /// The other iterations go on; when all have ended the step fails.
    FailAtEnd,
}

/// The steps inside a loop or a parallel step.
#[derive(Debug, Clone)]
pub struct Composite {
    /// One block for each branch; where it goes over items, the one that is run for each.
    pub blocks: Vec<BlockIndex>,
    /// Whether it goes over items (or counts), and does not run each block once.
    pub is_over_items: bool,
    /// How many iterations or branches may be under way at once; 1 in loops.
    pub width: u32,
    /// What a failure inside means.
    pub on_failure: OnInnerFailure,
    /// What the item is called in templates.
    pub item_name: String,
    /// What the index is called in templates.
    pub index_name: String,
    /// What is asked between iterations: an object with `while`, `break` or both.
    pub conditions: Option<Template>,
    /// Whether it is asked before the first iteration too.
    pub is_asked_first: bool,
}

/// A compiled definition.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What starts runs.
    pub trigger: Trigger,
    /// Every step, in array order.
    pub nodes: Vec<Node>,
    /// `variables` of the definition.
    pub variables: Value,
    /// First the top, then what is inside of loops and parallel steps.
    pub blocks: Vec<Block>,
    /// `settings` of the definition.
    pub settings: Settings,
    /// What holds for the flow as a whole; `None` for other formats.
    pub flow: Option<FlowFacts>,
    by_id: HashMap<String, NodeIndex>,
    /// For each step its block, and its place there.
    places: Vec<(BlockIndex, usize)>,
    /// For each step the branches that own it, with the way that each must have taken. Empty: the step always runs;
    /// several: one of them is enough.
    owned_by: Vec<Vec<(NodeIndex, u32)>>,
}

/// Compiles a definition by its format. The error holds every problem with its place, at most [`MAX_PROBLEMS`] and how many
/// more there are.
pub fn compile(
    definition: &Definition,
    rules: &[StepRule],
    limits: &DefinitionLimits,
) -> Result<Plan, Vec<DefinitionProblem>> {
    match definition.format {
        DefinitionFormat::Steps => steps::compile(&definition.body, rules, limits),
        DefinitionFormat::Graph => graph::compile(&definition.body, &limits.graph),
        DefinitionFormat::Flow => flow::compile(&definition.body, limits.max_steps),
    }
}

impl Plan {
    /// The step with this id.
    pub fn index_of(&self, id: &str) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// The secrets of the workflow that steps name, each once.
    pub fn secret_names(&self) -> BTreeSet<&str> {
        let references = self
            .nodes
            .iter()
            .flat_map(|node| node.config.secret_references());
        references
            .filter_map(|reference| match &reference.secret {
                SecretName::OfWorkflow(name) => Some(name.as_str()),
                SecretName::ApprovalLink(_) => None,
            })
            .collect()
    }

    /// The place of a step in its block.
    fn place_of(&self, node: NodeIndex) -> (BlockIndex, usize) {
        self.places.get(node).copied().unwrap_or_default()
    }

    /// The steps of a block.
    fn steps_of(&self, block: BlockIndex) -> &[NodeIndex] {
        self.blocks
            .get(block)
            .map_or(&[], |block| block.steps.as_slice())
    }

    /// The edges of a block whose steps run side by side.
    fn net_of(&self, block: BlockIndex) -> Option<&Net> {
        match &self.blocks.get(block)?.order {
            Order::Net(net) => Some(net),
            Order::Seq | Order::Queue(_) => None,
        }
    }

    fn composite_of(&self, node: NodeIndex) -> Option<&Composite> {
        self.nodes.get(node)?.composite.as_ref()
    }

    fn owners_of(&self, node: NodeIndex) -> &[(NodeIndex, u32)] {
        self.owned_by.get(node).map_or(&[], Vec::as_slice)
    }
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With this output.
    Completed(Arc<Value>),
    /// For this reason.
    Failed(RunError),
}

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// These tasks; never empty. Those that are due at once come first, then the one that is due next.
    Do(Vec<Task>),
    /// Nothing: attempts are under way, or others are waited for.
    Wait,
    /// Append the event that ends the run.
    Finish(Outcome),
    /// The run has ended.
    Ended,
}
