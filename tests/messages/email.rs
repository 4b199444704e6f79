//! `email`: what goes over the wire, and what is refused before anything does.

use crate::smtp::{Certificate, Script, SmtpServer};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "pl4nted-s3cret!";

/// A connection to this port of `localhost`.
pub(crate) async fn connection(server: &TestServer, credentials: Value) -> String {
    let body =
        json!({"name": "mail", "provider": "mailer", "type": "smtp", "credentials": credentials});
    let made = server.admin().post("/api/v1/connections", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.data()["id"].as_str().expect("an id").to_owned()
}

/// Runs one step and gives its log entry.
pub(crate) async fn run_step(server: &TestServer, step: Value, input: Value) -> Value {
    let workflow = server.workflow("subject", json!([step])).await;
    let run = server.admin().run(&workflow, input).await;
    let id = run["runId"].as_str().expect("an id");
    let logs = server.admin().get(&format!("/api/v1/runs/{id}/logs")).await;
    logs.data()[0].clone()
}

pub(crate) fn mail(config: Value) -> Value {
    let mut whole = json!({
        "connection": "mailer", "to": "ada@example.com", "from": "flow@example.com", "subject": "s", "text": "t",
    });
    whole
        .as_object_mut()
        .expect("an object")
        .extend(config.as_object().expect("an object").clone());
    json!({ "id": "mail", "type": "email", "config": whole })
}

#[tokio::test]
async fn a_mail_goes_out_as_it_was_written() {
    let smtp = SmtpServer::start(Script {
        extensions: vec!["AUTH PLAIN LOGIN"],
        ..Script::default()
    })
    .await;
    let server = TestServer::start_with_manual_clock().await;
    connection(
        &server,
        json!({"host": "localhost", "port": smtp.port().to_string(), "security": "none", "username": "u", "password": PASSWORD}),
    )
    .await;
    let step = mail(json!({
        "to": ["Ada <ada@example.com>", "bob@example.com, eve@example.com"],
        "cc": "cc@example.com",
        "bcc": "hidden@example.com",
        "replyTo": "desk@example.com",
        "subject": "Hello {{input.name}}",
        "text": "Dear {{input.name}},\n.\nQUIT\r\n.\r\nbye",
    }));
    let log = run_step(&server, step, json!({"name": "Zoë"})).await;
    assert_eq!(log["status"], "completed", "{log}");
    let output = &log["output"];
    let everybody = ["ada", "bob", "eve", "cc", "hidden"].map(|name| format!("{name}@example.com"));
    assert_eq!(output["accepted"], json!(everybody));
    assert_eq!(output["rejected"], json!([]));

    let record = smtp.record();
    let text = smtp.message();
    assert!(
        text.contains(&format!(
            "Message-ID: {}\r\n",
            output["messageId"].as_str().unwrap()
        )),
        "{text}"
    );
    assert!(
        text.contains("Date: Mon, 15 Jan 2024 10:00:00 +0000\r\n"),
        "{text}"
    );
    assert!(text.contains("Subject: Hello =?utf-8?b?"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    let sender = record
        .commands
        .iter()
        .filter(|line| line.starts_with("MAIL FROM"))
        .count();
    let recipients: Vec<_> = record
        .commands
        .iter()
        .filter(|line| line.starts_with("RCPT TO"))
        .cloned()
        .collect();
    assert_eq!(sender, 1);
    assert_eq!(
        recipients,
        everybody.map(|address| format!("RCPT TO:<{address}>"))
    );
    assert_eq!(record.commands.last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn the_action_spelling_sends_too_and_a_connection_names_the_sender() {
    let smtp = SmtpServer::start(Script::default()).await;
    let server = TestServer::start().await;
    let id = connection(
        &server,
        json!({"host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none", "from": "Desk <desk@example.com>"}),
    )
    .await;
    let step = json!({"id": "mail", "type": "action", "action": "email.send", "config": {
        "connectionId": id, "to": "ada@example.com", "subject": "s", "html": "<b>t</b>",
    }});
    let log = run_step(&server, step, json!({})).await;
    assert_eq!(log["status"], "completed", "{log}");
    assert!(smtp.message().contains("From: Desk <desk@example.com>\r\n"));
    assert!(smtp.message().contains("Content-Type: text/html"));
}

#[tokio::test]
async fn nothing_from_outside_adds_a_header_or_a_recipient() {
    let smtp = SmtpServer::start(Script::default()).await;
    let server = TestServer::start().await;
    connection(
        &server,
        json!({"host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none"}),
    )
    .await;
    for field in ["to", "cc", "bcc", "from", "replyTo", "subject"] {
        for attack in [
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com\nBcc: eve@example.com",
            "ada@example.com\rBcc: eve@example.com",
            "ada@example.com\u{0}",
            "ada@example.com>\r\nRCPT TO:<eve@example.com",
            "\"a\r\nBcc: eve@example.com\" <ada@example.com>",
            "ada@example.com\u{2028}Bcc: eve@example.com",
            "ada@example.com\u{85}Bcc: eve@example.com",
        ] {
            let log = run_step(
                &server,
                mail(json!({ field: "{{input.x}}" })),
                json!({ "x": attack }),
            )
            .await;
            assert_eq!(log["status"], "failed", "{field} {attack:?}: {log}");
            assert_eq!(log["error"]["code"], "CONFIG", "{field} {attack:?}: {log}");
            let message = log["error"]["message"].as_str().expect("a message");
            assert!(
                message.starts_with(&format!("`{field}`")),
                "{field} {attack:?}: {message}"
            );
        }
    }
    assert!(smtp.record().commands.is_empty(), "{:?}", smtp.record());
}

#[tokio::test]
async fn a_template_gives_one_address_and_a_written_comma_more() {
    let smtp = SmtpServer::start(Script::default()).await;
    let server = TestServer::start().await;
    let port = smtp.port().to_string();
    let credentials = json!({"host": "127.0.0.1", "port": port, "security": "none"});
    connection(&server, credentials).await;
    for field in ["to", "cc", "bcc", "replyTo"] {
        for written in [
            json!("{{input.x}}"),
            json!(["{{input.x}}"]),
            json!("{{input.x}}, desk@example.com"),
            json!("Ada <{{input.x}}>"),
        ] {
            let step = mail(json!({ field: written }));
            let workflow = server.workflow("subject", json!([step])).await;
            for attack in [
                json!("ada@example.com, eve@example.com"),
                json!("ada@example.com,eve@example.com"),
                json!("ada@example.com;eve@example.com"),
                json!("ada@example.com eve@example.com"),
                json!("ada@example.com>, Eve <eve@example.com"),
                json!(["ada@example.com", "eve@example.com"]),
                json!("\", eve@example.com, \"x@example.com"),
            ] {
                let run = server.admin().run(&workflow, json!({ "x": attack })).await;
                let seen = format!("{field} {written} {attack}: {run}");
                assert_eq!(run["status"], "failed", "{seen}");
                let message = run["error"]["message"].as_str().expect("a message");
                assert!(message.contains(&format!("failed: `{field}`")), "{seen}");
            }
        }
    }
    assert!(smtp.record().commands.is_empty(), "{:?}", smtp.record());

    let step = mail(json!({
        "to": "{{input.a}}, {{input.missing}}, \"Byron, {{input.name}}\" <{{input.b}}>",
        "cc": ["{{input.c}}, desk@example.com"],
    }));
    let input =
        json!({"a": "a@example.com", "b": "b@example.com", "c": "c@example.com", "name": "Ada"});
    let log = run_step(&server, step, input).await;
    let everybody = ["a", "b", "c", "desk"].map(|name| format!("{name}@example.com"));
    assert_eq!(log["output"]["accepted"], json!(everybody), "{log}");
}

#[tokio::test]
async fn tls_is_spoken_as_the_connection_says() {
    let certificate = Certificate::new();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &certificate.pem).expect("written");
    let server = TestServer::start_with(Clock::system(), |config| config.smtp_ca = Some(ca)).await;
    for security in ["starttls", "tls"] {
        let smtp = SmtpServer::start(Script {
            extensions: vec!["STARTTLS", "AUTH PLAIN"],
            certificate: Some(certificate.clone()),
            is_implicit: security == "tls",
            ..Script::default()
        })
        .await;
        let id = connection(
            &server,
            json!({"host": "localhost", "port": smtp.port().to_string(), "security": security, "username": "u", "password": PASSWORD}),
        )
        .await;
        let log = run_step(&server, mail(json!({ "connection": id })), json!({})).await;
        assert_eq!(log["status"], "completed", "{security}: {log}");
        let record = smtp.record();
        let plain: Vec<_> = record
            .commands
            .iter()
            .filter(|line| !line.starts_with("tls "))
            .collect();
        let expected: &[&str] = if security == "tls" {
            &[]
        } else {
            &["EHLO [127.0.0.1]", "STARTTLS"]
        };
        assert_eq!(plain, expected, "{security}");
        assert!(
            record
                .commands
                .iter()
                .any(|line| line.starts_with("tls AUTH PLAIN ")),
            "{record:?}"
        );
        assert_eq!(record.messages.len(), 1);
    }
}

#[tokio::test]
async fn a_repeated_attempt_has_the_same_message_id() {
    let smtp = SmtpServer::start(Script {
        answers: [(".", "451 try later\r\n".to_owned())].into(),
        ..Script::default()
    })
    .await;
    let server = TestServer::start().await;
    connection(
        &server,
        json!({"host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none"}),
    )
    .await;
    let mut step = mail(json!({}));
    step["retryConfig"] = json!({"maxAttempts": 3, "initialDelayMs": 0});
    let log = run_step(&server, step, json!({})).await;
    assert_eq!(log["status"], "failed", "{log}");
    assert_eq!(log["error"]["code"], "SMTP_STATUS", "{log}");
    let messages = smtp.record().messages;
    assert_eq!(messages.len(), 3);
    let id = |text: &String| {
        let line = text.lines().find(|line| line.starts_with("Message-ID: "));
        line.expect("a Message-ID").to_owned()
    };
    assert_eq!(id(&messages[0]), id(&messages[1]));
    assert_eq!(id(&messages[0]), id(&messages[2]));
}

#[tokio::test]
async fn some_recipients_may_be_refused_but_not_all() {
    let smtp = SmtpServer::start(Script {
        answers: [("RCPT TO:<eve@", "550 no such user\r\n".to_owned())].into(),
        ..Script::default()
    })
    .await;
    let server = TestServer::start().await;
    connection(
        &server,
        json!({"host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none"}),
    )
    .await;
    let log = run_step(&server, mail(json!({ "cc": "eve@example.com" })), json!({})).await;
    assert_eq!(
        log["output"]["accepted"],
        json!(["ada@example.com"]),
        "{log}"
    );
    assert_eq!(
        log["output"]["rejected"],
        json!(["eve@example.com"]),
        "{log}"
    );
    assert_eq!(
        log["output"]["rejections"][0]["reason"], "550 no such user",
        "{log}"
    );
    let log = run_step(&server, mail(json!({ "to": "eve@example.com" })), json!({})).await;
    assert_eq!(log["error"]["code"], "SMTP_STATUS", "{log}");
    assert_eq!(smtp.record().messages.len(), 1);
}
