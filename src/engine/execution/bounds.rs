//! What a step may leave: how large and how deep one output is, and how much a run holds of them.
//! May not know how steps come to their outputs. Promises: what is noted can be read back; a run holds no more than the server
//! allows; whether an output was cut or its step failed is in the journal, and so the same after a restart with other limits.

use super::{Execution, Halt};
use crate::engine::step::{Done, Given};
use crate::model::json::{is_deeper, json_bytes};
use crate::model::plan::{Activation, left_out};
use crate::model::run::{Event, StepError};
use serde_json::{Value, json};
use std::sync::Arc;

/// How much of an output that was too large is kept for people to look at.
const PREVIEW_CHARS: usize = 4_096;
/// How deep an output may be nested. JSON is read back to 128 levels, and a journal and an answer add some of their own.
const MAX_OUTPUT_LEVELS: usize = 100;

impl Execution {
    /// The step has come to an output. Where the run cannot hold that beside the others, it has failed.
    pub(super) fn completed(&mut self, step: Activation, done: Done) -> Result<(), Halt> {
        self.note_completed(step, done, None)
    }

    /// The same, of work that may have written to a console.
    pub(super) fn gave(&mut self, step: Activation, given: Given) -> Result<(), Halt> {
        let Given { output, logs, way } = given;
        self.note_completed(step, Done { output, way }, logs)
    }

    fn note_completed(
        &mut self,
        step: Activation,
        done: Done,
        logs: Option<Value>,
    ) -> Result<(), Halt> {
        let output = match self.with_state(step, done.output) {
            Ok(output) => output,
            Err(error) => return self.refuse_output(step, error),
        };
        let max_bytes = self.shared.options.max_output_bytes;
        let (output, bytes) = match self.flow_of(step) {
            Some(_) => match whole(output, max_bytes) {
                Ok(output) => output,
                Err(error) => return self.refuse_output(step, error),
            },
            None => cut_to(output, max_bytes),
        };
        let bytes = bytes + logs.as_ref().map_or(0, json_bytes);
        if let Err(error) = self.check_room(step, bytes) {
            return self.refuse_output(step, error);
        }
        self.note(&Event::StepCompleted {
            step: self.name_of(step),
            output: Arc::new(output),
            way: done.way,
            logs: logs.map(Arc::new),
            reused: false,
        })
    }

    fn refuse_output(&mut self, step: Activation, error: StepError) -> Result<(), Halt> {
        let record = self.state.record(&self.definition.plan, step);
        let attempt = record.map_or(1, |record| record.ending_attempt());
        self.failed(step, attempt, error)
    }

    /// Whether the run may hold so many bytes more of this step, beside what goes with its end.
    pub(super) fn check_room(&self, step: Activation, bytes: usize) -> Result<(), StepError> {
        let plan = &self.definition.plan;
        let sum = self.state.held_beside(plan, step).saturating_add(bytes);
        let max = self.shared.options.max_run_output_bytes;
        if sum <= max {
            return Ok(());
        }
        let message = format!(
            "with step `{}` the run would hold {sum} bytes of outputs; at most {max} are allowed (setting `max_run_output_bytes`)",
            plan.nodes[step.node].id
        );
        Err(StepError::fatal("OUTPUT_LIMIT", message))
    }
}

/// What a node of a flow came to. Later nodes, the flow's state and its answer are in it, so nothing of that is ever cut: where it
/// does not fit without what it was given, which people alone look at, the node has failed. Gives its length as JSON too.
fn whole(mut output: Value, max_bytes: usize) -> Result<(Value, usize), StepError> {
    let fits = |output: &Value, bytes| bytes <= max_bytes && !is_deeper(output, MAX_OUTPUT_LEVELS);
    let bytes = json_bytes(&output);
    if fits(&output, bytes) {
        return Ok((output, bytes));
    }
    if let Some(given) = output.get_mut("input") {
        *given = left_out(json_bytes(given));
    }
    let bytes = json_bytes(&output);
    if fits(&output, bytes) {
        return Ok((output, bytes));
    }
    let message = format!(
        "what the node came to has {bytes} bytes of JSON, or more than {MAX_OUTPUT_LEVELS} levels; at most {max_bytes} bytes are allowed (setting `max_output_bytes`)"
    );
    Err(StepError::fatal("OUTPUT_LIMIT", message))
}

/// An output that is too large or too deep is replaced by a mark with its size and its beginning. Gives its length as JSON
/// too.
fn cut_to(output: Value, max_bytes: usize) -> (Value, usize) {
    let bytes = json_bytes(&output);
    if bytes <= max_bytes && !is_deeper(&output, MAX_OUTPUT_LEVELS) {
        return (output, bytes);
    }
    let preview_chars = PREVIEW_CHARS.min(max_bytes / 2);
    let preview: String = output.to_string().chars().take(preview_chars).collect();
    let mark = json!({ "truncated": true, "sizeBytes": bytes, "preview": preview });
    let bytes = json_bytes(&mark);
    (mark, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_output_is_cut_with_a_mark_and_a_small_one_is_not() {
        let large = json!({ "text": "ä".repeat(5_000) });
        let bytes = large.to_string().len();
        let (cut, cut_bytes) = cut_to(large.clone(), 1_000);
        assert_eq!(cut["truncated"], json!(true));
        assert_eq!(cut["sizeBytes"], json!(bytes));
        assert_eq!(cut_bytes, cut.to_string().len());
        assert_eq!(cut_to(large.clone(), 1 << 20), (large, bytes));
    }

    #[test]
    fn of_a_nodes_result_only_what_it_was_given_is_left_out() {
        let result = |given: usize, said: usize| json!({ "input": "g".repeat(given), "output": { "content": "s".repeat(said) }, "state": { "a": 1 } });
        let small = result(10, 10);
        let bytes = small.to_string().len();
        assert_eq!(whole(small.clone(), 1_000), Ok((small, bytes)));
        let (kept, bytes) = whole(result(1_000, 500), 1_000).unwrap_or_default();
        assert_eq!(bytes, kept.to_string().len());
        assert_eq!(
            kept["input"],
            json!({ "truncated": true, "sizeBytes": 1_002 })
        );
        assert_eq!(kept["output"], result(0, 500)["output"]);
        assert_eq!(kept["state"], json!({ "a": 1 }));
        let code = |result| whole(result, 1_000).map_err(|error| error.code.to_string());
        assert_eq!(code(result(10, 1_000)), Err("OUTPUT_LIMIT".to_owned()));
        let deep = (0..=MAX_OUTPUT_LEVELS).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(
            code(json!({ "output": deep })),
            Err("OUTPUT_LIMIT".to_owned())
        );
    }

    #[test]
    fn a_deep_output_is_cut_where_a_journal_could_not_be_read_again() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let kept = nested(MAX_OUTPUT_LEVELS);
        assert_eq!(cut_to(kept.clone(), 1_000).0, kept);
        let (cut, _) = cut_to(nested(MAX_OUTPUT_LEVELS + 1), 1_000);
        assert_eq!(cut["truncated"], json!(true));
    }
}
