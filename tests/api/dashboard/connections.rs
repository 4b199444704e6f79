//! Connections through forms: made, tested, deleted, and their credentials never seen again.

use super::every_page::plain_pages;
use super::{Browser, Page};
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use serde_json::{Value, json};

/// What is secret in the forms below begins with this, and with nothing else does anything.
const PLANTED: &str = "pl4nted-";

/// A server that may call this machine, and the other side.
async fn scene() -> (TestServer, Upstream, Browser) {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".into()];
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    (server, Upstream::start().await, browser)
}

/// Makes a connection: the path of its page.
async fn made(browser: &Browser, fields: &[(&str, &str)]) -> String {
    let page = browser.post("/dashboard/connections", fields).await;
    assert_eq!(page.status, 303, "{fields:?}: {}", page.text);
    let location = page.header("location").expect("a location");
    let id = location.rsplit('/').next().expect("an id");
    assert!(id.starts_with("conn_"), "{location}");
    format!("/dashboard/connections/{id}")
}

fn bearer<'a>(name: &'a str, provider: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("type", "bearer"),
        ("name", name),
        ("provider", provider),
        ("token", "pl4nted-token"),
        ("hosts", "127.0.0.1"),
    ]
}

/// Every form of a connection.
const FORMS: [&[(&str, &str)]; 5] = [
    &[
        ("type", "bearer"),
        ("token", "pl4nted-token"),
        ("hosts", "api.example.com"),
    ],
    &[
        ("type", "api-key"),
        ("key", "pl4nted-key"),
        ("in", "header"),
        ("parameter", "x-token"),
        ("hosts", "api.example.com:8443, other.example"),
    ],
    &[
        ("type", "api-key"),
        ("key", "pl4nted-key"),
        ("in", "query"),
        ("parameter", "token"),
        ("hosts", "api.example.com"),
    ],
    &[
        ("type", "basic"),
        ("username", "pl4nted-user"),
        ("password", "pl4nted-password"),
        ("hosts", "api.example.com"),
    ],
    &[
        ("type", "smtp"),
        ("server", "mail.example.com"),
        ("port", "465"),
        ("security", "tls"),
        ("login", "me@example.com"),
        ("password", "pl4nted-password"),
        ("from", "Me <me@example.com>"),
    ],
];

#[tokio::test]
async fn a_connection_of_each_type_is_made_and_its_credential_is_on_no_page_and_in_no_answer() {
    let (server, _, browser) = scene().await;
    let mut pages: Vec<String> = plain_pages().into_iter().map(str::to_owned).collect();
    for (number, form) in FORMS.iter().enumerate() {
        let (name, provider) = (format!("number {number}"), format!("p{number}"));
        let own = [("name", name.as_str()), ("provider", provider.as_str())];
        let one = made(&browser, &[&own[..], form].concat()).await;
        let page = browser.get(&one).await;
        assert!(page.text.contains(&name) && page.text.contains(&provider));
        pages.extend([one.clone(), format!("{one}/delete")]);
    }
    for path in &pages {
        let page = browser.get(path).await;
        assert!(matches!(page.status, 200 | 303), "{path}: {}", page.status);
        assert!(!page.text.contains(PLANTED), "{path}: {}", page.text);
    }
    let list = browser.get("/dashboard/connections").await;
    for shown in ["number 0", "api-key", "api.example.com:8443", "active"] {
        assert!(list.text.contains(shown), "{shown}: {}", list.text);
    }
    // As at the API: what was sent where is kept, and told to nobody.
    let admin = server.admin();
    let kept = admin.get("/api/v1/connections").await;
    assert_eq!(kept.data().as_array().map(Vec::len), Some(5));
    let audit = admin.get("/api/v1/audit?limit=100").await;
    let created = audit.text.matches("connection.created").count();
    assert_eq!(created, 5, "{}", audit.text);
    assert!(!kept.text.contains(PLANTED) && !audit.text.contains(PLANTED));
    let smtp = &kept.data()[0];
    assert_eq!(smtp["hosts"], json!(["mail.example.com:465"]));
}

