//! The conversation with a mail server.
//! May not know how a message is made. Promise: nothing is sent in clear that was to be protected, every wait ends, and an
//! error tells whether the message may have been delivered.

use super::stream::LineStream;
use super::{
    Login, Mail, MailServer, Mailer, Rejection, SMTP_LOGIN, SMTP_STATUS, SMTP_UNSUPPORTED, Sent,
    SignIn, TLS, TlsMode,
};
use crate::engine::outbound::{self, address};
use crate::model::run::StepError;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long a server has to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

/// Delivers a message.
pub(super) async fn send(
    mailer: &Mailer,
    server: &MailServer,
    mail: &Mail,
    timeout_ms: u64,
) -> Result<Sent, StepError> {
    let dialogue = Dialogue::new(mailer, server);
    let talk = Box::pin(dialogue.deliver(mail));
    let delivered = tokio::time::timeout(Duration::from_millis(timeout_ms), talk).await;
    let (sent, mut connection) = delivered.unwrap_or_else(|_| Err(dialogue.late(timeout_ms)))?;
    // The message is delivered whatever becomes of the goodbye.
    drop(tokio::time::timeout(GOODBYE, connection.quit()).await);
    Ok(sent)
}

/// Signs in and leaves.
pub(super) async fn sign_in(mailer: &Mailer, server: &MailServer, timeout_ms: u64) -> SignIn {
    let dialogue = Dialogue::new(mailer, server);
    let talk = Box::pin(dialogue.introduce());
    let signed_in = tokio::time::timeout(Duration::from_millis(timeout_ms), talk).await;
    match signed_in.unwrap_or_else(|_| Err(dialogue.late(timeout_ms))) {
        Ok((status, mut connection)) => {
            drop(tokio::time::timeout(GOODBYE, connection.quit()).await);
            SignIn {
                status: Some(status),
                refusal: None,
            }
        }
        Err(error) => SignIn {
            status: dialogue.refused_with(),
            refusal: Some(error),
        },
    }
}

/// One conversation.
struct Dialogue<'a> {
    mailer: &'a Mailer,
    server: &'a MailServer,
    /// Whether the message itself was begun: from there on a missing answer leaves its fate unknown.
    handed_over: AtomicBool,
    /// The code of the refusal that ended it; 0 is none.
    refused_with: AtomicU16,
}

