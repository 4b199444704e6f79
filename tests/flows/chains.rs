//! Chatflows: conversation chains, prompt chains, parsers, moderation.

use crate::bench::{Bench, asked};
use crate::model::Say;
use flowlatch::engine::prediction::PredictionEnd;
use flowlatch::model::flow::FlowKind::Chatflow;
use flowlatch::model::flow::{PredictionInput, Role, Turn};
use serde_json::{Value, json};

fn node(name: &str, id: &str, inputs: Value) -> Value {
    json!({ "id": id, "type": "customNode", "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
}

/// Edges: `a>b.input`.
fn flow(nodes: Vec<Value>, edges: &[&str]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let (from, to) = edge.split_once('>').expect("an edge");
            let (to, input) = to.split_once('.').expect("an input");
            json!({ "source": from, "target": to, "type": "buttonedge", "id": *edge,
                "sourceHandle": format!("{from}-output-{from}-Thing"), "targetHandle": format!("{to}-input-{input}-Thing") })
        })
        .collect();
    json!({ "nodes": nodes, "edges": edges })
}

fn model() -> Value {
    node(
        "chatOpenAI",
        "model",
        json!({ "modelName": "small", "temperature": "0.5" }),
    )
}

#[tokio::test]
async fn a_conversation_remembers_and_streams() {
    let bench = Bench::start().await;
    let nodes = vec![
        model(),
        node("bufferWindowMemory", "memory", json!({ "k": "1" })),
        node(
            "conversationChain",
            "chain",
            json!({ "systemMessagePrompt": "You are {{$vars.who}}." }),
        ),
    ];
    let id = bench
        .save(
            Chatflow,
            &flow(nodes, &["model>chain.model", "memory>chain.memory"]),
        )
        .await;
    let workflow = bench.engine.workflows().get(&id).unwrap().unwrap();
    let facts = workflow.flow().unwrap();
    assert!(facts.is_streamable && facts.reads_past && !facts.reads_variables.is_empty());
    assert_eq!(facts.memory_type, Some("Buffer Window Memory"));
    let turn = |role, content: &str| Turn {
        role,
        content: content.to_owned(),
    };
    let input = PredictionInput {
        past: vec![
            turn(Role::User, "one"),
            turn(Role::Assistant, "two"),
            turn(Role::User, "three"),
            turn(Role::Assistant, "four"),
        ],
        variables: json!({ "who": "kind" }).as_object().unwrap().clone(),
        ..asked("hi {you}")
    };
    let heard = bench.hear(&id, input).await;
    assert_eq!(heard.text(), "You said: hi {you}");
    assert_eq!(heard.told(), heard.text());
    assert_eq!(
        bench.model.last_messages(),
        [
            "system: You are kind.",
            "user: three",
            "assistant: four",
            "user: hi {you}"
        ]
    );
    assert_eq!(bench.model.calls()[0]["temperature"], 0.5);
}

#[tokio::test]
async fn a_prompt_is_filled_in_and_chains_feed_each_other() {
    let bench = Bench::start().await;
    let nodes = vec![
        model(),
        node("llmChain", "second", json!({})),
        node(
            "promptTemplate",
            "of_second",
            json!({ "template": "Translate to {language}: {text}",
            "promptValues": "{\"language\": \"French\", \"text\": \"{{first.data.instance}}\"}" }),
        ),
        node("llmChain", "first", json!({})),
        node(
            "chatPromptTemplate",
            "of_first",
            json!({ "systemMessagePrompt": "Rules {{ }}", "humanMessagePrompt": "About {topic}" }),
        ),
    ];
    let edges = [
        "model>first.model",
        "model>second.model",
        "of_first>first.prompt",
        "of_second>second.prompt",
        "first>of_second.promptValues",
    ];
    let id = bench.save(Chatflow, &flow(nodes, &edges)).await;
    bench.model.says(Say::text("a \"quoted\"\nanswer"));
    let heard = bench.ask(&id, "dogs").await;
    assert_eq!(heard.nodes(), ["first FINISHED", "second FINISHED"]);
    assert_eq!(
        heard.text(),
        "You said: Translate to French: a \"quoted\"\nanswer"
    );
    assert_eq!(
        heard.told(),
        heard.text(),
        "only the last chain is told as it comes"
    );
    let calls = bench.model.calls();
    assert_eq!(
        crate::model::messages_of(&calls[0]),
        ["system: Rules { }", "user: About dogs"]
    );
}

#[tokio::test]
async fn a_prompt_whose_values_are_missing_says_which() {
    let bench = Bench::start().await;
    let nodes = vec![
        model(),
        node("llmChain", "chain", json!({})),
        node(
            "promptTemplate",
            "p",
            json!({ "template": "{a} {b} {c}", "promptValues": "{\"c\": 1}" }),
        ),
    ];
    let id = bench
        .save(
            Chatflow,
            &flow(nodes, &["model>chain.model", "p>chain.prompt"]),
        )
        .await;
    assert_eq!(
        bench.ask(&id, "hi").await.failure(),
        "Please provide Prompt Values for: a, b"
    );
    assert!(bench.model.calls().is_empty());
}

