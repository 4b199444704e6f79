//! What a run comes to, by the plainest means: the tree walked from top to bottom, nothing recorded, nothing at once.

use crate::chance::fate;
use crate::tree::{Block, Kind, OnTimeout, OnUnknown, Over, Step, Tree};
use serde_json::{Value, json};

/// The run's output, or the step at the top that failed; no step where the run took too long.
pub(crate) type End = Result<Value, String>;

/// How the attempt number `failures + 1` ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attempt {
    Good,
    Transient,
    Fatal,
}

/// What is said of an attempt whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Told {
    TryAgain,
    TookEffect,
    Failed,
}

/// Where runs live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// In a process of the test's own, which decides everything that happens to a step.
    Plan,
    /// In a server: what happens to a step comes from outside, and it may die whenever it wants to.
    Server,
}

/// Everything that chance decides about the steps of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fates {
    pub(crate) seed: u64,
    pub(crate) world: World,
}

/// Why a block has no output.
enum Stop {
    /// This step has failed.
    Failed(String),
    /// Something waits for ever.
    Never,
}

/// Which way the branch with this id takes in a server.
pub(crate) fn way_of(seed: u64, id: &str) -> u32 {
    (fate(seed, id, "way", 0) % 2) as u32
}

/// The step's id, without the iterations that it stands in.
fn id_of(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

impl Fates {
    pub(crate) fn attempt(self, step: &Step, name: &str, failures: u32) -> Attempt {
        let seed = self.seed;
        match (self.world, &step.kind) {
            (World::Plan, _) => match fate(seed, name, "attempt", u64::from(failures)) % 12 {
                0..=8 => Attempt::Good,
                9..=10 => Attempt::Transient,
                _ => Attempt::Fatal,
            },
            (World::Server, Kind::Effect { .. }) => self.effect(name, failures, step.max_attempts),
            (World::Server, Kind::Child { .. }) if self.child_fails(&step.id) => Attempt::Transient,
            (World::Server, _) => Attempt::Good,
        }
    }

    /// What an effect comes to. Only a first failure may be followed by something else, and only where there is another
    /// attempt: then it does not matter whether a lost attempt was answered.
    pub(crate) fn effect(self, name: &str, failures: u32, max_attempts: u32) -> Attempt {
        match fate(self.seed, name, "effect", 0) % 12 {
            0..=7 => Attempt::Good,
            8..=9 if failures == 0 && max_attempts > 1 => Attempt::Transient,
            8..=9 => Attempt::Good,
            10 => Attempt::Transient,
            _ => Attempt::Fatal,
        }
    }

    pub(crate) fn child_fails(self, id: &str) -> bool {
        fate(self.seed, id, "child", 0).is_multiple_of(6)
    }

    /// Which way a branch takes.
    pub(crate) fn way(self, name: &str) -> u32 {
        match self.world {
            World::Plan => (fate(self.seed, name, "way", 0) % 2) as u32,
            World::Server => way_of(self.seed, id_of(name)),
        }
    }

    /// Whether the process dies during the first attempt.
    pub(crate) fn crashes(self, name: &str) -> bool {
        self.world == World::Plan && fate(self.seed, name, "crash", 0).is_multiple_of(8)
    }

    /// What somebody says of the attempt that was under way when the process died.
    pub(crate) fn told(self, name: &str, attempt: u32) -> Told {
        if attempt > 1 || !self.crashes(name) {
            // Chance alone has lost it.
            return Told::TryAgain;
        }
        match fate(self.seed, name, "told", 0) % 3 {
            0 => Told::TryAgain,
            1 => Told::TookEffect,
            _ => Told::Failed,
        }
    }

    /// Whether somebody answers before it is too late.
    pub(crate) fn answers(self, name: &str) -> bool {
        !fate(self.seed, name, "answer", 0).is_multiple_of(4)
    }

    pub(crate) fn output(self, name: &str) -> Value {
        match self.world {
            World::Plan => json!({ "output of": name }),
            World::Server => json!({ "output of": id_of(name) }),
        }
    }

    /// What the run comes to.
    pub(crate) fn end(self, tree: &Tree) -> End {
        match self.block(&tree.top, "") {
            Ok(output) => Ok(output),
            Err(Stop::Failed(step)) => Err(step),
            Err(Stop::Never) => Err(String::new()),
        }
    }

    /// The output of the last step that ran; else which step of this block has stopped it.
    fn block(self, steps: &Block, prefix: &str) -> Result<Value, Stop> {
        let mut last = Value::Null;
        let mut queue: std::collections::VecDeque<&Step> = steps.iter().collect();
        while let Some(step) = queue.pop_front() {
            let name = format!("{prefix}{}", step.id);
            match self.one(step, &name) {
                Ok(output) => {
                    last = output;
                    if let Kind::Branch { then, otherwise } = &step.kind {
                        let taken = if self.way(&name) == 0 {
                            then
                        } else {
                            otherwise
                        };
                        // What a branch takes comes before what stands after it.
                        for inner in taken.iter().rev() {
                            queue.push_front(inner);
                        }
                    }
                }
                Err(Stop::Never) if step.limit_ms.is_none() => return Err(Stop::Never),
                Err(_) if step.continues => last = json!(format!("fallback of {}", step.id)),
                Err(_) => return Err(Stop::Failed(step.id.clone())),
            }
        }
        Ok(last)
    }

    /// What a step comes to.
    fn one(self, step: &Step, name: &str) -> Result<Value, Stop> {
        let within = |index: u32| format!("{name}[{index}].");
        match &step.kind {
            Kind::Pure => self.good(step, name),
            Kind::Wait => {
                let output = self.good(step, name)?;
                let is_real = self.world == World::Server;
                Ok(if is_real { json!("waited") } else { output })
            }
            Kind::Ask { on_timeout } => {
                let output = self.good(step, name)?;
                match on_timeout {
                    _ if self.answers(name) => Ok(output),
                    OnTimeout::Fail => Err(Stop::Failed(step.id.clone())),
                    OnTimeout::Approve => Ok(json!("too late")),
                    OnTimeout::Nothing => Err(Stop::Never),
                }
            }
            Kind::Effect { on_unknown } => match (on_unknown, self.told(name, 1)) {
                (OnUnknown::Fail, _) if self.crashes(name) => Err(Stop::Failed(step.id.clone())),
                (OnUnknown::Ask, Told::TookEffect) => Ok(self.output(name)),
                (OnUnknown::Ask, Told::Failed) => Err(Stop::Failed(step.id.clone())),
                _ => self.good(step, name),
            },
            Kind::Child { ends: true, .. } => self.good(step, name),
            Kind::Child {
                has_limit: true, ..
            } => Err(Stop::Failed(step.id.clone())),
            Kind::Child { .. } => Err(Stop::Never),
            Kind::Branch { .. } => Ok(json!({ "way": self.way(name) })),
            Kind::Loop {
                over,
                breaks_at,
                body,
            } => self.looped(*over, *breaks_at, body, name),
            Kind::Fork {
                branches,
                fails_fast,
            } => {
                let ends = (0..)
                    .zip(branches)
                    .map(|(index, branch)| self.block(branch, &within(index)));
                parallel(ends.collect(), branches.len(), *fails_fast)
            }
            Kind::Each {
                items,
                width,
                fails_fast,
                body,
            } => {
                let ends = (0..*items).map(|index| self.block(body, &within(index)));
                parallel(ends.collect(), *width as usize, *fails_fast)
            }
        }
    }

    fn looped(
        self,
        over: Over,
        breaks_at: Option<u32>,
        body: &Block,
        name: &str,
    ) -> Result<Value, Stop> {
        let (most, holds_for) = match over {
            Over::Items(most) | Over::Count(most) => (most, most),
            Over::While { holds_for, most } => (most, holds_for),
        };
        let mut results = Vec::new();
        for index in 0..most.min(holds_for) {
            results.push(self.block(body, &format!("{name}[{index}]."))?);
            if breaks_at == Some(index) {
                break;
            }
        }
        let last = results.len().checked_sub(1);
        let has_items = matches!(over, Over::Items(_));
        let count = results.len();
        let mut output = json!({
            "results": results, "count": count, "currentItem": last.filter(|_| has_items), "currentIndex": last,
        });
        if breaks_at.is_some() || matches!(over, Over::While { .. }) {
            output["limitReached"] = json!(!has_items && count == most as usize);
        }
        Ok(output)
    }

    fn good(self, step: &Step, name: &str) -> Result<Value, Stop> {
        for failures in 0..step.max_attempts {
            match self.attempt(step, name, failures) {
                Attempt::Good => return Ok(self.output(name)),
                Attempt::Transient => {}
                Attempt::Fatal => break,
            }
        }
        Err(Stop::Failed(step.id.clone()))
    }
}

/// Which iterations failed, and with which step, is told without the order in which they did. One that never ends keeps its
/// place for ever.
fn parallel(ends: Vec<Result<Value, Stop>>, width: usize, fails_fast: bool) -> Result<Value, Stop> {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    let mut stuck = 0;
    for (index, end) in ends.into_iter().enumerate() {
        if stuck == width {
            break;
        }
        match end {
            Ok(output) => results.push(output),
            Err(Stop::Failed(step)) if fails_fast => return Err(Stop::Failed(step)),
            Err(Stop::Failed(step)) => {
                results.push(Value::Null);
                errors.push(json!({ "index": index, "step": step }));
            }
            Err(Stop::Never) => stuck += 1,
        }
    }
    if stuck > 0 {
        return Err(Stop::Never);
    }
    let completed = results.len() - errors.len();
    Ok(json!({ "results": results, "errors": errors, "completedCount": completed }))
}