impl<'a> Dialogue<'a> {
    fn new(mailer: &'a Mailer, server: &'a MailServer) -> Dialogue<'a> {
        Dialogue {
            mailer,
            server,
            handed_over: AtomicBool::new(false),
            refused_with: AtomicU16::new(0),
        }
    }

    fn refused_with(&self) -> Option<u16> {
        Some(self.refused_with.load(Ordering::Relaxed)).filter(|code| *code != 0)
    }

    /// Connects and signs in. Gives the code of the answer to the login; without one, to a command that does nothing.
    async fn introduce(&self) -> Result<(u16, AsyncSmtpConnection), StepError> {
        let mut connection = self.connect().await?;
        let answer = match &self.server.login {
            Some(login) => self.sign_in(&mut connection, login).await?,
            None => connection
                .command(Noop)
                .await
                .map_err(|error| self.failure("NOOP", &error))?,
        };
        Ok((answer.code().into(), connection))
    }

    async fn deliver(&self, mail: &Mail) -> Result<(Sent, AsyncSmtpConnection), StepError> {
        let mut connection = self.connect().await?;
        if let Some(login) = &self.server.login {
            self.sign_in(&mut connection, login).await?;
        }
        let sender = MailFrom::new(Some(mail.from.clone()), self.parameters(&connection, mail)?);
        connection
            .command(sender)
            .await
            .map_err(|error| self.failure("the sender", &error))?;
        let sent = self.recipients(&mut connection, mail).await?;
        connection
            .command(Data)
            .await
            .map_err(|error| self.failure("the message", &error))?;
        self.handed_over.store(true, Ordering::Relaxed);
        connection
            .message(&mail.bytes)
            .await
            .map_err(|error| self.failure("the message", &error))?;
        Ok((sent, connection))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, StepError> {
        let MailServer {
            host, port, tls, ..
        } = self.server;
        let stream = self.mailer.outbound.connect_named(host, *port).await?;
        let peer = stream
            .peer_addr()
            .map_err(|error| self.broken(&error.to_string()))?;
        if *tls == TlsMode::None && self.server.login.is_some() && !address::is_local(peer.ip()) {
            return Err(StepError::fatal(
                SMTP_UNSUPPORTED,
                format!(
                    "the password would go to {} in clear; set `tls` of the connection to `starttls` or `tls`",
                    self.server.shown()
                ),
            ));
        }
        let stream: Box<dyn AsyncTokioStream> = match tls {
            TlsMode::Tls => Box::new(LineStream::new(self.encrypted(stream).await?, peer)),
            TlsMode::StartTls | TlsMode::None => Box::new(LineStream::new(stream, peer)),
        };
        let hello = ClientId::default();
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello)
            .await
            .map_err(|error| self.failure("the greeting", &error))?;
        if *tls == TlsMode::StartTls {
            if !connection.can_starttls() {
                return Err(StepError::fatal(
                    SMTP_UNSUPPORTED,
                    format!(
                        "the mail server {} does not offer STARTTLS; set `tls` of the connection to `tls`, or to `none` where that is meant",
                        self.server.shown()
                    ),
                ));
            }
            let parameters = self.tls_parameters()?;
            connection
                .starttls(parameters, &hello)
                .await
                .map_err(|error| self.failure("STARTTLS", &error))?;
        }
        Ok(connection)
    }

    async fn encrypted(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, StepError> {
        let config = self
            .mailer
            .outbound
            .tls_config(&self.mailer.roots)
            .map_err(|message| StepError::fatal(TLS, message))?;
        let name = ServerName::try_from(self.server.host.clone())
            .map_err(|error| StepError::fatal(TLS, format!("`{}`: {error}", self.server.host)))?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| self.tls_failure(&error))
    }

    fn tls_parameters(&self) -> Result<TlsParameters, StepError> {
        let fatal = |error: Error| StepError::fatal(TLS, format!("TLS cannot be set up: {error}"));
        let mut builder = TlsParameters::builder(self.server.host.clone())
            .certificate_store(CertificateStore::WebpkiRoots);
        for root in self.mailer.roots.iter() {
            let certificate = Certificate::from_der(root.clone()).map_err(fatal)?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build().map_err(fatal)
    }

    /// Says who sends. What a server answers to a login is never shown: some repeat what they were sent.
    async fn sign_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        login: &Login,
    ) -> Result<Response, StepError> {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let is_offered = |one: &Mechanism| connection.server_info().supports_auth_mechanism(*one);
        let shown = self.server.shown();
        if !mechanisms.iter().any(is_offered) {
            return Err(StepError::fatal(
                SMTP_UNSUPPORTED,
                format!(
                    "the mail server {shown} offers no login by password (PLAIN or LOGIN); leave `username` out of the connection if it wants none"
                ),
            ));
        }
        let credentials = Credentials::new(login.username.clone(), login.password.to_string());
        let error = match connection.auth(&mechanisms, &credentials).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(code) = error.status() else {
            return Err(self.broken("it said nothing more after the login"));
        };
        self.refused_with.store(code.into(), Ordering::Relaxed);
        let message = format!(
            "the mail server {shown} refused the login with {code}; check `username` and `password` of the connection"
        );
        Err(StepError {
            retryable: error.is_transient(),
            ..StepError::fatal(SMTP_LOGIN, message)
        })
    }

    fn parameters(
        &self,
        connection: &AsyncSmtpConnection,
        mail: &Mail,
    ) -> Result<Vec<MailParameter>, StepError> {
        let mut parameters = Vec::new();
        let info = connection.server_info();
        let mut addresses = mail.recipients.iter().chain([&mail.from]);
        if let Some(address) = addresses.find(|address| !address.to_string().is_ascii()) {
            if !info.supports_feature(Extension::SmtpUtfEight) {
                let message = format!(
                    "`{address}` holds letters beyond ASCII, which the mail server {} does not take (SMTPUTF8)",
                    self.server.shown()
                );
                return Err(StepError::fatal(SMTP_UNSUPPORTED, message));
            }
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    /// Names every recipient; an error when the server takes none of them.
    async fn recipients(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
    ) -> Result<Sent, StepError> {
        let mut sent = Sent {
            accepted: Vec::new(),
            rejected: Vec::new(),
        };
        let mut last = None;
        let mut may_be_gone = false;
        for recipient in &mail.recipients {
            let Err(error) = connection
                .command(Rcpt::new(recipient.clone(), Vec::new()))
                .await
            else {
                sent.accepted.push(recipient.to_string());
                continue;
            };
            let failure = self.failure(&format!("the recipient {recipient}"), &error);
            if error.status().is_none() {
                return Err(failure);
            }
            may_be_gone |= failure.retryable;
            sent.rejected.push(Rejection {
                address: recipient.to_string(),
                reason: self.said(&error),
            });
            last = Some(failure);
        }
        match last {
            Some(failure) if sent.accepted.is_empty() => Err(StepError {
                retryable: may_be_gone,
                ..failure
            }),
            _ => Ok(sent),
        }
    }

    /// The error for an answer to `what`, or for none.
    fn failure(&self, what: &str, error: &Error) -> StepError {
        let shown = self.server.shown();
        if let Some(code) = error.status() {
            self.refused_with.store(code.into(), Ordering::Relaxed);
            let message = format!(
                "the mail server {shown} refused {what}: {}",
                self.said(error)
            );
            return StepError {
                retryable: error.is_transient(),
                ..StepError::fatal(SMTP_STATUS, message)
            };
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(cause) = cause.downcast_ref::<io::Error>()
                && cause.kind() == io::ErrorKind::InvalidData
            {
                return self.tls_failure(cause);
            }
            source = cause.source();
        }
        self.broken(&self.said(error))
    }

    /// What the server said, or what happened to the connection.
    fn said(&self, error: &Error) -> String {
        let text = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let text = self.server.redacted(&text);
        match error.status() {
            Some(code) => format!("{code} {text}"),
            None => text,
        }
    }

    fn tls_failure(&self, error: &io::Error) -> StepError {
        let message = format!(
            "TLS with the mail server {} failed: {error}",
            self.server.shown()
        );
        match error.kind() {
            io::ErrorKind::InvalidData => StepError::fatal(TLS, message),
            _ => StepError::transient(outbound::CONNECTION, message),
        }
    }

    fn broken(&self, cause: &str) -> StepError {
        let message = format!(
            "the conversation with the mail server {} broke off: {cause}",
            self.server.shown()
        );
        self.undelivered(outbound::CONNECTION, outbound::CONNECTION_LOST, message)
    }

    fn late(&self, timeout_ms: u64) -> StepError {
        let message = format!(
            "the mail server {} took longer than {timeout_ms} ms",
            self.server.shown()
        );
        self.undelivered(outbound::TIMEOUT, outbound::TIMEOUT, message)
    }

    /// Before the message was begun, another attempt harms nobody; after that, it may bring the message twice.
    fn undelivered(&self, before: &str, after: &str, message: String) -> StepError {
        if self.handed_over.load(Ordering::Relaxed) {
            let message = format!(
                "{message}; the message may have been delivered, so it is not sent again by itself"
            );
            StepError::fatal(after, message)
        } else {
            StepError::transient(before, message)
        }
    }
}
