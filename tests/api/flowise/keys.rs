//! Keys through Flowise's door.

use super::{flow_with, key, made, put, refusal, text};
use crate::support::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const KEYS: &str = "/flowise/api/v1/apikey";

#[tokio::test]
async fn a_keys_text_is_told_once() {
    let server = TestServer::start().await;
    let admin = server.admin().bearer();
    let body = json!({ "keyName": "site", "permissions": ["predictions:create"] });
    let made = admin.post(KEYS, body).await.json();
    let whole = text(&made["apiKey"]);
    assert_eq!(whole.len(), 43);
    let listed = admin.get(KEYS).await;
    assert!(!listed.text.contains(&whole));
    let keys = listed.json();
    let own = keys
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["id"] == made["id"]);
    let own = own.expect("the key");
    assert_eq!(own["apiKey"], format!("{}***", &whole[..8]));
    assert_eq!(
        (&own["keyName"], &own["permissions"]),
        (&json!("site"), &json!(["predictions:create"]))
    );
    assert_eq!(own["chatFlows"], json!([]));
    let one = format!("{KEYS}/{}", text(&made["id"]));
    let change = json!({ "keyName": "shop", "permissions": ["chatflows:update"] });
    let changed = put(&admin, &one, change).await;
    assert_eq!(changed.json()["keyName"], "shop", "{}", changed.text);
    assert!(!changed.text.contains(&whole));
    // `update` includes `view`, at the very next request.
    let client = server.client(Some(whole)).bearer();
    assert_eq!(
        client.get("/flowise/api/v1/chatflows").await.status,
        StatusCode::OK
    );
    let removed = admin.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(removed.json(), json!({ "raw": [], "affected": 1 }));
    let refused = client.get("/flowise/api/v1/chatflows").await;
    assert_eq!(refusal(&refused), (401, "revoked".to_owned()));
    let again = admin.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "{}", again.text);
    assert_eq!(
        again.json()["message"],
        format!("ApiKey {} not found", text(&made["id"]))
    );
    let keys = admin.get(KEYS).await.json();
    assert!(
        keys.as_array()
            .expect("a list")
            .iter()
            .all(|one| one["id"] != made["id"])
    );
}

#[tokio::test]
async fn what_no_key_may_be_is_refused_in_flowises_words() {
    let server = TestServer::start().await;
    let (_, client) = key(&server, &["apikeys:create", "chatflows:view"]).await;
    for (body, status, message) in [
        (
            json!({ "permissions": ["chatflows:view"] }),
            412,
            "Error: apikeyController.createApiKey - keyName not provided!",
        ),
        (
            json!({ "keyName": "a" }),
            412,
            "Error: apikeyController.createApiKey - permissions must be an array of strings!",
        ),
        (
            json!({ "keyName": "a", "permissions": [] }),
            412,
            "Error: apikeyController.createApiKey - permissions must be an array of strings!",
        ),
        (
            json!({ "keyName": "a", "permissions": [1] }),
            412,
            "Error: apikeyController.createApiKey - permissions must be an array of strings!",
        ),
        (
            json!({ "keyName": "a", "permissions": ["workspace:view"] }),
            400,
            "Cannot create API key with workspace or admin permissions",
        ),
        (
            json!({ "keyName": "a", "permissions": ["chatflows:delete"] }),
            400,
            "Cannot create API key with permissions that exceed your own permissions",
        ),
        (
            json!({ "keyName": "a", "permissions": ["admin"] }),
            400,
            "Cannot create API key with permissions that exceed your own permissions",
        ),
        (
            json!({ "keyName": "a", "permissions": ["chatflow:view"] }),
            400,
            "unknown scope `chatflow:view`; did you mean `chatflows:view`?",
        ),
    ] {
        let answer = client.post(KEYS, body.clone()).await;
        assert_eq!(refusal(&answer), (status, message.to_owned()), "{body}");
    }
    let negative = server
        .admin()
        .bearer()
        .get(&format!("{KEYS}?page=-1&limit=1"))
        .await;
    assert_eq!(
        refusal(&negative),
        (412, "Error: page cannot be negative!".to_owned())
    );
    let page = server
        .admin()
        .bearer()
        .get(&format!("{KEYS}?page=2&limit=1"))
        .await
        .json();
    assert_eq!(
        (&page["total"], page["data"].as_array().map(Vec::len)),
        (&json!(2), Some(1))
    );
}

