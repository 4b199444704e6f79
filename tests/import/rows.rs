//! Rows that are not what they should be: each is left out with a reason, and stops no other.

use crate::flowise::{Flowise, Key, reply};
use crate::house::{House, ask, counts, reasons};
use reqwest::StatusCode;
use serde_json::{Value, json};

const GOOD: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
const FLOW: &str = "11111111-7c3e-4d11-9a40-5be1c2d3e4f5";

/// What becomes of a good row and one that `spoil` adds: counts, and the reasons of those that were left out.
fn spoilt(of: &str, spoil: impl FnOnce(&Flowise)) -> ([u64; 4], Vec<String>) {
    let house = House::new(|flowise| {
        flowise.key(GOOD, "good", &[]);
        flowise.flow(FLOW, "Good", "AGENTFLOW", &reply("x"), &[]);
        flowise.message("m0000001", FLOW, "userMessage", "hi", "s", 1);
        spoil(flowise);
    });
    let report = house.report(&[]);
    (counts(&report, of), reasons(&report, of, "skipped"))
}

fn other(number: u32) -> String {
    format!("{number:08}-bbbb-4d11-9a40-5be1c2d3e4f5")
}

#[test]
fn keys_that_cannot_be_keys_are_left_out() {
    type Spoil = fn(&Flowise);
    let cases: [(Spoil, &str); 10] = [
        (
            |flowise| flowise.key(Key(&other(1), "too-short"), "n", &[]),
            "its text has 9 characters; those of 20 to 200",
        ),
        (
            |flowise| flowise.key(Key(&other(1), &"k".repeat(201)), "n", &[]),
            "its text has 201 characters",
        ),
        (
            |flowise| flowise.key(Key(&other(1), "with white space in its middle"), "n", &[]),
            "white space",
        ),
        (
            |flowise| flowise.key(Key(&other(1), &format!("wfk_{}", "0".repeat(32))), "n", &[]),
            "wrong checksum",
        ),
        (
            |flowise| flowise.key(Key("control", &"k".repeat(43)), "n", &[]),
            "`id` is shorter",
        ),
        (
            |flowise| flowise.key(Key("an id with spaces in it", &"k".repeat(43)), "n", &[]),
            "is not an id",
        ),
        (
            |flowise| {
                flowise.key(Key(&other(1), &"k".repeat(43)), "n", &[]);
                flowise.run("UPDATE apikey SET permissions = 'all' WHERE keyName = 'n'");
            },
            "`permissions` is no list",
        ),
        (
            |flowise| {
                flowise.key(Key(&other(1), &"k".repeat(43)), "n", &[]);
                flowise.run("UPDATE apikey SET updatedDate = 'soon' WHERE keyName = 'n'");
            },
            "`updatedDate` is `soon`",
        ),
        (
            |flowise| {
                flowise.key(Key(&other(1), &"k".repeat(43)), "n", &[]);
                flowise.run("UPDATE apikey SET apiKey = x'00ff' WHERE keyName = 'n'");
            },
            "`apiKey` is no text",
        ),
        (
            |flowise| {
                flowise.key(Key(&other(1), &"k".repeat(43)), "n", &[]);
                flowise
                    .run("UPDATE apikey SET keyName = hex(zeroblob(600000)) WHERE keyName = 'n'");
            },
            "it has more than 1048576 bytes",
        ),
    ];
    for (spoil, part) in cases {
        let (counts, reasons) = spoilt("keys", spoil);
        assert_eq!(counts, [1, 0, 0, 1], "{part}: {reasons:?}");
        assert!(reasons[0].contains(part), "{part}: {reasons:?}");
    }
}

