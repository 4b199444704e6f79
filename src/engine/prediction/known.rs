//! What a flow is told beside what it is asked: what was said in its session before, and the variables that all flows share.
//! May not know who asks, nor by which way. Promise: however a flow's run is started, it is told the same, and that stands in the
//! run's input.

use crate::engine::{EngineError, Shared};
use crate::model::chatflow::{ChatRole, VariableKind};
use crate::model::flow::{FlowFacts, Role, Turn, VariablesRead};
use crate::model::plan::Plan;
use crate::model::run::Run;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

/// How much of a session a flow is told, in messages, and in bytes of text.
const MAX_PAST_MESSAGES: u32 = 500;
const MAX_PAST_BYTES: usize = 256 << 10;

impl Shared {
    /// The input of a run that is about to be recorded, with what its flow reads beside it; that of any other workflow as it is.
    /// What the input says of it already stays.
    pub(in crate::engine) fn tell_flow(
        &self,
        plan: &Plan,
        workflow: i64,
        run: &mut Run,
        mut input: Value,
    ) -> Result<Value, EngineError> {
        if let (Some(facts), Some(fields)) = (&plan.flow, input.as_object_mut()) {
            self.add_known(facts, workflow, fields)?;
            run.input =
                to_raw_value(&input).map_err(|error| EngineError::Internal(error.to_string()))?;
        }
        Ok(input)
    }

    fn add_known(
        &self,
        facts: &FlowFacts,
        workflow: i64,
        fields: &mut Map<String, Value>,
    ) -> Result<(), EngineError> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("question").is_empty()
            && let Some(question) = &facts.default_question
        {
            fields.insert("question".to_owned(), json!(question));
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if facts.reads_past && !fields.contains_key("past") && !text("sessionId").is_empty() {
            let past = self.past(workflow, text("sessionId"))?;
            fields.insert("past".to_owned(), json!(past));
        }
        if !facts.reads_variables.is_empty() {
            let mut variables = self.variables(&facts.reads_variables)?;
            if let Some(Value::Object(set)) = fields.remove("variables") {
                variables.extend(set);
            }
            fields.insert("variables".to_owned(), Value::Object(variables));
        }
        Ok(())
    }

    /// What was said in a session of the flow, oldest first: the end of it, as far as it fits.
    pub(super) fn past(&self, workflow: i64, session: &str) -> Result<Vec<Turn>, EngineError> {
        let messages = self
            .store
            .session_messages(workflow, session, MAX_PAST_MESSAGES)?;
        let turns = messages.into_iter().map(|message| Turn {
            role: match message.role {
                ChatRole::User => Role::User,
                ChatRole::Api => Role::Assistant,
            },
            content: message.content,
        });
        Ok(newest(turns.collect()))
    }

    /// The variables that are read, by name.
    pub(super) fn variables(
        &self,
        read: &VariablesRead,
    ) -> Result<Map<String, Value>, EngineError> {
        let mut variables = Map::new();
        let known = match read {
            VariablesRead::Named(names) => self.store.flow_variables_named(names)?,
            VariablesRead::All => self.store.flow_variables()?,
        };
        for variable in known {
            let value = match variable.kind {
                VariableKind::Static => Some(variable.value),
                VariableKind::Runtime => self.options.environment.get(&variable.name).cloned(),
            };
            if let Some(value) = value {
                variables.insert(variable.name, Value::String(value));
            }
        }
        Ok(variables)
    }
}

/// The end of what was said, as far as it fits into the journal of every run.
fn newest(mut past: Vec<Turn>) -> Vec<Turn> {
    let mut left_bytes = MAX_PAST_BYTES;
    let fitting = past.iter().rev().take_while(|turn| {
        let left = left_bytes.checked_sub(turn.content.len());
        left_bytes = left.unwrap_or_default();
        left.is_some()
    });
    let fitting = fitting.count();
    past.split_off(past.len() - fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_session_the_end_is_told() {
        let turn = |bytes: usize| Turn {
            role: Role::User,
            content: "x".repeat(bytes),
        };
        let lengths = |past: Vec<Turn>| -> Vec<usize> {
            newest(past).iter().map(|turn| turn.content.len()).collect()
        };
        assert_eq!(lengths(vec![]), [0; 0]);
        assert_eq!(lengths(vec![turn(1), turn(2)]), [1, 2]);
        assert_eq!(lengths(vec![turn(1), turn(MAX_PAST_BYTES), turn(2)]), [2]);
        assert_eq!(lengths(vec![turn(MAX_PAST_BYTES)]), [MAX_PAST_BYTES]);
    }
}
