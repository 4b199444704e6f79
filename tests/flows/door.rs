//! Flows by Flowise's door: a question over HTTP, its answer whole or as it comes, and what becomes of it in between.

use crate::bench::{flow, llm, node, reply, start};
use crate::model::{Model, Say};
use crate::support::{Answer, TestServer};
use flowlatch::clock::Clock;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A server with a model behind it.
struct Door {
    server: TestServer,
    model: Model,
}

impl Door {
    async fn open() -> Door {
        let model = Model::start().await;
        let base_url = model.base_url();
        let server = TestServer::start_with(Clock::system(), |config| {
            config.llm_base_url = Some(base_url);
            config.outbound_allow = vec!["127.0.0.1".to_owned()];
        })
        .await;
        Door { server, model }
    }

    fn keyed(&self, method: Method, path: &str) -> RequestBuilder {
        let anonymous = self.server.anonymous().request(method, path);
        anonymous.bearer_auth(&self.server.admin_key)
    }

    /// A saved agentflow: its id. `more` goes beside its drawing.
    async fn save(&self, drawing: &Value, more: Value) -> String {
        let mut body =
            json!({ "name": "flow", "type": "AGENTFLOW", "flowData": drawing.to_string() });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let request = self.keyed(Method::POST, "/api/v1/chatflows").json(&body);
        let made = sent(request).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
        made.json()["id"].as_str().expect("an id").to_owned()
    }

    async fn echo(&self, more: Value) -> String {
        let drawing = flow(vec![start(), reply("r", "{{question}}!")], &["start>r"]);
        self.save(&drawing, more).await
    }

    /// A flow whose answer is its model's, which remembers what was said.
    async fn talk(&self, more: Value) -> String {
        let drawing = flow(
            vec![start(), llm("l", json!({ "llmEnableMemory": true }))],
            &["start>l"],
        );
        self.save(&drawing, more).await
    }

    fn asking(&self, flow: &str, body: &Value) -> RequestBuilder {
        let path = format!("/api/v1/prediction/{flow}");
        self.keyed(Method::POST, &path).json(body)
    }

    async fn ask(&self, flow: &str, body: Value) -> Answer {
        sent(self.asking(flow, &body)).await
    }
}

async fn sent(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.expect("an answer")).await
}

/// The events of a stream, each found to be written to the letter.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let body = answer.text.strip_suffix("\n\n").expect("a last event");
    let event = |text: &str| -> (String, Value) {
        let line = text.strip_prefix("message:\ndata:").expect("the form");
        assert!(!line.contains('\n'), "{text}");
        let event: Value = serde_json::from_str(line).expect("JSON");
        let name = event["event"].as_str().expect("a name").to_owned();
        (name, event["data"].clone())
    };
    let told = body.split("\n\n").filter(|text| *text != ":heartbeat");
    told.map(event).collect()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    names
}

#[tokio::test]
async fn an_answer_in_one_piece_has_flowises_fields_and_no_other() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    let answer = door
        .ask(&id, json!({ "question": "hi", "chatId": null, "history": [], "uploads": [], "overrideConfig": null }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    let mut fields: Vec<&String> = body.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "agentFlowExecutedData",
            "chatId",
            "chatMessageId",
            "executionId",
            "form",
            "question",
            "sessionId",
            "text"
        ]
    );
    assert_eq!(
        (&body["text"], &body["question"]),
        (&json!("hi!"), &json!("hi"))
    );
    assert_eq!(body["chatId"], body["sessionId"]);
    assert_eq!(body["agentFlowExecutedData"][1]["nodeId"], "r");
    door.server.stop().await;
}

