//! Recorded journals, each with the definition that it belongs to and the end that it led to.

use super::{LIMITS, fold, rules};
use flowlatch::model::plan::{
    Next, Node, Outcome, Plan, RunState, StepRecord, Task, compile, next,
};
use flowlatch::model::run::Event;
use flowlatch::model::workflow::{Definition, DefinitionFormat};
use serde::Deserialize;
use serde_json::{Value, json};

fn without(event: &Value, field: &str) -> Value {
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove(field);
    event
}

/// Everything that a state says, without what is empty.
fn end(plan: &Plan, state: &RunState) -> Value {
    let step = |(node, record): (&Node, &StepRecord)| {
        let mut step = json!({
            "id": node.id, "status": record.status, "attempts": record.attempts, "failures": record.failures,
            "startedAt": record.started_at_ms, "finishedAt": record.finished_at_ms, "dueAt": record.due_at_ms,
            "output": record.output, "error": record.error.as_ref().map(|error| &error.code), "way": record.way
        });
        step.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        step
    };
    let task = |task: Task| match task {
        Task::Attempt {
            step,
            attempt,
            not_before_ms,
        } => {
            json!({"attempt": attempt, "step": state.name_of(plan, step), "notBefore": not_before_ms})
        }
        Task::Wake { step, due_ms } => {
            json!({"wake": state.name_of(plan, step), "due": due_ms})
        }
        Task::Expire { step, due_ms } => {
            json!({"expire": state.name_of(plan, step), "due": due_ms})
        }
        Task::Decide { step, index } => {
            json!({"decide": state.name_of(plan, step), "index": index})
        }
        Task::Collect { step } => json!({"collect": state.name_of(plan, step)}),
        Task::ExpireRun { due_ms } => json!({"expireRun": due_ms}),
    };
    let next = match next(plan, state) {
        Next::Do(tasks) => tasks.into_iter().map(task).collect(),
        Next::Wait => json!("wait"),
        Next::Ended => json!("ended"),
        Next::Finish(Outcome::Completed(output)) => json!({"complete": output}),
        Next::Finish(Outcome::Failed(error)) => json!({"fail": error}),
    };
    json!({
        "status": state.status().as_str(),
        "nextSequence": state.next_sequence(),
        "underWay": state.under_way().map(|step| (state.name_of(plan, step), state.record(plan, step).unwrap().attempts)).collect::<Vec<_>>(),
        "next": next,
        "steps": state.top_records(plan).map(|(at, record)| (&plan.nodes[at], record)).map(step).collect::<Vec<_>>()
    })
}

/// Journals of earlier versions fold to the end that they had then.
#[test]
fn recorded_journals_keep_their_ends() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display();
        let text = std::fs::read_to_string(&path).unwrap();
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let format = recorded.get("format").and_then(Value::as_str);
        let definition = Definition {
            format: DefinitionFormat::parse(format.unwrap_or("steps")).unwrap(),
            body: recorded["definition"].clone(),
        };
        let plan = compile(&definition, &rules(), &LIMITS).unwrap();
        let events = recorded["events"].as_array().unwrap().iter();
        let journal: Vec<(i64, Event)> = events
            .map(|event| {
                let read = Event::deserialize(event).unwrap();
                assert_eq!(
                    serde_json::to_value(&read).unwrap(),
                    without(event, "at"),
                    "{name}"
                );
                (event["at"].as_i64().unwrap(), read)
            })
            .collect();
        assert_eq!(
            end(&plan, &fold(&plan, &journal)),
            recorded["end"],
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 5, "{count} journals");
}
