//! What is heard of a prediction, in which order, and what becomes of it when nobody hears any more.

use crate::bench::{Bench, Heard, asked, flow, llm, reply, start};
use crate::model::Say;
use flowlatch::engine::prediction::{PredictionEnd, PredictionEvent};
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::run::RunStatus;
use serde_json::json;

/// Events by their kind, pieces of the answer run together.
fn kinds(heard: &Heard) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for event in &heard.events {
        let kind = match event {
            PredictionEvent::NodeBegan { node_id, .. } => format!("began {node_id}"),
            PredictionEvent::Token(_) => "token".to_owned(),
            PredictionEvent::Thought(_) => "thought".to_owned(),
            PredictionEvent::CalledTools(_) => "called".to_owned(),
            PredictionEvent::UsedTools(_) => "used".to_owned(),
            PredictionEvent::Usage(_) => "usage".to_owned(),
            PredictionEvent::NodeEnded(node) => {
                format!("{} {}", node.node_id, node.status.as_str())
            }
            PredictionEvent::Ended(_) => "ended".to_owned(),
        };
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

#[tokio::test]
async fn a_reply_is_told_with_its_commit_and_recorded_as_a_run() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(
                vec![
                    start(),
                    reply(
                        "reply",
                        "<p>You said <span class=\"variable\">{{ question }}</span></p>",
                    ),
                ],
                &["start>reply"],
            ),
        )
        .await;
    let heard = bench.ask(&id, "hi & <b>so</b> {{ $vars.x }}").await;
    assert_eq!(heard.text(), "You said hi & <b>so</b> {{ $vars.x }}");
    assert_eq!(heard.told(), heard.text());
    assert_eq!(
        kinds(&heard),
        [
            "began start",
            "start FINISHED",
            "began reply",
            "token",
            "reply FINISHED",
            "ended"
        ]
    );
    let run = bench.run(&heard);
    assert_eq!(run.summary.status, RunStatus::Completed);
    let stored = bench.engine.executed(&run).await.unwrap();
    assert_eq!(stored, heard.executed, "the journal tells the same");
    let node = &heard.executed.nodes[1];
    assert_eq!(
        (node.name, node.before.as_slice()),
        ("directReplyAgentflow", &["start".to_owned()][..])
    );
    assert_eq!(node.data["output"]["content"], heard.text());
    assert!(bench.model.calls().is_empty());
}

#[tokio::test]
async fn a_model_is_heard_word_for_word_only_where_it_is_the_last() {
    let bench = Bench::start().await;
    let nodes = vec![
        start(),
        llm("one", json!({})),
        llm("two", json!({ "llmUserMessage": "Shorten: {{one}}" })),
    ];
    let id = bench
        .save(Agentflow, &flow(nodes, &["start>one", "one>two"]))
        .await;
    bench.model.says(Say::text("a long answer"));
    bench.model.says(Say::Thinks("hm", "Grüße, short"));
    let heard = bench.ask(&id, "hi").await;
    assert_eq!(heard.text(), "Grüße, short");
    assert_eq!(heard.told(), "Grüße, short");
    let tokens = heard
        .events
        .iter()
        .filter(|event| matches!(event, PredictionEvent::Token(_)));
    assert_eq!(tokens.count(), 4, "as they came");
    assert_eq!(
        kinds(&heard),
        [
            "began start",
            "start FINISHED",
            "began one",
            "usage",
            "one FINISHED",
            "began two",
            "thought",
            "token",
            "usage",
            "two FINISHED",
            "ended"
        ]
    );
    let streams: Vec<bool> = bench
        .model
        .calls()
        .iter()
        .map(|call| call["stream"] == true)
        .collect();
    assert_eq!(streams, [false, true]);
    assert_eq!(heard.output("two")["usageMetadata"]["total_tokens"], 10);
    assert_eq!(heard.output("two")["reasonContent"]["thinking"], "hm");
    assert_eq!(
        bench.model.authorizations(),
        [
            Some("Bearer model-key".to_owned()),
            Some("Bearer model-key".to_owned())
        ]
    );
}

/// The model server says its pieces three letters long, so that none has the key whole.
#[tokio::test]
async fn a_key_that_comes_in_pieces_is_told_to_nobody() {
    let bench = Bench::start().await;
    let drawing = flow(vec![start(), llm("one", json!({}))], &["start>one"]);
    let id = bench.save(Agentflow, &drawing).await;
    for (said, told) in [
        ("it is model-key, as I said", "it is [redacted], as I said"),
        ("model-key", "[redacted]"),
        ("model-kex, a mode of mo", "model-kex, a mode of mo"),
        (
            "momodel-keymodel-key model-ke",
            "mo[redacted][redacted] model-ke",
        ),
    ] {
        for say in [Say::text(said), Say::Thinks(said, said)] {
            bench.model.says(say);
            let heard = bench.ask(&id, "hi").await;
            assert_eq!((heard.told().as_str(), heard.text()), (told, told));
            let thoughts = heard.events.iter().filter_map(|event| match event {
                PredictionEvent::Thought(thought) => Some(thought.as_str()),
                _ => None,
            });
            let thoughts: String = thoughts.collect();
            assert!(thoughts.is_empty() || thoughts == told, "{thoughts}");
        }
    }
    bench.model.says(Say::Half("it is model-ke"));
    let heard = bench.ask(&id, "hi").await;
    assert_eq!(heard.told(), "it is ", "nobody knows what would have come");
}

#[tokio::test]
async fn who_goes_away_takes_the_run_and_the_models_call_with_them() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), llm("one", json!({}))], &["start>one"]),
        )
        .await;
    bench.model.says(Say::Hold("only the begin"));
    let mut prediction = bench.predict(&id, asked("hi")).await.unwrap();
    let run = prediction.run().clone();
    let mut told = String::new();
    while told != "only the begin" {
        match prediction.next().await.unwrap() {
            PredictionEvent::Token(text) => told.push_str(&text),
            PredictionEvent::Ended(end) => panic!("{end:?}"),
            _ => {}
        }
    }
    drop(prediction);
    bench.model.until_dropped(1).await;
    let stored = bench.store.run(&run).unwrap().unwrap();
    assert_eq!(stored.summary.status, RunStatus::Cancelled);
}

#[tokio::test]
async fn a_conversation_is_aborted_by_its_id_and_no_other() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), llm("one", json!({}))], &["start>one"]),
        )
        .await;
    bench.model.says(Say::Hold("so"));
    let prediction = bench.predict(&id, asked("hi")).await.unwrap();
    bench.model.until_called(1).await;
    assert_eq!(
        bench.engine.abort_predictions(&id, "other", "test").await,
        0
    );
    assert_eq!(bench.engine.abort_predictions(&id, "c", "test").await, 1);
    let heard = Heard::all_of(prediction).await;
    assert_eq!(heard.end, PredictionEnd::Cancelled);
    bench.model.until_dropped(1).await;
    assert_eq!(bench.engine.abort_predictions(&id, "c", "test").await, 0);
}
