//! Secrets of workflows and variables of flows through forms: set, replaced, deleted, and their values never seen again.

use super::Browser;
use super::every_page::plain_pages;
use crate::support::TestServer;
use crate::upstream::Upstream;
use flowlatch::clock::Clock;
use serde_json::json;

async fn scene() -> (TestServer, Browser, String) {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".into()];
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    let upstream = Upstream::start().await;
    let config =
        json!({ "url": upstream.url("/in"), "headers": { "x-token": "{{secrets.TOKEN}}" } });
    let steps =
        json!([{ "id": "call", "type": "action", "action": "api.request", "config": config }]);
    let workflow = json!({ "name": "caller <b>", "trigger": { "type": "api" }, "steps": steps });
    let made = server.admin().post("/api/v1/workflows", workflow).await;
    let id = made.data()["id"].as_str().expect("an id").to_owned();
    (server, browser, id)
}

#[tokio::test]
async fn a_secret_is_set_replaced_and_deleted_and_its_value_is_on_no_page() {
    let (server, browser, workflow) = scene().await;
    let all = format!("/dashboard/workflows/{workflow}/secrets");
    let before = browser.get(&all).await;
    assert!(before.text.contains("Secrets of"), "{}", before.text);
    assert!(
        before.text.contains("<code>TOKEN</code>, which is not set"),
        "{}",
        before.text
    );
    assert!(before.text.contains("caller &#60;b&#62;") && !before.text.contains("<b>"));

    let set = browser
        .post(&all, &[("name", "TOKEN"), ("value", "pl4nted-one")])
        .await;
    assert_eq!(set.status, 303, "{}", set.text);
    let again = browser
        .post(&all, &[("name", "TOKEN"), ("value", "pl4nted-two")])
        .await;
    assert_eq!(again.status, 409);
    assert!(
        again.text.contains("There is a secret TOKEN already"),
        "{}",
        again.text
    );
    let one = format!("{all}/TOKEN");
    let replaced = browser.post(&one, &[("value", "pl4nted-three")]).await;
    assert_eq!(replaced.status, 303, "{}", replaced.text);

    let mut pages: Vec<String> = plain_pages().into_iter().map(str::to_owned).collect();
    pages.extend([all.clone(), format!("{one}/delete")]);
    for path in &pages {
        let page = browser.get(path).await;
        assert!(matches!(page.status, 200 | 303), "{path}: {}", page.status);
        assert!(!page.text.contains("pl4nted"), "{path}: {}", page.text);
    }
    assert!(!browser.get(&all).await.text.contains("which is not set"));
    let admin = server.admin();
    let audit = admin.get("/api/v1/audit?limit=100").await;
    for action in ["secret.created", "secret.updated"] {
        assert_eq!(audit.text.matches(action).count(), 1, "{}", audit.text);
    }
    assert!(!audit.text.contains("pl4nted"), "{}", audit.text);

    let question = browser.get(&format!("{one}/delete")).await;
    assert!(question.text.contains("Delete TOKEN?"), "{}", question.text);
    assert!(
        question.text.contains("no run starts without it"),
        "{}",
        question.text
    );
    assert_eq!(
        browser.post(&format!("{one}/delete"), &[]).await.status,
        303
    );
    let listed = admin
        .get(&format!("/api/v1/workflows/{workflow}/secrets"))
        .await;
    assert_eq!(listed.data(), json!([]));
    assert_eq!(browser.get(&format!("{one}/delete")).await.status, 404);
    assert_eq!(
        browser.post(&one, &[("value", "pl4nted")]).await.status,
        404
    );
}