#[tokio::test]
async fn a_stream_is_written_to_the_letter_in_flowises_order() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let answer = door
        .ask(
            &id,
            json!({ "question": "hi", "streaming": true, "chatId": "c" }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let events = events(&answer);
    let told: Vec<&str> = names(&events)
        .into_iter()
        .filter(|name| *name != "usageMetadata")
        .collect();
    assert_eq!(
        told,
        [
            "agentFlowEvent",
            "nextAgentFlow",
            "agentFlowExecutedData",
            "nextAgentFlow",
            "token",
            "nextAgentFlow",
            "agentFlowExecutedData",
            "agentFlowEvent",
            "metadata",
            "end"
        ]
    );
    let tokens: String = events
        .iter()
        .filter(|(name, _)| name == "token")
        .filter_map(|(_, data)| data.as_str())
        .collect();
    assert_eq!(tokens, "You said: hi");
    let metadata = &events
        .iter()
        .find(|(name, _)| name == "metadata")
        .expect("it")
        .1;
    assert_eq!(
        (&metadata["chatId"], &metadata["sessionId"]),
        (&json!("c"), &json!("c"))
    );
    assert_eq!(events.last(), Some(&("end".to_owned(), json!("[DONE]"))));
    door.server.stop().await;
}

#[tokio::test]
async fn a_conversation_is_remembered_by_its_session_and_no_other() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let of = |session: &str, question: &str| json!({ "question": question, "overrideConfig": { "sessionId": session } });
    door.ask(&id, of("one", "first")).await;
    door.ask(&id, of("two", "other")).await;
    let answer = door.ask(&id, of("one", "second")).await.json();
    assert_eq!(
        (&answer["chatId"], &answer["sessionId"]),
        (&json!("one"), &json!("one"))
    );
    let said = door.model.last_messages();
    assert_eq!(
        said,
        ["user: first", "assistant: You said: first", "user: second"]
    );
    door.server.stop().await;
}

#[tokio::test]
async fn a_history_is_taken_in_both_forms_and_refused_in_others() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let history = json!([
        { "role": "userMessage", "content": "a" },
        { "message": "b", "type": "apiMessage", "role": null, "content": null },
    ]);
    let answer = door
        .ask(&id, json!({ "question": "c", "history": history }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        door.model.last_messages(),
        ["user: a", "assistant: b", "user: c"]
    );
    for wrong in [
        json!([{ "role": "system", "content": "x" }]),
        json!(["x"]),
        json!([{ "role": "userMessage" }]),
        json!("x"),
    ] {
        let refused = door
            .ask(&id, json!({ "question": "c", "history": wrong }))
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(door.model.calls().len(), 1);
    door.server.stop().await;
}

#[tokio::test]
async fn a_form_stands_for_a_question_and_not_beside_one() {
    let door = Door::open().await;
    let begin = node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "formInput", "formTitle": "F",
            "formInputTypes": [{ "type": "string", "label": "Name", "name": "name" }] }),
    );
    let drawing = flow(
        vec![begin, reply("r", "hello {{$form.name}}")],
        &["start>r"],
    );
    let id = door.save(&drawing, json!({})).await;
    let answer = door.ask(&id, json!({ "form": { "name": "Ada" } })).await;
    assert_eq!(answer.json()["text"], "hello Ada", "{}", answer.text);
    assert_eq!(answer.json()["form"], json!({ "name": "Ada" }));
    let both = json!({ "question": "q", "form": { "name": "Ada" } });
    let refused = door.ask(&id, both).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.json()["message"],
        "Error: predictionsServices.buildChatflow - Question and form cannot be provided at the same time"
    );
    door.server.stop().await;
}

