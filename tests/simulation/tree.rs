//! Generated workflows as trees, and as the flat definitions that a compiler gets.

use crate::chance::Chance;
use serde_json::{Value, json};

/// A list of steps.
pub(crate) type Block = Vec<Step>;

/// A workflow.
pub(crate) struct Tree {
    pub(crate) top: Block,
}

/// One step with those inside of it.
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) max_attempts: u32,
    /// Whether a failure is let go.
    pub(crate) continues: bool,
}

pub(crate) enum Kind {
    Pure,
    Effect {
        fails_on_unknown: bool,
    },
    Wait,
    Ask,
    Branch {
        then: Block,
        otherwise: Block,
    },
    Loop {
        items: u32,
        breaks_at: Option<u32>,
        body: Block,
    },
    Fork {
        branches: Vec<Block>,
        fails_fast: bool,
    },
    Each {
        items: u32,
        width: u32,
        fails_fast: bool,
        body: Block,
    },
}

const MAX_DEPTH: u32 = 3;
const MAX_STEPS: u32 = 30;

impl Tree {
    pub(crate) fn grow(chance: &mut Chance) -> Tree {
        let mut grown = 0;
        let top = block(chance, 0, &mut grown);
        Tree { top }
    }

    /// How many items a step goes over.
    pub(crate) fn items_of(&self, id: &str) -> u32 {
        match self.find(id).map(|step| &step.kind) {
            Some(Kind::Loop { items, .. } | Kind::Each { items, .. }) => *items,
            _ => panic!("{id} goes over nothing"),
        }
    }

    /// After which iteration a loop ends early.
    pub(crate) fn breaks_at(&self, id: &str) -> Option<u32> {
        match self.find(id).map(|step| &step.kind) {
            Some(Kind::Loop { breaks_at, .. }) => *breaks_at,
            _ => panic!("{id} is no loop"),
        }
    }

    fn find(&self, id: &str) -> Option<&Step> {
        self.top.iter().find_map(|step| step.find(id))
    }

    pub(crate) fn definition(&self) -> Value {
        let mut steps = Vec::new();
        self.top.iter().for_each(|step| step.flatten(&mut steps));
        json!({"trigger": {"type": "api"}, "steps": steps})
    }
}

fn block(chance: &mut Chance, depth: u32, grown: &mut u32) -> Block {
    let count = chance.below(if depth == 0 { 5 } else { 3 }) + u64::from(depth > 0);
    (0..count).map(|_| step(chance, depth, grown)).collect()
}

fn step(chance: &mut Chance, depth: u32, grown: &mut u32) -> Step {
    let id = format!("s{grown}");
    *grown += 1;
    let is_full = depth >= MAX_DEPTH || *grown >= MAX_STEPS;
    let mut inside = |chance: &mut Chance| block(chance, depth + 1, grown);
    let kind = match chance.below(if is_full { 8 } else { 14 }) {
        0..=2 => Kind::Pure,
        3..=5 => Kind::Effect {
            fails_on_unknown: chance.one_in(4),
        },
        6 => Kind::Wait,
        7 => Kind::Ask,
        8..=9 => {
            let then = inside(chance);
            let otherwise = if chance.one_in(2) {
                inside(chance)
            } else {
                Vec::new()
            };
            Kind::Branch { then, otherwise }
        }
        10..=11 => Kind::Loop {
            items: chance.below(4) as u32,
            breaks_at: chance.one_in(3).then(|| chance.below(4) as u32),
            body: inside(chance),
        },
        12 => Kind::Fork {
            branches: (0..=chance.below(3)).map(|_| inside(chance)).collect(),
            fails_fast: chance.one_in(2),
        },
        _ => Kind::Each {
            items: chance.below(5) as u32,
            width: 1 + chance.below(3) as u32,
            fails_fast: chance.one_in(2),
            body: inside(chance),
        },
    };
    let is_plain = matches!(
        kind,
        Kind::Pure | Kind::Effect { .. } | Kind::Wait | Kind::Ask
    );
    Step {
        id,
        kind,
        max_attempts: if is_plain {
            1 + chance.below(3) as u32
        } else {
            1
        },
        continues: chance.one_in(4),
    }
}

fn ids(block: &[Step]) -> Vec<&str> {
    block.iter().map(|step| step.id.as_str()).collect()
}

impl Step {
    fn blocks(&self) -> Vec<&Block> {
        match &self.kind {
            Kind::Pure | Kind::Effect { .. } | Kind::Wait | Kind::Ask => Vec::new(),
            Kind::Branch { then, otherwise } => vec![then, otherwise],
            Kind::Loop { body, .. } | Kind::Each { body, .. } => vec![body],
            Kind::Fork { branches, .. } => branches.iter().collect(),
        }
    }

    fn find(&self, id: &str) -> Option<&Step> {
        if self.id == id {
            return Some(self);
        }
        let mut inside = self.blocks().into_iter().flatten();
        inside.find_map(|step| step.find(id))
    }

    fn flatten(&self, steps: &mut Vec<Value>) {
        let mut step = json!({"id": self.id});
        match &self.kind {
            Kind::Pure => step["type"] = json!("set"),
            Kind::Effect { fails_on_unknown } => {
                step["type"] = json!("action");
                step["action"] = json!("api.request");
                step["onUnknown"] = json!(if *fails_on_unknown { "fail" } else { "retry" });
            }
            Kind::Wait => step["type"] = json!("wait"),
            Kind::Ask => step["type"] = json!("approval"),
            Kind::Branch { then, otherwise } => {
                step["type"] = json!("condition");
                step["config"] = json!({"then": ids(then), "else": ids(otherwise)});
            }
            Kind::Loop {
                breaks_at, body, ..
            } => {
                step["type"] = json!("loop");
                step["config"] = json!({"steps": ids(body)});
                if breaks_at.is_some() {
                    step["config"]["breakCondition"] = json!("true");
                }
            }
            Kind::Fork {
                branches,
                fails_fast,
            } => {
                step["type"] = json!("parallel");
                let all: Vec<Vec<&str>> = branches.iter().map(|branch| ids(branch)).collect();
                step["config"] = json!({"branches": all, "waitForAll": !fails_fast});
            }
            Kind::Each {
                width,
                fails_fast,
                body,
                ..
            } => {
                step["type"] = json!("parallel");
                step["config"] = json!({
                    "forEachSource": "{{input.items}}", "steps": ids(body), "concurrency": width,
                    "strategy": if *fails_fast { "fail-fast" } else { "wait-all" },
                });
            }
        }
        if self.max_attempts > 1 {
            step["retryConfig"] = json!({"maxAttempts": self.max_attempts, "initialDelayMs": 100});
        }
        if self.continues {
            step["errorHandling"] =
                json!({"strategy": "continue", "fallback": format!("fallback of {}", self.id)});
        }
        steps.push(step);
        let inside = self.blocks().into_iter().flatten();
        inside.for_each(|step| step.flatten(steps));
    }
}
