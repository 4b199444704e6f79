//! A mail server for tests: answers as it is told to, with and without TLS, and remembers every command and message.

// Several test binaries include this file, and each uses a part of it.
#![allow(dead_code)]

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How the server behaves.
#[derive(Clone, Default)]
pub(crate) struct Script {
    /// What `EHLO` lists.
    pub(crate) extensions: Vec<&'static str>,
    /// By the beginning of a command: what is answered in place of the usual. `.` is the end of a message, `` the greeting.
    pub(crate) answers: HashMap<&'static str, String>,
    /// Whether messages are refused, each with its own last line as people read it.
    pub(crate) refuses_with_message: bool,
    /// Before such a command is answered, the connection is dropped.
    pub(crate) drops_at: Option<&'static str>,
    /// Such a command is never answered.
    pub(crate) stalls_at: Option<&'static str>,
    /// Sent in clear right behind the answer to `STARTTLS`.
    pub(crate) injects: &'static str,
    /// TLS: from the first byte, or after `STARTTLS`.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) is_implicit: bool,
}

/// A certificate for `localhost`.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) pem: String,
    config: Arc<ServerConfig>,
}

impl Certificate {
    pub(crate) fn new() -> Certificate {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let chain: Vec<CertificateDer<'static>> = vec![cert.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        Certificate {
            pem: cert.pem(),
            config: Arc::new(config),
        }
    }
}

/// What came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Commands, in order; those that came over TLS begin with `tls `.
    pub(crate) commands: Vec<String>,
    /// Messages as they stood between `DATA` and the dot, dots unstuffed.
    pub(crate) messages: Vec<String>,
}

pub(crate) struct SmtpServer {
    pub(crate) address: SocketAddr,
    record: Arc<Mutex<Record>>,
    _tasks: JoinSet<()>,
}

impl SmtpServer {
    pub(crate) async fn start(script: Script) -> SmtpServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let record = Arc::new(Mutex::new(Record::default()));
        let mut tasks = JoinSet::new();
        let noted = record.clone();
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, record) = (script.clone(), noted.clone());
                talks.spawn(async move { drop(accept(stream, &script, &record).await) });
            }
        });
        SmtpServer {
            address,
            record,
            _tasks: tasks,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn record(&self) -> Record {
        self.record.lock().expect("no test panicked").clone()
    }

    /// The one message that came.
    pub(crate) fn message(&self) -> String {
        let record = self.record();
        assert_eq!(record.messages.len(), 1, "{record:?}");
        record.messages[0].clone()
    }
}

async fn accept(stream: TcpStream, script: &Script, record: &Mutex<Record>) -> std::io::Result<()> {
    match (&script.certificate, script.is_implicit) {
        (Some(certificate), true) => {
            let stream = TlsAcceptor::from(certificate.config.clone())
                .accept(stream)
                .await?;
            talk(BufReader::new(stream), script, record, true)
                .await
                .map(|_| ())
        }
        (certificate, _) => {
            let plain = talk(BufReader::new(stream), script, record, false).await?;
            let (Some(plain), Some(certificate)) = (plain, certificate) else {
                return Ok(());
            };
            let stream = TlsAcceptor::from(certificate.config.clone())
                .accept(plain.into_inner())
                .await?;
            talk(BufReader::new(stream), script, record, true)
                .await
                .map(|_| ())
        }
    }
}

/// Talks until the client goes, or gives the stream back when TLS is to begin.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    script: &Script,
    record: &Mutex<Record>,
    is_tls: bool,
) -> std::io::Result<Option<BufReader<S>>> {
    if !is_tls || script.is_implicit {
        let greeting = script
            .answers
            .get("")
            .map_or("220 test\r\n", String::as_str);
        stream.write_all(greeting.as_bytes()).await?;
    }
    let mut message: Option<String> = None;
    loop {
        let mut refusal = None;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if let Some(text) = &mut message {
            if line != ".\r\n" {
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
                continue;
            }
            let text = message.take().expect("a message");
            refusal = refusal_of(&text).filter(|_| script.refuses_with_message);
            record.lock().expect("no test panicked").messages.push(text);
        } else {
            let tls = if is_tls { "tls " } else { "" };
            let command = format!("{tls}{}", line.trim_end());
            record
                .lock()
                .expect("no test panicked")
                .commands
                .push(command);
        }
        let is_command = |word: &&str| line.starts_with(*word);
        if script.drops_at.as_ref().is_some_and(is_command) {
            return Ok(None);
        }
        if script.stalls_at.as_ref().is_some_and(is_command) {
            stream.read_line(&mut String::new()).await?;
            return Ok(None);
        }
        let scripted = script
            .answers
            .iter()
            .find(|(word, _)| !word.is_empty() && line.starts_with(**word));
        let usual = usual(&line, script, is_tls);
        let answer =
            refusal.unwrap_or_else(|| scripted.map_or(usual, |(_, answer)| answer.clone()));
        let begins_tls = line.starts_with("STARTTLS") && answer.starts_with('2');
        if line.starts_with("DATA") && answer.starts_with('3') {
            message = Some(String::new());
        }
        stream.write_all(answer.as_bytes()).await?;
        if begins_tls {
            stream.write_all(script.injects.as_bytes()).await?;
            stream.flush().await?;
            return Ok(Some(stream));
        }
        stream.flush().await?;
        if line.starts_with("QUIT") {
            return Ok(None);
        }
    }
}

/// The answer that refuses a message with its own last line.
fn refusal_of(message: &str) -> Option<String> {
    let read = unbroken(message);
    let last = read.lines().rfind(|line| !line.is_empty())?;
    Some(format!("550 {last}\r\n"))
}

/// A message without the breaks of long lines.
pub(crate) fn unbroken(message: &str) -> String {
    message.replace("=\r\n", "")
}

fn usual(line: &str, script: &Script, is_tls: bool) -> String {
    let word = line.split_whitespace().next().unwrap_or_default();
    match word {
        "EHLO" => {
            let mut lines: Vec<&str> = vec!["test"];
            lines.extend(
                script
                    .extensions
                    .iter()
                    .filter(|one| !(is_tls && **one == "STARTTLS")),
            );
            let last = lines.len() - 1;
            let answer = lines.iter().enumerate().map(|(index, line)| {
                format!("250{}{line}\r\n", if index == last { " " } else { "-" })
            });
            answer.collect()
        }
        "STARTTLS" => "220 go ahead\r\n".into(),
        "AUTH" => "235 welcome\r\n".into(),
        "DATA" => "354 go ahead\r\n".into(),
        "QUIT" => "221 bye\r\n".into(),
        _ => "250 ok\r\n".into(),
    }
}
