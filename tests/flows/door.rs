//! Flows by Flowise's door: a question over HTTP, its answer whole or as it comes, and what becomes of it in between.

use crate::bench::{flow, llm, node, reply, start};
use crate::model::Model;
use crate::support::{Answer, TestServer};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A server with a model behind it.
pub(crate) struct Door {
    pub(crate) server: TestServer,
    pub(crate) model: Model,
}

impl Door {
    pub(crate) async fn open() -> Door {
        Door::open_at(Clock::system()).await
    }

    pub(crate) async fn open_at(clock: Clock) -> Door {
        Door::open_as(clock, |_| {}).await
    }

    /// A server that differs from the usual one in this.
    pub(crate) async fn open_with(configure: impl FnOnce(&mut Config)) -> Door {
        Door::open_as(Clock::system(), configure).await
    }

    async fn open_as(clock: Clock, configure: impl FnOnce(&mut Config)) -> Door {
        let model = Model::start().await;
        let base_url = model.base_url();
        let server = TestServer::start_with(clock, |config| {
            config.llm_base_url = Some(base_url);
            config.outbound_allow = vec!["127.0.0.1".to_owned()];
            configure(config);
        })
        .await;
        Door { server, model }
    }

    pub(crate) fn keyed(&self, method: Method, path: &str) -> RequestBuilder {
        let anonymous = self.server.anonymous().request(method, path);
        anonymous.bearer_auth(&self.server.admin_key)
    }

    /// A saved agentflow: its id. `more` goes beside its drawing.
    pub(crate) async fn save(&self, drawing: &Value, more: Value) -> String {
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

    pub(crate) async fn echo(&self, more: Value) -> String {
        let drawing = flow(vec![start(), reply("r", "{{question}}!")], &["start>r"]);
        self.save(&drawing, more).await
    }

    /// A flow whose answer is its model's, which remembers what was said.
    pub(crate) async fn talk(&self, more: Value) -> String {
        let drawing = flow(
            vec![start(), llm("l", json!({ "llmEnableMemory": true }))],
            &["start>l"],
        );
        self.save(&drawing, more).await
    }

    pub(crate) fn asking(&self, flow: &str, body: &Value) -> RequestBuilder {
        let path = format!("/api/v1/prediction/{flow}");
        self.keyed(Method::POST, &path).json(body)
    }

    pub(crate) async fn ask(&self, flow: &str, body: Value) -> Answer {
        sent(self.asking(flow, &body)).await
    }
}

pub(crate) async fn sent(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.expect("an answer")).await
}

/// The events of a stream, each found to be written to the letter.
pub(crate) fn events(answer: &Answer) -> Vec<(String, Value)> {
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

pub(crate) fn names(events: &[(String, Value)]) -> Vec<&str> {
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