#[tokio::test]
async fn what_the_owner_has_not_opened_changes_nothing() {
    let door = Door::open().await;
    let sent = json!({ "question": "q", "overrideConfig": { "directReplyMessage": "theirs" } });
    let rules = |is_on: bool, enabled: bool| {
        let inputs = json!([{ "label": "Message", "name": "directReplyMessage", "type": "string", "enabled": enabled }]);
        json!({ "overrideConfig": { "status": is_on, "nodes": { "r": inputs } } }).to_string()
    };
    for (is_on, enabled, text) in [
        (true, true, "theirs"),
        (true, false, "q!"),
        (false, true, "q!"),
    ] {
        let id = door
            .echo(json!({ "apiConfig": rules(is_on, enabled) }))
            .await;
        let answer = door.ask(&id, sent.clone()).await;
        assert_eq!(
            answer.json()["text"],
            text,
            "{is_on} {enabled}: {}",
            answer.text
        );
    }
    let id = door.echo(json!({})).await;
    assert_eq!(door.ask(&id, sent).await.json()["text"], "q!");
    door.server.stop().await;
}

#[tokio::test]
async fn the_text_of_a_file_comes_before_the_question_and_other_uploads_are_refused() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let file =
        json!({ "type": "file:full", "name": "a.txt", "mime": "text/plain", "data": "inside" });
    let answer = door
        .ask(&id, json!({ "question": "q", "uploads": [file] }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let said = door.model.last_messages().join("\n");
    let (of_file, of_question) = (said.find("<doc name='a.txt'>inside</doc>"), said.rfind('q'));
    assert!(of_file.is_some() && of_file < of_question, "{said}");
    assert_eq!(answer.json()["question"], "q");
    let rag = json!({ "type": "file:rag", "name": "a", "mime": "x", "data": "y" });
    let refused = door
        .ask(&id, json!({ "question": "q", "uploads": [rag] }))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    door.server.stop().await;
}

#[tokio::test]
async fn a_stopped_flow_goes_on_once_with_the_answer_of_its_session() {
    let door = Door::open().await;
    let asks = node(
        "humanInputAgentflow",
        "h",
        json!({ "humanInputDescriptionType": "fixed", "humanInputDescription": "Sure?", "humanInputEnableFeedback": true }),
    );
    let nodes = vec![start(), asks, reply("yes", "done"), reply("no", "left")];
    let mut drawing = flow(nodes, &["start>h", "h>yes", "h>no"]);
    for (edge, way) in [(1, 0), (2, 1)] {
        drawing["edges"][edge]["sourceHandle"] = json!(format!("h-output-{way}"));
    }
    let id = door.save(&drawing, json!({})).await;
    let proceed = json!({ "chatId": "c", "humanInput": { "type": "proceed", "startNodeId": "h" } });
    let early = door.ask(&id, proceed.clone()).await;
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    assert!(
        early
            .text
            .contains("No previous execution found for session c"),
        "{}",
        early.text
    );

    let stopped = door
        .ask(&id, json!({ "question": "q", "chatId": "c" }))
        .await
        .json();
    assert_eq!(stopped["action"]["data"]["nodeId"], "h", "{stopped}");
    let answer = door.ask(&id, proceed.clone()).await.json();
    assert_eq!(answer["text"], "done", "{answer}");
    assert_eq!(answer["executionId"], stopped["executionId"]);
    let again = door.ask(&id, proceed).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "{}", again.text);
    assert!(
        again.text.contains("Cannot resume execution"),
        "{}",
        again.text
    );
    door.server.stop().await;
}

#[tokio::test]
async fn who_goes_away_takes_the_call_of_the_model_with_them() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    door.model.says(Say::Hold("on"));
    let asked = door.asking(&id, &json!({ "question": "q", "streaming": true }));
    let response = asked.send().await.expect("a stream");
    door.model.until_called(1).await;
    drop(response);
    door.model.until_dropped(1).await;
    let admin = door.server.admin();
    let path = format!("/api/v1/runs?workflowId={id}");
    let mut status = Value::Null;
    // The run ends right after its call: a look-up or two later.
    for _ in 0..90 {
        status = admin.get(&path).await.data()[0]["status"].clone();
        if status == "cancelled" {
            break;
        }
    }
    assert_eq!(status, "cancelled");
    door.server.stop().await;
}

