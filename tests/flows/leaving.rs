//! Who leaves while a flow answers. The clock stands still, so that no heartbeat tells: only the connection can.

use crate::door::{Door, sent};
use crate::model::Say;
use crate::support::MONDAY_MS;
use crate::wire::{Wire, post_head};
use flowlatch::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

/// A question on a connection of its own, which its model holds.
struct Waiting {
    door: Door,
    flow: String,
    wire: Wire,
}

impl Waiting {
    async fn begin(streaming: bool) -> Waiting {
        let door = Door::open_at(Clock::manual(MONDAY_MS)).await;
        let flow = door.talk(json!({})).await;
        door.model.says(Say::Hold("on"));
        let mut wire = Wire::to(door.server.address()).await;
        let body = json!({ "question": "q", "chatId": "c", "streaming": streaming }).to_string();
        let key = format!("authorization: Bearer {}\r\n", door.server.admin_key);
        let path = format!("/api/v1/prediction/{flow}");
        wire.send(&(post_head(&path, None, body.len(), &key) + &body))
            .await;
        door.model.until_called(1).await;
        Waiting { door, flow, wire }
    }

    /// The run was cancelled, its journal says by whose leaving, and what was asked is kept.
    async fn is_recorded(door: &Door, flow: &str) {
        let admin = door.server.admin();
        let runs = admin.get(&format!("/api/v1/runs?workflowId={flow}")).await;
        let run = runs.data()[0]["id"].as_str().expect("a run").to_owned();
        // They end with the run.
        let events = admin.get(&format!("/api/v1/runs/{run}/events")).await;
        assert!(events.text.contains("caller gone"), "{}", events.text);
        let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
        assert_eq!(run["status"], "cancelled", "{run}");
        let path = format!("/api/v1/chatmessage/{flow}");
        let mut messages = json!([]);
        // They are kept beside the run's end: a look-up or two later.
        for _ in 0..90 {
            messages = sent(door.keyed(Method::GET, &path)).await.json();
            if messages != json!([]) {
                break;
            }
        }
        let said: Vec<_> = messages
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| (message["role"].clone(), message["content"].clone()))
            .collect();
        assert_eq!(said, [(json!("userMessage"), json!("q"))]);
    }
}

#[tokio::test]
async fn who_closes_the_connection_takes_the_run_and_the_models_call_with_them() {
    for streaming in [true, false] {
        let Waiting { door, flow, wire } = Waiting::begin(streaming).await;
        drop(wire);
        door.model.until_dropped(1).await;
        Waiting::is_recorded(&door, &flow).await;
        door.server.stop().await;
    }
}

#[tokio::test]
async fn who_sends_no_more_is_told_that_the_run_was_cancelled() {
    for streaming in [true, false] {
        let Waiting {
            door,
            flow,
            mut wire,
        } = Waiting::begin(streaming).await;
        wire.stream.shutdown().await.expect("half of it closed");
        door.model.until_dropped(1).await;
        let answer = wire.next_answer().await.expect("an answer");
        let cancelled = "Error: predictionsServices.buildChatflow - Flow execution was cancelled";
        if streaming {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(wire.find(cancelled.as_bytes()).await.is_some());
            assert!(wire.find(b"[DONE]").await.is_some());
        } else {
            assert_eq!(answer.status, 500, "{answer:?}");
            let body: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(body["message"], cancelled);
        }
        Waiting::is_recorded(&door, &flow).await;
        door.server.stop().await;
    }
}

/// The look at the connection takes a byte of what comes next, and must give it back.
#[tokio::test]
async fn a_further_request_is_no_leaving_and_is_answered_whole() {
    let Waiting {
        door,
        flow,
        mut wire,
    } = Waiting::begin(false).await;
    wire.send("GET /api/v1/ping HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let abort = format!("/api/v1/chatmessage/abort/{flow}/c");
    sent(door.keyed(Method::PUT, &abort)).await;
    let cancelled = wire.next_answer().await.expect("an answer");
    assert_eq!(cancelled.status, 500, "{cancelled:?}");
    let next = wire.next_answer().await.expect("an answer");
    assert_eq!((next.status, next.body.as_str()), (200, "pong"), "{next:?}");
    assert!(wire.is_served().await, "the connection goes on");
    door.server.stop().await;
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_has_heartbeats() {
    let Waiting { door, mut wire, .. } = Waiting::begin(true).await;
    assert!(wire.find(b"\"token\"").await.is_some());
    let time_passes = async {
        loop {
            door.server.clock.advance_ms(2_000);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        found = wire.find(b":heartbeat\n\n") => assert!(found.is_some()),
        () = time_passes => {}
    }
    door.server.stop().await;
}
