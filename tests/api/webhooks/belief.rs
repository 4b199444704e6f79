//! Who is believed: signatures, moments, several secrets behind one path; and what is refused before a workflow is active.

use super::*;

#[tokio::test]
async fn a_signed_event_starts_a_run_that_sees_it() {
    let server = server().await;
    let mut trigger = signed("stripe");
    trigger["events"] = json!(["invoice.*"]);
    let workflow = hooked(&server, trigger).await;
    let body = br#"{"id":"evt_1", "type":"invoice.paid","data":{"amount":12.50}}"#;
    let answer = send_stripe(&server, &format!("/webhooks/stripe/{workflow}"), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let told = answer.json();
    let event = told["eventId"].as_str().expect("an id");
    assert!(event.starts_with("evt_"));
    assert_eq!(
        told,
        json!({ "received": true, "eventId": event, "workflowsTriggered": 1 })
    );
    assert_eq!(answer.header("x-ratelimit-limit"), Some("10000"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("9999"));
    assert!(answer.header("access-control-allow-origin").is_none());
    let runs = runs(&server, &workflow).await;
    let [run] = runs.as_slice() else {
        panic!("one run: {runs:?}");
    };
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["triggerType"], "webhook");
    assert_eq!(run["input"]["data"], json!({ "amount": 12.50 }));
    let output = &run["output"];
    assert_eq!(output["input"], output["body"]);
    assert_eq!(output["event"], "invoice.paid");
    assert_eq!(output["id"], event);
    assert_eq!(output["trigger"]["externalId"], "evt_1");
    assert_eq!(output["trigger"]["verified"], true);
    assert_eq!(
        output["trigger"]["headers"]["content-type"],
        "application/json"
    );
    assert!(!run.to_string().contains("v1="), "{run}");
    server.stop().await;
}

#[tokio::test]
async fn whoever_is_not_believed_starts_nothing_and_hears_nothing_of_what_was_sent() {
    let server = server().await;
    let workflow = hooked(&server, signed("stripe")).await;
    let path = format!("/webhooks/stripe/{workflow}");
    let (now, body) = (now_s(&server), b"{\"id\":\"canary\"}");
    let good = stripe_signature(now, body);
    let other_secret = good.replace("v1=", "v1=0");
    let bare = good.split_once("v1=").expect("a signature").1.to_owned();
    for (signature, sent) in [
        (String::new(), &body[..]),
        (other_secret, body),
        (bare, body),
        (stripe_signature(now - 301, body), body),
        (stripe_signature(now + 61, body), body),
        (good.replace(&now.to_string(), &(now - 1).to_string()), body),
        (good.clone(), b"{\"id\":\"canary\" }"),
        (good.clone(), b"{\"id\":\"canarz\"}"),
        (good.clone(), b""),
    ] {
        let answer = send(&server, &path, &[("stripe-signature", &signature)], sent).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{signature}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text, @r#"{"received":false,"error":"The signature is missing or wrong, or its time is too far off.","code":"UNAUTHORIZED"}"#);
        }
        assert!(answer.header("www-authenticate").is_some());
    }
    let unsigned = send(&server, &path, &[], body).await;
    assert_eq!(unsigned.status, StatusCode::UNAUTHORIZED);
    let pair = [
        ("stripe-signature", good.as_str()),
        ("stripe-signature", &good),
    ];
    let twice = send(&server, &path, &pair, body).await;
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED);
    assert!(runs(&server, &workflow).await.is_empty());
    assert!(events(&server, "").await.is_empty());

    // Still good: at the edges of its time, and beside a signature with a former secret.
    for seconds in [now - 300, now + 60] {
        let body = format!("{{\"id\":\"at {seconds}\"}}");
        let good = stripe_signature(seconds, body.as_bytes());
        let both = good.replace("v1=", &format!("v1={},v1=", "0".repeat(64)));
        let answer = send(
            &server,
            &path,
            &[("stripe-signature", &both)],
            body.as_bytes(),
        )
        .await;
        assert_eq!(answer.status, StatusCode::OK, "{seconds}: {}", answer.text);
    }
    assert_eq!(runs(&server, &workflow).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_verifier_of_ones_own_covers_what_it_says() {
    let server = server().await;
    let verify = json!({
        "secret": "{{secrets.HOOK}}", "header": "X-Acme-Sign", "algorithm": "sha256", "encoding": "hex", "prefix": "v1:",
        "timestampHeader": "X-Acme-Time", "timestampFormat": "rfc3339", "toleranceSeconds": 30,
        "signedPayload": "{method} {timestamp} {body}", "eventIdHeader": "X-Acme-Id", "eventTypePath": "kind",
    });
    let trigger = json!({
        "type": "webhook", "provider": "custom", "path": "/acme-orders", "verify": verify, "events": ["made"],
    });
    let workflow = hooked(&server, trigger).await;
    let body = b"{\"kind\":\"made\"}";
    let moment = "2024-01-15T10:00:00Z";
    let good = format!("v1:{}", hmac(&[b"POST ", moment.as_bytes(), b" ", body]));
    let paths = [
        "/webhooks/custom/acme-orders".to_owned(),
        "/webhooks/custom/5f3c7a90-company/acme-orders".to_owned(),
        format!("/webhooks/custom/{workflow}"),
        "/webhooks/custom/acme-orders/".to_owned(),
    ];
    for (number, path) in paths.iter().enumerate() {
        let id = format!("order-{number}");
        let headers = [
            ("x-acme-sign", good.as_str()),
            ("x-acme-time", moment),
            ("x-acme-id", &id),
        ];
        let answer = send(&server, path, &headers, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert_eq!(answer.json()["workflowsTriggered"], 1, "{path}");
        let other_time = [headers[0], ("x-acme-time", "2024-01-15T10:00:01Z")];
        let refused = send(&server, path, &other_time, body).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let no_prefix = [("x-acme-sign", &good["v1:".len()..]), headers[1]];
        let refused = send(&server, path, &no_prefix, body).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    server.clock.advance_ms(30_001);
    let headers = [("x-acme-sign", good.as_str()), ("x-acme-time", moment)];
    let late = send(&server, &paths[0], &headers, body).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    assert_eq!(runs(&server, &workflow).await.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn workflows_that_share_a_path_believe_each_by_itself() {
    let server = server().await;
    let mut trigger = signed("github");
    trigger["path"] = json!("repo");
    let first = hooked(&server, trigger.clone()).await;
    let second = draft(&server, trigger.clone()).await;
    set_secret(&server, &second, "another secret of another owner").await;
    assert_eq!(activate(&server, &second).await.status, StatusCode::OK);

    let body = b"{\"ref\":\"refs/heads/main\"}";
    let signature = format!("sha256={}", hmac(&[body]));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "push"),
        ("x-github-delivery", "d-1"),
        ("content-type", "application/json"),
        ("authorization", "Bearer canary-authorization"),
        ("cookie", "canary-cookie"),
    ];
    // Unsigned first: it must not stand in the way of the signed one with the same id.
    let unsigned = send(&server, "/webhooks/github/repo", &headers[1..], body).await;
    assert_eq!(
        unsigned.status,
        StatusCode::UNAUTHORIZED,
        "{}",
        unsigned.text
    );
    let answer = send(&server, "/webhooks/github/repo", &headers, body).await;
    assert_eq!(answer.json()["workflowsTriggered"], 1, "{}", answer.text);
    assert_eq!(runs(&server, &first).await.len(), 1);
    assert!(runs(&server, &second).await.is_empty());

    let listed = events(&server, "").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["verified"], true);
    let whole = format!(
        "/api/v1/webhooks/events/{}",
        listed[0]["id"].as_str().expect("an id")
    );
    let whole = server.admin().get(&whole).await;
    assert_eq!(whole.data()["headers"]["x-github-delivery"], "d-1");
    for secret in ["canary", signature.as_str(), SECRET] {
        assert!(!whole.text.contains(secret), "{}", whole.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_asks_for_signatures_is_not_active_without_a_secret() {
    let server = server().await;
    for (trigger, place) in [
        (
            json!({ "type": "webhook", "provider": "stripe" }),
            "trigger.verify.secret",
        ),
        (
            json!({ "type": "webhook", "provider": "custom", "verifySignature": true }),
            "trigger.verify",
        ),
        (signed("stripe"), "trigger.verify.secret"),
    ] {
        let workflow = draft(&server, trigger).await;
        let refused = activate(&server, &workflow).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert_eq!(refused.json()["error"]["details"][0]["place"], place);
        let path = format!("/webhooks/stripe/{workflow}");
        let answer = send(&server, &path, &[], b"{}").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    // Nor does an edit take the secret away from one that is.
    let workflow = hooked(&server, signed("stripe")).await;
    let edit = json!({ "trigger": { "type": "webhook", "provider": "stripe" } });
    let path = format!("/api/v1/workflows/{workflow}");
    let refused = server.admin().send(Method::PUT, &path, edit).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    let answer = send_stripe(&server, &format!("/webhooks/stripe/{workflow}"), b"{}").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

    // Another secret counts from the answer on, whatever the last request was checked with.
    let secret = format!("/api/v1/workflows/{workflow}/secrets/HOOK");
    for (value, status, body) in [
        ("another-secret-0815", StatusCode::UNAUTHORIZED, b"[1]"),
        (super::SECRET, StatusCode::OK, b"[2]"),
    ] {
        let replaced = json!({ "value": value });
        let replaced = server.admin().send(Method::PUT, &secret, replaced).await;
        assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
        let answer = send_stripe(&server, &format!("/webhooks/stripe/{workflow}"), body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }

    // A secret that was deleted since: nobody is believed.
    let deleted = server
        .admin()
        .send(Method::DELETE, &secret, Value::Null)
        .await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    let answer = send_stripe(&server, &format!("/webhooks/stripe/{workflow}"), b"{ }").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    server.stop().await;
}

#[tokio::test]
async fn slack_gets_its_challenge_back_and_only_when_it_is_slack() {
    let server = server().await;
    let workflow = hooked(&server, signed("slack")).await;
    let path = format!("/webhooks/slack/{workflow}");
    let body = br#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#;
    let moment = now_s(&server).to_string();
    let signature = format!("v0={}", hmac(&[b"v0:", moment.as_bytes(), b":", body]));
    let headers = [
        ("x-slack-signature", signature.as_str()),
        ("x-slack-request-timestamp", &moment),
        ("content-type", "application/json"),
    ];
    let answer = send(&server, &path, &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    insta::assert_snapshot!(answer.text, @r#"{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#);
    let refused = send(&server, &path, &headers[1..], body).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(!refused.text.contains("3eZbrw"));
    assert!(events(&server, "").await.is_empty() && runs(&server, &workflow).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn hubspot_signs_the_public_url() {
    let url = "https://flow.example";
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.public_url = Some(url.to_owned());
        config.base_path = "/base".to_owned();
    })
    .await;
    let workflow = hooked(&server, signed("hubspot")).await;
    let path = format!("/webhooks/hubspot/{workflow}?portal=1");
    let body = br#"[{"subscriptionType":"contact.creation","objectId":1},{"subscriptionType":"deal.creation"}]"#;
    let moment = server.clock.now_ms().to_string();
    let sign = |url: &str| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
        for piece in [b"POST", url.as_bytes(), body, moment.as_bytes()] {
            mac.update(piece);
        }
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(mac.finalize().into_bytes())
    };
    for (called, status) in [
        (format!("{url}/base{path}"), StatusCode::OK),
        (format!("{url}{path}"), StatusCode::UNAUTHORIZED),
        (format!("{}{path}", server.url), StatusCode::UNAUTHORIZED),
    ] {
        let signature = sign(&called);
        let headers = [
            ("x-hubspot-signature-v3", signature.as_str()),
            ("x-hubspot-request-timestamp", &moment),
            ("content-type", "application/json"),
        ];
        let answer = send(&server, &path, &headers, body).await;
        assert_eq!(answer.status, status, "{called}: {}", answer.text);
    }
    assert_eq!(runs(&server, &workflow).await.len(), 1);
    server.stop().await;
}
