//! What becomes of an answer afterwards: the JavaScript that a flow's owner has written for it.
//! May not know where that is kept. Promise: the code is taken as it was written, and sees `$flow` and `$vars` alone.

use crate::engine::script::Script;
use crate::engine::{Engine, EngineError};
use crate::model::flow::{PredictionInput, VariablesRead};
use crate::model::run::StepError;
use serde_json::{Value, json};

impl Engine {
    /// The text that `code` makes of an answer of the flow with this row number. It sees the answer as `$flow.rawOutput`.
    pub async fn post_processed(
        &self,
        code: &str,
        workflow: i64,
        input: &PredictionInput,
        answer: &str,
    ) -> Result<String, StepError> {
        let unread = |error: EngineError| StepError::transient("STORE", error.to_string());
        let past = self.0.past(workflow, &input.session_id).map_err(unread)?;
        let mut variables = self
            .0
            .variables(&VariablesRead::of_code(code))
            .map_err(unread)?;
        variables.extend(input.variables.clone());
        let flow = json!({
            "chatflowid": input.chatflow_id,
            "chatId": input.chat_id,
            "sessionId": input.session_id,
            "input": input.question,
            "rawOutput": answer,
            "chatHistory": past,
        });
        let script = Script {
            // Before the first line, so that the numbers of lines in errors are right.
            code: format!("const {{ $flow, $vars }} = input; {code}"),
            input: json!({ "$flow": flow, "$vars": variables }),
            timeout_ms: None,
            max_result_bytes: None,
        };
        let value = self.0.scripts.evaluate(script).await?.value;
        Ok(match value {
            Value::String(text) => text,
            Value::Null => answer.to_owned(),
            other => other.to_string(),
        })
    }
}
