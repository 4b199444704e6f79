//! Who may be called.

use crate::server::{Reply, Server, get, outbound};

#[tokio::test]
async fn loopback_is_refused_in_every_notation_and_nothing_arrives() {
    let server = Server::saying(Reply::new(200, &[], "inside")).await;
    let port = server.address.port();
    let client = outbound(&[]);
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "127.8.8.8",
        "0.0.0.0",
        "0",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "%6c%6fcalhost",
        "１２７.0.0.1",
        "ⓛocalhost",
    ] {
        let url = format!("http://{host}:{port}/");
        let error = client.send(get(&url)).await.expect_err(&url);
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("ADDRESS_REFUSED", false),
            "{url}: {error:?}"
        );
        assert!(
            error.message.contains("`outbound_allow`"),
            "{}",
            error.message
        );
    }
    // Whether the machine knows this name at all differs; it is never reached.
    let rooted = format!("http://localhost.:{port}/");
    client.send(get(&rooted)).await.expect_err(&rooted);
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn inside_addresses_of_every_kind_are_refused_by_name() {
    let client = outbound(&[]);
    for (host, kind) in [
        ("169.254.169.254", "link-local"),
        ("[::ffff:169.254.169.254]", "link-local"),
        ("[2002:a9fe:a9fe::]", "link-local"),
        ("10.0.0.1", "private"),
        ("012.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.1", "private"),
        ("3232235521", "private"),
        ("[64:ff9b::192.168.0.1]", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("192.0.0.1", "protocol assignments"),
        ("198.18.0.1", "benchmarking"),
        ("192.0.2.1", "documentation"),
        ("[2001:db8::1]", "documentation"),
        ("224.0.0.1", "multicast"),
        ("[ff02::1]", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("[fc00::1]", "unique-local"),
        ("[fd00:ec2::254]", "unique-local"),
        ("[fe80::1]", "link-local"),
    ] {
        let url = format!("https://{host}/latest/meta-data");
        let error = client.send(get(&url)).await.expect_err(&url);
        assert_eq!(error.code, "ADDRESS_REFUSED", "{url}");
        assert!(error.message.contains(kind), "{url}: {}", error.message);
    }
}

#[tokio::test]
async fn allowed_targets_are_reached_and_others_are_not() {
    let server = Server::saying(Reply::new(200, &[], "inside")).await;
    let port = server.address.port();
    let (exact, other) = (
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:{}", port ^ 1),
    );
    let named = format!("localhost:{port}");
    for (entry, host, reached) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "2130706433", true),
        ("127.0.0.1", "[::ffff:127.0.0.1]", true),
        ("127.0.0.0/8", "127.0.0.1", true),
        // A range counts whatever the name; `localhost` may also be ::1, which is then dropped.
        ("127.0.0.0/8", "localhost", true),
        ("localhost", "localhost", true),
        ("localhost", "LocalHost", true),
        (named.as_str(), "localhost", true),
        (exact.as_str(), "127.0.0.1", true),
        (other.as_str(), "127.0.0.1", false),
        (other.as_str(), "localhost", false),
        ("localhost", "127.0.0.1", false),
        ("10.0.0.0/8", "127.0.0.1", false),
        ("localhost.example", "localhost", false),
    ] {
        let client = outbound(&[entry]);
        let result = client.send(get(&format!("http://{host}:{port}/"))).await;
        match result {
            Ok(response) => assert!(reached && response.body == b"inside", "{entry} {host}"),
            Err(error) => assert!(
                !reached && error.code == "ADDRESS_REFUSED",
                "{entry} {host}: {error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn the_own_port_is_never_called_even_when_allowed() {
    let own = Server::saying(Reply::new(200, &[], "myself")).await;
    let next = Server::saying(Reply::redirect(307, &own.url("/api/v1/runs"))).await;
    let client = outbound(&["127.0.0.0/8", "localhost", "::1", "0.0.0.0"]);
    client.set_own_ports(&[own.address.port()]);
    let port = own.address.port();
    for url in [
        own.url("/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://127.77.0.1:{port}/"),
        next.url("/"),
    ] {
        let error = client.send(get(&url)).await.expect_err(&url);
        assert_eq!(error.code, "ADDRESS_REFUSED", "{url}");
        assert!(error.message.contains("own"), "{}", error.message);
    }
    assert_eq!(own.asked().len(), 0);
    assert_eq!(next.asked().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_checked_like_the_first_address() {
    for location in [
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:1/",
        "http://localhost:1/",
        "http://2130706434:1/",
        "//10.0.0.1/",
    ] {
        let server = Server::saying(Reply::redirect(302, location)).await;
        let client = outbound(&[&server.address.to_string()]);
        let error = client
            .send(get(&server.url("/")))
            .await
            .expect_err(location);
        assert_eq!(error.code, "ADDRESS_REFUSED", "{location}: {error:?}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn userinfo_and_other_schemes_are_refused_with_a_sentence() {
    let client = outbound(&["127.0.0.1"]);
    for (url, part) in [
        ("http://user:s3cret@127.0.0.1/", "authorization"),
        ("http://127.0.0.1@10.0.0.1/", "authorization"),
        ("ftp://127.0.0.1/", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("/relative", "absolute"),
    ] {
        let error = client.send(get(url)).await.expect_err(url);
        assert_eq!(error.code, "CONFIG", "{url}");
        assert!(error.message.contains(part), "{}", error.message);
        assert!(!error.message.contains("s3cret"), "{}", error.message);
    }
}
