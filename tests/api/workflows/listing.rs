//! Lists: filters, pages, and what happens to a page while rows are added.

use super::{WORKFLOWS, draft, empty_server, names, post, text};
use crate::support::Client;
use reqwest::Method;
use serde_json::{Value, json};

async fn listed(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("{WORKFLOWS}{query}")).await;
    assert_eq!(answer.status.as_u16(), 200, "{query}: {}", answer.text);
    names(&answer.data())
}

#[tokio::test]
async fn status_and_search_narrow_the_list() {
    let server = empty_server().await;
    let admin = server.admin();
    for (name, actions) in [
        ("Rechnung", &[][..]),
        ("Ärger mit Rechnungen", &["activate"]),
        ("invoice", &["activate", "pause"]),
        ("100% sure_thing", &["activate"]),
    ] {
        let id = draft(&admin, name).await;
        for action in actions {
            post(&admin, &id, action).await;
        }
        server.clock.advance_ms(1_000);
    }
    let gone = draft(&admin, "gone").await;
    let path = format!("{WORKFLOWS}/{gone}");
    admin.send(Method::DELETE, &path, Value::Null).await;
    for (query, expected) in [
        (
            "",
            &[
                "100% sure_thing",
                "invoice",
                "Ärger mit Rechnungen",
                "Rechnung",
            ][..],
        ),
        ("?status=draft", &["Rechnung"]),
        (
            "?status=active",
            &["100% sure_thing", "Ärger mit Rechnungen"],
        ),
        ("?status=paused", &["invoice"]),
        ("?status=archived", &["gone"]),
        ("?search=rechnung", &["Ärger mit Rechnungen", "Rechnung"]),
        ("?search=%C3%A4rger", &["Ärger mit Rechnungen"]),
        ("?search=INV", &["invoice"]),
        ("?search=gone", &[]),
        ("?search=%25", &["100% sure_thing"]),
        ("?search=_", &["100% sure_thing"]),
        ("?search=100%25+sure", &["100% sure_thing"]),
        ("?search=rechnung&status=active", &["Ärger mit Rechnungen"]),
        ("?search=nothing", &[]),
        ("?limit=1", &["100% sure_thing"]),
    ] {
        assert_eq!(listed(&admin, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn an_item_shows_what_the_contract_says() {
    let server = empty_server().await;
    let id = draft(&server.admin(), "one").await;
    let list = server.admin().get(WORKFLOWS).await.json();
    assert_eq!(
        list,
        json!({
            "success": true,
            "data": [{
                "id": id,
                "name": "one",
                "description": null,
                "status": "draft",
                "version": 1,
                "trigger": { "type": "api" },
                "createdAt": "2024-01-15T10:00:00.000Z",
                "updatedAt": "2024-01-15T10:00:00.000Z",
            }],
            "meta": { "hasMore": false },
        })
    );
}

#[tokio::test]
async fn pages_neither_repeat_nor_hide_while_workflows_come_and_go() {
    let server = empty_server().await;
    let admin = server.admin();
    let mut ids = Vec::new();
    for number in 0..7 {
        // All in one millisecond: the order is still one order.
        ids.push(draft(&admin, &format!("w{number}")).await);
    }
    let (mut seen, mut query, mut pages) = (Vec::new(), "?limit=2".to_owned(), 0);
    loop {
        let page = admin.get(&format!("{WORKFLOWS}{query}")).await.json();
        seen.extend(names(&page["data"]));
        pages += 1;
        if page["meta"]["hasMore"] == json!(false) {
            assert_eq!(page["meta"].get("cursor"), None);
            break;
        }
        let cursor = text(&page["meta"]["cursor"])
            .replace('+', "%2B")
            .replace('=', "%3D");
        query = format!("?limit=2&cursor={cursor}");
        // A new one, and the one that the cursor stands on goes away for good.
        draft(&admin, &format!("late {pages}")).await;
        let last = seen
            .last()
            .expect("a name")
            .trim_start_matches('w')
            .to_owned();
        let last: usize = last.parse().expect("a number");
        let path = format!("{WORKFLOWS}/{}?purge=true", ids[last]);
        assert_eq!(
            admin
                .send(Method::DELETE, &path, Value::Null)
                .await
                .status
                .as_u16(),
            200
        );
    }
    assert_eq!(seen, ["w6", "w5", "w4", "w3", "w2", "w1", "w0"]);
}
