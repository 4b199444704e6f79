//! The nodes of agentflows that run here, and why others do not.
//! May not know what a node does beyond the kind of step that it is.

use crate::model::plan::Kind;

/// A node's behaviour, by the name of its component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Where the flow begins.
    Start,
    /// Asks a model.
    Llm,
    /// Asks a model, which may call tools.
    Agent,
    /// Has a model choose the way.
    ConditionAgent,
    /// Chooses the way by comparing values.
    Condition,
    /// Calls a URL.
    Http,
    /// Says what it is told to.
    DirectReply,
    /// Goes back to an earlier node.
    Loop,
    /// Runs the nodes inside it once for each item.
    Iteration,
    /// Runs JavaScript.
    CustomFunction,
    /// Runs another flow.
    ExecuteFlow,
    /// Waits for somebody's yes or no.
    HumanInput,
    /// A chain of a chatflow.
    Chain,
}

/// A node that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// `data.name` of the node.
    pub name: &'static str,
    /// Its behaviour.
    pub kind: NodeKind,
    /// The step type in plans.
    pub step_type: &'static str,
    /// How plans treat it.
    pub plan_kind: Kind,
    /// What its inputs begin with: `llm` of `llmUpdateState`.
    pub prefix: &'static str,
}

const fn known(
    name: &'static str,
    kind: NodeKind,
    step_type: &'static str,
    plan_kind: Kind,
    prefix: &'static str,
) -> Known {
    Known {
        name,
        kind,
        step_type,
        plan_kind,
        prefix,
    }
}

/// Every node of agentflows that runs here.
pub static AGENTFLOW: [Known; 12] = [
    known(
        "startAgentflow",
        NodeKind::Start,
        "flow.start",
        Kind::Pure,
        "start",
    ),
    known(
        "llmAgentflow",
        NodeKind::Llm,
        "flow.llm",
        Kind::Effect,
        "llm",
    ),
    known(
        "agentAgentflow",
        NodeKind::Agent,
        "flow.agent",
        Kind::Effect,
        "agent",
    ),
    known(
        "conditionAgentAgentflow",
        NodeKind::ConditionAgent,
        "flow.condition_agent",
        Kind::Effect,
        "conditionAgent",
    ),
    known(
        "conditionAgentflow",
        NodeKind::Condition,
        "flow.condition",
        Kind::Branch,
        "condition",
    ),
    known(
        "httpAgentflow",
        NodeKind::Http,
        "flow.http",
        Kind::Effect,
        "http",
    ),
    known(
        "directReplyAgentflow",
        NodeKind::DirectReply,
        "flow.reply",
        Kind::Pure,
        "directReply",
    ),
    known(
        "loopAgentflow",
        NodeKind::Loop,
        "flow.loop",
        Kind::Branch,
        "loop",
    ),
    known(
        "iterationAgentflow",
        NodeKind::Iteration,
        "flow.iteration",
        Kind::Parallel,
        "iteration",
    ),
    known(
        "customFunctionAgentflow",
        NodeKind::CustomFunction,
        "flow.function",
        Kind::Pure,
        "customFunction",
    ),
    known(
        "executeFlowAgentflow",
        NodeKind::ExecuteFlow,
        "flow.execute",
        Kind::Child,
        "executeFlow",
    ),
    known(
        "humanInputAgentflow",
        NodeKind::HumanInput,
        "flow.human",
        Kind::Ask,
        "humanInput",
    ),
];

/// A chain of a chatflow: `conversationChain` or `llmChain`.
pub static CHAIN: Known = known(
    "chain",
    NodeKind::Chain,
    "flow.chain",
    Kind::Effect,
    "chain",
);

/// The node of agentflows with this `data.name`.
pub fn agentflow(name: &str) -> Option<&'static Known> {
    AGENTFLOW.iter().find(|known| known.name == name)
}

/// The step type called so, in plans.
pub fn of_step_type(step_type: &str) -> Option<&'static Known> {
    let mut all = AGENTFLOW.iter().chain([&CHAIN]);
    all.find(|known| known.step_type == step_type)
}

/// Why a node that is not listed does not run.
pub fn why_not(name: &str) -> &'static str {
    match name {
        "toolAgentflow" => {
            "a tool runs here only as a tool of an agent: put it into an `agentAgentflow` node"
        }
        "retrieverAgentflow" => "there are no document stores here",
        _ => "it needs a product outside of this server, or is none of the nodes that run here",
    }
}

impl NodeKind {
    /// Whether which way the flow goes on is decided here, so that of what comes after it one way is enough.
    pub fn decides(self) -> bool {
        matches!(
            self,
            NodeKind::Condition | NodeKind::ConditionAgent | NodeKind::HumanInput
        )
    }

    /// Whether its edges belong to ways.
    pub fn has_ways(self) -> bool {
        self.decides()
    }

    /// Whether it asks a model.
    pub fn asks_model(self) -> bool {
        matches!(
            self,
            NodeKind::Llm | NodeKind::Agent | NodeKind::ConditionAgent | NodeKind::Chain
        )
    }
}
