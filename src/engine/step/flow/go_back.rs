//! `loopAgentflow`: goes back to an earlier node, up to `maxLoopCount` times less one.

use super::{Handed, number, took};
use crate::engine::step::Done;
use crate::model::flow::passed::NodeResult;
use crate::model::plan::flow::BACK;
use crate::model::run::StepError;
use serde_json::{Value, json};

/// How often a loop runs that does not say.
const DEFAULT_COUNT: f64 = 5.0;
/// The way on, when it has gone back often enough.
const ON: u32 = 1;

pub(super) fn run(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let most = number(node.input("maxLoopCount"))
        .unwrap_or(DEFAULT_COUNT)
        .max(1.0);
    let before = node.told("visits").as_f64().unwrap_or_default();
    let target = node.text("loopBackToNode");
    if before + 1.0 < most {
        let output = json!({ "nodeID": target, "maxLoopCount": most });
        return Ok(took(NodeResult::of(output), Some(BACK)));
    }
    let fallback = node.text("fallbackMessage");
    let content = match fallback {
        "" => format!("Loop completed after reaching maximum iteration count of {most}."),
        fallback => fallback.to_owned(),
    };
    let output = json!({ "content": content, "nodeID": target, "maxLoopCount": most });
    Ok(took(NodeResult::of(output), Some(ON)))
}
