//! Keys: their clients go on with the texts that they have, whatever form those are of.

use crate::cli::{self, Ended, Server};
use crate::flowise::{Flowise, Key, reply};
use crate::house::{House, ask, counts};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::Read as _;

/// As Flowise makes them: 32 bytes in base64url.
const PRESENT: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
/// As it made them before: in base64, with `=`.
const OLDER: Key<'_> = Key(
    "1c2f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "x+Zt3/kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE0=",
);
/// As somebody has put them in, with an id of the time when keys stood in a file; the two begin alike.
const ODD: Key<'_> = Key(
    "2c9f0d6b7a8e4f1d9c3b5a7e6f8d0c1b",
    "company-chatbot-key:one!",
);
const OTHER_ODD: Key<'_> = Key(
    "3c9f0d6b7a8e4f1d9c3b5a7e6f8d0c1b",
    "company-chatbot-key:two!",
);
const ALL: [Key<'_>; 4] = [PRESENT, OLDER, ODD, OTHER_ODD];

const OPEN: &str = "11111111-7c3e-4d11-9a40-5be1c2d3e4f5";
const BOUND: &str = "22222222-7c3e-4d11-9a40-5be1c2d3e4f5";

fn fill(flowise: &Flowise) {
    flowise.key(
        PRESENT,
        "present",
        &["chatflows:view", "apikeys:view", "admin", "tools:view"],
    );
    flowise.key(OLDER, "older", &[]);
    flowise.key(ODD, "odd", &["chatflows:update"]);
    flowise.key(OTHER_ODD, "other odd", &[]);
    flowise.run("UPDATE apikey SET workspaceId = 'w'");
    flowise.flow(OPEN, "Open", "AGENTFLOW", &reply("open: {{question}}"), &[]);
    flowise.flow(
        BOUND,
        "Bound",
        "AGENTFLOW",
        &reply("bound"),
        &[("apikeyid", ODD.0)],
    );
}

/// A stopped folder into which all was brought.
fn brought() -> House {
    let house = House::new(fill);
    let report = house.report(&[]);
    assert_eq!(counts(&report, "keys"), [4, 0, 0, 0], "{report}");
    assert_eq!(counts(&report, "flows"), [2, 0, 0, 0], "{report}");
    assert_eq!(
        report["droppedPermissions"],
        json!({ "admin": 1, "tools:view": 1 })
    );
    assert_eq!(report["closedFlows"], 1);
    house
}

async fn status(server: &TestServer, method: &str, path: &str, key: &str) -> u16 {
    let client = server.client(Some(key.to_owned())).bearer();
    let method: Method = method.parse().expect("a method");
    let path = format!("/flowise/api/v1{path}");
    let answer = client.send(method, &path, Value::Null).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn every_form_of_text_opens_what_it_opened_as_a_bearer_and_in_the_query() {
    let house = brought();
    let server = house.serve().await;
    for Key(_, text) in ALL {
        for _ in 0..2 {
            let answer = ask(&server, OPEN, Some(text)).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            assert_eq!(answer.json()["text"], "open: Hello");
        }
        let in_query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let path = format!("/api/v1/prediction/{OPEN}?apikey={in_query}");
        let anonymous = server.anonymous();
        let answer = anonymous.post(&path, json!({ "question": "Hello" })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_text_that_is_only_like_one_opens_nothing() {
    let house = brought();
    let server = house.serve().await;
    let none = ask(&server, OPEN, None).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    for Key(_, text) in ALL {
        let last = text.chars().last().expect("not empty");
        let cut = &text[..text.len() - last.len_utf8()];
        for other in [
            cut.to_owned(),
            format!("{cut}#"),
            format!("{text}x"),
            text.to_uppercase(),
        ] {
            let answer = ask(&server, OPEN, Some(&other)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{other}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_bound_flow_is_asked_with_its_key_and_no_other() {
    let house = brought();
    let server = house.serve().await;
    for Key(id, text) in ALL {
        let answer = ask(&server, BOUND, Some(text)).await;
        let expected = if id == ODD.0 { 200 } else { 401 };
        assert_eq!(answer.status.as_u16(), expected, "{id}: {}", answer.text);
    }
    assert_eq!(
        ask(&server, BOUND, None).await.status,
        StatusCode::UNAUTHORIZED
    );
    let in_path: String = url::form_urlencoded::byte_serialize(ODD.1.as_bytes()).collect();
    let flows = server.anonymous();
    let flows = flows
        .get(&format!("/api/v1/chatflows/apikey/{in_path}"))
        .await;
    assert_eq!(flows.status, StatusCode::OK, "{}", flows.text);
    assert_eq!(flows.json()[0]["id"], BOUND);
    assert_eq!(flows.json().as_array().expect("a list").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn permissions_are_those_of_the_row_and_none_of_another_vocabulary() {
    let house = brought();
    let server = house.serve().await;
    let cases = [
        (PRESENT, "GET", "/chatflows", 200),
        (PRESENT, "GET", "/apikey", 200),
        (PRESENT, "GET", "/variables", 403),
        (
            PRESENT,
            "DELETE",
            "/chatflows/22222222-7c3e-4d11-9a40-5be1c2d3e4f5",
            403,
        ),
        (OLDER, "GET", "/chatflows", 403),
        (OLDER, "GET", "/apikey", 403),
        (ODD, "GET", "/chatflows", 200),
        (ODD, "GET", "/apikey", 403),
    ];
    for (Key(id, text), method, path, expected) in cases {
        assert_eq!(
            status(&server, method, path, text).await,
            expected,
            "{id} {method} {path}"
        );
    }
    // A row of Flowise's may say `admin`; that makes no owner of this server.
    let native = server.client(Some(PRESENT.1.to_owned()));
    for path in [
        "/native/api/v1/workflows",
        "/native/api/v1/audit",
        "/native/api/v1/retention",
    ] {
        let answer = native.get(path).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{path}: {}",
            answer.text
        );
    }
    server.stop().await;
}

/// Of a list or a key of the command line: the id, the public part, the status.
fn shown(key: &Value) -> (String, String, String) {
    let field = |name: &str| key[name].as_str().expect(name).to_owned();
    (field("id"), field("keyPrefix"), field("status"))
}

#[test]
fn keys_are_listed_like_others_and_only_what_is_public_of_them() {
    let house = brought();
    let listed = house.command(&["keys", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let listed = listed.as_array().expect("a list");
    let listed: Vec<_> = listed.iter().map(shown).collect();
    assert_eq!(listed.len(), ALL.len());
    for Key(id, text) in ALL {
        let (_, prefix, status) = listed.iter().find(|key| key.0 == id).expect("it is there");
        assert_eq!(status, "active");
        // A part of the text is public in one form only.
        assert_eq!(
            text.starts_with(prefix.as_str()),
            id == PRESENT.0,
            "{prefix}"
        );
        assert_eq!(prefix.starts_with('~'), id != PRESENT.0, "{prefix}");
    }
}

#[tokio::test]
async fn a_key_is_disabled_and_enabled_like_others() {
    let house = brought();
    // Who disables a key holds as much as it does.
    let manager = house.new_key("keys:write,keys:read,predictions:create");
    let server = house.serve().await;
    let manager = server.client(Some(manager));
    let path = format!("/native/api/v1/auth/api-keys/{}", OLDER.0);
    for (is_disabled, status) in [(true, 401), (false, 200)] {
        let body = json!({ "disabled": is_disabled });
        let switched = manager.send(Method::PATCH, &path, body).await;
        assert_eq!(switched.status, StatusCode::OK, "{}", switched.text);
        let answer = ask(&server, OPEN, Some(OLDER.1)).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        if is_disabled {
            assert_eq!(answer.json()["reason"], "disabled");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_or_revoked_key_stays_so_whatever_is_imported_again() {
    let house = brought();
    let words = ["keys", "rotate", ODD.0, "--grace", "0s", "--json"];
    let rotated = house.command(&words);
    let rotated: Value = serde_json::from_str(&rotated.stdout).expect(&rotated.stderr);
    let successor = rotated["key"].as_str().expect("a text").to_owned();
    assert_eq!(successor.len(), 43);
    let server = house.serve().await;
    for (text, status) in [(ODD.1, 200), (&successor, 200), (ODD.1, 401)] {
        let answer = ask(&server, BOUND, Some(text)).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
    server.stop().await;
    let revoked = house.command(&["keys", "revoke", OTHER_ODD.0]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    let report = house.report(&[]);
    assert_eq!(counts(&report, "keys"), [0, 4, 0, 0], "{report}");
    let server = house.serve().await;
    for Key(_, text) in [ODD, OTHER_ODD] {
        let answer = ask(&server, OPEN, Some(text)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    server.stop().await;
}

#[test]
fn both_of_flowises_own_forms_are_known_offline() {
    let house = House::new(|_| {});
    for (Key(_, text), code) in [(PRESENT, 0), (OLDER, 0), (ODD, 1)] {
        let done = house.command(&["keys", "check", text]);
        assert_eq!(done.code, code, "{}{}", done.stdout, done.stderr);
    }
}

/// Asks with every key, as a bearer, in the query and in the path; the server is the built binary, and logs all it can.
fn used(house: &House) -> Ended {
    let mut command = house.binary(&["serve", "--port", "0", "--json-ready"]);
    command.env("RUST_LOG", "trace");
    let server = Server::start(command);
    let body = json!({ "question": "Hello" }).to_string();
    let prediction = format!("/api/v1/prediction/{OPEN}");
    for Key(_, text) in ALL {
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let bearer = format!("Bearer {text}");
        let in_query = format!("{prediction}?apikey={encoded}");
        let in_path = format!("/api/v1/verify/apikey/{encoded}");
        for (method, path, authorization) in [
            ("POST", &prediction, Some(bearer.as_str())),
            ("POST", &in_query, None),
            ("GET", &in_path, None),
        ] {
            let mut headers = vec![
                ("connection", "close"),
                ("content-type", "application/json"),
            ];
            headers.extend(authorization.map(|text| ("authorization", text)));
            let sent = if method == "POST" { body.as_str() } else { "" };
            let mut answer = String::new();
            let mut stream = cli::open(&server.url, method, path, &headers, sent);
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200"), "{method} {answer}");
        }
    }
    // While the server runs, so that what is in the write-ahead log is looked at too.
    let files = house.files();
    assert!(
        files
            .iter()
            .any(|(name, content)| name.ends_with("-wal") && !content.is_empty())
    );
    no_text_in(&files);
    server.stop()
}

fn no_text_in(places: &[(String, Vec<u8>)]) {
    for Key(_, text) in ALL {
        // Eight characters of Flowise's present form are public.
        let secret = &text.as_bytes()[8..];
        for (name, content) in places {
            let is_there = content.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "a text stands in {name}");
        }
    }
}

#[test]
fn no_text_of_a_key_stands_in_a_file_a_log_or_a_report() {
    let house = House::new(fill);
    let imports = [&["--dry-run"][..], &[], &["--json"]].map(|more| house.import(more));
    let served = used(&house);
    let mut places = house.files();
    assert!(served.stderr.contains("listening on"), "{}", served.stderr);
    places.push(("the log".to_owned(), served.stderr.into_bytes()));
    for done in imports {
        places.push(("a report".to_owned(), done.stdout.into_bytes()));
        places.push(("an error".to_owned(), done.stderr.into_bytes()));
    }
    no_text_in(&places);
}
