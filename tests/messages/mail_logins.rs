//! The test call of a mail server's connection: it signs in as a mail would, and sends nothing.

use crate::email::{PASSWORD, connection};
use crate::email_trouble::answering;
use crate::smtp::{Certificate, Script, SmtpServer};
use crate::support::TestServer;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn credentials(smtp: &SmtpServer, security: &str) -> Value {
    json!({"host": "localhost", "port": smtp.port(), "security": security, "username": "u", "password": PASSWORD})
}

/// What a test of this connection tells, and how the connection stands after it.
async fn tested(server: &TestServer, id: &str) -> (Value, Value) {
    let one = format!("/api/v1/connections/{id}");
    let admin = server.admin();
    let tested = admin.post(&format!("{one}/test"), json!({})).await;
    assert_eq!(tested.status, StatusCode::OK, "{}", tested.text);
    let now = admin.get(&one).await.data().clone();
    assert_eq!(now["lastTest"], tested.data()["message"]);
    assert_eq!(now["lastTestedAt"], tested.data()["testedAt"]);
    (tested.data().clone(), now)
}

#[tokio::test]
async fn it_connects_protects_signs_in_and_leaves() {
    let certificate = Certificate::new();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &certificate.pem).expect("written");
    let server = TestServer::start_with(Clock::system(), |config| config.smtp_ca = Some(ca)).await;
    let login = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0u\0{PASSWORD}")));
    let hello = "EHLO [127.0.0.1]";
    for (security, expected) in [
        ("none", vec![hello.to_owned(), login.clone(), "QUIT".into()]),
        (
            "starttls",
            vec![
                hello.to_owned(),
                "STARTTLS".into(),
                format!("tls {hello}"),
                format!("tls {login}"),
                "tls QUIT".into(),
            ],
        ),
        (
            "tls",
            vec![
                format!("tls {hello}"),
                format!("tls {login}"),
                "tls QUIT".into(),
            ],
        ),
    ] {
        let smtp = SmtpServer::start(Script {
            extensions: vec!["STARTTLS", "AUTH PLAIN"],
            certificate: (security != "none").then(|| certificate.clone()),
            is_implicit: security == "tls",
            ..Script::default()
        })
        .await;
        let id = connection(&server, credentials(&smtp, security)).await;
        let (told, now) = tested(&server, &id).await;
        assert_eq!(told["ok"], true, "{security}: {told}");
        assert_eq!(told["status"], 235, "{security}: {told}");
        assert_eq!(told["message"], "it answered 235");
        assert_eq!(now["status"], "active");
        let record = smtp.record();
        assert_eq!(record.commands, expected, "{security}");
        assert!(record.messages.is_empty());
    }
    let audit = "/api/v1/audit?action=connection.tested";
    let audit = server.admin().get(audit).await;
    assert_eq!(
        audit.data()[0]["detail"],
        json!({"ok": true, "status": 235})
    );
}

#[tokio::test]
async fn only_a_login_that_is_refused_for_good_is_an_error_of_the_connection() {
    let server =
        TestServer::start_with(Clock::system(), |config| config.http_timeout_ms = 1_000).await;
    let stalling = Script {
        stalls_at: Some("EHLO"),
        ..Script::default()
    };
    let dropping = Script {
        drops_at: Some("AUTH"),
        ..answering("", "220 test\r\n")
    };
    let echo = format!("535 no {PASSWORD} here\r\n");
    for (script, status, standing, words) in [
        (answering("AUTH", &echo), json!(535), "error", "the login"),
        (
            answering("AUTH", "454 later\r\n"),
            json!(454),
            "active",
            "the login",
        ),
        (
            answering("", &echo.replace("535", "554")),
            json!(554),
            "active",
            "the greeting",
        ),
        (
            Script::default(),
            Value::Null,
            "active",
            "no login by password",
        ),
        (stalling, Value::Null, "active", "longer than 1000 ms"),
        (dropping, Value::Null, "active", "broke off"),
    ] {
        let smtp = SmtpServer::start(script).await;
        let id = connection(&server, credentials(&smtp, "none")).await;
        let (told, now) = tested(&server, &id).await;
        assert_eq!(told["ok"], false, "{words}: {told}");
        assert_eq!(told["status"], status, "{words}: {told}");
        assert_eq!(now["status"], standing, "{words}: {now}");
        let message = told["message"].as_str().expect("a message");
        assert!(message.contains(words), "{words}: {message}");
        assert!(!format!("{told} {now}").contains(&PASSWORD[..6]), "{told}");
        assert!(smtp.record().messages.is_empty());
    }
}

#[tokio::test]
async fn without_a_login_it_says_so() {
    let smtp = SmtpServer::start(Script::default()).await;
    let server = TestServer::start().await;
    let body = json!({"host": "127.0.0.1", "port": smtp.port(), "security": "none"});
    let id = connection(&server, body).await;
    let (told, _) = tested(&server, &id).await;
    assert_eq!((&told["ok"], &told["status"]), (&json!(true), &json!(250)));
    assert_eq!(
        told["message"],
        "it answered 250; there is no `username`, so no login was tried"
    );
    assert_eq!(smtp.record().commands, ["EHLO [127.0.0.1]", "NOOP", "QUIT"]);
}

#[tokio::test]
async fn addresses_and_protection_are_what_a_mail_would_want() {
    let server = TestServer::start().await;
    for (host, port, words) in [
        ("localhost", server.address().port(), "own"),
        ("169.254.169.254", 25, "outbound_allow"),
        ("::ffff:169.254.169.254", 25, "outbound_allow"),
    ] {
        let body = json!({"host": host, "port": port, "security": "none"});
        let id = connection(&server, body).await;
        let (told, now) = tested(&server, &id).await;
        assert_eq!(told["ok"], false, "{host}: {told}");
        let message = told["message"].as_str().expect("a message");
        assert!(message.contains(words), "{host}: {message}");
        assert_eq!(now["status"], "active", "{host}");
    }
    // A server without STARTTLS gets no password.
    let smtp = SmtpServer::start(answering("", "220 test\r\n")).await;
    let id = connection(&server, credentials(&smtp, "starttls")).await;
    let (told, _) = tested(&server, &id).await;
    assert!(
        told["message"]
            .as_str()
            .is_some_and(|text| text.contains("does not offer STARTTLS")),
        "{told}"
    );
    let commands = smtp.record().commands;
    assert!(
        !commands.iter().any(|line| line.contains("AUTH")),
        "{commands:?}"
    );
}
