//! What a run comes to, by the plainest means: the tree walked from top to bottom, nothing recorded, nothing at once.

use crate::chance::fate;
use crate::tree::{Block, Kind, Step, Tree};
use serde_json::{Value, json};

/// The run's output, or the step at the top that failed.
pub(crate) type End = Result<Value, String>;

/// How the attempt number `failures + 1` ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attempt {
    Good,
    Transient,
    Fatal,
}

pub(crate) fn attempt(seed: u64, name: &str, failures: u32) -> Attempt {
    match fate(seed, name, "attempt", u64::from(failures)) % 12 {
        0..=8 => Attempt::Good,
        9..=10 => Attempt::Transient,
        _ => Attempt::Fatal,
    }
}

/// Which way a branch takes.
pub(crate) fn way(seed: u64, name: &str) -> u32 {
    (fate(seed, name, "way", 0) % 2) as u32
}

/// Whether the process dies during the first attempt.
pub(crate) fn crashes(seed: u64, name: &str) -> bool {
    fate(seed, name, "crash", 0).is_multiple_of(8)
}

/// Whether somebody answers before it is too late.
pub(crate) fn answers(seed: u64, name: &str) -> bool {
    !fate(seed, name, "answer", 0).is_multiple_of(4)
}

pub(crate) fn output(name: &str) -> Value {
    json!({ "output of": name })
}

pub(crate) fn run(tree: &Tree, seed: u64) -> End {
    block(&tree.top, "", seed)
}

/// The output of the last step that ran; the error names the step of this block that failed.
fn block(steps: &Block, prefix: &str, seed: u64) -> Result<Value, String> {
    let mut last = Value::Null;
    let mut queue: std::collections::VecDeque<&Step> = steps.iter().collect();
    while let Some(step) = queue.pop_front() {
        let name = format!("{prefix}{}", step.id);
        match one(step, &name, seed) {
            Some(output) => {
                last = output;
                if let Kind::Branch { then, otherwise } = &step.kind {
                    let taken = if way(seed, &name) == 0 {
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
            None if step.continues => last = json!(format!("fallback of {}", step.id)),
            None => return Err(step.id.clone()),
        }
    }
    Ok(last)
}

/// What a step comes to; nothing when it has failed for good.
fn one(step: &Step, name: &str, seed: u64) -> Option<Value> {
    let within = |index: u32| format!("{name}[{index}].");
    match &step.kind {
        Kind::Pure | Kind::Wait => good(step, name, seed).then(|| output(name)),
        Kind::Ask => (good(step, name, seed) && answers(seed, name)).then(|| output(name)),
        Kind::Effect { fails_on_unknown } => {
            let is_lost = *fails_on_unknown && crashes(seed, name);
            (!is_lost && good(step, name, seed)).then(|| output(name))
        }
        Kind::Branch { .. } => Some(json!({ "way": way(seed, name) })),
        Kind::Loop {
            items,
            breaks_at,
            body,
        } => {
            let mut results = Vec::new();
            for index in 0..*items {
                results.push(block(body, &within(index), seed).ok()?);
                if *breaks_at == Some(index) {
                    break;
                }
            }
            let last = results.len().checked_sub(1);
            let mut output = json!({
                "results": results, "count": results.len(), "currentItem": last, "currentIndex": last
            });
            if breaks_at.is_some() {
                output["limitReached"] = json!(false);
            }
            Some(output)
        }
        Kind::Fork {
            branches,
            fails_fast,
        } => {
            let ends = (0..)
                .zip(branches)
                .map(|(index, branch)| block(branch, &within(index), seed));
            parallel(ends.collect(), *fails_fast)
        }
        Kind::Each {
            items,
            fails_fast,
            body,
            ..
        } => {
            let ends = (0..*items).map(|index| block(body, &within(index), seed));
            parallel(ends.collect(), *fails_fast)
        }
    }
}

fn good(step: &Step, name: &str, seed: u64) -> bool {
    for failures in 0..step.max_attempts {
        match attempt(seed, name, failures) {
            Attempt::Good => return true,
            Attempt::Transient => {}
            Attempt::Fatal => return false,
        }
    }
    false
}

/// Which iterations failed, and with which step, is told without the order in which they did.
fn parallel(ends: Vec<Result<Value, String>>, fails_fast: bool) -> Option<Value> {
    if fails_fast && ends.iter().any(Result::is_err) {
        return None;
    }
    let completed = ends.iter().filter(|end| end.is_ok()).count();
    let mut errors: Vec<Value> = Vec::new();
    let mut results = Vec::new();
    for (index, end) in ends.into_iter().enumerate() {
        match end {
            Ok(output) => results.push(output),
            Err(step) => {
                results.push(Value::Null);
                errors.push(json!({"index": index, "step": step}));
            }
        }
    }
    Some(json!({"results": results, "errors": errors, "completedCount": completed}))
}
