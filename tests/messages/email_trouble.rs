//! `email`: servers that refuse, lie, stall, break off or repeat what they were told.

use crate::email::{PASSWORD, connection, mail, run_step};
use crate::smtp::{Certificate, Script, SmtpServer};
use crate::support::{Answer, TestServer};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flowlatch::clock::Clock;
use serde_json::{Value, json};

/// The log of a mail over a server that behaves like this.
async fn over(script: Script, security: &str, login: bool) -> (Value, SmtpServer) {
    let smtp = SmtpServer::start(script).await;
    let server =
        TestServer::start_with(Clock::system(), |config| config.http_timeout_ms = 2_000).await;
    let mut credentials =
        json!({"host": "localhost", "port": smtp.port().to_string(), "security": security});
    if login {
        credentials["username"] = "u".into();
        credentials["password"] = PASSWORD.into();
    }
    connection(&server, credentials).await;
    let log = run_step(&server, mail(json!({})), json!({})).await;
    (log, smtp)
}

fn message(log: &Value) -> &str {
    log["error"]["message"].as_str().unwrap_or_default()
}

/// A server that has this to say to one word of a client.
pub(crate) fn answering(word: &'static str, answer: &str) -> Script {
    Script {
        extensions: vec!["AUTH PLAIN LOGIN"],
        answers: [(word, answer.to_owned())].into(),
        ..Script::default()
    }
}

#[tokio::test]
async fn what_servers_refuse_is_told_without_the_password() {
    let forms = [
        PASSWORD.to_owned(),
        STANDARD.encode(PASSWORD),
        STANDARD.encode(format!("\0u\0{PASSWORD}")),
    ];
    let padding = "x".repeat(190);
    let echo = format!("{padding} {} {} {}", forms[0], forms[1], forms[2]);
    for (word, answer, code) in [
        ("", format!("554 go away {echo}\r\n"), "SMTP_STATUS"),
        ("AUTH", format!("535 {echo}\r\n"), "SMTP_LOGIN"),
        ("AUTH", "454 later\r\n".to_owned(), "SMTP_LOGIN"),
        ("MAIL", format!("550 {echo}\r\n"), "SMTP_STATUS"),
        ("RCPT", format!("550 {echo}\r\n"), "SMTP_STATUS"),
        ("DATA", format!("554 {echo}\r\n"), "SMTP_STATUS"),
        (".", format!("552 {echo}\r\n"), "SMTP_STATUS"),
    ] {
        let (log, _smtp) = over(answering(word, &answer), "none", true).await;
        assert_eq!(log["error"]["code"], code, "{word}: {log}");
        let text = log.to_string();
        for form in &forms {
            assert!(!text.contains(&form[..6]), "{word}: {text}");
        }
    }
}

#[tokio::test]
async fn a_password_is_not_sent_without_the_protection_that_was_asked_for() {
    let stripped = Script {
        extensions: vec!["AUTH PLAIN"],
        ..Script::default()
    };
    let (log, smtp) = over(stripped, "starttls", true).await;
    assert_eq!(log["error"]["code"], "SMTP_UNSUPPORTED", "{log}");
    assert!(message(&log).contains("STARTTLS"), "{log}");
    assert!(
        !smtp
            .record()
            .commands
            .iter()
            .any(|line| line.contains("AUTH"))
    );

    let (log, smtp) = over(Script::default(), "none", true).await;
    assert_eq!(log["error"]["code"], "SMTP_UNSUPPORTED", "{log}");
    assert!(message(&log).contains("no login"), "{log}");
    assert!(smtp.record().messages.is_empty());
}

#[tokio::test]
async fn an_unknown_certificate_is_refused() {
    for security in ["starttls", "tls"] {
        let script = Script {
            extensions: vec!["STARTTLS", "AUTH PLAIN"],
            certificate: Some(Certificate::new()),
            is_implicit: security == "tls",
            ..Script::default()
        };
        let (log, smtp) = over(script, security, true).await;
        assert_eq!(log["error"]["code"], "TLS", "{security}: {log}");
        assert!(
            !smtp
                .record()
                .commands
                .iter()
                .any(|line| line.contains("AUTH"))
        );
    }
}

#[tokio::test]
async fn what_was_said_before_tls_does_not_count_after_it() {
    let certificate = Certificate::new();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &certificate.pem).expect("written");
    let server = TestServer::start_with(Clock::system(), |config| config.smtp_ca = Some(ca)).await;
    let smtp = SmtpServer::start(Script {
        extensions: vec!["STARTTLS"],
        injects: "250-forged\r\n250 AUTH PLAIN\r\n",
        certificate: Some(certificate),
        ..Script::default()
    })
    .await;
    let credentials =
        json!({"host": "localhost", "port": smtp.port().to_string(), "security": "starttls"});
    connection(&server, credentials).await;
    let log = run_step(&server, mail(json!({})), json!({})).await;
    assert_eq!(log["status"], "failed", "{log}");
    assert!(smtp.record().messages.is_empty());
}

