//! The list of keys: its columns, its pages, and what it points out.

use super::super::{Browser, PASSWORD};
use super::{ids, made};
use crate::support::TestServer;
use flowlatch::clock::Clock;

#[tokio::test]
async fn what_deserves_a_look_is_pointed_out() {
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("name", "soon"), ("scope", "runs:read"), ("expires", "7")];
    made(&browser.post("/dashboard/keys", &fields).await);
    let page = browser.get("/dashboard/keys").await.text;
    assert!(page.contains("Ends at 2024-01-22T10:00:00.000Z."), "{page}");
    assert!(!page.contains("Not used for 90 days."), "{page}");
    clock.advance_ms(90 * 86_400_000);
    let browser = Browser::new(&server);
    browser.sign_in(PASSWORD).await;
    let page = browser.get("/dashboard/keys").await.text;
    assert!(page.contains("Not used for 90 days."), "{page}");
}

/// What stands at a key in the list.
async fn warnings(browser: &Browser, name: &str) -> Vec<String> {
    let page = browser.get("/dashboard/keys").await.text;
    let rows = page.split("<tr>");
    let row = rows
        .filter(|row| row.contains(&format!("\">{name}</a>")))
        .collect::<String>();
    let marked = row.split("<small class=\"warning\">").skip(1);
    marked
        .filter_map(|rest| rest.split('<').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_page_of_keys_is_small_however_long_their_names_and_leads_to_the_older_ones() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    let scopes: Vec<&str> = flowlatch::model::scope::all_words().collect();
    let body = serde_json::json!({
        "name": "\"".repeat(255), "scopes": scopes, "workflowPrefix": "<".repeat(255), "expiresInSeconds": 86_400,
    });
    for _ in 0..45 {
        let made = server
            .admin()
            .post("/api/v1/auth/api-keys", body.clone())
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let (mut path, mut found) = ("/dashboard/keys".to_owned(), Vec::new());
    loop {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.len() < 100_000, "{}", page.text.len());
        found.extend(ids(&page));
        let Some((_, next)) = page.text.split_once("rel=\"next\" href=\"") else {
            break;
        };
        path = format!("/dashboard/keys{}", next.split('"').next().expect("a link"));
    }
    assert_eq!(found.len(), 46, "each once, and the first one");
    let one = browser.get(&format!("/dashboard/keys/{}", found[0])).await;
    assert!(one.text.len() < 100_000 && scopes.iter().all(|scope| one.text.contains(scope)));
    let last = browser.get("/dashboard/keys?cursor=tampered%22%3E").await;
    assert_eq!(last.status, 200, "what is no cursor is the first page");
    assert!(!last.text.contains("tampered"));
}

/// Key formats: how keys and the header that presents them begin, and the path of an example.
const FORMATS: [(&str, &str, &str, &str); 3] = [
    ("wfk", "wfk_", "x-api-key: ", "/api/v1/workflows"),
    (
        "sk",
        "sk-",
        "Authorization: Bearer ",
        "/wireflow/api/v1/workflows",
    ),
    ("flowise", "", "Authorization: Bearer ", "/api/v1/chatflows"),
];

fn fields(format: &str) -> [(&str, &str); 5] {
    [
        ("name", format),
        ("format", format),
        ("scope", "runs:read"),
        ("prefix", "site-"),
        ("expires", "30"),
    ]
}

#[tokio::test]
async fn a_new_key_comes_with_lines_that_use_it() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for (format, _, header, path) in FORMATS {
        let page = browser.post("/dashboard/keys", &fields(format)).await;
        let text = made(&page);
        let written = page.text.replace("&#39;", "'").replace("&#34;", "\"");
        for (id, begins) in [
            ("curl", format!("curl -H '{header}{text}' ")),
            ("javascript", "const answer = await fetch(\"".to_owned()),
            ("python", "answer = requests.get(\"".to_owned()),
        ] {
            let (_, line) = written
                .split_once(&format!("<code id=\"{id}\">"))
                .expect(id);
            let line = line.split("</code>").next().expect("its end");
            assert!(line.starts_with(&begins), "{line}");
            assert!(line.contains(&text), "{line}");
            assert!(line.contains(&format!("{}{path}", server.url)), "{line}");
        }
    }
}

