//! Flows that go back, and flows that go over items.

use crate::bench::{Bench, asked, flow, inside, llm, node, reply, start};
use crate::model::Say;
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::flow::PredictionInput;
use serde_json::json;

#[tokio::test]
async fn a_loop_goes_back_up_to_its_cap_and_then_says_so() {
    let bench = Bench::start().await;
    for (cap, fallback, visits, text) in [
        (
            json!(5),
            "",
            5,
            "Loop completed after reaching maximum iteration count of 5.",
        ),
        (json!("3"), "enough", 3, "enough"),
        (json!(1), "enough", 1, "enough"),
    ] {
        let back = node(
            "loopAgentflow",
            "loop",
            json!({ "loopBackToNode": "work-Work", "maxLoopCount": cap, "fallbackMessage": fallback }),
        );
        let nodes = vec![start(), reply("work", "round {{loop_count}}"), back];
        let id = bench
            .save(Agentflow, &flow(nodes, &["start>work", "work>loop"]))
            .await;
        let heard = bench.ask(&id, "hi").await;
        assert_eq!(heard.text(), text);
        assert_eq!(heard.told(), text, "only the last word is the answer");
        let worked: Vec<String> = heard
            .executed
            .nodes
            .iter()
            .filter(|node| node.node_id == "work")
            .map(|node| node.data["output"]["content"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = (0..visits).map(|round| format!("round {round}")).collect();
        assert_eq!(worked, expected);
        let stored = bench.engine.executed(&bench.run(&heard)).await.unwrap();
        assert_eq!(stored, heard.executed, "the journal tells the same");
    }
}

#[tokio::test]
async fn a_loop_without_end_in_sight_is_ended() {
    let bench = Bench::start().await;
    let back = node(
        "loopAgentflow",
        "loop",
        json!({ "loopBackToNode": "work", "maxLoopCount": 100000 }),
    );
    let nodes = vec![start(), reply("work", "x"), back];
    let id = bench
        .save(Agentflow, &flow(nodes, &["start>work", "work>loop"]))
        .await;
    let heard = bench.ask(&id, "hi").await;
    assert_eq!(heard.failure(), "Maximum iteration limit reached");
    assert_eq!(
        heard.executed.nodes.len(),
        1_001,
        "and the one that was refused"
    );
}

#[tokio::test]
async fn a_state_grows_with_every_round_and_decides_when_to_go_on() {
    let bench = Bench::start().await;
    let begin = node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "chatInput", "startState": [{ "key": "seen", "value": "" }, { "key": "who", "value": "{{question}}" }] }),
    );
    let work = llm(
        "work",
        json!({ "llmUserMessage": "say a", "llmUpdateState": [{ "key": "seen", "value": "{{ $flow.state.seen }}{{ output }}" }] }),
    );
    let condition = json!([{ "type": "string", "operation": "equal", "value1": "{{$flow.state.seen}}", "value2": "aaa" }]);
    let nodes = vec![
        begin,
        work,
        node(
            "conditionAgentflow",
            "if",
            json!({ "conditions": condition }),
        ),
        reply("end", "{{$flow.state.who}}: {{$flow.state.seen}}"),
        node(
            "loopAgentflow",
            "loop",
            json!({ "loopBackToNode": "work", "maxLoopCount": 9 }),
        ),
    ];
    let edges = ["start>work", "work>if", "if:0>end", "if:1>loop"];
    let id = bench.save(Agentflow, &flow(nodes, &edges)).await;
    for _ in 0..3 {
        bench.model.says(Say::text("a"));
    }
    let heard = bench.ask(&id, "me").await;
    assert_eq!(heard.text(), "me: aaa");
    assert_eq!(heard.executed.state["seen"], "aaa");
    assert_eq!(bench.model.calls().len(), 3);
}