#[tokio::test]
async fn a_broken_or_late_conversation_is_repeated_only_before_the_message() {
    for (drops_at, stalls_at, code, is_repeated) in [
        (Some("MAIL"), None, "CONNECTION", true),
        (Some("DATA"), None, "CONNECTION", true),
        (Some("."), None, "CONNECTION_LOST", false),
        (None, Some("EHLO"), "TIMEOUT", true),
        (None, Some("."), "TIMEOUT", false),
    ] {
        let smtp = SmtpServer::start(Script {
            drops_at,
            stalls_at,
            ..Script::default()
        })
        .await;
        let server = TestServer::start().await;
        connection(
            &server,
            json!({"host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none"}),
        )
        .await;
        let mut step = mail(json!({ "timeout": 400 }));
        step["retryConfig"] = json!({"maxAttempts": 2, "initialDelayMs": 0});
        let log = run_step(&server, step, json!({})).await;
        assert_eq!(
            log["error"]["code"], code,
            "{drops_at:?} {stalls_at:?}: {log}"
        );
        let talks = smtp
            .record()
            .commands
            .iter()
            .filter(|line| line.starts_with("EHLO"))
            .count();
        assert_eq!(
            talks,
            if is_repeated { 2 } else { 1 },
            "{drops_at:?} {stalls_at:?}"
        );
        assert_eq!(
            message(&log).contains("may have been delivered"),
            !is_repeated,
            "{log}"
        );
    }
}

#[tokio::test]
async fn endless_answers_end() {
    let endless_line = "2".repeat(3 << 20);
    let many_lines = "250-x\r\n".repeat(1 << 18);
    for answer in [
        endless_line,
        many_lines,
        "nonsense\r\n".to_owned(),
        "\r\n".to_owned(),
    ] {
        let (log, _smtp) = over(answering("", &answer), "none", false).await;
        assert_eq!(log["status"], "failed", "{log}");
        assert!(log.to_string().len() < 4_000, "{log}");
    }
}

#[tokio::test]
async fn addresses_are_checked_as_for_http() {
    let server = TestServer::start().await;
    let own_port = server.address().port().to_string();
    for (host, port, code) in [
        ("127.0.0.1", own_port.as_str(), "ADDRESS_REFUSED"),
        ("localhost", own_port.as_str(), "ADDRESS_REFUSED"),
        ("169.254.169.254", "25", "ADDRESS_REFUSED"),
        ("[fe80::1]", "25", "ADDRESS_REFUSED"),
        ("224.0.0.1", "25", "ADDRESS_REFUSED"),
        ("0.0.0.0", "25", "ADDRESS_REFUSED"),
        ("::ffff:169.254.169.254", "25", "ADDRESS_REFUSED"),
        ("127.0.0.1", "1", "CONNECTION"),
    ] {
        let made = made(&server, host, port).await;
        assert_eq!(made.status, 201, "{host}:{port}: {}", made.text);
        let id = made.data()["id"].clone();
        let log = run_step(&server, mail(json!({ "connection": id })), json!({})).await;
        assert_eq!(log["error"]["code"], code, "{host}:{port}: {log}");
    }
}

/// The answer to who makes a connection to this server.
async fn made(server: &TestServer, host: &str, port: &str) -> Answer {
    let body = json!({"name": "m", "provider": "mailer", "type": "smtp",
        "credentials": {"host": host, "port": port, "security": "none"}});
    server.admin().post("/api/v1/connections", body).await
}

#[tokio::test]
async fn a_host_or_port_that_is_none_is_refused_with_its_place() {
    let server = TestServer::start().await;
    for (host, port, field) in [
        ("", "25", "host"),
        ("mail.example.com/x", "25", "host"),
        ("user@mail.example.com", "25", "host"),
        ("mail.example.com:25", "25", "host"),
        ("two words", "25", "host"),
        ("mail.example.com", "0", "port"),
        ("mail.example.com", "65536", "port"),
        ("mail.example.com", "smtp", "port"),
    ] {
        let refused = made(&server, host, port).await;
        assert_eq!(refused.status, 400, "{host}:{port}: {}", refused.text);
        let details = refused.json()["error"]["details"].clone();
        let places: Vec<&str> = details
            .as_array()
            .expect("details")
            .iter()
            .map(|detail| detail["place"].as_str().expect("a place"))
            .collect();
        assert!(
            places.contains(&format!("credentials.{field}").as_str()),
            "{host}:{port}: {}",
            refused.text
        );
    }
}
