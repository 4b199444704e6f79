//! What visitors leave with a flow is bounded, and lists of it are too.

use super::{ask, flow_with, key, made, put, refusal, text};
use crate::support::{Client, TestServer};
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn contents(client: &Client, flow: &str, query: &str) -> Vec<String> {
    let path = format!("/flowise/api/v1/chatmessage/{flow}{query}");
    let answer = client.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let said = answer.json();
    let said = said.as_array().expect("a list").iter();
    said.map(|one| text(&one["content"])).collect()
}

#[tokio::test]
async fn of_too_many_messages_the_oldest_of_their_flow_go() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.doors.chats.max_messages = 5;
    })
    .await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let full = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let other = made(&server, flow_with(json!({ "isPublic": true }))).await;
    ask(
        &nobody,
        &other,
        json!({ "question": "Other", "chatId": "c" }),
    )
    .await;
    for number in 1..=4 {
        let asked = json!({ "question": format!("{number}"), "chatId": "c" });
        assert_eq!(ask(&nobody, &full, asked).await.status, StatusCode::OK);
    }
    let kept = ["You said: 2", "3", "You said: 3", "4", "You said: 4"];
    assert_eq!(contents(&admin, &full, "").await, kept);
    assert_eq!(
        contents(&admin, &other, "").await,
        ["Other", "You said: Other"]
    );
    // What is removed by hand makes room again.
    let path = format!("/flowise/api/v1/chatmessage/{full}?chatId=c");
    let removed = admin.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(removed.json()["affected"], 5);
    for number in 5..=6 {
        ask(&nobody, &full, json!({ "question": format!("{number}") })).await;
    }
    let kept = ["5", "You said: 5", "6", "You said: 6"];
    assert_eq!(contents(&admin, &full, "").await, kept);
}

#[tokio::test]
async fn of_too_large_messages_the_oldest_go() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.doors.chats.max_bytes = 250_000;
    })
    .await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    for letter in ["a", "b", "c"] {
        ask(
            &nobody,
            &flow,
            json!({ "question": letter.repeat(50_000), "chatId": "c" }),
        )
        .await;
    }
    let kept = contents(&admin, &flow, "").await;
    let kept: Vec<usize> = kept.iter().map(String::len).collect();
    assert_eq!(
        kept,
        [50_000, 50_010, 50_000, 50_010],
        "what was said first is gone"
    );
}

#[tokio::test]
async fn variables_have_a_largest_number_and_a_longest_value() {
    let server = TestServer::start().await;
    let admin = server.admin().bearer();
    let path = "/flowise/api/v1/variables";
    for (bytes, status) in [(65_536, 200), (65_537, 400)] {
        let body = json!({ "name": "long", "value": "x".repeat(bytes) });
        let answer = admin.post(path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{:.200}", answer.text);
    }
    let sql = "
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 998)
        INSERT INTO flow_variable (id, name, kind, value, created_at_ms, updated_at_ms)
        SELECT printf('0190a8f2-7c3e-7d11-9a40-%012d', n), 'n' || n, 'static', '', 0, 0 FROM numbers";
    let file = rusqlite::Connection::open(server.data().join("flowlatch.db")).expect("it opens");
    file.execute_batch(sql).expect("it does");
    let last = admin.post(path, json!({ "name": "last" })).await;
    assert_eq!(last.status, StatusCode::OK, "{}", last.text);
    let (status, message) = refusal(&admin.post(path, json!({ "name": "one more" })).await);
    assert_eq!(status, 409);
    assert!(message.contains("1000 variables"), "{message}");
    // What is there may still be changed.
    let one = format!("{path}/{}", text(&last.json()["id"]));
    let changed = put(&admin, &one, json!({ "value": "y" })).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let listed = admin.get(path).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1_000));
}

#[tokio::test]
async fn messages_come_in_pages_with_a_largest_one() {
    let server = TestServer::start().await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    for number in 1..=3 {
        ask(
            &nobody,
            &flow,
            json!({ "question": format!("{number}"), "chatId": "c" }),
        )
        .await;
    }
    for (query, expected) in [
        ("?page=1&limit=2", vec!["1", "You said: 1"]),
        ("?page=2&limit=4", vec!["3", "You said: 3"]),
        ("?page=1&limit=1&order=DESC", vec!["You said: 3"]),
        ("?page=9&limit=9", vec![]),
        (
            "?chatType=%5B%22EXTERNAL%22%2C%22WEBHOOK%22%5D&page=1&limit=1",
            vec!["1"],
        ),
        ("?chatType=INTERNAL", vec![]),
    ] {
        assert_eq!(contents(&admin, &flow, query).await, expected, "{query}");
    }
    for path in ["chatmessage", "leads"] {
        let path = format!("/flowise/api/v1/{path}/{flow}");
        let refused = admin.get(&format!("{path}?page=1&limit=1001")).await;
        let message = "`limit` is 1001; it goes up to 1000.";
        assert_eq!(refusal(&refused), (400, message.to_owned()));
        let refused = admin.get(&format!("{path}?page=-1&limit=1")).await;
        assert_eq!(refused.status.as_u16(), 412);
    }
}