#[tokio::test]
async fn after_a_mistake_all_but_the_credential_is_there_again() {
    let (server, _, browser) = scene().await;
    for (form, wrong, said, kept) in [
        (
            FORMS[0],
            ("hosts", "http://no host"),
            "hosts[0]",
            &["value=\"http://no host\"", "value=\"kept name\""][..],
        ),
        (
            FORMS[1],
            ("parameter", "no header"),
            "credentials.name",
            &["value=\"no header\"", "api.example.com:8443, other.example"],
        ),
        (
            FORMS[2],
            ("provider", "two words"),
            "provider",
            &["value=\"query\" selected"],
        ),
        (FORMS[3], ("hosts", ""), "hosts", &["value=\"kept name\""]),
        (
            FORMS[4],
            ("port", "70000"),
            "credentials.port",
            &[
                "mail.example.com",
                "me@example.com",
                "value=\"tls\" selected",
                "checked",
            ],
        ),
        (
            FORMS[0],
            ("token", "<b>"),
            "credentials.token",
            &["value=\"kept name\""],
        ),
        (
            FORMS[0],
            ("type", "<b>pigeon"),
            "type",
            &["&#60;b&#62;pigeon"],
        ),
    ] {
        let mut fields = vec![
            ("name", "kept name"),
            ("provider", "kept"),
            ("default", "yes"),
        ];
        fields.extend(form);
        fields.retain(|(name, _)| *name != wrong.0);
        fields.push(wrong);
        let page = browser.post("/dashboard/connections", &fields).await;
        assert_eq!(page.status, 400, "{wrong:?}: {}", page.text);
        let place = format!("<code>{said}</code>");
        assert!(page.text.contains(&place), "{said}: {}", page.text);
        for text in kept {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        assert!(!page.text.contains(PLANTED), "{wrong:?}: {}", page.text);
        assert!(!page.text.contains("<b>"), "{wrong:?}: {}", page.text);
    }
    let kept = server.admin().get("/api/v1/connections").await;
    assert_eq!(kept.data(), json!([]));
}

#[tokio::test]
async fn a_test_call_is_made_and_its_result_shown() {
    let (_server, upstream, browser) = scene().await;
    let one = made(&browser, &bearer("crm", "crm")).await;
    upstream.answer("/refuses", |call, _| {
        Reply::text(401, &format!("not {:?}", call.headers["authorization"]))
    });
    let test = format!("{one}/test");
    for (path, said, status) in [("/takes", "200", "active"), ("/refuses", "401", "error")] {
        let tested = browser.post(&test, &[("url", &upstream.url(path))]).await;
        assert_eq!(tested.status, 303, "{}", tested.text);
        let page = browser.get(&one).await;
        assert!(
            page.text.contains(&format!("it answered {said}")),
            "{}",
            page.text
        );
        let badge = format!("class=\"status {status}\"");
        assert!(page.text.contains(&badge), "{}", page.text);
        assert!(!page.text.contains(PLANTED), "{}", page.text);
    }
    let sent = &upstream.calls("/takes")[0].headers["authorization"];
    assert_eq!(sent, "Bearer pl4nted-token");
    // Nothing goes to another host, and what was typed is there again.
    let tested = browser
        .post(&test, &[("url", "http://localhost/<i>")])
        .await;
    assert_eq!(tested.status, 400);
    assert!(
        tested
            .text
            .contains("value=\"http://localhost/&#60;i&#62;\""),
        "{}",
        tested.text
    );
    assert!(!tested.text.contains("<i>") && !tested.text.contains(PLANTED));
    assert_eq!(upstream.calls("/<i>").len(), 0);
}

#[tokio::test]
async fn the_default_of_a_provider_is_one() {
    let (server, _, browser) = scene().await;
    let first = made(&browser, &bearer("first", "crm")).await;
    let second = made(&browser, &bearer("second", "crm")).await;
    for (one, expected) in [(&first, [false, true]), (&second, [true, false])] {
        let page = browser.post(&format!("{one}/default"), &[]).await;
        assert_eq!(page.status, 303, "{}", page.text);
        let listed = server.admin().get("/api/v1/connections").await.data();
        let defaults = [&listed[0], &listed[1]].map(|one| one["isDefault"] == true);
        assert_eq!(defaults, expected);
        let page = browser.get(one).await;
        assert!(
            page.text.contains("its default connection"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("/default\""), "{}", page.text);
    }
}

/// A workflow with a step that names a connection.
async fn naming(server: &TestServer, name: &str, field: &str, reference: &str) -> String {
    let config = json!({ "url": "https://127.0.0.1/", field: reference });
    let inner =
        json!([{ "id": "call", "type": "action", "action": "api.request", "config": config }]);
    server.workflow(name, inner).await
}

#[tokio::test]
async fn a_connection_is_deleted_after_a_question_that_says_who_names_it() {
    let (server, _, browser) = scene().await;
    let one = made(&browser, &bearer("payments", "stripe")).await;
    let id = one.rsplit('/').next().expect("an id").to_owned();
    let by_id = naming(&server, "names the <id>", "connection", &id).await;
    naming(&server, "asks the provider", "connectionId", "stripe").await;
    naming(&server, "uses another", "connection", "github").await;
    let question = browser.get(&format!("{one}/delete")).await;
    let says = |page: &Page, text: &str| page.text.contains(text);
    assert!(says(&question, "Delete payments?"), "{}", question.text);
    assert!(says(&question, "names the &#60;id&#62;") && says(&question, &by_id));
    assert!(says(&question, "asks the provider") && says(&question, "by the provider"));
    assert!(!says(&question, "uses another"), "{}", question.text);
    // What a workflow names is what it names now.
    let admin = server.admin();
    let path = format!("/api/v1/workflows/{by_id}");
    let body = json!({ "steps": [{ "id": "call", "type": "action", "action": "api.request",
        "config": { "url": "https://127.0.0.1/" } }] });
    let edited = admin.send(reqwest::Method::PUT, &path, body).await;
    assert_eq!(edited.status, 200, "{}", edited.text);
    let list = browser.get("/dashboard/connections").await;
    assert!(
        !says(&list, "names the") && says(&list, "asks the provider"),
        "{}",
        list.text
    );

    let gone = browser.post(&format!("{one}/delete"), &[]).await;
    assert_eq!(
        (gone.status, gone.header("location")),
        (303, Some("../../connections"))
    );
    for path in [one.clone(), format!("{one}/delete")] {
        assert_eq!(browser.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(
        browser.post(&format!("{one}/delete"), &[]).await.status,
        404
    );
    let audit = admin
        .get("/api/v1/audit?action=connection.deleted")
        .await
        .data();
    assert_eq!(audit[0]["actor"], "dashboard");
    assert_eq!(audit.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_archived_workflow_names_nothing_and_many_are_not_all_shown() {
    let (server, _, browser) = scene().await;
    let one = made(&browser, &bearer("payments", "stripe")).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(naming(&server, &format!("number {number}"), "connection", "stripe").await);
    }
    let list = browser.get("/dashboard/connections").await;
    assert!(list.text.contains("number 2") && list.text.contains("and more"));
    assert!(!list.text.contains("number 3"), "{}", list.text);
    let admin = server.admin();
    for id in &ids {
        let path = format!("/api/v1/workflows/{id}");
        let archived = admin
            .send(reqwest::Method::DELETE, &path, Value::Null)
            .await;
        assert!(archived.status.is_success(), "{}", archived.text);
    }
    let page = browser.get(&one).await;
    assert!(page.text.contains("no workflow"), "{}", page.text);
}

#[tokio::test]
async fn a_page_of_connections_leads_to_the_older_ones() {
    let (_server, _, browser) = scene().await;
    for number in 0..26 {
        made(&browser, &bearer(&format!("number {number}."), "crm")).await;
    }
    let page = browser.get("/dashboard/connections").await;
    assert!(page.text.contains("number 1.") && !page.text.contains("number 0."));
    let (_, rest) = page
        .text
        .split_once("rel=\"next\" href=\"")
        .expect("a link");
    let next = rest.split('"').next().expect("its end");
    let older = browser.get(&format!("/dashboard/connections{next}")).await;
    assert!(older.text.contains("number 0.") && !older.text.contains("number 1."));
    assert!(!older.text.contains("rel=\"next\""), "{}", older.text);
}
