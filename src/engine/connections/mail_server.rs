//! The mail server that a connection leads to.
//! May not know messages. Promise: the server is one that the connection is bound to.

use super::OpenConnection;
use crate::engine::mail::{Login, MailServer, TlsMode};
use crate::engine::outbound;
use crate::model::run::StepError;
use crate::secret::SecretText;

impl OpenConnection {
    /// The mail server of this connection and who signs in. Refuses a connection that names none, and a server that it is not
    /// bound to.
    pub fn mail_server(&self) -> Result<MailServer, StepError> {
        let wrong = |message: String| {
            StepError::fatal(outbound::CONFIG, format!("the connection {message}"))
        };
        let host = self.filled("host").ok_or_else(|| {
            wrong("names no `host`; mail wants one of the type `smtp`".to_owned())
        })?;
        let security = self.filled("security").unwrap_or("starttls");
        let tls = TlsMode::parse(security)
            .ok_or_else(|| wrong(format!("has the unknown `security` {security}")))?;
        let port = match self.filled("port") {
            Some(port) => port
                .parse()
                .map_err(|_| wrong(format!("has the port {port}, which is none")))?,
            None => match tls {
                TlsMode::Tls => 465,
                TlsMode::StartTls => 587,
                TlsMode::None => 25,
            },
        };
        let login = self.filled("username").map(|username| Login {
            username: username.to_owned(),
            password: self
                .filled("password")
                .unwrap_or_default()
                .to_owned()
                .into(),
        });
        // The one form in which connections know hosts.
        let is_bare_v6 = host.contains(':') && !host.starts_with('[');
        let authority = if is_bare_v6 {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let (host, port) = outbound::url::host_and_port(&format!("http://{authority}:{port}/"))
            .map_err(|_| wrong("has a `host` that is none".to_owned()))?;
        self.check_host(&host, port)?;
        Ok(MailServer {
            host,
            port,
            tls,
            login,
        })
    }

    /// Who sends, where the mail does not say: `from`, or a `username` that is an address.
    pub fn sender(&self) -> Option<&str> {
        let username = self.filled("username").filter(|name| name.contains('@'));
        self.filled("from").or(username)
    }

    /// A field of the credential that holds something.
    fn filled(&self, name: &str) -> Option<&str> {
        let text = self.credential(name).map(SecretText::expose);
        text.filter(|text| !text.is_empty())
    }
}
