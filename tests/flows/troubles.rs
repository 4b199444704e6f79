//! Models that answer badly: what the flow then says, how often it asks, and what is left of it.

use crate::bench::{Bench, flow, llm, start};
use crate::model::Say;
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::run::RunStatus;
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
