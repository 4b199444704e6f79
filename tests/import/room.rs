//! More messages than a flow keeps: the newest are brought, and the report counts the others.

use crate::flowise::{Key, reply};
use crate::house::{House, counts, reasons};
use serde_json::Value;

const KEY: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
const FULL: &str = "11111111-7c3e-4d11-9a40-5be1c2d3e4f5";
const OTHER: &str = "22222222-7c3e-4d11-9a40-5be1c2d3e4f5";

/// Two flows, so many messages in the first one, and this in the settings of the server.
fn house(messages: u32, settings: &str) -> House {
    let house = House::new(|flowise| {
        flowise.key(KEY, "site", &["executions:view"]);
        for (id, name) in [(FULL, "Full"), (OTHER, "Other")] {
            flowise.flow(id, name, "AGENTFLOW", &reply("x"), &[]);
        }
        flowise.message("o0000001", OTHER, "userMessage", "other", "s", 0);
        for number in 1..=messages {
            let id = format!("m{number:07}");
            flowise.message(&id, FULL, "userMessage", &number.to_string(), "s", number);
            flowise.feedback(&format!("f{number:07}"), FULL, &id, "s", "THUMBS_UP");
        }
    });
    std::fs::create_dir(&house.data).expect("a folder");
    std::fs::write(house.data.join("flowlatch.toml"), settings).expect("written");
    house
}

/// What is listed of the first flow, oldest first.
async fn kept(house: &House) -> Vec<String> {
    let server = house.serve().await;
    let client = server.client(Some(KEY.1.to_owned())).bearer();
    let list = client.get(&format!("/api/v1/chatmessage/{FULL}")).await;
    let list = list.json();
    server.stop().await;
    let contents = list.as_array().expect("a list").iter();
    contents
        .map(|one| one["content"].as_str().expect("a text").to_owned())
        .collect()
}

#[tokio::test]
async fn of_more_messages_than_a_flow_keeps_the_newest_are_brought() {
    let house = house(7, "max_chat_messages = 5\n");
    let left_out = |report: &Value| reasons(report, "messages", "skipped");
    let reason = "they are older than the newest ones that a flow keeps, 5 with 268435456 bytes at most (settings `max_chat_messages` and `max_chat_bytes`)";
    for more in [&["--dry-run"][..], &[]] {
        let report = house.report(more);
        assert_eq!(counts(&report, "messages"), [6, 0, 0, 2], "{report}");
        assert_eq!(left_out(&report), [reason]);
        assert_eq!(counts(&report, "feedback"), [5, 0, 0, 2], "{report}");
    }
    // The same again brings and removes nothing.
    let report = house.report(&[]);
    assert_eq!(counts(&report, "messages"), [0, 6, 0, 2], "{report}");
    assert_eq!(left_out(&report), [reason]);
    assert_eq!(kept(&house).await, ["3", "4", "5", "6", "7"]);

    // What was said in Flowise since has no room beside what is here.
    house
        .flowise()
        .message("m0000008", FULL, "userMessage", "8", "s", 8);
    let report = house.report(&[]);
    assert_eq!(counts(&report, "messages"), [0, 6, 0, 3], "{report}");
    assert_eq!(kept(&house).await, ["3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn of_messages_that_are_too_large_together_the_newest_are_brought() {
    let house = house(20, "max_chat_bytes = 16777216\n");
    // The third one from the end does not fit, so that no older one comes, however small.
    house.flowise().run(
        "UPDATE chat_message SET content = replace(hex(zeroblob(500000)), '0', 'x') WHERE id LIKE 'm%';
         UPDATE chat_message SET content = 'small' WHERE id = 'm0000001'",
    );
    for (more, brought) in [(&["--dry-run"][..], 17), (&[], 17)] {
        let report = house.report(more);
        assert_eq!(counts(&report, "messages"), [brought, 0, 0, 4], "{report}");
    }
    let report = house.report(&[]);
    assert_eq!(counts(&report, "messages"), [0, 17, 0, 4], "{report}");
    let kept = kept(&house).await;
    assert!(kept.len() == 16 && kept.iter().all(|content| content.len() == 1_000_000));
}
