//! What items and indexes of loops may be called: nothing under which a template would see something else.

use super::loops::{config, each};
use super::set;
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn names_that_templates_take_otherwise_are_refused() {
    let server = TestServer::start().await;
    let looped = |fields: Value| config(each("go", "{{input.all}}", &["body"]), fields);
    let parallel = |fields: Value| {
        let head = json!({"id": "go", "type": "parallel", "config": {"forEachSource": "{{input.all}}", "steps": ["body"]}});
        config(head, fields)
    };
    let save = |head: Value| {
        let body = json!({"name": "w", "trigger": {"type": "api"}, "steps": [head, set("body", json!(1))]});
        let admin = server.admin();
        async move { admin.post("/api/v1/workflows", body).await }
    };
    for (head, place, part) in [
        (
            looped(json!({"itemVariable": "input"})),
            "itemVariable",
            "`input` is a word of templates",
        ),
        (
            looped(json!({"itemVariable": "run"})),
            "itemVariable",
            "`run` is a word",
        ),
        (
            looped(json!({"indexVariable": "now"})),
            "indexVariable",
            "`now` is a word",
        ),
        (
            parallel(json!({"forEachAs": "null"})),
            "forEachAs",
            "`null` is a word",
        ),
        (
            looped(json!({"itemVariable": "index"})),
            "itemVariable",
            "both `index`",
        ),
        (
            parallel(json!({"indexVariable": "item"})),
            "forEachAs",
            "both `item`",
        ),
        (
            looped(json!({"itemVariable": "a", "indexVariable": "a"})),
            "itemVariable",
            "both `a`",
        ),
    ] {
        let refused = save(head.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{head}");
        let details = refused.json()["error"]["details"].clone();
        assert_eq!(
            details.as_array().map(Vec::len),
            Some(1),
            "{head}: {details}"
        );
        assert_eq!(
            details[0]["place"],
            format!("steps[0].config.{place}"),
            "{head}"
        );
        assert!(
            details[0]["message"].to_string().contains(part),
            "{head}: {details}"
        );
    }
    for good in [
        looped(json!({"itemVariable": "index", "indexVariable": "item"})),
        looped(json!({"itemVariable": "inputs"})),
        parallel(json!({"forEachAs": "step"})),
    ] {
        assert_eq!(
            save(good.clone()).await.status,
            StatusCode::CREATED,
            "{good}"
        );
    }
}
