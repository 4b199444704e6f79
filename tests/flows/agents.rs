//! Agents and their tools: the calculator, the clock, calls of a URL, other flows; and flows that run flows.

use crate::bench::{Bench, asked, flow, node, reply, start};
use crate::model::{Say, messages_of};
use crate::upstream::{Reply, Upstream};
use flowlatch::engine::prediction::PredictionEvent;
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::flow::PredictionInput;
use serde_json::{Value, json};

fn agent(tools: Value) -> Value {
    node(
        "agentAgentflow",
        "agent",
        json!({ "agentModel": "chatOpenAI", "agentModelConfig": { "modelName": "small" }, "agentTools": tools }),
    )
}

#[tokio::test]
async fn a_model_calls_tools_until_it_answers_and_everybody_is_told() {
    let (bench, upstream) = (Bench::start().await, Upstream::start().await);
    upstream.reply("/stock", Reply::json(200, &json!({ "left": 5 })));
    let tools = json!([
        { "agentSelectedTool": "calculator", "agentSelectedToolConfig": "" },
        { "agentSelectedTool": "currentDateTime" },
        { "agentSelectedTool": "requestsGet", "agentSelectedToolConfig": {
            "requestsGetUrl": format!("<p>{}</p>", upstream.url("/stock")), "requestsGetName": "stock of things",
            "requestsGetDescription": "How many are left", "requestsGetHeaders": "{\"x-key\": \"{{$flow.chatId}}\"}",
            "requestsGetQueryParamsSchema": "{\"id\": {\"type\": \"string\", \"in\": \"query\"}}" } },
        { "agentSelectedTool": "", "agentSelectedToolConfig": {} },
    ]);
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), agent(tools)], &["start>agent"]),
        )
        .await;
    bench.model.says(Say::Calls(vec![
        ("calculator", json!({ "input": "6 * 7" })),
        ("stock_of_things", json!({ "queryParams": { "id": "a b" } })),
    ]));
    bench.model.says(Say::Calls(vec![
        ("calculator", json!({ "input": "1 / 0" })),
        ("nothing", json!({})),
    ]));
    bench.model.says(Say::text("There are 42."));
    let heard = bench.ask(&id, "How many?").await;
    assert_eq!(heard.text(), "There are 42.");
    assert_eq!(heard.told(), "There are 42.");
    let used = heard.output("agent")["usedTools"].clone();
    assert_eq!(
        used[0],
        json!({ "tool": "calculator", "toolInput": { "input": "6 * 7" }, "toolOutput": "42" })
    );
    assert_eq!(used[1]["toolOutput"], "{\"left\":5}");
    assert_eq!(used[2]["toolOutput"], "Error: it comes to no number");
    assert_eq!(used[3]["toolOutput"], "Error: there is no tool `nothing`");
    let told: Vec<&str> = heard
        .events
        .iter()
        .filter_map(|event| match event {
            PredictionEvent::CalledTools(_) => Some("called"),
            PredictionEvent::UsedTools(_) => Some("used"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["called", "used", "called", "used"]);
    let call = upstream.calls("/stock").remove(0);
    assert_eq!(call.target, "/stock?id=a+b");
    assert_eq!(call.headers["x-key"], "c");
    let calls = bench.model.calls();
    assert_eq!(calls[0]["tools"].as_array().unwrap().len(), 3);
    assert_eq!(
        messages_of(&calls[1]),
        [
            "user: How many?",
            "assistant: null",
            "tool: 42",
            "tool: {\"left\":5}"
        ]
    );
}

#[tokio::test]
async fn requests_are_sent_with_what_the_model_says_of_them() {
    let (bench, upstream) = (Bench::start().await, Upstream::start().await);
    upstream.answer("/things", |_, _| Reply::text(404, "gone"));
    let url = upstream.url("/things");
    let tools = json!([
        { "agentSelectedTool": "requestsPost", "agentSelectedToolConfig": { "requestsPostUrl": url,
            "requestsPostBodySchema": "{\"n\": {\"type\": \"number\", \"description\": \"How many\"}}" } },
        { "agentSelectedTool": "requestsPut", "agentSelectedToolConfig": {} },
        { "agentSelectedTool": "requestsDelete", "agentSelectedToolConfig": { "requestsDeleteUrl": url } },
    ]);
    let drawing = flow(vec![start(), agent(tools)], &["start>agent"]);
    let id = bench.save(Agentflow, &drawing).await;
    bench.model.says(Say::Calls(vec![
        (
            "requests_post",
            json!({ "body": { "n": 5 }, "url": "http://10.0.0.1/" }),
        ),
        (
            "requests_put",
            json!({ "url": url, "body": { "a": [1] }, "queryParams": { "q": 1 } }),
        ),
        ("requests_delete", json!({ "body": { "b": 1 } })),
    ]));
    let heard = bench.ask(&id, "hi").await;
    let used = heard.output("agent")["usedTools"].clone();
    assert_eq!(used[2]["toolOutput"], "Status 404: gone");
    let sent: Vec<(String, String, String)> = upstream
        .calls("/things")
        .into_iter()
        .map(|call| {
            let body = String::from_utf8(call.body).expect("UTF-8");
            (call.method.to_string(), call.target, body)
        })
        .collect();
    let expected = [
        ("POST", "/things", "{\"n\":5}"),
        ("PUT", "/things?q=1", "{\"a\":[1]}"),
        ("DELETE", "/things", ""),
    ];
    let expected = expected
        .map(|(method, target, body)| (method.to_owned(), target.to_owned(), body.to_owned()));
    assert_eq!(sent, expected, "{used}");
    let told = bench.model.calls()[0]["tools"].clone();
    let schema = &told[0]["function"]["parameters"]["properties"]["body"]["properties"];
    assert_eq!(
        schema,
        &json!({ "n": { "type": "number", "description": "How many" } })
    );
}

#[tokio::test]
async fn a_model_that_only_calls_tools_has_to_answer_in_the_end() {
    let bench = Bench::start().await;
    let tools = json!([{ "agentSelectedTool": "currentDateTime" }]);
    let mut agent = agent(tools);
    agent["data"]["inputs"]["agentMaxIterations"] = json!(2);
    let id = bench
        .save(Agentflow, &flow(vec![start(), agent], &["start>agent"]))
        .await;
    for _ in 0..2 {
        bench
            .model
            .says(Say::Calls(vec![("current_date_time", json!({}))]));
    }
    assert_eq!(bench.ask(&id, "hi").await.text(), "You said: hi");
    let calls = bench.model.calls();
    let offered: Vec<bool> = calls
        .iter()
        .map(|call| call.get("tools").is_some())
        .collect();
    assert_eq!(offered, [true, true, false]);
}

#[tokio::test]
async fn a_tool_reaches_no_address_that_the_operator_has_not_allowed() {
    let bench = Bench::start().await;
    let tools = json!([{ "agentSelectedTool": "requestsPost", "agentSelectedToolConfig": { "requestsPostUrl": "http://169.254.169.254/x" } }]);
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), agent(tools)], &["start>agent"]),
        )
        .await;
    bench.model.says(Say::Calls(vec![(
        "requests_post",
        json!({ "body": { "a": 1 } }),
    )]));
    let heard = bench.ask(&id, "hi").await;
    let output = heard.output("agent")["usedTools"][0]["toolOutput"].clone();
    assert!(
        output.as_str().unwrap().contains("outbound_allow"),
        "{output}"
    );
}

