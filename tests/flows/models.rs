//! What models are told: messages, memory, state, files and images; and what they answer in a form.

use crate::bench::{Bench, asked, flow, llm, node, reply, start};
use crate::model::{Say, messages_of};
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::flow::{PredictionInput, Role, Turn};
use serde_json::json;

/// What was said before.
fn before() -> Vec<Turn> {
    vec![
        turn(Role::User, "before"),
        turn(Role::Assistant, "answered"),
    ]
}

fn turn(role: Role, content: &str) -> Turn {
    Turn {
        role,
        content: content.to_owned(),
    }
}

#[tokio::test]
async fn messages_stand_in_their_order() {
    let bench = Bench::start().await;
    let messages = json!([
        { "role": "user", "content": "an example" },
        { "role": "system", "content": "<p>Be brief, {{$vars.tone}}</p>" },
        { "role": "assistant", "content": "its answer" },
        { "role": "nobody", "content": "left out" },
    ]);
    let nodes = vec![
        start(),
        llm(
            "one",
            json!({ "llmMessages": messages, "llmEnableMemory": true }),
        ),
        llm(
            "two",
            json!({ "llmEnableMemory": "true", "llmUserMessage": "And {{one}}?" }),
        ),
        llm("three", json!({ "llmUserMessage": "Last" })),
    ];
    let id = bench
        .save(
            Agentflow,
            &flow(nodes, &["start>one", "one>two", "two>three"]),
        )
        .await;
    let workflow = bench.engine.workflows().get(&id).unwrap().unwrap();
    assert!(workflow.flow().unwrap().reads_past);
    for text in ["first", "second", "third"] {
        bench.model.says(Say::text(text));
    }
    let input = PredictionInput {
        history: vec![turn(Role::User, "sent along")],
        past: before(),
        variables: json!({ "tone": "kind" }).as_object().unwrap().clone(),
        ..asked("hi")
    };
    let heard = bench.hear(&id, input).await;
    assert_eq!(heard.text(), "third");
    let calls = bench.model.calls();
    assert_eq!(
        messages_of(&calls[0]),
        [
            "system: Be brief, kind",
            "user: sent along",
            "user: an example",
            "assistant: its answer",
            "user: before",
            "assistant: answered",
            "user: hi"
        ]
    );
    assert_eq!(
        messages_of(&calls[1]),
        [
            "user: before",
            "assistant: answered",
            "user: hi",
            "user: first",
            "user: And first?"
        ]
    );
    assert_eq!(
        messages_of(&calls[2]),
        ["user: Last"],
        "without memory nothing of what was said"
    );
}

#[tokio::test]
async fn a_window_shows_the_end_and_a_summary_the_rest() {
    let bench = Bench::start().await;
    let past: Vec<Turn> = (1..=6)
        .map(|number| {
            turn(
                if number % 2 == 1 {
                    Role::User
                } else {
                    Role::Assistant
                },
                &format!("m{number}"),
            )
        })
        .collect();
    for (memory, told) in [
        (
            json!({ "llmMemoryType": "windowSize", "llmMemoryWindowSize": "1" }),
            vec!["user: m5", "assistant: m6", "user: hi"],
        ),
        (
            json!({ "llmMemoryType": "allMessages" }),
            vec![
                "user: m1",
                "assistant: m2",
                "user: m3",
                "assistant: m4",
                "user: m5",
                "assistant: m6",
                "user: hi",
            ],
        ),
        (
            json!({ "llmMemoryType": "conversationSummary" }),
            vec![
                "system: What was said before, in short:\nall of it",
                "user: hi",
            ],
        ),
        (
            json!({ "llmMemoryType": "conversationSummaryBuffer", "llmMemoryMaxTokenLimit": 1 }),
            vec![
                "system: What was said before, in short:\nall of it",
                "user: m5",
                "assistant: m6",
                "user: hi",
            ],
        ),
    ] {
        let mut inputs = memory.clone();
        inputs["llmEnableMemory"] = json!(true);
        let id = bench
            .save(
                Agentflow,
                &flow(vec![start(), llm("one", inputs)], &["start>one"]),
            )
            .await;
        if memory.to_string().contains("ummary") {
            bench.model.says(Say::text("all of it"));
        }
        let input = PredictionInput {
            past: past.clone(),
            ..asked("hi")
        };
        bench.hear(&id, input).await.text();
        assert_eq!(bench.model.last_messages(), told, "{memory}");
    }
}

#[tokio::test]
async fn files_stand_before_the_question_and_images_beside_it() {
    let bench = Bench::start().await;
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), llm("one", json!({}))], &["start>one"]),
        )
        .await;
    let input = PredictionInput {
        file_attachment: "<doc name='a.txt'>text</doc>".to_owned(),
        images: vec!["https://example.com/a.png".to_owned()],
        ..asked("What is it?")
    };
    bench.hear(&id, input).await.text();
    let content = bench.model.calls()[0]["messages"][0]["content"].clone();
    assert_eq!(
        content,
        json!([
            { "type": "text", "text": "<doc name='a.txt'>text</doc>\n\nWhat is it?" },
            { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
        ])
    );
}

