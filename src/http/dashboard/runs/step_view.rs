//! One step of a run as its page shows it: a row of the timeline, and what the step was given and came to.
//! May not know how steps are read. Promise: configurations stand there as they were written, their templates unresolved, so
//! that no secret can be read.

use super::super::moment;
use super::shown::{self, Room, Shown};
use super::timeline::{Mark, Scale, in_words};
use crate::clock::iso_utc;
use crate::engine::StepLog;
use serde_json::Value;

/// The longest name of a step that is its mark on the page; what is cut is told apart by its place.
const MAX_MARK_CHARS: usize = 80;

/// A step on the page.
pub(super) struct StepView {
    /// Its name in the journal, cut where it is long; on the page there is one of it.
    pub(super) activation: String,
    pub(super) name: Option<String>,
    pub(super) step_type: &'static str,
    pub(super) status: &'static str,
    pub(super) attempts: u32,
    pub(super) started: Option<String>,
    pub(super) finished: Option<String>,
    pub(super) duration: Option<String>,
    pub(super) waiting_until: Option<String>,
    pub(super) marks: Vec<Mark>,
    pub(super) marks_in_words: String,
    /// The run that it has started.
    pub(super) child: Option<String>,
    pub(super) tokens: Option<String>,
    pub(super) is_reused: bool,
    pub(super) values: Vec<Shown>,
}

/// A step; `run_page` is its run's page, from the dashboard's first page on, and `place` its place in the whole list.
pub(super) fn view(
    step: &StepLog<'_>,
    place: usize,
    run_page: &str,
    scale: Scale,
    room: &mut Room,
) -> StepView {
    let record = step.record;
    let finished_ms = record.finished_at_ms.or_else(|| {
        let is_settled = record.status.is_settled();
        is_settled.then_some(step.times.spans.last()?.until_ms?)
    });
    let took = record
        .started_at_ms
        .map(|from| finished_ms.unwrap_or(scale.until_ms).saturating_sub(from));
    StepView {
        activation: mark(step.activation, place),
        name: step.node.name.as_deref().map(shown::name),
        step_type: step.node.step_type,
        status: record.status.as_str(),
        attempts: record.attempts,
        started: record.started_at_ms.map(iso_utc),
        finished: finished_ms.map(iso_utc),
        duration: took.map(moment::duration),
        waiting_until: record.due_at_ms.map(iso_utc),
        marks: scale.marks(&step.times.spans),
        marks_in_words: in_words(&step.times.spans, scale.until_ms),
        child: record.child.as_ref().map(ToString::to_string),
        tokens: record.output.as_deref().and_then(tokens),
        is_reused: record.is_reused,
        values: values(step, run_page, room),
    }
}

fn mark(activation: &str, place: usize) -> String {
    if activation.chars().count() <= MAX_MARK_CHARS {
        activation.to_owned()
    } else {
        format!("{}{place}", shown::name(activation))
    }
}

/// What went in and what came out: errors first, since the room on a page has an end.
fn values(step: &StepLog<'_>, run_page: &str, room: &mut Room) -> Vec<Shown> {
    let recorded = |event: Option<u64>, part: &str| {
        event.map(|number| format!("{run_page}/journal/{number}/{part}"))
    };
    let (record, times) = (step.record, step.times);
    let mut values = Vec::new();
    if let Some(error) = &record.error {
        let text = format!("{}: {}", error.code, error.message);
        values.push(room.text("Error", &text, recorded(times.error_event, "error")));
    } else if let Some(whole) = recorded(times.error_event, "error") {
        values.push(Shown::elsewhere("Error of an earlier attempt", whole));
    }
    let step_id = serde_urlencoded::to_string([("step", &step.node.id)]).unwrap_or_default();
    let config = format!("{run_page}/config?{step_id}");
    values.push(room.value("Input", step.config.value(), Some(config)));
    if let Some(request) = record.request.as_deref() {
        values.push(room.value("Asked", request, recorded(times.request_event, "request")));
    }
    if let Some(output) = &step.output {
        values.push(room.value(
            "Output",
            output.value(),
            recorded(times.output_event, "output"),
        ));
    }
    if let Some(console) = &step.console {
        values.push(room.value(
            "Logs",
            console.value(),
            recorded(times.output_event, "logs"),
        ));
    }
    values
}

/// How many tokens a model took, where the step has asked one and it said so.
fn tokens(output: &Value) -> Option<String> {
    const PLACES: [[&str; 3]; 2] = [
        [
            "/usage/promptTokens",
            "/usage/completionTokens",
            "/usage/totalTokens",
        ],
        [
            "/output/usageMetadata/input_tokens",
            "/output/usageMetadata/output_tokens",
            "/output/usageMetadata/total_tokens",
        ],
    ];
    PLACES.iter().find_map(|places| {
        let [input, answer, total] = places.map(|place| output.pointer(place)?.as_u64());
        let total = total?;
        Some(match (input, answer) {
            (Some(input), Some(answer)) => format!("{total} ({input} in, {answer} out)"),
            _ => total.to_string(),
        })
    })
}
