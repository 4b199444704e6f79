//! What a page of another site may ask: the widget's paths, of flows that let it.

use super::{ask, flow_with, made, text};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const LISTED: &str = "https://a.example";
const OTHER: &str = "https://b.example";

async fn from(client: &Client, origin: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = client.request(method, path).header("origin", origin);
    let request = match body {
        Value::Null => request,
        body => request.json(&body),
    };
    Answer::read(request.send().await.expect("an answer")).await
}

/// What a browser asks before it sends: which origin is let.
async fn first(client: &Client, origin: &str, method: &str, path: &str) -> Option<String> {
    let request = client
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "content-type");
    let answer = Answer::read(request.send().await.expect("an answer")).await;
    let let_in = answer
        .header("access-control-allow-origin")
        .map(str::to_owned);
    assert_eq!(
        answer.status == StatusCode::NO_CONTENT,
        let_in.is_some(),
        "{path}"
    );
    let_in
}

/// Everything that a widget asks of a flow.
fn widget_calls(flow: &str, again: &str, rating: &Value) -> Vec<(&'static str, String, Value)> {
    let api = "/flowise/api/v1";
    vec![
        (
            "GET",
            format!("{api}/chatflows-streaming/{flow}"),
            Value::Null,
        ),
        (
            "GET",
            format!("{api}/chatflows-uploads/{flow}"),
            Value::Null,
        ),
        (
            "GET",
            format!("{api}/public-chatbotConfig/{flow}"),
            Value::Null,
        ),
        (
            "POST",
            format!("{api}/prediction/{flow}"),
            json!({ "question": "Hi" }),
        ),
        ("POST", format!("{api}/feedback/{flow}"), rating.clone()),
        ("PUT", again.to_owned(), json!({ "content": "Well" })),
        (
            "PUT",
            format!("{api}/chatmessage/abort/{flow}/c"),
            Value::Null,
        ),
        (
            "POST",
            format!("{api}/leads"),
            json!({ "chatflowid": flow, "name": "Ada" }),
        ),
        ("POST", format!("{api}/attachments/{flow}/c"), Value::Null),
        (
            "GET",
            format!("{api}/get-upload-file?chatflowId={flow}&chatId=c&fileName=a"),
            Value::Null,
        ),
    ]
}

/// The listed page is let ask and read, the other is not.
async fn let_in_by_origin(nobody: &Client, method: &str, path: &str, body: Value) {
    let (is_leads, is_told) = (path.ends_with("/leads"), path.contains("streaming"));
    let verb: Method = method.parse().expect("a method");
    assert_eq!(
        first(nobody, LISTED, method, path).await.as_deref(),
        Some(LISTED),
        "{path}"
    );
    let answer = from(nobody, LISTED, verb.clone(), path, body.clone()).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(LISTED),
        "{path}"
    );
    assert_ne!(
        answer.status,
        StatusCode::FORBIDDEN,
        "{path}: {}",
        answer.text
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None);

    let refused = from(nobody, OTHER, verb, path, body).await;
    let let_in = first(nobody, OTHER, method, path).await;
    // Of leads the flow stands in the body: the page is let ask, and is refused then.
    assert_eq!(let_in.is_some(), is_leads, "{path}");
    let may_read = refused.header("access-control-allow-origin").is_some();
    assert_eq!(may_read, is_leads, "{path}");
    let expected = if is_told {
        StatusCode::OK
    } else {
        StatusCode::FORBIDDEN
    };
    assert_eq!(refused.status, expected, "{path}: {}", refused.text);
    assert_eq!(first(nobody, "null", method, path).await, None, "{path}");
}

#[tokio::test]
async fn a_listed_page_uses_the_whole_widget_and_another_nothing_of_it() {
    let server = TestServer::start().await;
    let config = json!({ "allowedOrigins": [LISTED], "fullFileUpload": { "status": true } });
    let fields = json!({ "isPublic": true, "chatbotConfig": config.to_string() });
    let flow = made(&server, flow_with(fields)).await;
    let nobody = server.anonymous();
    let asked = ask(&nobody, &flow, json!({ "question": "Hi", "chatId": "c" }))
        .await
        .json();
    let api = "/flowise/api/v1";
    let rating =
        json!({ "chatId": "c", "messageId": asked["chatMessageId"], "rating": "THUMBS_UP" });
    let rated = nobody
        .post(&format!("{api}/feedback/{flow}"), rating.clone())
        .await;
    let again = format!("{api}/feedback/{}", text(&rated.json()["id"]));
    for (method, path, body) in widget_calls(&flow, &again, &rating) {
        let_in_by_origin(&nobody, method, &path, body).await;
    }
    let leads = format!("{api}/leads/{flow}");
    let left = server.admin().bearer().get(&leads).await.json();
    assert_eq!(
        left.as_array().map(Vec::len),
        Some(1),
        "the refused page has left nothing"
    );
}

#[tokio::test]
async fn what_is_not_the_widgets_is_no_other_pages() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let nobody = server.anonymous();
    let api = "/flowise/api/v1";
    for (method, path) in [
        ("GET", format!("{api}/chatflows")),
        ("PUT", format!("{api}/chatflows/{flow}")),
        ("GET", format!("{api}/chatmessage/{flow}")),
        ("DELETE", format!("{api}/chatmessage/{flow}")),
        ("GET", format!("{api}/leads/{flow}")),
        ("GET", format!("{api}/stats/{flow}")),
        ("GET", format!("{api}/executions")),
        ("POST", format!("{api}/webhook/{flow}")),
        ("POST", format!("{api}/apikey")),
        ("PUT", format!("{api}/feedback/none")),
        ("GET", format!("{api}/get-upload-file?chatId={flow}")),
    ] {
        assert_eq!(first(&nobody, OTHER, method, &path).await, None, "{path}");
    }
    // Without a list every page may ask.
    let path = format!("{api}/prediction/{flow}");
    assert_eq!(
        first(&nobody, OTHER, "POST", &path).await.as_deref(),
        Some(OTHER)
    );
}