#[tokio::test]
async fn who_asks_about_texts_is_throttled() {
    let server = TestServer::start_with_manual_clock().await;
    let nobody = server.anonymous();
    let (id, client) = key(&server, &["chatflows:view"]).await;
    let good = client.key.clone().expect("a key");
    let verify = |text: &str| format!("/flowise/api/v1/verify/apikey/{text}");
    assert_eq!(nobody.get(&verify(&good)).await.json(), json!("OK"));
    let none = nobody
        .get(&format!("/flowise/api/v1/chatflows/apikey/{good}"))
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND, "{}", none.text);
    let bound = made(
        &server,
        flow_with(json!({ "apikeyid": id, "name": "bound" })),
    )
    .await;
    made(&server, flow_with(json!({ "name": "another" }))).await;
    let found = nobody
        .get(&format!("/flowise/api/v1/chatflows/apikey/{good}"))
        .await
        .json();
    let ids: Vec<String> = found
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(&one["id"]))
        .collect();
    assert_eq!(ids, [bound]);
    let wrong = "B".repeat(43);
    // Plain text, as Flowise has it here.
    let path = format!("/flowise/api/v1/chatflows/apikey/{wrong}");
    let request = nobody.request(Method::GET, &path);
    let unknown = Answer::read(request.send().await.expect("an answer")).await;
    assert_eq!(
        (unknown.status, unknown.text.as_str()),
        (StatusCode::UNAUTHORIZED, "Unauthorized")
    );
    for _ in 0..59 {
        assert_eq!(
            nobody.get(&verify(&wrong)).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let throttled = nobody.get(&verify(&wrong)).await;
    assert_eq!(
        throttled.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        throttled.text
    );
    assert_eq!(nobody.get(&verify(&good)).await.json(), json!("OK"));
}

#[tokio::test]
async fn keys_are_listed_with_the_flows_that_are_bound_to_them() {
    let server = TestServer::start().await;
    let (id, _) = key(&server, &["chatflows:view"]).await;
    let (other, _) = key(&server, &["chatflows:view"]).await;
    for (name, bound) in [("One", &id), ("Two", &id)] {
        made(
            &server,
            flow_with(json!({ "name": name, "apikeyid": bound, "category": "a;b" })),
        )
        .await;
    }
    made(&server, flow_with(json!({ "name": "Free" }))).await;
    let admin = server.admin().bearer();
    let flows = |listed: &Value, id: &str| -> Vec<String> {
        let mut all = listed.as_array().expect("a list").iter();
        let key = all.find(|key| key["id"] == *id).expect("the key");
        let flows = key["chatFlows"].as_array().expect("flows").iter();
        let mut names: Vec<String> = flows.map(|flow| text(&flow["flowName"])).collect();
        names.sort();
        names
    };
    let all = admin.get("/flowise/api/v1/apikey").await.json();
    let page = admin
        .get("/flowise/api/v1/apikey?page=1&limit=50")
        .await
        .json();
    for listed in [&all, &page["data"]] {
        assert_eq!(flows(listed, &id), ["One", "Two"]);
        assert_eq!(flows(listed, &other), Vec::<String>::new());
    }
    let body = json!({ "keyName": "renamed", "permissions": ["chatflows:view"] });
    let changed = super::put(&admin, &format!("/flowise/api/v1/apikey/{id}"), body).await;
    let changed = json!([changed.json()]);
    assert_eq!(flows(&changed, &id), ["One", "Two"]);
    assert_eq!(changed[0]["chatFlows"][0]["category"], "a;b");
}