#[tokio::test]
async fn who_comes_too_late_leaves_no_address_and_takes_none_away() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.doors.chats.max_leads = 2;
    })
    .await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let leave = |name: String| {
        let body = json!({ "chatflowid": flow, "name": name });
        let nobody = nobody.clone();
        async move { nobody.post("/flowise/api/v1/leads", body).await }
    };
    let long = leave("x".repeat(256)).await;
    assert_eq!(long.status, StatusCode::BAD_REQUEST, "{}", long.text);
    for name in ["Ada", "Bob"] {
        assert_eq!(leave(name.to_owned()).await.status, StatusCode::OK);
    }
    let (status, message) = refusal(&leave("Eve".to_owned()).await);
    assert!(
        status == 507 && message.contains("max_leads"),
        "{status} {message}"
    );
    let leads = |query: &str| {
        let (path, admin) = (
            format!("/flowise/api/v1/leads/{flow}{query}"),
            admin.clone(),
        );
        async move {
            let found = admin.get(&path).await.json();
            let found = found.as_array().expect("a list").clone();
            found
                .iter()
                .map(|one| text(&one["name"]))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(leads("").await, ["Ada", "Bob"]);
    assert_eq!(leads("?page=1&limit=1").await, ["Bob"]);
}

#[tokio::test]
async fn feedback_is_changed_by_who_holds_its_id_and_may_ask_the_flow() {
    let server = TestServer::start().await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let open = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let closed = made(&server, flow_with(json!({}))).await;
    let (_, may) = key(&server, &["predictions:create"]).await;
    let mut ids = Vec::new();
    for (client, flow) in [(&nobody, &open), (&may, &closed)] {
        let message = ask(client, flow, json!({ "question": "Hi", "chatId": "c" })).await;
        let body = json!({ "chatId": "c", "messageId": message.json()["chatMessageId"], "rating": "THUMBS_UP" });
        let rated = client
            .post(&format!("/flowise/api/v1/feedback/{flow}"), body)
            .await;
        ids.push(format!(
            "/flowise/api/v1/feedback/{}",
            text(&rated.json()["id"])
        ));
    }
    let changed = put(
        &nobody,
        &ids[0],
        json!({ "content": "Well", "chatflowid": closed }),
    )
    .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let body = changed.json();
    let found = json!([body["content"], body["rating"], body["chatflowid"]]);
    assert_eq!(found, json!(["Well", "THUMBS_UP", open]));
    let down = put(&nobody, &ids[0], json!({ "rating": "THUMBS_DOWN" }))
        .await
        .json();
    assert_eq!(
        json!([down["content"], down["rating"]]),
        json!(["Well", "THUMBS_DOWN"])
    );
    let stats = admin
        .get(&format!("/flowise/api/v1/stats/{open}"))
        .await
        .json();
    assert_eq!(
        json!([stats["totalFeedback"], stats["positiveFeedback"]]),
        json!([1, 0])
    );

    let refused = put(&nobody, &ids[1], json!({ "content": "x" })).await;
    assert_eq!(refusal(&refused), (401, "missing".to_owned()));
    let none = put(
        &nobody,
        "/flowise/api/v1/feedback/none",
        json!({ "content": "x" }),
    )
    .await;
    assert_eq!(none.text, refused.text, "nobody learns which there is");
    let none = put(
        &may,
        "/flowise/api/v1/feedback/none",
        json!({ "content": "x" }),
    )
    .await;
    assert_eq!(refusal(&none), (404, "Feedback none not found".to_owned()));
    for bad in [
        json!({ "rating": "x" }),
        json!({ "content": "x".repeat(2_001) }),
    ] {
        assert_eq!(
            put(&may, &ids[1], bad).await.status,
            StatusCode::BAD_REQUEST
        );
    }
}
