//! A handler that panics: one 500 with its request id, and nobody else is harmed.

use crate::bare::{BareServer, open};
use crate::wire::Wire;

#[tokio::test]
async fn a_panic_is_its_own_500_and_harms_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let panics = open("/api/v1/panics", || {
        panic!("this is what the test is about")
    });
    let server = BareServer::start(&folder.path().join("db"), vec![panics], None).await;
    let address = server.address;
    let mut other = Wire::to(address).await;
    assert!(other.is_served().await);
    let mut wire = Wire::to(address).await;
    wire.send("GET /api/v1/panics HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let answer = wire.next_answer().await.expect("an answer");
    assert_eq!(answer.status, 500, "{answer:?}");
    let id = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "))
        .expect("an id");
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["error"]["code"], "INTERNAL_ERROR");
    assert_eq!(body["error"]["requestId"], id);
    assert!(
        !answer.body.contains("what the test is about"),
        "{answer:?}"
    );
    // Its own connection, one that was open, and a new one.
    assert!(wire.is_served().await);
    assert!(other.is_served().await);
    assert!(Wire::to(address).await.is_served().await);
    server.stop().await;
}
