//! What is too large for a flow: what is left out of it, and what fails.

use crate::bench::{Bench, flow, llm, node, reply, start};
use crate::door::{Door, events};
use flowlatch::model::flow::FlowKind::Agentflow;
use serde_json::json;

#[tokio::test]
async fn a_long_question_is_answered_and_only_what_the_node_was_given_is_left_out() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), llm("one", json!({}))], &["start>one"]),
        )
        .await;
    bench.model.says(crate::model::Say::text("well"));
    let heard = bench.ask(&id, &"x".repeat(700_000)).await;
    assert_eq!(heard.text(), "well");
    let node = heard.executed.nodes.last().expect("a node");
    assert_eq!(node.data["input"]["truncated"], true);
}

#[tokio::test]
async fn a_state_that_does_not_fit_fails_its_node_and_is_never_an_earlier_one() {
    let bench = Bench::start().await;
    let code = "return 'x'.repeat(200000)";
    let grows = node(
        "customFunctionAgentflow",
        "grow",
        json!({ "customFunctionJavascriptFunction": code,
            "customFunctionUpdateState": [{ "key": "all", "value": "{{$flow.state.all}}{{output}}" }] }),
    );
    let begin = node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "chatInput", "startState": [{ "key": "all", "value": "" }] }),
    );
    let back = node(
        "loopAgentflow",
        "back",
        json!({ "loopBackToNode": "grow", "maxLoopCount": 20 }),
    );
    let nodes = vec![begin, grows, back, reply("end", "{{$flow.state.all}}")];
    let id = bench
        .save(
            Agentflow,
            &flow(nodes, &["start>grow", "grow>back", "back>end"]),
        )
        .await;
    let heard = bench.ask(&id, "hi").await;
    assert!(
        heard.failure().contains("max_output_bytes"),
        "{}",
        heard.failure()
    );
    let length = heard.executed.state["all"].as_str().expect("a text").len();
    assert_eq!(length, 800_000, "as it was before the node that failed");
}

#[tokio::test]
async fn a_long_run_is_not_told_over_again_after_each_node() {
    let door = Door::open().await;
    let back = node(
        "loopAgentflow",
        "back",
        json!({ "loopBackToNode": "say", "maxLoopCount": 200 }),
    );
    let drawing = flow(
        vec![start(), reply("say", "on"), back],
        &["start>say", "say>back"],
    );
    let id = door.save(&drawing, json!({})).await;
    let body = json!({ "question": "q", "streaming": true });
    let told = events(&door.ask(&id, body).await);
    let counts: Vec<usize> = told
        .iter()
        .filter(|(name, _)| name == "agentFlowExecutedData")
        .map(|(_, nodes)| nodes.as_array().expect("a list").len())
        .collect();
    assert!(counts.starts_with(&[1, 2, 3]), "{counts:?}");
    assert_eq!(counts.last(), Some(&401));
    let sum: usize = counts.iter().sum();
    assert!(sum < 20 * 401, "{counts:?}");
    let last: Vec<&str> = told
        .iter()
        .rev()
        .take(4)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        last,
        ["end", "metadata", "agentFlowEvent", "agentFlowExecutedData"]
    );
    door.server.stop().await;
}