#[tokio::test]
async fn a_flow_is_a_tool_and_a_step_of_another_and_answers_in_process() {
    let bench = Bench::start().await;
    let inner = bench
        .save(
            Agentflow,
            &flow(
                vec![
                    start(),
                    reply("r", "inner says {{question}} in {{$flow.sessionId}}"),
                ],
                &["start>r"],
            ),
        )
        .await;
    let executes = node(
        "executeFlowAgentflow",
        "run",
        json!({
        "executeFlowSelectedFlow": inner.as_str(), "executeFlowInput": "<p>ask {{question}}</p>",
        "executeFlowOverrideConfig": { "sessionId": "s2" } }),
    );
    let nodes = vec![start(), executes, reply("end", "got: {{run}}")];
    let outer = bench
        .save(Agentflow, &flow(nodes, &["start>run", "run>end"]))
        .await;
    let heard = bench.ask(&outer, "this").await;
    assert_eq!(heard.text(), "got: inner says ask this in s2");

    let tools = json!([{ "agentSelectedTool": "chatflowTool", "agentSelectedToolConfig": { "selectedChatflow": inner.as_str(), "name": "inner", "description": "Asks" } }]);
    let outer = bench
        .save(
            Agentflow,
            &flow(vec![start(), agent(tools)], &["start>agent"]),
        )
        .await;
    bench
        .model
        .says(Say::Calls(vec![("inner", json!({ "input": "that" }))]));
    let heard = bench.ask(&outer, "hi").await;
    assert_eq!(
        heard.output("agent")["usedTools"][0]["toolOutput"],
        "inner says that in c"
    );
}

