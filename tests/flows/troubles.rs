//! Models that answer badly: what the flow then says, how often it asks, and what is left of it.

use crate::bench::{Bench, flow, llm, node, start};
use crate::door::{Door, sent};
use crate::model::Say;
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::run::RunStatus;
use reqwest::{Method, StatusCode};
use serde_json::json;

/// What the model says, how often it is asked, and a part of the failure; none: it ends well.
fn troubles() -> Vec<(Vec<Say>, usize, &'static str)> {
    let good = || Say::text("well");
    vec![
        (
            vec![Say::Status(
                401,
                "{\"error\":\"Incorrect API key provided: sk-abc***xyz\"}",
            )],
            1,
            "401 Unauthorized – check your API key and ensure it has access to the requested model.",
        ),
        (vec![Say::Status(429, "slow"), good()], 2, ""),
        (
            vec![Say::Status(500, "no"), Say::Status(503, "no"), good()],
            3,
            "",
        ),
        (vec![Say::Status(500, "no"); 3], 3, "answered 500"),
        (vec![Say::Raw("data: {\"choices\""), good()], 2, ""),
        (vec![Say::Raw("data: nonsense\n\n"), good()], 2, ""),
        (
            vec![Say::Raw("<html>"); 3],
            3,
            "broke off in the middle of a stream",
        ),
        (vec![Say::Half(""), good()], 2, ""),
        // What was told cannot be taken back, so nothing is asked again.
        (
            vec![Say::Half("half an ans")],
            1,
            "broke off in the middle of a stream",
        ),
        (
            vec![
                Say::Raw("data: {\"error\":{\"message\":\"overloaded\"}}\n\n"),
                good(),
            ],
            2,
            "",
        ),
    ]
}

#[tokio::test]
async fn trouble_with_a_model_is_told_and_what_may_pass_is_tried_again() {
    for (says, calls, failure) in troubles() {
        let bench = Bench::start().await;
        let id = bench
            .save(
                Agentflow,
                &flow(vec![start(), llm("one", json!({}))], &["start>one"]),
            )
            .await;
        let shown = format!("{says:?}");
        for say in says {
            bench.model.says(say);
        }
        let heard = bench.ask(&id, "hi").await;
        assert_eq!(bench.model.calls().len(), calls, "{shown}");
        let run = bench.run(&heard);
        if failure.is_empty() {
            assert_eq!(
                (heard.text(), heard.told().as_str()),
                ("well", "well"),
                "{shown}"
            );
            continue;
        }
        assert!(
            heard.failure().starts_with("Error in LLM node: ") && heard.failure().contains(failure),
            "{shown}: {}",
            heard.failure()
        );
        assert_eq!(run.summary.status, RunStatus::Failed, "{shown}");
        assert_eq!(heard.nodes(), ["start FINISHED", "one ERROR"], "{shown}");
        let told = format!("{heard:?} {run:?}");
        for part in ["model-key", "sk-abc"] {
            assert!(!told.contains(part), "the key is in no message: {told}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_not_there_is_told_after_three_attempts() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(
                vec![
                    start(),
                    llm(
                        "one",
                        json!({ "llmStructuredOutput": [{ "key": "a", "type": "string" }] }),
                    ),
                ],
                &["start>one"],
            ),
        )
        .await;
    for _ in 0..3 {
        bench.model.says(Say::Raw("not json"));
    }
    let heard = bench.ask(&id, "hi").await;
    assert!(
        heard.failure().contains("is not JSON"),
        "{}",
        heard.failure()
    );
    assert_eq!(bench.model.calls().len(), 3);
}

#[tokio::test]
async fn who_may_not_look_at_a_flow_is_told_what_happened_and_not_where() {
    let door = Door::open().await;
    let id = door.talk(json!({ "isPublic": true })).await;
    let host = door.model.base_url();
    let host = host.trim_start_matches("http://").trim_end_matches("/v1");
    let path = format!("/api/v1/prediction/{id}");
    for (say, times, part) in [
        (Say::Status(400, "no"), 1, "answered 400"),
        (Say::Status(429, "slow"), 3, "answered 429"),
        (Say::Raw("<html>"), 3, "in the middle of a stream"),
        (Say::Endless, 1, "is larger than"),
    ] {
        for is_streamed in [false, true] {
            let body = json!({ "question": "hi", "streaming": is_streamed });
            for is_anonymous in [true, false] {
                for _ in 0..times {
                    door.model.says(say.clone());
                }
                let request = match is_anonymous {
                    true => door.server.anonymous().request(Method::POST, &path),
                    false => door.keyed(Method::POST, &path),
                };
                let answer = sent(request.json(&body)).await;
                let shown = format!("{say:?} {is_streamed} {is_anonymous}: {}", answer.text);
                let is_ok = answer.status == StatusCode::OK;
                assert_eq!(is_ok, is_streamed, "{shown}");
                assert!(answer.text.contains(part), "{shown}");
                assert_eq!(answer.text.contains(host), !is_anonymous, "{shown}");
            }
        }
    }
    door.server.stop().await;
}

#[tokio::test]
async fn who_may_not_look_at_a_flow_is_not_told_which_server_may_not_be_called() {
    let door = Door::open_with(|config| config.outbound_allow.clear()).await;
    for (url, kept) in [
        ("http://localhost:5432/x?token=s3cret", "`localhost:5432`"),
        ("http://10.1.2.3/x", "`10.1.2.3:80`"),
    ] {
        let call = node("httpAgentflow", "http", json!({ "url": url }));
        let drawing = flow(vec![start(), call], &["start>http"]);
        let id = door.save(&drawing, json!({ "isPublic": true })).await;
        let path = format!("/api/v1/prediction/{id}");
        for is_streamed in [false, true] {
            let body = json!({ "question": "hi", "streaming": is_streamed });
            let asked = door.server.anonymous().request(Method::POST, &path);
            let told = sent(asked.json(&body)).await.text;
            assert!(told.contains("outgoing calls may not reach"), "{told}");
            for part in [
                "localhost",
                "5432",
                "127.0.0.1",
                "::1",
                "10.1.2.3",
                "s3cret",
            ] {
                assert!(!told.contains(part), "{told}");
            }
            let known = sent(door.keyed(Method::POST, &path).json(&body)).await;
            assert!(known.text.contains(kept), "{}", known.text);
        }
        let runs = format!("/api/v1/runs?workflowId={id}");
        let runs = door.server.admin().get(&runs).await.data();
        let why = runs[0]["error"]["message"].as_str().expect("a text");
        assert!(why.contains(kept), "{why}");
    }
    door.server.stop().await;
}
