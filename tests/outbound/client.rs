//! What a call sends, follows and bears.

use crate::server::{Reply, Server, get, outbound};
use flowlatch::engine::outbound::OutboundRequest;

#[tokio::test]
async fn a_call_sends_what_it_was_given_and_says_who_it_is() {
    let server = Server::saying(Reply::new(201, &[("X-One", "a"), ("x-one", "b")], "made")).await;
    let request = OutboundRequest {
        method: "post".into(),
        headers: vec![("X-Name".into(), "wert ü".into())],
        body: Some(b"hello".to_vec()),
        ..get(&server.url("/p?q=1"))
    };
    let response = outbound(&["127.0.0.1"])
        .send(request)
        .await
        .expect("an answer");
    assert_eq!(
        (response.status, response.body.as_slice()),
        (201, b"made".as_slice())
    );
    assert_eq!(response.header("x-one"), Some("a, b"));
    let asked = server.only();
    assert_eq!(
        (asked.line.as_str(), asked.body.as_str()),
        ("POST /p?q=1", "hello")
    );
    assert_eq!(asked.header("x-name"), Some("wert ü"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        asked.header("user-agent"),
        Some(format!("flowlatch/{version}").as_str())
    );
    assert_eq!(asked.header("accept-encoding"), None);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::saying(Reply::new(200, &[], "other")).await;
    let other_url = other.url("/landing");
    let first = Server::start(move |asked| match asked.line.as_str() {
        "POST /a" => Reply::redirect(307, "/b"),
        _ => Reply::redirect(307, &other_url),
    })
    .await;
    let names = [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-shop-token",
    ];
    let headers = names.map(|name| (name.to_owned(), "s3cret".to_owned()));
    let request = OutboundRequest {
        method: "POST".into(),
        headers: headers
            .into_iter()
            .chain([("content-type".into(), "text/plain".into())])
            .collect(),
        body: Some(b"body".to_vec()),
        ..get(&first.url("/a"))
    };
    let response = outbound(&["127.0.0.1"])
        .send(request)
        .await
        .expect("an answer");
    assert_eq!(response.body, b"other");
    let within = first.asked();
    assert_eq!(within.len(), 2);
    assert!(
        names
            .iter()
            .all(|name| within[1].header(name) == Some("s3cret"))
    );
    let beyond = other.only();
    assert_eq!(
        (beyond.line.as_str(), beyond.body.as_str()),
        ("POST /landing", "body")
    );
    assert_eq!(beyond.header("content-type"), Some("text/plain"));
    assert!(!format!("{beyond:?}").contains("s3cret"), "{beyond:?}");
}

#[tokio::test]
async fn a_post_becomes_a_get_where_the_rules_say_so() {
    for (status, line, body) in [
        (301, "GET /end", ""),
        (302, "GET /end", ""),
        (303, "GET /end", ""),
        (307, "POST /end", "body"),
        (308, "POST /end", "body"),
    ] {
        let server = Server::start(move |asked| match asked.line.as_str() {
            "POST /start" => Reply::redirect(status, "end"),
            _ => Reply::new(200, &[], ""),
        })
        .await;
        let request = OutboundRequest {
            method: "POST".into(),
            body: Some(b"body".to_vec()),
            ..get(&server.url("/start"))
        };
        outbound(&["127.0.0.1"])
            .send(request)
            .await
            .expect("an answer");
        let asked = server.asked();
        assert_eq!(
            (asked[1].line.as_str(), asked[1].body.as_str()),
            (line, body),
            "{status}"
        );
    }
}

#[tokio::test]
async fn loops_end_after_ten_redirects() {
    let server = Server::saying(Reply::redirect(302, "/again?token=s3cret")).await;
    let error = outbound(&["127.0.0.1"])
        .send(get(&server.url("/")))
        .await
        .expect_err("a loop");
    assert_eq!((error.code.as_str(), error.retryable), ("REDIRECT", false));
    assert!(!error.message.contains("s3cret"), "{}", error.message);
    assert_eq!(server.asked().len(), 11);
}

#[tokio::test]
async fn large_answers_are_cut_off_with_and_without_a_length() {
    let endless = b"HTTP/1.1 200 OK\r\n\r\n".repeat(1_000);
    let exact = Reply::new(200, &[], vec![b'x'; 1_000]);
    for (reply, limit, fits) in [
        (exact.clone(), Some(1_000), true),
        (exact, Some(999), false),
        (Reply::Endless(endless), None, false),
        // A caller cannot ask for more than the setting allows.
        (
            Reply::new(200, &[], vec![b'x'; 65 * 1024]),
            Some(1024 * 1024),
            false,
        ),
    ] {
        let server = Server::saying(reply).await;
        let request = OutboundRequest {
            max_response_bytes: limit,
            ..get(&server.url("/"))
        };
        match outbound(&["127.0.0.1"]).send(request).await {
            Ok(response) => assert!(fits && response.body.len() == 1_000),
            Err(error) => {
                assert!(!fits);
                assert_eq!(
                    (error.code.as_str(), error.retryable),
                    ("RESPONSE_TOO_LARGE", false)
                );
            }
        }
    }
}

#[tokio::test]
async fn an_answer_with_an_endless_head_or_too_many_headers_is_given_up() {
    let endless = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n");
    let long = [endless, vec![b'x'; 1 << 20]].concat();
    for head in [long, many.into_bytes()] {
        let server = Server::saying(Reply::Stall(head)).await;
        let error = outbound(&["127.0.0.1"]).send(get(&server.url("/"))).await;
        assert_eq!(error.expect_err("given up").code, "CONNECTION_LOST");
    }
    // As many as there may be.
    let most: String = (0..99).map(|n| format!("x-{n}: 1\r\n")).collect();
    let most = format!("HTTP/1.1 200 OK\r\n{most}content-length: 0\r\n\r\n");
    let server = Server::saying(Reply::Bytes(most.into_bytes())).await;
    let response = outbound(&["127.0.0.1"]).send(get(&server.url("/"))).await;
    assert_eq!(response.expect("an answer").headers.len(), 100);
}

#[tokio::test]
async fn slow_answers_end_in_time_whatever_part_is_slow() {
    for part in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    ] {
        let server = Server::saying(Reply::Stall(part.as_bytes().to_vec())).await;
        let request = OutboundRequest {
            timeout_ms: Some(60),
            ..get(&server.url("/?token=s3cret"))
        };
        let error = outbound(&["127.0.0.1"])
            .send(request)
            .await
            .expect_err("too slow");
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("TIMEOUT", true),
            "{part}"
        );
        assert!(
            error.message.contains("60 ms") && !error.message.contains("s3cret"),
            "{}",
            error.message
        );
    }
}

