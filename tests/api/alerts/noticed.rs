//! What is noticed: each rule where it fires, and just below it where it does not.

use super::*;

fn new_address(key: &str, address: &str) -> (String, Option<String>, Option<String>) {
    (
        "new_address".to_owned(),
        Some(key.to_owned()),
        Some(address.to_owned()),
    )
}

fn of_key(kind: &str, key: &str) -> (String, Option<String>, Option<String>) {
    (kind.to_owned(), Some(key.to_owned()), None)
}

#[tokio::test]
async fn a_key_from_a_new_address_is_noticed_once_and_its_first_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(folder.path(), clock.clone(), configure).await;
    let (first, client) = key(&server, "first", json!({})).await;
    let (second, other) = key(&server, "second", json!({})).await;
    let text = client.key.clone();
    let admin_key = server.admin_key.clone();
    // Within one second: none is lost among the others.
    for address in [
        "203.0.113.1",
        "203.0.113.1",
        "203.0.113.2",
        "203.0.113.1",
        "2001:db8::1",
        "2001:db8::2",
    ] {
        assert_eq!(ask_from(&client, address).await, 200);
    }
    ask_from(&other, "203.0.113.2").await;
    let expected = [
        new_address(&first, "203.0.113.2"),
        new_address(&first, "2001:db8::/64"),
    ];
    assert_eq!(until(&server, 2).await, expected);
    server.stop().await;

    let mut server = TestServer::open(folder.path(), clock, configure).await;
    server.admin_key = admin_key;
    let client = server.client(text);
    for address in ["203.0.113.2", "2001:db8::3", "203.0.113.1", "203.0.113.3"] {
        ask_from(&client, address).await;
    }
    // The second key's turn, so that all that was asked before it is looked at.
    let found = until(&server, 3).await;
    assert_eq!(found[2], new_address(&first, "203.0.113.3"));
    let other = server.client(other.key.clone());
    ask_from(&client, "203.0.113.3").await;
    ask_from(&other, "203.0.113.9").await;
    let found = until(&server, 4).await;
    assert_eq!(found[3], new_address(&second, "203.0.113.9"));
    assert_eq!(found.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn many_refusals_of_a_key_or_a_network_are_noticed_and_one_fewer_is_not() {
    let server = server().await;
    let (_, nearly) = key(&server, "nearly", json!({})).await;
    let (many, often) = key(&server, "many", json!({})).await;
    let nobody = server.client(Some("wfk_0123456789".to_owned()));
    for number in 0..100 {
        if number > 0 {
            assert_eq!(nearly.get("/api/v1/audit").await.status, 403);
            ask_from(&nobody, "198.51.100.7").await;
        }
        assert_eq!(often.get("/api/v1/audit").await.status, 403);
        ask_from(&nobody, "192.0.2.9").await;
    }
    let mut found = until(&server, 2).await;
    found.sort();
    let network = (
        "many_refusals".to_owned(),
        None,
        Some("192.0.2.0/24".to_owned()),
    );
    assert_eq!(found, [network, of_key("many_refusals", &many)]);
    // Not again within the hour, and again after it.
    for _ in 0..100 {
        often.get("/api/v1/audit").await;
    }
    ask_from(&nearly, "203.0.113.77").await;
    assert_eq!(until(&server, 3).await[2].0, "new_address");
    server.clock.advance_ms(90_000);
    ask_from(&nearly, "203.0.113.78").await;
    assert_eq!(until(&server, 4).await[3].0, "new_address");
    server.clock.advance_ms(3_600_000);
    for _ in 0..100 {
        often.get("/api/v1/audit").await;
    }
    assert_eq!(until(&server, 5).await[4], of_key("many_refusals", &many));
    server.stop().await;
}

#[tokio::test]
async fn a_burst_of_a_key_with_a_usual_rate_is_noticed() {
    let server = server().await;
    let (_, nearly) = key(&server, "nearly", json!({})).await;
    let (bursting, burst) = key(&server, "bursting", json!({})).await;
    server.clock.advance_ms(25 * 3_600_000);
    let (_, new) = key(&server, "new", json!({})).await;
    for number in 0..100 {
        if number > 0 {
            nearly.get(SELF).await;
        }
        burst.get(SELF).await;
        new.get(SELF).await;
    }
    let found = until(&server, 1).await;
    assert_eq!(found, [of_key("burst", &bursting)]);
    // Another rule's alert comes after all that was to be noticed of that minute.
    ask_from(&new, "203.0.113.1").await;
    let found = until(&server, 2).await;
    assert_eq!((found.len(), found[1].0.as_str()), (2, "new_address"));
    server.stop().await;
}

#[tokio::test]
async fn who_is_limited_again_and_again_is_noticed() {
    let server = server().await;
    let limits = json!({ "limits": { "read": 1 } });
    let (_, nearly) = key(&server, "nearly", limits.clone()).await;
    let (often, limited) = key(&server, "often", limits).await;
    for number in 0..51 {
        if number > 0 {
            nearly.get(SELF).await;
        }
        limited.get(SELF).await;
    }
    let found = until(&server, 1).await;
    assert_eq!(found, [of_key("often_limited", &often)]);
    server.stop().await;
}

#[tokio::test]
async fn what_was_noticed_is_marked_on_the_pages() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let name = "<b>noticed</b>";
    let (id, client) = key(&server, name, json!({})).await;
    let (quiet, other) = key(&server, "quiet", json!({})).await;
    ask_from(&client, "203.0.113.1").await;
    ask_from(&other, "203.0.113.1").await;
    ask_from(&client, "203.0.113.2").await;
    until(&server, 1).await;
    let sentence = "Used from 203.0.113.2, from where it was not used before.";
    for path in [
        "/dashboard/keys".to_owned(),
        format!("/dashboard/keys/{id}"),
        "/dashboard/usage".to_owned(),
        format!("/dashboard/usage?key={id}"),
    ] {
        let page = browser.get(&path).await.text;
        assert_eq!(page.matches(sentence).count(), 1, "{path}: {page}");
        assert!(!page.contains(name), "{path}");
    }
    for path in [
        format!("/dashboard/keys/{quiet}"),
        format!("/dashboard/usage?key={quiet}"),
    ] {
        let page = browser.get(&path).await.text;
        assert!(!page.contains(sentence), "{path}");
    }
    let page = browser.get("/dashboard/audit").await.text;
    assert_eq!(page.matches("<tr class=\"unusual\">").count(), 1, "{page}");
    assert!(page.contains("alert.new_address") && page.contains("203.0.113.2"));
    let page = browser.post("/dashboard/audit/verify", &[]).await.text;
    assert!(page.contains("intact"), "{page}");
    server.stop().await;
}