#[tokio::test]
async fn an_iteration_runs_its_nodes_once_for_each_item() {
    let bench = Bench::start().await;
    let nodes = |items: &str| {
        let code = "if ($item === 'bad') throw new Error('no ' + $item); return $item + '!'";
        vec![
            start(),
            node(
                "iterationAgentflow",
                "each",
                json!({ "iterationInput": items }),
            ),
            inside(
                "each",
                node(
                    "customFunctionAgentflow",
                    "work",
                    json!({
                        "customFunctionInputVariables": [{ "variableName": "item", "variableValue": "{{$iteration}}" }],
                        "customFunctionJavascriptFunction": code,
                    }),
                ),
            ),
            inside("each", reply("say", "<p>{{work}}</p>")),
            reply("end", "{{each}} / {{each.output.iterationResults[0]}}"),
        ]
    };
    let edges = ["start>each", "work>say", "each>end"];
    let id = bench
        .save(Agentflow, &flow(nodes("[\"a\", \"bad\", \"c\"]"), &edges))
        .await;
    let heard = bench.ask(&id, "hi").await;
    let results = heard.output("each")["iterationResults"].clone();
    assert_eq!(
        (&results[0], &results[2]),
        (&json!("a!"), &json!("c!")),
        "{results}"
    );
    assert!(
        results[1]
            .as_str()
            .unwrap()
            .starts_with("Error in iteration 2: Error in Custom Function node: "),
        "{results}"
    );
    assert!(
        heard.text().starts_with("a!\nError in iteration 2:")
            && heard.text().ends_with("\nc! / a!"),
        "{}",
        heard.text()
    );

    let id = bench
        .save(Agentflow, &flow(nodes("{{question}}"), &edges))
        .await;
    assert!(bench.ask(&id, "[\"x\"]").await.text().starts_with("x!"));
    assert_eq!(
        bench.ask(&id, "[]").await.text(),
        " / {{each.output.iterationResults[0]}}"
    );
    let written = bench.ask(&id, "['x', // one\n]").await;
    assert!(written.text().starts_with("x!"), "{}", written.text());
    let deep = format!("[{}'x'{}]", "[".repeat(100_000), "]".repeat(100_000));
    for wrong in ["not a list", "{}", "5", "['x'", deep.as_str()] {
        let heard = bench.ask(&id, wrong).await;
        assert_eq!(heard.failure(), "Invalid input array", "{wrong:.20}");
    }
}

#[tokio::test]
async fn functions_see_the_flow_and_nothing_of_the_host() {
    let bench = Bench::start().await;
    let function = |code: &str| {
        let nodes = vec![
            node(
                "startAgentflow",
                "start",
                json!({ "startInputType": "chatInput", "startState": [{ "key": "n", "value": "1" }] }),
            ),
            node(
                "customFunctionAgentflow",
                "f",
                json!({
                    "customFunctionInputVariables": [{ "variableName": "who", "variableValue": "{{question}}" }],
                    "customFunctionJavascriptFunction": code,
                    "customFunctionUpdateState": [{ "key": "n", "value": "{{ output.n }}" }],
                }),
            ),
        ];
        flow(nodes, &["start>f"])
    };
    for (code, expected) in [
        (
            "return `${$who} ${$input} ${$vars.tone} ${$flow.state.n} ${$flow.chatId}`",
            "hi hi soft 1 c",
        ),
        ("return { n: 2 }", "{\n  \"n\": 2\n}"),
        ("return 5", "5"),
        ("return", " "),
        ("return typeof process + typeof fetch", "undefinedundefined"),
    ] {
        let id = bench.save(Agentflow, &function(code)).await;
        let input = PredictionInput {
            variables: json!({ "tone": "soft" }).as_object().unwrap().clone(),
            ..asked("hi")
        };
        let heard = bench.hear(&id, input).await;
        assert_eq!(heard.text(), expected, "{code}");
        let n = if code.contains("n: 2") {
            "2"
        } else {
            "{{ output.n }}"
        };
        assert_eq!(heard.executed.state["n"], n, "{code}");
    }
    let id = bench
        .save(Agentflow, &function("return require('fs')"))
        .await;
    assert!(bench.ask(&id, "hi").await.failure().contains("require"));
}
