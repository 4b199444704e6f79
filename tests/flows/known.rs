//! What flows know beside what they are asked: variables and what was said before, by whichever way they are asked.

use crate::bench::{Bench, flow, node, reply, start};
use crate::model::Say;
use flowlatch::engine::{RunRequest, StartTrigger, StartedBy, Wait};
use flowlatch::id::{VariableId, WorkflowId};
use flowlatch::model::audit::ChangedBy;
use flowlatch::model::chatflow::{FlowVariable, VariableKind};
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::store::Edit;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

/// Runs a flow as any workflow is run: the text of its answer.
async fn run(bench: &Bench, id: &WorkflowId, input: Value) -> String {
    let workflow = bench.engine.workflows().get(id).expect("read");
    let request = RunRequest {
        workflow: workflow.expect("there"),
        input: to_raw_value(&input).expect("JSON"),
        idempotency_key: None,
        by: StartedBy {
            label: "test".to_owned(),
            account: None,
        },
        trigger: StartTrigger::API,
        sent: None,
    };
    let accepted = bench.engine.start(request, Wait::No).await;
    let run = bench
        .until_ended(&accepted.expect("it starts").run.summary.id)
        .await;
    bench.answer(&run).await
}

impl Bench {
    /// All flows share this variable from now on.
    pub(crate) async fn knows(&self, name: &str, value: &str) {
        let variable = FlowVariable {
            id: VariableId::generate(),
            name: name.to_owned(),
            value: value.to_owned(),
            kind: VariableKind::Static,
            created_at_ms: 0,
            updated_at_ms: 0,
        };
        let id = variable.id.to_string();
        let entry = ChangedBy::local("test").entry(0, "variable.created", &id, Value::Null);
        let saved = self.store.add_flow_variable(variable, entry).await;
        assert_eq!(saved.expect("saved"), Edit::Done(()), "the name is free");
    }
}

#[tokio::test]
async fn a_flow_knows_variables_and_its_session_by_whichever_way_it_is_asked() {
    let bench = Bench::start().await;
    bench.knows("tone", "kind").await;
    bench.knows("token", "secret").await;
    let says = reply("r", "{{$vars.tone}}; {{chat_history}}; {{question}}");
    let inner = bench
        .save(Agentflow, &flow(vec![start(), says], &["start>r"]))
        .await;
    bench.was_said(&inner, "before").await;
    let expected = "kind; Human: before; hi";
    let heard = bench.ask(&inner, "hi").await;
    assert_eq!(heard.text(), expected);
    // What it does not name is not in its run, where who reads runs would see it.
    let stands: Value = serde_json::from_str(bench.run(&heard).input.get()).expect("JSON");
    assert_eq!(stands["variables"], json!({ "tone": "kind" }));
    let input = json!({ "question": "hi", "sessionId": "c" });
    assert_eq!(run(&bench, &inner, input).await, expected);

    let inputs =
        json!({ "executeFlowSelectedFlow": inner.as_str(), "executeFlowInput": "{{question}}" });
    let step = node("executeFlowAgentflow", "run", inputs);
    let outer = bench
        .save(Agentflow, &flow(vec![start(), step], &["start>run"]))
        .await;
    assert_eq!(bench.ask(&outer, "hi").await.text(), expected);

    let tools = json!([{ "agentSelectedTool": "chatflowTool", "agentSelectedToolConfig": { "selectedChatflow": inner.as_str(), "name": "inner" } }]);
    let agent = node(
        "agentAgentflow",
        "agent",
        json!({ "agentModel": "chatOpenAI", "agentTools": tools }),
    );
    let outer = bench
        .save(Agentflow, &flow(vec![start(), agent], &["start>agent"]))
        .await;
    bench
        .model
        .says(Say::Calls(vec![("inner", json!({ "input": "hi" }))]));
    let heard = bench.ask(&outer, "go").await;
    let used = heard.output("agent")["usedTools"].clone();
    assert_eq!(used[0]["toolOutput"], expected, "{used}");
}

#[tokio::test]
async fn the_clock_asks_what_the_flow_says_it_does() {
    let bench = Bench::start().await;
    let begin = node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "scheduleInput", "scheduleCronExpression": "0 0 1 1 *",
            "scheduleDefaultInput": "<p>What is new?</p>" }),
    );
    let id = bench
        .save(
            Agentflow,
            &flow(vec![begin, reply("r", "{{question}}")], &["start>r"]),
        )
        .await;
    let fired = json!({ "scheduledAt": "2030-01-01T00:00:00.000Z" });
    assert_eq!(run(&bench, &id, fired).await, "What is new?");
    assert_eq!(bench.ask(&id, "this").await.text(), "this");
}

#[tokio::test]
async fn code_is_told_variables_where_it_names_them() {
    let bench = Bench::start().await;
    bench.knows("tone", "kind").await;
    for (code, text, stands) in [
        ("return $input + '!'", "hi!", Value::Null),
        (
            "return $vars.tone + '!'",
            "kind!",
            json!({ "tone": "kind" }),
        ),
    ] {
        let inputs = json!({ "customFunctionJavascriptFunction": code });
        let function = node("customFunctionAgentflow", "f", inputs);
        let drawing = flow(vec![start(), function], &["start>f"]);
        let id = bench.save(Agentflow, &drawing).await;
        let heard = bench.ask(&id, "hi").await;
        assert_eq!(heard.text(), text);
        let input: Value = serde_json::from_str(bench.run(&heard).input.get()).expect("JSON");
        assert_eq!(input["variables"], stands, "{code}");
    }
}