#[tokio::test]
async fn broken_connections_may_be_tried_again() {
    let gone = Server::saying(Reply::Bytes(Vec::new())).await;
    let short = Server::saying(Reply::Bytes(
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
    ))
    .await;
    let nonsense = Server::saying(Reply::Bytes(b"SSH-2.0-x\r\n".to_vec())).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address")
    };
    for (url, code) in [
        (gone.url("/"), "CONNECTION_LOST"),
        (short.url("/"), "CONNECTION_LOST"),
        (nonsense.url("/"), "CONNECTION_LOST"),
        (format!("http://{closed}/"), "CONNECTION"),
        // No name has a part of 64 letters, so nobody needs to be asked for it.
        (format!("http://{}.invalid/", "x".repeat(64)), "CONNECTION"),
    ] {
        let url = format!("{url}?token=s3cret");
        let error = outbound(&["127.0.0.1"])
            .send(get(&url))
            .await
            .expect_err(&url);
        assert_eq!(
            (error.code.as_str(), error.retryable),
            (code, true),
            "{url}: {error:?}"
        );
        assert!(!error.message.contains("s3cret"), "{}", error.message);
    }
}

#[tokio::test]
async fn wrong_headers_and_methods_are_refused_without_their_values() {
    let server = Server::saying(Reply::new(200, &[], "")).await;
    let client = outbound(&["127.0.0.1"]);
    let with = |name: &str, value: &str| OutboundRequest {
        headers: vec![(name.into(), value.into())],
        ..get(&server.url("/"))
    };
    for request in [
        with("a b", "s3cret"),
        with("", "s3cret"),
        with("x:y", "s3cret"),
        with("x", "s3cret\r\nx-injected: 1"),
        with("x", "s3cret\0"),
        with("Host", "s3cret"),
        with("content-length", "5"),
        with("Transfer-Encoding", "chunked"),
        with("x", &"s3cret".repeat(8_000)),
        OutboundRequest {
            headers: vec![("x".into(), "s3cret".into()); 101],
            ..get(&server.url("/"))
        },
        OutboundRequest {
            method: "CONNECT".into(),
            ..get(&server.url("/"))
        },
        OutboundRequest {
            method: "GET / HTTP/1.1\r\n".into(),
            ..get(&server.url("/"))
        },
        get(&server.url(&format!("/{}", "x".repeat(17_000)))),
    ] {
        let error = client.send(request).await.expect_err("malformed");
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("CONFIG", false),
            "{error:?}"
        );
        assert!(!error.message.contains("s3cret"), "{}", error.message);
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_refused() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let shaken = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        acceptor.accept(stream).await.map(|_| ())
    });
    let client = outbound(&["127.0.0.0/8"]);
    let error = client
        .send(get(&format!("https://localhost:{port}/")))
        .await
        .expect_err("untrusted");
    assert_eq!(error.code, "CONNECTION");
    assert!(error.message.contains("certificate"), "{}", error.message);
    assert!(shaken.await.expect("the server ended").is_err());
}