#[tokio::test]
async fn of_two_keys_with_one_text_the_first_stands_for_both() {
    let house = House::new(|flowise| {
        flowise.key(GOOD, "first", &["chatflows:view"]);
        flowise.key(Key(&other(1), GOOD.1), "second", &["chatflows:delete"]);
        flowise.flow(
            FLOW,
            "Bound",
            "AGENTFLOW",
            &reply("x"),
            &[("apikeyid", &other(1))],
        );
    });
    let report = house.report(&[]);
    assert_eq!(counts(&report, "keys"), [1, 0, 0, 1], "{report}");
    let told = reasons(&report, "keys", "skipped");
    assert!(
        told[0].contains(&format!("is that of the key {}", GOOD.0)),
        "{told:?}"
    );
    // The same against what is stored.
    let report = house.report(&[]);
    assert_eq!(counts(&report, "keys"), [0, 1, 0, 1], "{report}");
    assert_eq!(counts(&report, "flows"), [0, 1, 0, 0], "{report}");
    let server = house.serve().await;
    let answer = ask(&server, FLOW, Some(GOOD.1)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    server.stop().await;
}

#[test]
fn a_text_that_begins_like_another_keys_is_no_second_key() {
    let alike = format!("{}{}", &GOOD.1[..8], "z".repeat(35));
    let (counts, reasons) = spoilt("keys", |flowise| {
        flowise.key(Key(&other(1), &alike), "n", &[])
    });
    assert_eq!(counts, [1, 0, 0, 1]);
    assert!(reasons[0].contains("public part"), "{reasons:?}");
}

#[test]
fn an_id_that_stands_twice_is_brought_once() {
    let house = House::new(|flowise| {
        // As no migration of Flowise's would leave it.
        for table in ["apikey", "chat_flow"] {
            flowise.run(&format!("CREATE TABLE copy AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE copy RENAME TO {table}"));
        }
        flowise.key(GOOD, "one", &[]);
        flowise.key(Key(GOOD.0, &"k".repeat(43)), "two", &[]);
        flowise.flow(FLOW, "one", "AGENTFLOW", &reply("x"), &[]);
        flowise.flow(FLOW, "two", "AGENTFLOW", &reply("y"), &[]);
    });
    for more in [&["--dry-run"][..], &[]] {
        let report = house.report(more);
        for of in ["keys", "flows"] {
            assert_eq!(counts(&report, of), [1, 0, 0, 1], "{report}");
            assert_eq!(
                reasons(&report, of, "skipped"),
                ["its id stands twice in the table"]
            );
        }
    }
}

#[test]
fn flows_that_are_not_what_they_should_be_are_left_out() {
    let deep = format!("{{\"nodes\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let long = "x".repeat(2 << 20);
    let cases = [
        ("flowData", "no JSON", "it is not JSON"),
        ("flowData", "{}", "it has no `nodes`"),
        ("flowData", deep.as_str(), "not JSON"),
        ("flowData", long.as_str(), "at most 1048576 are allowed"),
        ("id", "a/b", "is not an id"),
        ("isPublic", "perhaps", "`isPublic` is `perhaps`"),
        ("apikeyid", "no id", "`apikeyid`"),
        ("chatbotConfig", "[]", "`chatbotConfig` is no object"),
        ("apiConfig", "{", "`apiConfig` is no object"),
        ("createdDate", "never", "`createdDate` is `never`"),
    ];
    for (column, value, part) in cases {
        let (counts, reasons) = spoilt("flows", |flowise| {
            flowise.flow(
                &other(1),
                "Spoilt",
                "AGENTFLOW",
                &reply("x"),
                &[(column, value)],
            );
        });
        assert_eq!(counts, [1, 0, 0, 1], "{column} {part}: {reasons:?}");
        assert!(reasons[0].contains(part), "{column} {part}: {reasons:?}");
    }
    let (counts, reasons) = spoilt("flows", |flowise| {
        flowise.flow(&other(1), "Long", "AGENTFLOW", &Value::Null, &[]);
        flowise.run("UPDATE chat_flow SET flowData = hex(zeroblob(9000000)) WHERE name = 'Long'");
    });
    assert_eq!(counts, [1, 0, 0, 1], "{reasons:?}");
    assert_eq!(reasons, ["it has more than 16777216 bytes"]);
}

#[test]
fn messages_that_are_not_what_they_should_be_are_told_by_their_mistakes() {
    let cases = [
        ("role = 'system'", "`role` is `system`"),
        ("chatType = 'X'", "`chatType` is `X`"),
        ("usedTools = '{'", "`usedTools` is no JSON"),
        (
            "chatId = '', sessionId = NULL",
            "it belongs to no conversation",
        ),
        ("createdDate = ''", "`createdDate`"),
        ("content = x'ff'", "`content` is no text"),
        (
            "content = hex(zeroblob(600000))",
            "it has more than 1048576 bytes",
        ),
        ("chatflowid = 'gone'", "their flow is not here"),
    ];
    for (change, part) in cases {
        let (counts, reasons) = spoilt("messages", |flowise| {
            for id in ["m0000002", "m0000003"] {
                flowise.message(id, FLOW, "userMessage", "hi", "s", 2);
            }
            flowise.run(&format!(
                "UPDATE chat_message SET {change} WHERE id <> 'm0000001'"
            ));
        });
        assert_eq!(counts, [1, 0, 0, 2], "{part}: {reasons:?}");
        assert!(
            reasons.len() == 1 && reasons[0].contains(part),
            "{part}: {reasons:?}"
        );
    }
}

#[test]
fn a_workflow_of_another_kind_keeps_its_id() {
    let house = House::new(|flowise| flowise.flow(FLOW, "Theirs", "AGENTFLOW", &reply("x"), &[]));
    let file = house.root.path().join("w.json");
    let steps = json!([{ "id": "s", "type": "transform", "config": { "sourceData": 1 } }]);
    let body = json!({ "name": "Ours", "trigger": { "type": "api" }, "steps": steps });
    std::fs::write(&file, body.to_string()).expect("written");
    let done = house.command(&["workflows", "apply", file.to_str().expect("UTF-8")]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let database = rusqlite::Connection::open(house.data.join("flowlatch.db")).expect("a database");
    database
        .execute("UPDATE workflow SET id = ?1", [FLOW])
        .expect("one workflow");
    drop(database);
    let report = house.report(&[]);
    assert_eq!(
        reasons(&report, "flows", "skipped"),
        ["a workflow of another kind has its id here"]
    );
}