#[tokio::test]
async fn flows_do_not_call_themselves_and_end_where_they_call_each_other() {
    let bench = Bench::start().await;
    let executing = |of: &str| {
        let run = node(
            "executeFlowAgentflow",
            "run",
            json!({ "executeFlowSelectedFlow": of, "executeFlowInput": "x" }),
        );
        flow(vec![start(), run], &["start>run"])
    };
    let one = bench.save(Agentflow, &executing("none")).await;
    assert!(
        bench
            .ask(&one, "hi")
            .await
            .failure()
            .contains("cannot be started")
    );
    let two = bench.save(Agentflow, &executing(one.as_str())).await;
    let set = |flow: &flowlatch::id::WorkflowId, of: &str| {
        let data = executing(of).to_string();
        let (workflows, flow) = (bench.engine.workflows().clone(), flow.clone());
        async move {
            let draft = |workflow: &flowlatch::model::workflow::Workflow| {
                let definition = flowlatch::model::flow::definition(Agentflow, &data);
                Ok::<_, flowlatch::engine::WorkflowProblem>(flowlatch::store::WorkflowDraft {
                    definition,
                    ..flowlatch::store::WorkflowDraft::of(workflow)
                })
            };
            workflows
                .edit(&flow, draft, None, None, crate::bench::OWNER)
                .await
                .expect("edited");
        }
    };
    set(&one, one.as_str()).await;
    assert_eq!(
        bench.ask(&one, "hi").await.failure(),
        "Cannot call the same agentflow!"
    );
    set(&one, two.as_str()).await;
    let heard = bench.ask(&one, "hi").await;
    assert!(heard.failure().contains("max_depth"), "{}", heard.failure());
}

#[tokio::test]
async fn who_asks_a_flow_does_not_say_which_other_flow_it_runs() {
    let bench = Bench::start().await;
    let said = |text: &str| flow(vec![start(), reply("r", text)], &["start>r"]);
    let meant = bench.save(Agentflow, &said("meant")).await;
    let other = bench.save(Agentflow, &said("other")).await;
    let inputs = json!({ "executeFlowSelectedFlow": meant.as_str(), "executeFlowInput": "x" });
    let runs = node("executeFlowAgentflow", "run", inputs);
    let id = bench
        .save(Agentflow, &flow(vec![start(), runs], &["start>run"]))
        .await;
    let replaced = json!({ "executeFlowSelectedFlow": other.as_str() });
    let input = PredictionInput {
        overrides: [("run".to_owned(), replaced.as_object().unwrap().clone())].into(),
        ..asked("hi")
    };
    assert_eq!(bench.hear(&id, input).await.text(), "meant");
}

#[tokio::test]
async fn who_asks_a_flow_replaces_neither_its_code_nor_its_tools_nor_its_way() {
    let bench = Bench::start().await;
    let code = json!({ "customFunctionJavascriptFunction": "return 'ours'" });
    let back = json!({ "loopBackToNode": "f", "maxLoopCount": 2 });
    let mut asks = agent(json!([]));
    asks["data"]["inputs"]["agentUserMessage"] = json!("go");
    let nodes = vec![
        start(),
        node("customFunctionAgentflow", "f", code),
        asks,
        node("loopAgentflow", "back", back),
    ];
    let drawing = flow(nodes, &["start>f", "f>agent", "agent>back"]);
    let id = bench.save(Agentflow, &drawing).await;
    let replaced = json!({
        "f": { "customFunctionJavascriptFunction": "return 'theirs'" },
        "agent": { "agentTools": [{ "agentSelectedTool": "requestsGet" }] },
        "back": { "loopBackToNode": "agent" },
    });
    let input = PredictionInput {
        overrides: serde_json::from_value(replaced).expect("objects"),
        ..asked("hi")
    };
    let heard = bench.hear(&id, input).await;
    let said: Vec<&Value> = heard
        .executed
        .nodes
        .iter()
        .filter(|node| node.node_id == "f")
        .map(|node| &node.data["output"]["content"])
        .collect();
    assert_eq!(said, ["ours", "ours"]);
    let calls = bench.model.calls();
    let offered = calls.iter().map(|call| call.get("tools"));
    assert_eq!(offered.collect::<Vec<_>>(), [None, None]);
}