#[tokio::test]
async fn an_answer_in_a_form_has_its_fields_and_is_not_streamed() {
    let bench = Bench::start().await;
    let form = json!([
        { "key": "city", "type": "string", "description": "Which" },
        { "key": "kind", "type": "enum", "enumValues": "big, small" },
        { "key": "tags", "type": "stringArray" },
        { "key": "rows", "type": "jsonArray", "jsonSchema": "{\"n\": {\"type\": \"number\"}}" },
    ]);
    let asks = || llm("one", json!({ "llmStructuredOutput": form }));
    let alone = bench
        .save(Agentflow, &flow(vec![start(), asks()], &["start>one"]))
        .await;
    let nodes = vec![
        start(),
        asks(),
        reply(
            "end",
            "{{one.output.city}} {{one.output.kind}} {{one.output.rows[0].n}}",
        ),
    ];
    let id = bench
        .save(Agentflow, &flow(nodes, &["start>one", "one>end"]))
        .await;
    assert_eq!(
        bench.ask(&id, "hi").await.text(),
        "text big 1",
        "what the server makes of the schema by itself"
    );
    bench.model.says(Say::text(
        "```json\n{\"city\":\"Rome\",\"kind\":\"big\",\"tags\":[],\"rows\":[]}\n```",
    ));
    let heard = bench.ask(&alone, "hi").await;
    assert_eq!(heard.output("one")["city"], "Rome");
    assert!(
        heard.text().contains("\"city\": \"Rome\""),
        "{}",
        heard.text()
    );
    assert_eq!(heard.told(), heard.text(), "in one piece");
    assert!(
        bench
            .model
            .calls()
            .iter()
            .all(|call| call.get("stream").is_none())
    );
    for _ in 0..3 {
        bench.model.says(Say::text("{\"city\": 5}"));
    }
    let heard = bench.ask(&alone, "hi").await;
    assert!(
        heard
            .failure()
            .starts_with("Error in LLM node: the model's answer does not fit"),
        "{}",
        heard.failure()
    );
}

#[tokio::test]
async fn settings_of_a_model_reach_it_under_the_names_of_the_form() {
    let bench = Bench::start().await;
    let config = json!({ "modelName": "", "temperature": "0.9", "maxTokens": "50", "topP": 1, "frequencyPenalty": "",
        "presencePenalty": 0.5, "streaming": false, "basepath": "http://elsewhere.example/v1" });
    let nodes = vec![start(), llm("one", json!({ "llmModelConfig": config }))];
    let id = bench.save(Agentflow, &flow(nodes, &["start>one"])).await;
    let heard = bench.ask(&id, "hi").await;
    assert_eq!(heard.text(), "You said: hi");
    assert_eq!(
        bench.model.calls()[0],
        json!({ "model": "default-model", "messages": [{ "role": "user", "content": "hi" }], "temperature": 0.9,
            "max_tokens": 50, "top_p": 1.0, "presence_penalty": 0.5 })
    );
}

#[tokio::test]
async fn forms_and_webhooks_are_seen_by_their_names_and_inputs_may_be_replaced() {
    let bench = Bench::start().await;
    let begin = node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "formInput" }),
    );
    let id = bench
        .save(
            Agentflow,
            &flow(
                vec![
                    begin,
                    reply("r", "{{$form.name}} {{question}} {{$form.gone}}"),
                ],
                &["start>r"],
            ),
        )
        .await;
    let form = json!({ "name": "Ann", "age": 5 });
    let form = form.as_object().unwrap().clone();
    let input = PredictionInput {
        question: PredictionInput::form_text(&form),
        form: Some(form),
        ..asked("")
    };
    let heard = bench.hear(&id, input.clone()).await;
    assert_eq!(heard.text(), "Ann age: 5\nname: Ann {{$form.gone}}");
    assert_eq!(heard.output("start")["form"]["age"], 5);
    let input = PredictionInput {
        overrides: [(
            "r".to_owned(),
            json!({ "directReplyMessage": "no, <p>{{$form.name}}</p>" })
                .as_object()
                .unwrap()
                .clone(),
        )]
        .into(),
        ..input
    };
    // What a caller sends is no template.
    let heard = bench.hear(&id, input).await;
    assert_eq!(heard.text(), "no, <p>{{$form.name}}</p>");
    let begin = node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "webhookTrigger" }),
    );
    let id = bench
        .save(
            Agentflow,
            &flow(
                vec![
                    begin,
                    reply(
                        "r",
                        "{{$webhook.body.a[1]}} {{$webhook.headers.x-b}} {{$webhook.query.c}}",
                    ),
                ],
                &["start>r"],
            ),
        )
        .await;
    let call = json!({ "body": { "a": [1, 2] }, "headers": { "x-b": "B" }, "query": { "c": "C" } });
    let input = PredictionInput {
        webhook: serde_json::from_value(call).unwrap(),
        ..asked("")
    };
    assert_eq!(bench.hear(&id, input).await.text(), "2 B C");
}
