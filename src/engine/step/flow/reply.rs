//! `directReplyAgentflow`: says what it is told to.

use super::{Handed, done};
use crate::engine::step::Done;
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use serde_json::{Value, json};

pub(super) fn run(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let content = node.text("directReplyMessage");
    Ok(done(NodeResult::of(json!({ "content": content }))))
}
