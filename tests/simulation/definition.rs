//! A tree as the flat definition that the compiler, and a real server, get.

use crate::tree::{Kind, OnTimeout, OnUnknown, Over, RUN_LIMIT_MS, SOON_MS, Step, Tree};
use serde_json::{Value, json};

/// What a definition names outside of itself.
pub(crate) struct Outside {
    /// Where effects are called, without query.
    pub(crate) url: String,
    /// The workflow of runs that end.
    pub(crate) child: String,
    /// The workflow of runs that do not.
    pub(crate) stuck_child: String,
    /// Which way a branch takes, by its id; the plan alone does not need to know.
    pub(crate) seed: u64,
    /// Whether lost outcomes may fail steps; a real server loses them when it wants to.
    pub(crate) may_fail_on_unknown: bool,
}

const FOR_EVER_MS: i64 = 366 * 24 * 3_600_000;

pub(crate) fn definition(tree: &Tree, outside: &Outside) -> Value {
    let mut steps = Vec::new();
    for step in &tree.top {
        flatten(step, outside, &mut steps);
    }
    let mut definition = json!({ "name": "grown", "trigger": { "type": "api" }, "steps": steps });
    if tree.has_limit {
        definition["settings"] = json!({ "timeoutMs": RUN_LIMIT_MS });
    }
    definition
}

fn flatten(step: &Step, outside: &Outside, steps: &mut Vec<Value>) {
    let mut flat = json!({ "id": step.id });
    let (kind, config) = described(step, outside);
    flat["type"] = json!(kind);
    flat["config"] = config;
    match step.kind {
        Kind::Effect { on_unknown } => {
            flat["action"] = json!("api.request");
            flat["onUnknown"] = json!(match on_unknown {
                OnUnknown::Ask => "ask",
                OnUnknown::Fail if outside.may_fail_on_unknown => "fail",
                OnUnknown::Fail | OnUnknown::Retry => "retry",
            });
        }
        Kind::Loop { .. } => flat["timeoutMs"] = json!(step.limit_ms),
        Kind::Fork { .. } | Kind::Each { .. } => {
            flat["config"]["timeoutMs"] = json!(step.limit_ms);
        }
        _ => {}
    }
    if step.max_attempts > 1 {
        flat["retryConfig"] = json!({ "maxAttempts": step.max_attempts, "initialDelayMs": 100 });
    }
    if step.continues {
        let fallback = format!("fallback of {}", step.id);
        flat["errorHandling"] = json!({ "strategy": "continue", "fallback": fallback });
    }
    steps.push(flat);
    for inner in step.kind.blocks().into_iter().flatten() {
        flatten(inner, outside, steps);
    }
}

/// The step's type and configuration.
fn described(step: &Step, outside: &Outside) -> (&'static str, Value) {
    let Outside { url, seed, .. } = outside;
    let id = step.id.as_str();
    match &step.kind {
        Kind::Pure => ("transform", json!({ "sourceData": { "output of": id } })),
        Kind::Effect { .. } => {
            let attempts = step.max_attempts;
            let url = format!("{url}/effect?seed={seed}&attempts={attempts}&id={id}");
            ("action", json!({ "url": url }))
        }
        Kind::Wait => ("wait", json!({ "duration": SOON_MS })),
        Kind::Ask { on_timeout } => {
            let (action, timeout_ms) = match on_timeout {
                OnTimeout::Fail => ("fail", SOON_MS),
                OnTimeout::Approve => ("approve", SOON_MS),
                OnTimeout::Nothing => ("fail", FOR_EVER_MS),
            };
            let config =
                json!({ "approvers": [], "timeoutMs": timeout_ms, "timeoutAction": action });
            ("approval", config)
        }
        Kind::Child { ends, has_limit } => {
            let workflow = if *ends {
                &outside.child
            } else {
                &outside.stuck_child
            };
            let input = json!({ "seed": seed, "id": id, "ends": ends });
            let mut config = json!({ "workflowId": workflow, "inputMapping": input });
            // A run that ends needs what time it needs.
            if *has_limit && !ends {
                config["timeoutMinutes"] = json!(SOON_MS as f64 / 60_000.0);
            }
            ("subworkflow", config)
        }
        Kind::Branch { then, otherwise } => {
            let way = crate::model::way_of(*seed, id);
            let conditions = json!([{ "field": way, "operator": "equals", "value": 0 }]);
            let config =
                json!({ "conditions": conditions, "then": ids(then), "else": ids(otherwise) });
            ("condition", config)
        }
        Kind::Loop {
            over,
            breaks_at,
            body,
        } => ("loop", looped(*over, *breaks_at, &ids(body))),
        Kind::Fork {
            branches,
            fails_fast,
        } => {
            let branches: Vec<Vec<&str>> = branches.iter().map(|branch| ids(branch)).collect();
            let config = json!({ "branches": branches, "waitForAll": !fails_fast });
            ("parallel", config)
        }
        Kind::Each {
            items,
            width,
            fails_fast,
            body,
        } => {
            let items: Vec<u32> = (0..*items).collect();
            let strategy = if *fails_fast { "fail-fast" } else { "wait-all" };
            let config = json!({
                "forEachSource": items, "steps": ids(body), "concurrency": width, "strategy": strategy,
            });
            ("parallel", config)
        }
    }
}

fn looped(over: Over, breaks_at: Option<u32>, steps: &[&str]) -> Value {
    let mut config = json!({ "steps": steps });
    match over {
        Over::Items(items) => {
            config["collection"] = json!((0..items).collect::<Vec<u32>>());
        }
        Over::Count(count) => config["iterations"] = json!(count),
        Over::While { holds_for, most } => {
            config["whileCondition"] = json!(format!("index < {holds_for}"));
            config["maxIterations"] = json!(most);
        }
    }
    if let Some(last) = breaks_at {
        config["breakCondition"] = json!(format!("index == {last}"));
    }
    config
}

fn ids(block: &[Step]) -> Vec<&str> {
    block.iter().map(|step| step.id.as_str()).collect()
}
