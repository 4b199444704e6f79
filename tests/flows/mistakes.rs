//! Flows that are none: what is said of them when they are saved.

use crate::bench::{Bench, flow, inside, llm, node, reply, start};
use flowlatch::model::flow::FlowKind::Agentflow;
use serde_json::{Value, json};

async fn mistakes(flow: &Value) -> Vec<String> {
    Bench::start()
        .await
        .mistakes(Agentflow, &flow.to_string())
        .await
}

#[tokio::test]
async fn what_is_no_flow_at_all_is_told() {
    let bench = Bench::start().await;
    for (flow_data, part) in [
        ("", "flowData: it is not JSON"),
        ("{", "flowData: it is not JSON"),
        ("[]", "flowData: it has no `nodes`"),
        ("{}", "flowData: it has no `nodes`"),
        (
            "{\"nodes\": []}",
            "flowData: it has no nodes: a flow begins with",
        ),
        ("{\"nodes\": [5]}", "nodes[0]: its `id` is null"),
        (
            "{\"nodes\": [{\"id\": \"a b\"}]}",
            "nodes[0]: its `id` is \"a b\"",
        ),
        (
            "{\"nodes\": [{\"id\": \"a\"}]}",
            "nodes[0]: node `a` does not say in `data.name` what it is",
        ),
    ] {
        let found = bench.mistakes(Agentflow, flow_data).await;
        assert!(
            found.len() == 1 && found[0].starts_with(part),
            "{flow_data}: {found:?}"
        );
    }
    let deep = format!(
        "{{\"nodes\": {}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(bench.mistakes(Agentflow, &deep).await[0].contains("not JSON"));
}

#[tokio::test]
async fn nodes_that_need_other_products_are_refused_with_their_names() {
    let start_end = |more: Value| flow(vec![start(), more], &["start>x"]);
    for (more, part) in [
        (
            node("toolAgentflow", "x", json!({})),
            "the node `x` (`toolAgentflow`) does not run here: a tool runs here only as a tool of an agent",
        ),
        (
            node("retrieverAgentflow", "x", json!({})),
            "there are no document stores here",
        ),
        (
            node("slackThing", "x", json!({})),
            "the node `x` (`slackThing`) does not run here",
        ),
        (
            node(
                "agentAgentflow",
                "x",
                json!({ "agentTools": [{ "agentSelectedTool": "googleCustomSearch" }] }),
            ),
            "uses the tool `googleCustomSearch`, which does not run here",
        ),
        (
            node(
                "agentAgentflow",
                "x",
                json!({ "agentKnowledgeDocumentStores": [{ "documentStore": "s" }] }),
            ),
            "uses document stores",
        ),
        (
            node(
                "humanInputAgentflow",
                "x",
                json!({ "humanInputDescriptionType": "dynamic" }),
            ),
            "`humanInputDescriptionType`",
        ),
    ] {
        let found = mistakes(&start_end(more)).await;
        assert!(
            found.len() == 1 && found[0].starts_with("nodes.x: ") && found[0].contains(part),
            "{part}: {found:?}"
        );
    }
    // What the editor leaves where nothing was chosen is no mistake, nor is a note.
    let untouched = node(
        "agentAgentflow",
        "x",
        json!({ "agentTools": "", "agentKnowledgeDocumentStores": "" }),
    );
    let mut flow = start_end(untouched);
    flow["nodes"].as_array_mut().unwrap().push(
        json!({ "id": "note", "type": "stickyNote", "data": { "name": "stickyNoteAgentflow" } }),
    );
    assert_eq!(mistakes(&flow).await, [""; 0]);
}

#[tokio::test]
async fn settings_that_need_what_is_not_here_are_refused_too() {
    let start_end = |more: Value| flow(vec![start(), more], &["start>x"]);
    for more in [
        node(
            "agentAgentflow",
            "x",
            json!({ "agentTools": [{ "agentSelectedTool": "calculator", "agentSelectedToolRequiresHumanInput": true }] }),
        ),
        node(
            "httpAgentflow",
            "x",
            json!({ "FLOWISE_CREDENTIAL_ID": "c" }),
        ),
    ] {
        let found = mistakes(&start_end(more)).await;
        assert!(found.len() == 1 && found[0].contains("here: "), "{found:?}");
    }
}

#[tokio::test]
async fn a_flow_has_one_beginning_which_says_what_it_begins_with() {
    for (nodes, edges, part) in [
        (
            vec![start(), reply("a", "")],
            &[][..],
            "nodes.a: Multiple starting nodes are not allowed: nothing leads to `start` and nothing to `a`",
        ),
        (
            vec![reply("a", "")],
            &[][..],
            "nodes.a: the flow begins with `a` (`directReplyAgentflow`)",
        ),
        (
            vec![node("startAgentflow", "start", json!({}))],
            &[][..],
            "nodes.start: Start input type not found",
        ),
        (
            vec![node(
                "startAgentflow",
                "start",
                json!({ "startInputType": "x" }),
            )],
            &[][..],
            "nodes.start: `startInputType` is `x`",
        ),
        (
            vec![start(), reply("a", "")],
            &["start>a", "a>start"][..],
            "flowData: it has no beginning",
        ),
        (
            vec![start(), start()],
            &[][..],
            "nodes[1].id: another node has the id `start` too",
        ),
        (
            vec![node(
                "startAgentflow",
                "start",
                json!({ "startInputType": "scheduleInput", "scheduleCronExpression": "x" }),
            )],
            &[][..],
            "trigger.cron",
        ),
    ] {
        let found = mistakes(&flow(nodes, edges)).await;
        assert!(
            found.len() == 1 && found[0].starts_with(part),
            "{part}: {found:?}"
        );
    }
}

#[tokio::test]
async fn loops_and_iterations_stay_where_they_are() {
    let back = |to: &str| node("loopAgentflow", "loop", json!({ "loopBackToNode": to }));
    let each = || node("iterationAgentflow", "each", json!({}));
    for (nodes, edges, part) in [
        (
            vec![start(), back("nowhere-X")],
            &["start>loop"][..],
            "goes back to `nowhere-X`, which is no node",
        ),
        (
            vec![start(), back("")],
            &["start>loop"][..],
            "which is no node",
        ),
        (
            vec![start(), each(), inside("each", reply("in", "")), back("in")],
            &["start>each", "each>loop"][..],
            "not inside of the same iteration",
        ),
        (
            vec![
                start(),
                each(),
                inside("each", reply("in", "")),
                reply("out", ""),
            ],
            &["start>each", "in>out"][..],
            "leads into or out of an iteration",
        ),
        (
            vec![start(), inside("start", reply("in", ""))],
            &[][..],
            "inside of `start`, which is no iteration",
        ),
        (
            vec![
                start(),
                each(),
                inside("each", node("humanInputAgentflow", "in", json!({}))),
            ],
            &["start>each"][..],
            "cannot stand inside of an iteration",
        ),
        (
            vec![
                start(),
                each(),
                inside("each", reply("a", "")),
                inside("each", reply("b", "")),
            ],
            &["start>each"][..],
            "Multiple starting nodes are not allowed",
        ),
    ] {
        let found = mistakes(&flow(nodes, edges)).await;
        assert!(
            found.iter().any(|found| found.contains(part)),
            "{part}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_node_without_a_model_fails_when_it_runs() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(
                vec![start(), llm("one", json!({ "llmModel": "" }))],
                &["start>one"],
            ),
        )
        .await;
    assert_eq!(
        bench.ask(&id, "hi").await.failure(),
        "Error in LLM node: Model is required"
    );
}
