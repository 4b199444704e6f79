//! Links: whom they let in, until when, and as what they hand a file out.

use super::{MEDIA, editor, fetch, lying, path_of, uploaded};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::StatusCode;
use serde_json::json;

const HOUR_MS: u64 = 60 * 60 * 1_000;

#[tokio::test]
async fn a_link_opens_its_file_until_it_expires_and_the_list_has_a_new_one() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.media.link_hours = 2;
    })
    .await;
    let client = editor(&server).await;
    let made = uploaded(&client, "a.txt", "text/plain", b"secret").await;
    assert_eq!(made["expiresAt"], "2024-01-15T12:00:00.000Z");
    let path = path_of(&server, &made);
    server.clock.advance_ms(2 * HOUR_MS - 1);
    assert_eq!(fetch(&server, &path).await.text(), "secret");
    server.clock.advance_ms(1);
    let expired = fetch(&server, &path).await;
    assert_eq!(expired.status, StatusCode::GONE);
    assert!(
        expired
            .text()
            .contains("This link has expired; ask for a new one.")
    );
    assert!(!expired.text().contains("secret"));
    let listed = client.get(MEDIA).await.json()[0].clone();
    assert_eq!(listed["expiresAt"], "2024-01-15T14:00:00.000Z");
    assert_eq!(
        fetch(&server, &path_of(&server, &listed)).await.text(),
        "secret"
    );
}

#[tokio::test]
async fn a_link_with_another_part_leads_nowhere_and_is_audited() {
    let server = TestServer::start_with_manual_clock().await;
    let client = editor(&server).await;
    let secret = uploaded(&client, "a.txt", "text/plain", b"secret").await;
    let other = uploaded(&client, "b.txt", "text/plain", b"other").await;
    let (path, other) = (path_of(&server, &secret), path_of(&server, &other));
    let parts: Vec<&str> = path.split('/').collect();
    let others: Vec<&str> = other.split('/').collect();
    let ["", "media", id, expires, signature] = parts[..] else {
        panic!("{path}");
    };
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let later = (expires.parse::<u64>().expect("seconds") + 1).to_string();
    let altered = [
        format!("/media/{id}/{expires}/{first}{}", &signature[1..]),
        format!("/media/{id}/{expires}/{}", &signature[1..]),
        format!("/media/{id}/{expires}/{signature}A"),
        format!("/media/{id}/{expires}/-"),
        format!("/media/{id}/{later}/{signature}"),
        format!("/media/{id}/0{expires}/{signature}"),
        format!("/media/{id}/{expires}/{}", others[4]),
        format!("/media/{}/{expires}/{signature}", others[2]),
        format!("/media/media_none/{expires}/{signature}"),
    ];
    for path in &altered {
        let refused = fetch(&server, path).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            refused.text().contains("This link leads nowhere."),
            "{path}"
        );
        assert!(!refused.text().contains("secret"), "{path}");
    }
    // No paths of the server's at all.
    for path in [
        format!("/media/..%2fflowlatch.db/{expires}/{signature}"),
        format!("/media/%2e%2e/{expires}/{signature}"),
        format!("/media/{id}.part/{expires}/{signature}"),
        format!("/media/{id}/{expires}"),
        format!("/media/{id}"),
        format!("/wireflow{path}"),
    ] {
        let refused = server.anonymous().get(&path).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(fetch(&server, &path).await.text(), "secret");
    server.clock.advance_ms(60_000);
    let refusals = "/api/v1/audit?action=request.refused";
    let told = loop {
        let told = server.admin().get(refusals).await.data();
        let told = told.as_array().expect("rows").clone();
        if let Some(row) = told.into_iter().find(|row| row["result"] == "media_link") {
            break row;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(told["detail"]["count"], altered.len(), "{told}");
}

#[tokio::test]
async fn an_address_follows_so_many_links_a_minute() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.limit_read = Limit::PerMinute(2);
    })
    .await;
    let client = editor(&server).await;
    let made = uploaded(&client, "a.txt", "text/plain", b"secret").await;
    let path = path_of(&server, &made);
    for _ in 0..2 {
        assert_eq!(fetch(&server, &path).await.status, StatusCode::OK);
    }
    let refused = fetch(&server, &path).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), "60");
}

#[tokio::test]
async fn what_could_run_in_a_page_comes_back_as_bytes_to_be_saved() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let page = b"<script>alert(1)</script>";
    for (media_type, served) in [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/json", "application/json"),
        ("IMAGE/JPEG", "image/jpeg"),
    ] {
        let made = uploaded(&client, "page.html", media_type, page).await;
        assert_eq!(made["contentType"], served, "{media_type}");
        let fetched = fetch(&server, &path_of(&server, &made)).await;
        assert_eq!(fetched.bytes, page);
        assert_eq!(fetched.header("content-type"), served, "{media_type}");
        assert_eq!(fetched.header("x-content-type-options"), "nosniff");
        assert!(
            fetched
                .header("content-disposition")
                .starts_with("attachment;")
        );
        assert!(
            fetched
                .header("content-security-policy")
                .starts_with("sandbox;")
        );
    }
}

#[tokio::test]
async fn what_a_start_finds_without_a_row_goes_and_links_outlive_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::open(folder.path(), Clock::system(), |_| {}).await;
    let client = editor(&server).await;
    let kept = uploaded(&client, "a.txt", "text/plain", b"kept").await;
    let lost = uploaded(&client, "b.txt", "text/plain", b"lost").await;
    let short = uploaded(&client, "c.txt", "text/plain", b"short").await;
    let [kept_path, lost_path, short_path] =
        [&kept, &lost, &short].map(|media| path_of(&server, media));
    let key = client.key.clone();
    server.stop().await;

    let media = folder.path().join("media");
    let lying_at =
        |media_file: &serde_json::Value| media.join(media_file["id"].as_str().expect("an id"));
    std::fs::remove_file(lying_at(&lost)).expect("removed");
    std::fs::write(lying_at(&short), "sho").expect("written");
    for name in ["media_of-nobody", "media_of-nobody.part", "notes.txt"] {
        std::fs::write(media.join(name), name).expect("written");
    }
    let half = format!("{}.part", kept["id"].as_str().expect("an id"));
    std::fs::write(media.join(half), "half").expect("written");

    let server = TestServer::open(folder.path(), Clock::system(), |_| {}).await;
    let mut expected = [&kept, &short]
        .map(|media| media["id"].as_str().expect("an id").to_owned())
        .to_vec();
    expected.push("notes.txt".to_owned());
    assert_eq!(lying(&server), expected);
    assert_eq!(fetch(&server, &kept_path).await.text(), "kept");
    // Rows without their bytes, or not all of them.
    for path in [lost_path, short_path] {
        assert_eq!(fetch(&server, &path).await.status, StatusCode::NOT_FOUND);
    }
    let client = server.client(key).bearer();
    assert_eq!(
        client.get(MEDIA).await.json().as_array().map(Vec::len),
        Some(3)
    );
    for media in [&lost, &kept] {
        let removed = client
            .send(reqwest::Method::DELETE, &super::one(media), json!(null))
            .await;
        assert_eq!(removed.status, StatusCode::OK, "{}", removed.text);
    }
    server.stop().await;
}