#[tokio::test]
async fn an_aborted_conversation_is_told_so_and_ends() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    door.model.says(Say::Hold("on"));
    let asked = door.asking(
        &id,
        &json!({ "question": "q", "streaming": true, "chatId": "c" }),
    );
    let stream = asked.send().await.expect("a stream");
    door.model.until_called(1).await;
    let path = |chat: &str| format!("/api/v1/chatmessage/abort/{id}/{chat}");
    let expected = json!({ "status": 200, "message": "Chat message aborted" });
    let other = sent(door.keyed(Method::PUT, &path("other"))).await;
    assert_eq!(other.json(), expected);
    let aborted = sent(door.keyed(Method::PUT, &path("c"))).await;
    assert_eq!(aborted.json(), expected);
    let answer = Answer::read(stream).await;
    let events = events(&answer);
    assert!(events.contains(&("agentFlowEvent".to_owned(), json!("TERMINATED"))));
    assert!(events.contains(&(
        "error".to_owned(),
        json!("Error: predictionsServices.buildChatflow - Flow execution was cancelled")
    )));
    assert_eq!(names(&events).last(), Some(&"end"));
    assert!(!names(&events).contains(&"metadata"));
    door.server.stop().await;
}

#[tokio::test]
async fn a_model_that_fails_is_told_whole_and_in_a_stream() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    for say in [Say::Status(401, "{}"), Say::Status(400, "{}")] {
        door.model.says(say.clone());
        let whole = door.ask(&id, json!({ "question": "q" })).await;
        assert_eq!(
            whole.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{say:?}: {}",
            whole.text
        );
        let message = whole.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let place = "Error: predictionsServices.buildChatflow - ";
        assert!(message.starts_with(place), "{message}");
        door.model.says(say);
        let body = json!({ "question": "q", "streaming": true });
        let streamed = door.ask(&id, body).await;
        let events = events(&streamed);
        assert_eq!(streamed.status, StatusCode::OK);
        let told = names(&events);
        assert!(
            told.ends_with(&["agentFlowEvent", "error", "end"]),
            "{told:?}"
        );
        assert!(!told.contains(&"metadata"), "{told:?}");
    }
    door.server.stop().await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_before_any_stream_and_the_header_wins() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    let body = json!({ "question": "q", "streaming": true });
    let ask = |query: String, bearer: Option<&str>| {
        let path = format!("/api/v1/prediction/{id}{query}");
        let request = door
            .server
            .anonymous()
            .request(Method::POST, &path)
            .json(&body);
        match bearer {
            Some(key) => sent(request.bearer_auth(key)),
            None => sent(request),
        }
    };
    let good = door.server.admin_key.clone();
    let wrong = "k".repeat(43);
    for (query, bearer, status) in [
        (String::new(), None, 401),
        (String::new(), Some(wrong.as_str()), 401),
        (format!("?apikey={wrong}"), None, 401),
        (format!("?apikey={good}"), None, 200),
        (format!("?apikey={good}"), Some(wrong.as_str()), 401),
        (format!("?apikey={wrong}"), Some(good.as_str()), 200),
    ] {
        let answer = ask(query.clone(), bearer).await;
        let shown = query.replace(&good, "GOOD");
        assert_eq!(answer.status.as_u16(), status, "{shown}: {}", answer.text);
        let is_stream = answer.header("content-type") == Some("text/event-stream");
        assert_eq!(is_stream, status == 200, "{shown}");
        assert!(!answer.text.contains(&good));
    }
    door.server.stop().await;
}

