//! A database that fails for a while: nothing that was to be noticed is lost, and nothing is noticed that did not happen.

use super::*;

/// Changes the schema under the running server.
fn sql(server: &TestServer, text: &str) {
    let path = server.data().join("flowlatch.db");
    let file = rusqlite::Connection::open(path).expect("a database");
    file.execute_batch(text).expect("it does");
}

/// A key that is used from a second address comes after all that was to be noticed before.
async fn only_a_mark_is_noticed(server: &TestServer) {
    let (id, mark) = key(server, "mark", json!({})).await;
    ask_from(&mark, "198.51.100.1").await;
    ask_from(&mark, "198.51.100.2").await;
    let found = until(server, 1).await;
    let expected = (
        "new_address".to_owned(),
        Some(id),
        Some("198.51.100.2".to_owned()),
    );
    assert_eq!(found, [expected]);
}

#[tokio::test]
async fn requests_whose_count_could_not_be_written_are_no_burst_when_it_can() {
    let server = server().await;
    let (_, steady) = key(&server, "steady", json!({})).await;
    server.clock.advance_ms(25 * 3_600_000);
    sql(
        &server,
        "CREATE TRIGGER full BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
    for _ in 0..3 {
        for _ in 0..60 {
            steady.get(SELF).await;
        }
        // What was counted is to be written, and is not.
        server.admin().get(USAGE).await;
        server.clock.advance_ms(60_000);
    }
    sql(&server, "DROP TRIGGER full");
    for _ in 0..10 {
        server.clock.advance_ms(30_000);
        server.admin().get(USAGE).await;
    }
    let used = "SELECT sum(read_requests) FROM usage u JOIN api_key k ON k.id = u.account WHERE k.name = 'steady'";
    let path = server.data().join("flowlatch.db");
    let file = rusqlite::Connection::open(path).expect("a database");
    let used: i64 = file
        .query_row(used, [], |row| row.get(0))
        .expect("a number");
    assert_eq!(used, 180, "all is counted");
    only_a_mark_is_noticed(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn addresses_that_could_not_be_compared_are_when_they_can() {
    let server = server().await;
    let (id, client) = key(&server, "stray", json!({})).await;
    sql(&server, "ALTER TABLE key_network RENAME TO gone");
    ask_from(&client, "203.0.113.1").await;
    ask_from(&client, "203.0.113.2").await;
    for _ in 0..10 {
        server.clock.advance_ms(5_000);
        server.admin().get(USAGE).await;
    }
    assert!(alerts(&server).await.is_empty());
    sql(&server, "ALTER TABLE gone RENAME TO key_network");
    let found = until(&server, 1).await;
    let expected = (
        "new_address".to_owned(),
        Some(id),
        Some("203.0.113.2".to_owned()),
    );
    assert_eq!(found, [expected]);
    server.stop().await;
}
