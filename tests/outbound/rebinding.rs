//! Names whose answers change, or hold what may not be reached beside what may. The names resolve to loopback alone: one
//! address of it stands for the open network, because it is allowed, and another one for the inside.

use crate::server::{Reply, Server, get, outbound_asking};
use flowlatch::engine::mail::{Draft, Mail, MailServer, Mailer, TlsMode, addresses};
use flowlatch::engine::outbound::{Lookup, Outbound};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const NAME: &str = "rebound.example";
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// No mail server is ever reached here, and whoever connects to it all the same comes to [`INSIDE`].
const UNSPECIFIED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Listeners on one port of the two addresses, the open one first.
async fn listeners() -> (TcpListener, TcpListener) {
    let candidates = [
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    for open in candidates.into_iter().cycle().take(100) {
        if let Ok(open) = TcpListener::bind((open, 0)).await {
            let port = open.local_addr().expect("an address").port();
            // Somebody else may have the port at the other address.
            if let Ok(inside) = TcpListener::bind((INSIDE, port)).await {
                return (open, inside);
            }
        }
    }
    panic!("this machine has only one loopback address");
}

/// A name that is at `first` when it is asked for the first time, and at `later` from then on; and how often it was asked for.
fn changing(first: &[IpAddr], later: &[IpAddr]) -> (Lookup, Arc<AtomicUsize>) {
    let (first, later) = (first.to_vec(), later.to_vec());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup = Lookup::given(move |name| {
        assert_eq!(name, NAME);
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => first.clone(),
            _ => later.clone(),
        }
    });
    (lookup, asked)
}

fn saying(listener: TcpListener, body: &'static str) -> Server {
    Server::on(listener, move |_| Reply::new(200, &[], body))
}

#[tokio::test]
async fn a_name_that_moves_inside_after_the_check_is_not_followed_there() {
    let (open, inside) = listeners().await;
    let (open, inside) = (saying(open, "open"), saying(inside, "inside"));
    let (lookup, asked) = changing(&[open.address.ip()], &[INSIDE]);
    let client = outbound_asking(&[&open.address.ip().to_string()], lookup);
    let url = format!("http://{NAME}:{}/", open.address.port());
    let response = client.send(get(&url)).await.expect("an answer");
    assert_eq!(response.body, b"open");
    assert_eq!(
        asked.load(Ordering::Relaxed),
        1,
        "one answer for check and connect"
    );
    let error = client.send(get(&url)).await.expect_err("it has moved");
    assert_eq!(error.code, "ADDRESS_REFUSED", "{error:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(inside.asked().len(), 0);
}

#[tokio::test]
async fn of_an_answer_with_both_only_the_open_address_is_called() {
    let (open, inside) = listeners().await;
    let (address, inside) = (
        open.local_addr().expect("an address"),
        saying(inside, "inside"),
    );
    let both = [[INSIDE, address.ip()], [address.ip(), INSIDE]];
    let client = |answer: [IpAddr; 2]| {
        outbound_asking(&[&address.ip().to_string()], changing(&answer, &answer).0)
    };
    let url = format!("http://{NAME}:{}/", address.port());
    let open = saying(open, "open");
    for answer in both {
        let response = client(answer).send(get(&url)).await.expect("an answer");
        assert_eq!(response.body, b"open");
    }
    // Not even when nobody is there: the port of the open address is free again once its listener has gone.
    open.close().await;
    for answer in both {
        let error = client(answer).send(get(&url)).await.expect_err("nobody");
        assert_eq!(error.code, "CONNECTION", "{error:?}");
    }
    assert_eq!(inside.asked().len(), 0);
}

/// A mail server that takes one message, as far as a client can tell.
fn mail_server(listener: TcpListener) -> Arc<AtomicUsize> {
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            // Every command and the end of the message are answered alike; only `DATA` needs another word.
            let mut read = vec![0; 4096];
            let mut reply: &[u8] = b"220 test\r\n";
            while stream.write_all(reply).await.is_ok() {
                let Ok(length @ 1..) = stream.read(&mut read).await else {
                    break;
                };
                let is_data = read[..length].starts_with(b"DATA");
                reply = if is_data {
                    b"354 go ahead\r\n"
                } else {
                    b"250 ok\r\n"
                };
            }
        }
    });
    called
}

async fn send_mail(outbound: &Outbound, port: u16) -> Result<(), String> {
    let person = |text| addresses(text).expect("an address");
    let mail = Mail::new(Draft {
        from: person("a@example.com").remove(0),
        reply_to: Vec::new(),
        to: person("b@example.com"),
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: "test".into(),
        text: Some("test".into()),
        html: None,
        idempotency_key: "test".into(),
        now_ms: 0,
    });
    let server = MailServer {
        host: NAME.into(),
        port,
        tls: TlsMode::None,
        login: None,
    };
    let mailer = Mailer::new(outbound.clone(), Vec::new(), 10_000);
    let sent = mailer.send(&server, &mail.expect("a message"), None).await;
    sent.map(|_| ()).map_err(|error| error.code.to_string())
}

#[tokio::test]
async fn a_mail_server_is_called_only_where_it_was_checked() {
    let (open, inside) = listeners().await;
    let address = open.local_addr().expect("an address");
    let (open, inside) = (mail_server(open), mail_server(inside));
    // A server that was named for mail may stand on this machine, so what is refused is another kind of address.
    let (lookup, asked) = changing(&[address.ip()], &[UNSPECIFIED]);
    let outbound = outbound_asking(&[], lookup);
    let sent = send_mail(&outbound, address.port()).await;
    assert_eq!(sent, Ok(()));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let sent = send_mail(&outbound, address.port()).await;
    assert_eq!(sent, Err("ADDRESS_REFUSED".into()));
    for answer in [[UNSPECIFIED, address.ip()], [address.ip(), UNSPECIFIED]] {
        let outbound = outbound_asking(&[], changing(&answer, &answer).0);
        assert_eq!(send_mail(&outbound, address.port()).await, Ok(()));
    }
    assert_eq!(open.load(Ordering::Relaxed), 3);
    assert_eq!(inside.load(Ordering::Relaxed), 0);
}