#[tokio::test]
async fn a_mistake_keeps_the_name_and_never_the_value() {
    let (server, browser, workflow) = scene().await;
    let all = format!("/dashboard/workflows/{workflow}/secrets");
    for (name, value) in [
        ("1<b>", "pl4nted-value"),
        ("", "pl4nted-value"),
        ("SHORT", "pl4"),
        ("LONG", &"pl4nted-".repeat(3_000)),
    ] {
        let page = browser
            .post(&all, &[("name", name), ("value", value)])
            .await;
        assert_eq!(page.status, 400, "{name}: {}", page.text);
        assert!(page.text.contains("class=\"refusal\""), "{name}");
        assert!(
            !page.text.contains("pl4") && !page.text.contains("<b>"),
            "{name}: {}",
            page.text
        );
        let typed = format!(
            "value=\"{}\"",
            name.replace('<', "&#60;").replace('>', "&#62;")
        );
        assert!(page.text.contains(&typed), "{name}: {}", page.text);
    }
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    assert_eq!(server.admin().get(&path).await.data(), json!([]));
    let nowhere = "/dashboard/workflows/01890000-0000-7000-8000-000000000000/secrets";
    assert_eq!(browser.get(nowhere).await.status, 404);
    assert_eq!(
        browser
            .post(nowhere, &[("name", "A"), ("value", "pl4nted")])
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_variable_is_made_and_deleted_and_its_value_is_not_shown() {
    let (server, browser, _) = scene().await;
    let all = "/dashboard/variables";
    let kept = [
        ("name", "to<b>ne"),
        ("kind", "static"),
        ("value", "pl4nted-kind"),
    ];
    assert_eq!(browser.post(all, &kept).await.status, 303);
    let runtime = [("name", "HOME"), ("kind", "runtime"), ("value", "")];
    assert_eq!(browser.post(all, &runtime).await.status, 303);
    let page = browser.get(all).await;
    assert!(page.text.contains("to&#60;b&#62;ne") && page.text.contains("from the environment"));
    assert!(
        !page.text.contains("pl4nted") && !page.text.contains("<b>"),
        "{}",
        page.text
    );
    let home = std::env::var("HOME").unwrap_or_default();
    assert!(
        home.len() < 4 || !page.text.contains(&home),
        "{}",
        page.text
    );

    let again = browser.post(all, &kept).await;
    assert_eq!(again.status, 409, "{}", again.text);
    assert!(again.text.contains("value=\"to&#60;b&#62;ne\"") && !again.text.contains("pl4nted"));
    assert_eq!(
        browser
            .post(all, &[("name", ""), ("value", "pl4nted")])
            .await
            .status,
        400
    );

    let listed = server.client(Some(server.admin_key.clone())).bearer();
    let listed = listed.get("/flowise/api/v1/variables").await.json();
    let (home, tone) = (&listed[0], &listed[1]);
    assert_eq!(
        (&home["type"], &tone["value"]),
        (&json!("runtime"), &json!("pl4nted-kind"))
    );
    let one = format!("{all}/{}/delete", tone["id"].as_str().expect("an id"));
    let question = browser.get(&one).await;
    assert!(
        question.text.contains("Delete to&#60;b&#62;ne?") && !question.text.contains("pl4nted")
    );
    assert_eq!(browser.post(&one, &[]).await.status, 303);
    assert_eq!(browser.get(&one).await.status, 404);
    assert_eq!(browser.post(&one, &[]).await.status, 404);
    assert!(!browser.get(all).await.text.contains("ne</th>"));
}

#[tokio::test]
async fn of_many_names_without_a_value_the_page_says_how_many_more_there_are() {
    let (server, browser, _) = scene().await;
    for (count, more) in [(50, None), (53, Some("3 more names"))] {
        let names: Vec<String> = (0..count)
            .map(|n| format!("{{{{secrets.S{n}}}}}"))
            .collect();
        let config = json!({ "url": "http://127.0.0.1:9/", "body": names });
        let steps =
            json!([{ "id": "call", "type": "action", "action": "api.request", "config": config }]);
        let workflow = json!({ "name": "many", "trigger": { "type": "api" }, "steps": steps });
        let made = server.admin().post("/api/v1/workflows", workflow).await;
        let id = made.data()["id"].as_str().expect("an id").to_owned();
        let path = format!("/dashboard/workflows/{id}/secrets");
        let page = browser.get(&path).await;
        assert_eq!(page.text.matches("which is not set").count(), 50);
        assert_eq!(page.text.contains("more names"), more.is_some());
        assert!(page.text.contains(more.unwrap_or_default()));
    }
}