#[tokio::test]
async fn a_page_that_may_not_ask_and_an_address_that_asks_too_often_are_refused_in_the_owners_words()
 {
    let door = Door::open().await;
    let chatbot =
        json!({ "allowedOrigins": ["https://a.example"], "allowedOriginsError": "Not here" });
    let limit = json!({ "rateLimit": { "status": true, "limitMax": "3", "limitDuration": 60, "limitMsg": "Enough" } });
    let more = json!({ "chatbotConfig": chatbot.to_string(), "apiConfig": limit.to_string() });
    let id = door.echo(more).await;
    let asked = |origin: &str, streaming: bool| {
        let body = json!({ "question": "q", "streaming": streaming });
        sent(door.asking(&id, &body).header("origin", origin))
    };
    let good = asked("https://a.example", false).await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.text);
    assert_eq!(
        good.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    let whole = asked("https://b.example", false).await;
    assert_eq!(
        (whole.status, &whole.json()["message"]),
        (StatusCode::FORBIDDEN, &json!("Not here"))
    );
    let streamed = asked("https://b.example", true).await;
    assert_eq!(
        (streamed.status, streamed.text.as_str()),
        (StatusCode::FORBIDDEN, "Not here")
    );
    let over = asked("https://a.example", false).await;
    assert_eq!(
        (over.status, over.text.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "Enough")
    );
    assert!(over.header("retry-after").is_some());
    for (origin, may_read) in [
        ("https://a.example", true),
        ("https://b.example", false),
        ("null", false),
    ] {
        let path = format!("/api/v1/prediction/{id}");
        let preflight = door.server.anonymous().request(Method::OPTIONS, &path);
        let preflight = preflight.header("access-control-request-method", "POST");
        let answer = sent(preflight.header("origin", origin)).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            may_read.then_some(origin)
        );
    }
    assert_eq!(whole.header("access-control-allow-origin"), None);
    door.server.stop().await;
}

#[tokio::test]
async fn what_was_said_is_listed_and_deleted_by_who_may() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    for chat in ["one", "two"] {
        door.ask(
            &id,
            json!({ "question": "q", "chatId": chat, "leadEmail": "a@b.example" }),
        )
        .await;
    }
    let path = |query: &str| format!("/api/v1/chatmessage/{id}{query}");
    let listed = async |query: &str| -> Vec<String> {
        let answer = sent(door.keyed(Method::GET, &path(query))).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let messages = answer.json();
        let messages = messages.as_array().expect("a list").iter();
        let told = |message: &Value| {
            assert_eq!(
                (&message["chatflowid"], &message["leadEmail"]),
                (&json!(id), &json!("a@b.example"))
            );
            format!(
                "{} {} {}",
                message["chatId"], message["role"], message["content"]
            )
            .replace('"', "")
        };
        messages.map(told).collect()
    };
    let one = ["one userMessage q", "one apiMessage q!"];
    let two = ["two userMessage q", "two apiMessage q!"];
    assert_eq!(listed("").await, [one, two].concat());
    assert_eq!(listed("?chatId=two&chatType=EXTERNAL").await, two);
    assert_eq!(listed("?chatType=%5B%22INTERNAL%22%5D").await, [""; 0]);
    assert_eq!(
        listed("?order=DESC&page=1&limit=1").await,
        ["two apiMessage q!"]
    );
    assert_eq!(listed("?feedbackType=THUMBS_UP").await, [""; 0]);
    for query in ["?chatType=NONE", "?startDate=soon", "?feedbackType=x"] {
        let refused = sent(door.keyed(Method::GET, &path(query))).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let stranger = door.server.anonymous().request(Method::DELETE, &path(""));
    assert_eq!(sent(stranger).await.status, StatusCode::UNAUTHORIZED);
    let asker = door.server.with(&["predictions:create"]).await;
    let refused = asker
        .bearer()
        .request(Method::GET, &format!("/flowise{}", path("")));
    assert_eq!(sent(refused).await.status, StatusCode::FORBIDDEN);

    let deleted = sent(door.keyed(Method::DELETE, &path("?chatId=one"))).await;
    assert_eq!(deleted.json(), json!({ "raw": [], "affected": 2 }));
    assert_eq!(listed("").await, two);
    door.server.stop().await;
}