#[tokio::test]
async fn parsers_make_values_of_answers() {
    let bench = Bench::start().await;
    let structure = json!([{ "property": "n", "type": "number", "description": "How many" }]);
    for (parser, inputs, says, expected) in [
        (
            "csvOutputParser",
            json!({}),
            "a, b,c",
            json!(["a", "b", "c"]),
        ),
        (
            "customListOutputParser",
            json!({ "separator": ";" }),
            "a; b,c",
            json!(["a", "b,c"]),
        ),
        (
            "structuredOutputParser",
            json!({ "jsonStructure": structure.to_string() }),
            "{\"n\": 5}",
            json!({ "n": 5 }),
        ),
        (
            "advancedStructuredOutputParser",
            json!({ "exampleJson": "z.array(z.string())" }),
            "```json\n[1]\n```",
            json!([1]),
        ),
    ] {
        let nodes = vec![
            model(),
            node("llmChain", "chain", json!({})),
            node("promptTemplate", "p", json!({ "template": "About {x}" })),
            node(parser, "parser", inputs),
        ];
        let id = bench
            .save(
                Chatflow,
                &flow(
                    nodes,
                    &[
                        "model>chain.model",
                        "p>chain.prompt",
                        "parser>chain.outputParser",
                    ],
                ),
            )
            .await;
        let workflow = bench.engine.workflows().get(&id).unwrap().unwrap();
        assert!(!workflow.flow().unwrap().is_streamable, "{parser}");
        bench.model.says(Say::text(says));
        let heard = bench.ask(&id, "hi").await;
        let PredictionEnd::Completed { json, .. } = &heard.end else {
            panic!("{parser}: {:?}", heard.end);
        };
        assert_eq!(json.as_ref(), Some(&expected), "{parser}");
        assert_eq!(heard.told(), heard.text(), "in one piece");
    }
}

#[tokio::test]
async fn what_is_not_wanted_is_refused_before_a_model_is_asked() {
    let bench = Bench::start().await;
    let nodes = vec![
        model(),
        node("conversationChain", "chain", json!({})),
        node(
            "inputModerationSimple",
            "m",
            json!({ "denyList": "secret word\nOther", "moderationErrorMessage": "No." }),
        ),
    ];
    let id = bench
        .save(
            Chatflow,
            &flow(
                nodes,
                &[
                    "model>chain.model",
                    "m>chain.inputModeration",
                    "model>m.model",
                ],
            ),
        )
        .await;
    let heard = bench.ask(&id, "the SECRET word is").await;
    assert_eq!((heard.text(), heard.told().as_str()), ("No.", "No."));
    assert!(bench.model.calls().is_empty());
    assert_eq!(bench.ask(&id, "hello").await.text(), "You said: hello");
}

#[tokio::test]
async fn inputs_of_a_chains_parts_may_be_replaced() {
    let bench = Bench::start().await;
    let nodes = vec![model(), node("conversationChain", "chain", json!({}))];
    let id = bench
        .save(Chatflow, &flow(nodes, &["model>chain.model"]))
        .await;
    let replaced = |value: Value| value.as_object().unwrap().clone();
    let input = PredictionInput {
        overrides: [
            (
                "model".to_owned(),
                replaced(json!({ "temperature": 0.1, "modelName": "other" })),
            ),
            (
                "chain".to_owned(),
                replaced(json!({ "systemMessagePrompt": "Short." })),
            ),
        ]
        .into(),
        ..asked("hi")
    };
    bench.hear(&id, input).await.text();
    let call = bench.model.calls().remove(0);
    assert_eq!(
        (&call["model"], &call["temperature"]),
        (&json!("other"), &json!(0.1))
    );
    assert_eq!(bench.model.last_messages(), ["system: Short.", "user: hi"]);
}

#[tokio::test]
async fn what_is_no_part_of_a_chain_is_refused_with_its_name() {
    let bench = Bench::start().await;
    for (nodes, edges, part) in [
        (
            vec![model()],
            &[][..],
            "none of its nodes (chatOpenAI) is a chain",
        ),
        (vec![], &[][..], "it has no nodes"),
        (
            vec![
                model(),
                node("conversationChain", "chain", json!({})),
                node("pinecone", "p", json!({})),
            ],
            &["model>chain.model"][..],
            "the node `p` (`pinecone`) belongs to no chain",
        ),
        (
            vec![
                model(),
                node("conversationChain", "chain", json!({})),
                node("RedisBackedChatMemory", "redis", json!({})),
            ],
            &["model>chain.model", "redis>chain.memory"][..],
            "the node `redis` (`RedisBackedChatMemory`) does not run here",
        ),
        (
            vec![
                model(),
                node("conversationalRetrievalQAChain", "qa", json!({})),
            ],
            &["model>qa.model"][..],
            "is a chain that runs here",
        ),
    ] {
        let mistakes = bench
            .mistakes(Chatflow, &flow(nodes, edges).to_string())
            .await;
        assert!(
            mistakes.len() == 1 && mistakes[0].contains(part),
            "{part}: {mistakes:?}"
        );
    }
}
