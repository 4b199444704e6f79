//! Generated workflows as trees.

use crate::chance::Chance;

/// A list of steps.
pub(crate) type Block = Vec<Step>;

/// A workflow.
pub(crate) struct Tree {
    pub(crate) top: Block,
    /// Whether a run may take only so long; always where it could take for ever.
    pub(crate) has_limit: bool,
}

/// One step with those inside of it.
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) max_attempts: u32,
    /// Whether a failure is let go.
    pub(crate) continues: bool,
    /// How long all that is inside may take, in milliseconds: of loops and parallel steps.
    pub(crate) limit_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnUnknown {
    Retry,
    Fail,
    Ask,
}

/// What becomes of a question that nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnTimeout {
    Fail,
    Approve,
    /// It is asked for ever.
    Nothing,
}

/// What a loop goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Items(u32),
    Count(u32),
    While { holds_for: u32, most: u32 },
}

pub(crate) enum Kind {
    Pure,
    Effect {
        on_unknown: OnUnknown,
    },
    Wait,
    Ask {
        on_timeout: OnTimeout,
    },
    /// Another run. One that does not end is waited for until the step's limit, or for ever.
    Child {
        ends: bool,
        has_limit: bool,
    },
    Branch {
        then: Block,
        otherwise: Block,
    },
    Loop {
        over: Over,
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
/// By depth: longer than everything inside can take that ends at all, the limits of what stands deeper included, so that a
/// limit is only reached by what would never end.
const LIMITS_MS: [i64; MAX_DEPTH as usize] = [8_000_000, 400_000, 20_000];
/// How long a run may take: longer than everything at the top.
pub(crate) const RUN_LIMIT_MS: i64 = 100_000_000;
/// How long somebody is asked, another run is waited for, and the run rests. Some milliseconds, so that one move of the clock
/// may pass several of them.
pub(crate) const SOON_MS: i64 = 60;

impl Tree {
    pub(crate) fn grow(chance: &mut Chance) -> Tree {
        let mut grown = 0;
        let top = block(chance, 0, &mut grown);
        let has_limit = top.iter().any(Step::may_never_end) || chance.one_in(2);
        Tree { top, has_limit }
    }

    pub(crate) fn step(&self, id: &str) -> &Step {
        let found = self.top.iter().find_map(|step| step.find(id));
        found.unwrap_or_else(|| panic!("there is no {id}"))
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
    let kind = match chance.below(if is_full { 9 } else { 16 }) {
        0..=8 => plain(chance),
        _ => composed(chance, &mut |chance| block(chance, depth + 1, grown)),
    };
    let (is_plain, has_frames) = (kind.blocks().is_empty(), kind.has_frames());
    Step {
        id,
        kind,
        max_attempts: if is_plain {
            1 + chance.below(3) as u32
        } else {
            1
        },
        continues: chance.one_in(4),
        limit_ms: (has_frames && chance.one_in(3)).then(|| LIMITS_MS[depth as usize]),
    }
}

fn plain(chance: &mut Chance) -> Kind {
    match chance.below(9) {
        0..=2 => Kind::Pure,
        3..=5 => Kind::Effect {
            on_unknown: match chance.below(4) {
                0 => OnUnknown::Fail,
                1 => OnUnknown::Ask,
                _ => OnUnknown::Retry,
            },
        },
        6 => Kind::Wait,
        7 => Kind::Ask {
            on_timeout: match chance.below(5) {
                0 => OnTimeout::Nothing,
                1..=2 => OnTimeout::Approve,
                _ => OnTimeout::Fail,
            },
        },
        _ => Kind::Child {
            ends: !chance.one_in(5),
            has_limit: chance.one_in(2),
        },
    }
}

fn composed(chance: &mut Chance, inside: &mut dyn FnMut(&mut Chance) -> Block) -> Kind {
    match chance.below(7) {
        0..=1 => {
            let then = inside(chance);
            let otherwise = if chance.one_in(2) {
                inside(chance)
            } else {
                Vec::new()
            };
            Kind::Branch { then, otherwise }
        }
        2..=4 => Kind::Loop {
            over: match chance.below(3) {
                0 => Over::Items(chance.below(4) as u32),
                1 => Over::Count(chance.below(4) as u32),
                _ => Over::While {
                    holds_for: chance.below(5) as u32,
                    most: chance.below(5) as u32,
                },
            },
            breaks_at: chance.one_in(3).then(|| chance.below(4) as u32),
            body: inside(chance),
        },
        5 => Kind::Fork {
            branches: (0..=chance.below(3)).map(|_| inside(chance)).collect(),
            fails_fast: chance.one_in(2),
        },
        _ => Kind::Each {
            items: chance.below(5) as u32,
            width: 1 + chance.below(3) as u32,
            fails_fast: chance.one_in(2),
            body: inside(chance),
        },
    }
}

impl Kind {
    pub(crate) fn blocks(&self) -> Vec<&Block> {
        match self {
            Kind::Pure | Kind::Effect { .. } | Kind::Wait | Kind::Ask { .. } => Vec::new(),
            Kind::Child { .. } => Vec::new(),
            Kind::Branch { then, otherwise } => vec![then, otherwise],
            Kind::Loop { body, .. } | Kind::Each { body, .. } => vec![body],
            Kind::Fork { branches, .. } => branches.iter().collect(),
        }
    }

    /// Whether it runs what is inside once or more, and may have a limit of time for it.
    fn has_frames(&self) -> bool {
        matches!(
            self,
            Kind::Loop { .. } | Kind::Fork { .. } | Kind::Each { .. }
        )
    }
}

impl Step {
    fn find(&self, id: &str) -> Option<&Step> {
        if self.id == id {
            return Some(self);
        }
        let mut inside = self.kind.blocks().into_iter().flatten();
        inside.find_map(|step| step.find(id))
    }

    /// Whether something in there may wait for ever, whatever the limits around it.
    fn may_never_end(&self) -> bool {
        match self.kind {
            Kind::Ask { on_timeout } => on_timeout == OnTimeout::Nothing,
            Kind::Child { ends, has_limit } => !ends && !has_limit,
            _ => {
                let mut inside = self.kind.blocks().into_iter().flatten();
                inside.any(Step::may_never_end)
            }
        }
    }
}
