//! The README's table of refusals beside a server that refuses.

use super::{rows, section};
use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::{oneshot, watch};

#[tokio::test]
async fn refusals_have_the_status_and_code_of_the_table() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let table: BTreeMap<String, String> = rows(&section("Refusals"))
        .into_iter()
        .skip(1)
        .map(|row| (row[0].clone(), row[1].trim_matches('`').to_owned()))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(folder.path());
    config.port = 0;
    config.body_timeout_ms = 100;
    let app = App::open(config, Options::default())
        .await
        .expect("it opens");
    let (stop, stopped) = watch::channel(false);
    let (ready, bound) = oneshot::channel();
    let serving = tokio::spawn(app.serve(stopped, move |bound| drop(ready.send(bound))));
    let bound = bound.await.expect("it listens");
    let admin = bound.first_key.expect("a first key").reveal().to_owned();

    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let call = |method: Method, path: &str, key: &str| {
        http.request(method, format!("{}{path}", bound.url))
            .header("x-api-key", key)
    };
    const KEYS: &str = "/api/v1/auth/api-keys";
    const WORKFLOWS: &str = "/api/v1/workflows";
    let narrow = json!({ "name": "narrow", "scopes": ["workflows:read"], "limits": { "read": 1 } });
    let narrow = call(Method::POST, KEYS, &admin).json(&narrow);
    let narrow: Value = narrow
        .send()
        .await
        .expect("made")
        .json()
        .await
        .expect("JSON");
    let narrow = narrow["data"]["key"].as_str().expect("its text");
    let draft = json!({ "name": "draft", "trigger": { "type": "api" }, "steps": [] });
    let draft = call(Method::POST, WORKFLOWS, &admin).json(&draft);
    let draft: Value = draft
        .send()
        .await
        .expect("made")
        .json()
        .await
        .expect("JSON");
    let run_draft = format!(
        "{WORKFLOWS}/{}/run",
        draft["data"]["id"].as_str().expect("an id")
    );

    let json_type = "application/json";
    let refused: Vec<(&str, RequestBuilder)> = vec![
        (
            "400",
            call(Method::POST, WORKFLOWS, &admin).json(&json!({})),
        ),
        ("401", http.get(format!("{}{WORKFLOWS}", bound.url))),
        ("403", call(Method::GET, "/api/v1/runs", narrow)),
        ("429", call(Method::GET, WORKFLOWS, narrow)),
        ("404", call(Method::GET, "/api/v1/nothing", &admin)),
        ("405", call(Method::DELETE, WORKFLOWS, &admin)),
        ("408", {
            let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
            call(Method::POST, WORKFLOWS, &admin)
                .header("content-type", json_type)
                .body(reqwest::Body::wrap_stream(never))
        }),
        ("409", call(Method::POST, &run_draft, &admin)),
        ("413", {
            let large = vec![b' '; (1 << 20) + 1];
            call(Method::POST, WORKFLOWS, &admin)
                .header("content-type", json_type)
                .body(large)
        }),
        ("415", call(Method::POST, WORKFLOWS, &admin).body("name=x")),
        (
            "421",
            call(Method::GET, WORKFLOWS, &admin).header("host", "elsewhere.example"),
        ),
    ];
    let mut seen: Vec<&str> = Vec::new();
    for (status, request) in refused {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_str(), status);
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["error"]["code"], json!(table[status]), "{body}");
        seen.push(status);
    }
    // A fault of the server and a full disk are not asked for here.
    let rest: Vec<&str> = table
        .keys()
        .map(String::as_str)
        .filter(|s| !seen.contains(s))
        .collect();
    assert_eq!(rest, ["500", "503"]);
    stop.send_replace(true);
    serving.await.expect("no panic").expect("a good end");
}