#[tokio::test]
async fn the_end_of_a_key_is_noticed_seven_days_before_it_once_also_after_a_restart() {
    const DAY_MS: u64 = 86_400_000;
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(folder.path(), clock.clone(), configure).await;
    let admin_key = server.admin_key.clone();
    let day_s = 86_400;
    let (ending, _) = key(&server, "ending", json!({ "expiresInSeconds": 9 * day_s })).await;
    let (disabled, _) = key(&server, "off", json!({ "expiresInSeconds": 9 * day_s })).await;
    key(&server, "endless", json!({})).await;
    key(&server, "later", json!({ "expiresInSeconds": 60 * day_s })).await;
    let path = format!("/api/v1/auth/api-keys/{disabled}");
    let off = server
        .admin()
        .send(Method::PATCH, &path, json!({ "disabled": true }))
        .await;
    assert_eq!(off.status, 200, "{}", off.text);
    // Keys are looked for every hour: a mark of another rule comes after the look.
    let (_, mark) = key(&server, "mark", json!({})).await;
    ask_from(&mark, "203.0.113.1").await;
    clock.advance_ms(2 * DAY_MS - 2 * 3_600_000);
    ask_from(&mark, "203.0.113.2").await;
    assert_eq!(until(&server, 1).await[0].0, "new_address");
    clock.advance_ms(2 * 3_600_000);
    let expected = of_key("key_expiring", &ending);
    assert_eq!(until(&server, 2).await[1], expected);
    server.stop().await;

    let mut server = TestServer::open(folder.path(), clock.clone(), configure).await;
    server.admin_key = admin_key;
    clock.advance_ms(3 * DAY_MS);
    let mark = server.client(mark.key.clone());
    ask_from(&mark, "203.0.113.3").await;
    assert_eq!(until(&server, 3).await[2].0, "new_address");
    // Another end is told again.
    let path = format!("/api/v1/auth/api-keys/{ending}");
    let end = json!({ "expiresAt": "2024-01-21T00:00:00Z" });
    let moved = server.admin().send(Method::PATCH, &path, end).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    clock.advance_ms(3_600_000);
    let found = until(&server, 4).await;
    assert_eq!((found.len(), &found[3]), (4, &expected));
    let rows = server
        .admin()
        .get("/api/v1/audit?action=alert.key_expiring")
        .await;
    assert_eq!(
        rows.data()[0]["detail"]["expiresAt"],
        "2024-01-21T00:00:00.000Z"
    );
    server.stop().await;
}

#[tokio::test]
async fn on_the_page_of_usage_ends_of_keys_hide_nothing_that_was_unusual() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let (_, client) = key(&server, "used", json!({})).await;
    ask_from(&client, "203.0.113.1").await;
    ask_from(&client, "203.0.113.2").await;
    assert_eq!(until(&server, 1).await[0].0, "new_address");
    for number in 0..25 {
        let name = format!("ending {number}");
        key(&server, &name, json!({ "expiresInSeconds": 7_200 })).await;
    }
    server.clock.advance_ms(3_600_000);
    let found = until(&server, 26).await;
    assert_eq!(found.len(), 26, "{found:?}");
    let page = browser.get("/dashboard/usage").await.text;
    let marks = |mark: &str| {
        page.matches(&format!("<span class=\"status unusual\">{mark}</span>"))
            .count()
    };
    assert_eq!((marks("unusual"), marks("ends soon")), (1, 19), "{page}");
    server.stop().await;
}

#[tokio::test]
async fn of_a_key_that_is_used_from_everywhere_the_latest_networks_are_kept_and_twenty_alerts() {
    let server = server().await;
    let (id, client) = key(&server, "everywhere", json!({})).await;
    for host in 1..=100 {
        assert_eq!(ask_from(&client, &format!("203.0.113.{host}")).await, 200);
    }
    let (_, mark) = key(&server, "mark", json!({})).await;
    ask_from(&mark, "198.51.100.1").await;
    ask_from(&mark, "198.51.100.2").await;
    let found = until(&server, 21).await;
    let of_key =
        |alert: &&(String, Option<String>, Option<String>)| alert.1.as_deref() == Some(&id);
    assert_eq!(found.iter().filter(of_key).count(), 20);
    assert_eq!(found.len(), 21, "the other key is noticed too");
    let file = rusqlite::Connection::open(server.data().join("flowlatch.db")).expect("a database");
    let kept =
        "SELECT count(*) FROM key_network n JOIN api_key k ON k.sequence = n.key WHERE k.id = ?1";
    let kept: i64 = file
        .query_row(kept, [&id], |row| row.get(0))
        .expect("a number");
    assert_eq!(kept, 32);
    server.stop().await;
}
