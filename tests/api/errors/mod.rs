//! Bad input, on every route: each answer in the door's envelope with a sentence that says what is wrong, each with a request
//! id, none with anything of the server's inside, and nothing written.

mod bodies;
mod key_routes;
mod paths;
mod routes;
mod run_routes;
mod workflow_routes;

use crate::raw::RawAnswer;
use crate::support::{Answer, TestServer};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every header that an answer may have.
const HEADERS: [&str; 13] = [
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "retry-after",
    "www-authenticate",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
];

/// What would tell a stranger how the server is built.
const INTERNALS: [&str; 12] = [
    "sqlite",
    "SQLite",
    "serde",
    "hyper",
    "warp",
    "rust",
    "src/",
    ".rs:",
    "panicked",
    "RowId",
    "Some(",
    env!("CARGO_PKG_VERSION"),
];

/// Answers that were looked at, so that no request id comes twice.
#[derive(Default)]
struct Inspector {
    request_ids: BTreeSet<String>,
}

impl Inspector {
    /// What holds for every refusal. Gives status and body on one line.
    fn refusal(&mut self, status: u16, headers: &[(String, String)], body: &str) -> String {
        assert!((400..500).contains(&status), "{status} {body}");
        self.headers(headers);
        let answer: Value =
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        for word in INTERNALS {
            assert!(!body.contains(word), "{word}: {body}");
        }
        // Flowise's words: the status once more, and a message.
        if let Some(told) = answer["statusCode"].as_u64() {
            assert_eq!(
                (told, &answer["success"]),
                (status.into(), &json!(false)),
                "{body}"
            );
            let message = answer["message"].as_str().unwrap_or_default();
            assert!(message.len() > 8 && answer["stack"] == json!({}), "{body}");
            return format!("{status} {message}");
        }
        // Wireflow's words: a sentence, and beside it a word in lower case where there is one.
        if let Some(sentence) = answer["error"].as_str() {
            assert!(
                sentence.len() > 8 && answer.get("success").is_none(),
                "{body}"
            );
            let code = answer["code"].as_str().unwrap_or_default();
            assert_eq!(code, code.to_lowercase(), "{body}");
            return format!("{status} {answer}");
        }
        assert_eq!(answer["success"], json!(false), "{body}");
        assert_eq!(
            answer.as_object().map(serde_json::Map::len),
            Some(2),
            "{body}"
        );
        let error = &answer["error"];
        let code = error["code"].as_str().unwrap_or_default();
        assert!(!code.is_empty() && code == code.to_uppercase(), "{body}");
        assert!(
            error["message"].as_str().is_some_and(|text| text.len() > 9),
            "{body}"
        );
        format!("{status} {error}")
    }

    /// What holds for the head of every answer.
    fn headers(&mut self, headers: &[(String, String)]) {
        let mut seen = BTreeSet::new();
        for (name, value) in headers {
            assert!(HEADERS.contains(&name.as_str()), "{name}: {value}");
            assert!(seen.insert(name), "{name} comes twice");
        }
        let id = headers.iter().find(|(name, _)| name == "x-request-id");
        let id = id.map(|(_, value)| value.clone()).expect("a request id");
        assert!(self.request_ids.insert(id.clone()), "{id} comes twice");
    }

    fn answer(&mut self, answer: &Answer) -> String {
        let headers: Vec<(String, String)> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
            .collect();
        self.refusal(answer.status.as_u16(), &headers, &answer.text)
    }

    fn raw(&mut self, answer: &RawAnswer) -> String {
        self.refusal(answer.status, &answer.headers, &answer.body)
    }
}

/// Everything that a request could have written.
async fn state(server: &TestServer) -> Vec<Value> {
    let mut state = Vec::new();
    for path in [
        "/api/v1/workflows",
        "/api/v1/workflows?status=archived",
        "/api/v1/runs",
        "/api/v1/auth/api-keys",
        "/api/v1/audit?result=ok",
    ] {
        let mut list = server.admin().get(path).await.data();
        for item in list.as_array_mut().expect("a list") {
            item["lastUsedAt"] = Value::Null;
        }
        state.push(list);
    }
    state
}
