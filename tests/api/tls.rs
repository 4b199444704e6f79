//! TLS on the public port: https works, plain HTTP does not, and a renewed certificate is used without a restart.

use crate::bare::BareServer;
use crate::support::TestServer;
use crate::wire::Wire;
use flowlatch::clock::Clock;
use flowlatch::http::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` and its key, in the folder.
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Files {
        Files {
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        }
    }

    /// Writes a new pair, and gives the certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(&self.cert, cert.pem()).expect("written");
        std::fs::write(&self.key, signing_key.serialize_pem()).expect("written");
        cert.der().clone()
    }
}

/// A client that trusts this certificate and no other.
fn trusting(cert: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    address: std::net::SocketAddr,
    cert: &CertificateDer<'static>,
) -> std::io::Result<Wire<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    Ok(Wire::over(trusting(cert).connect(name, stream).await?))
}

async fn serving(files: &Files) -> TestServer {
    TestServer::start_with(Clock::system(), |config| {
        config.tls_cert = Some(files.cert.clone());
        config.tls_key = Some(files.key.clone());
        config.header_timeout_ms = 300;
    })
    .await
}

#[tokio::test]
async fn https_works_and_plain_http_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files::in_folder(folder.path());
    let cert = files.renew();
    let server = serving(&files).await;
    assert!(
        server.url.starts_with("https://127.0.0.1:"),
        "{}",
        server.url
    );
    let mut wire = connect(server.address(), &cert).await.expect("a handshake");
    assert!(wire.is_served().await);
    let key = &server.admin_key;
    wire.send(&format!(
        "GET /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\r\n"
    ))
    .await;
    let answer = wire.next_answer().await.expect("an answer");
    assert!(
        answer.status == 200 && answer.body.contains("hello"),
        "{answer:?}"
    );

    let mut plain = Wire::to(server.address()).await;
    plain
        .send("GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(
        plain.find(b"HTTP/1.1").await.is_none(),
        "an answer in clear"
    );
    // Whoever says nothing at all does not hold its connection for long.
    let mut silent = Wire::to(server.address()).await;
    assert!(silent.ends().await);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let foreign = Files::in_folder(elsewhere.path()).renew();
    assert!(connect(server.address(), &foreign).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_open_connections_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files::in_folder(folder.path());
    let first = files.renew();
    let server = serving(&files).await;
    let mut open = connect(server.address(), &first)
        .await
        .expect("a handshake");
    assert!(open.is_served().await);
    let second = files.renew();
    // The files are looked at every second.
    let began = std::time::Instant::now();
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(50));
    while connect(server.address(), &second).await.is_err() {
        assert!(
            began.elapsed().as_secs() < 30,
            "the new certificate is not used"
        );
        assert!(open.is_served().await);
        beat.tick().await;
    }
    assert!(connect(server.address(), &first).await.is_err());
    assert!(open.is_served().await);
    server.stop().await;
}

#[tokio::test]
async fn a_broken_replacement_leaves_the_old_certificate_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files::in_folder(folder.path());
    let first = files.renew();
    let tls = Tls::load(&files.cert, &files.key).expect("a good pair");
    let server = BareServer::start(&folder.path().join("db"), Vec::new(), Some(tls.clone())).await;
    let second = files.renew();
    assert!(
        connect(server.address, &first).await.is_ok(),
        "not read again yet"
    );
    tls.reload();
    assert!(connect(server.address, &second).await.is_ok());
    assert!(connect(server.address, &first).await.is_err());

    let cert = std::fs::read(&files.cert).expect("there");
    let key = std::fs::read(&files.key).expect("there");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Files::in_folder(elsewhere.path());
    other.renew();
    let others_key = std::fs::read(&other.key).expect("there");
    let half = cert.len() / 2;
    let broken: [(&str, &[u8], &[u8]); 5] = [
        ("cut off", &cert[..half], &key),
        ("empty", b"", &key),
        ("no PEM", b"-----BEGIN CERTIFICATE-----", b"x"),
        ("no key", &cert, b""),
        ("another's key", &cert, &others_key),
    ];
    for (what, cert, key) in broken {
        std::fs::write(&files.cert, cert).expect("written");
        std::fs::write(&files.key, key).expect("written");
        let error = Tls::load(&files.cert, &files.key).err().expect(what);
        assert!(error.contains(".pem: "), "{what}: {error}");
        tls.reload();
        assert!(connect(server.address, &second).await.is_ok(), "{what}");
    }
    std::fs::remove_file(&files.cert).expect("removed");
    tls.reload();
    assert!(connect(server.address, &second).await.is_ok());
    let third = files.renew();
    tls.reload();
    assert!(connect(server.address, &third).await.is_ok());
    server.stop().await;
}