#[tokio::test]
async fn the_list_has_every_column() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    for (format, prefix, ..) in FORMATS {
        let text = made(&browser.post("/dashboard/keys", &fields(format)).await);
        let client = server.client(Some(text.clone()));
        client.get("/native/api/v1/runs").await;
        let list = browser.get("/dashboard/keys").await.text;
        let mut rows = list.split("<tr>");
        let row = rows.find(|row| row.contains(&format!("\">{format}</a>")));
        let row = row.expect("a row");
        for column in [
            &text[..prefix.len() + 8],
            "<code>runs:read</code>",
            "workflows named site-…",
            "<time datetime=\"2024-02-14T10:00:00.000Z\">",
            "<span class=\"status active\">active</span>",
            "requests in 30 days",
            &format!("<td>{format}</td>"),
        ] {
            assert!(row.contains(column), "{column}: {row}");
        }
        let now = "<time datetime=\"2024-01-15T10:00:00.000Z\">";
        assert_eq!(row.matches(now).count(), 2, "created, and used: {row}");
    }
}

#[tokio::test]
async fn a_key_that_is_wider_than_its_use_and_one_that_is_old_are_pointed_out() {
    const DAY_MS: u64 = 86_400_000;
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let mut clients = Vec::new();
    for (name, scopes) in [
        (
            "wide",
            &["runs:read", "workflows:write", "predictions:create"][..],
        ),
        ("fitting", &["runs:read"]),
        ("idle", &["runs:read", "workflows:write"]),
    ] {
        let mut fields = vec![("name", name), ("expires", "never")];
        fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
        let text = made(&browser.post("/dashboard/keys", &fields).await);
        clients.push(server.client(Some(text)));
    }
    let (wider, unused, old) = (
        "Wider than what it uses: it has written and executed nothing for 30 days.",
        "Not used for 90 days.",
        "Its text is older than 90 days: rotate it.",
    );
    for (days, uses, expected) in [
        (29, true, [&[][..], &[], &[]]),
        (2, true, [&[wider][..], &[], &[]]),
        (60, false, [&[old][..], &[old], &[unused, old]]),
    ] {
        clock.advance_ms(days * DAY_MS);
        let browser = Browser::new(&server);
        browser.sign_in(PASSWORD).await;
        for client in clients.iter().take(2).filter(|_| uses) {
            assert_eq!(client.get("/api/v1/runs").await.status, 200);
        }
        // The page of usage writes what was counted.
        assert_eq!(browser.get("/dashboard/usage").await.status, 200);
        for (name, expected) in ["wide", "fitting", "idle"].into_iter().zip(expected) {
            let found = warnings(&browser, name).await;
            assert_eq!(found, expected, "{name}, {days} days later");
        }
    }
}

#[tokio::test]
async fn nothing_is_said_of_uses_that_are_not_known_or_could_not_have_been() {
    for (usage_days, is_changed, expected) in [(400, false, 1), (7, false, 0), (400, true, 0)] {
        let clock = Clock::manual(crate::support::MONDAY_MS);
        let server = TestServer::start_with(clock.clone(), |config| {
            config.usage_days = usage_days;
        })
        .await;
        let browser = Browser::signed_in(&server).await;
        let scopes = ["runs:read", "workflows:write"];
        let mut fields = vec![("name", "wide"), ("expires", "never")];
        fields.extend(scopes.map(|scope| ("scope", scope)));
        let page = browser.post("/dashboard/keys", &fields).await;
        let client = server.client(Some(made(&page)));
        let list = browser.get("/dashboard/keys").await;
        clock.advance_ms(31 * 86_400_000);
        let browser = Browser::new(&server);
        browser.sign_in(PASSWORD).await;
        if is_changed {
            let id = ids(&list)[0].clone();
            let path = format!("/api/v1/auth/api-keys/{id}");
            let body = serde_json::json!({ "scopes": ["runs:read", "workflows:execute"] });
            let admin = server.admin();
            let changed = admin.send(reqwest::Method::PATCH, &path, body).await;
            assert_eq!(changed.status, 200, "{}", changed.text);
        }
        assert_eq!(client.get("/api/v1/runs").await.status, 200);
        // The page of usage writes what was counted.
        assert_eq!(browser.get("/dashboard/usage").await.status, 200);
        let found = warnings(&browser, "wide").await;
        let wider = found.iter().filter(|text| text.contains("Wider"));
        assert_eq!(
            wider.count(),
            expected,
            "{usage_days}, {is_changed}: {found:?}"
        );
    }
}
