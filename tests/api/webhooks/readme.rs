//! The README's example of a webhook does what it says.

use super::*;

const README: &str = include_str!("../../../README.md");

/// The fenced blocks of the section, by their order.
fn blocks(kind: &str) -> Vec<String> {
    let (_, rest) = README.split_once("\n## Webhooks\n").expect("the section");
    let section = rest.split("\n## ").next().expect("its text");
    let fence = format!("```{kind}\n");
    let mut parts = section.split(fence.as_str());
    parts.next();
    parts
        .map(|part| part.split("```").next().expect("a block").to_owned())
        .collect()
}

#[tokio::test]
async fn the_example_of_the_readme_works() {
    let server = server().await;
    let json_blocks = blocks("json");
    let [definition, answer] = json_blocks.as_slice() else {
        panic!("two blocks: {json_blocks:?}");
    };
    let definition: Value = serde_json::from_str(definition).expect("JSON");
    let created = server.admin().post("/api/v1/workflows", definition).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let workflow = created.data()["id"].as_str().expect("an id").to_owned();
    let shell = blocks("sh").concat();
    let quoted = |after: &str| {
        let (_, rest) = shell.split_once(after).expect(after);
        rest.split('\'').nth(1).expect("a quoted text").to_owned()
    };
    let (body, secret) = (quoted("BODY="), quoted("-hmac "));
    let kept = json!({ "key": "GITHUB_WEBHOOK", "value": secret });
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    let kept = server.admin().post(&path, kept).await;
    assert!(kept.status.is_success(), "{}", kept.text);
    assert_eq!(activate(&server, &workflow).await.status, StatusCode::OK);

    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let mut headers: Vec<(&str, &str)> = shell
        .split("-H '")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next()?.split_once(": "))
        .collect();
    assert_eq!(headers.len(), 3, "{headers:?}");
    headers.push(("X-Hub-Signature-256", &signature));
    let (_, url) = shell.split_once("http://127.0.0.1:3000").expect("the URL");
    let received = send(&server, url.trim(), &headers, body.as_bytes()).await;
    assert_eq!(received.status, StatusCode::OK, "{}", received.text);
    let (mut shown, mut real): (Value, Value) =
        (serde_json::from_str(answer).expect("JSON"), received.json());
    shown["eventId"].take();
    real["eventId"].take();
    assert_eq!(shown, real);
    let runs = runs(&server, &workflow).await;
    let seen = json!({ "event": "push", "branch": "refs/heads/main", "delivery": "1" });
    assert_eq!(runs[0]["output"], seen);
    server.stop().await;
}
