//! Where the server listens: the public port, and the way in of the folder's owner. May not know what is answered there.

use super::App;
use crate::data_folder::Control;
use crate::error::{Error, Result};
use crate::http::{Listen, Tls};
use crate::secret::SecretText;
use std::net::{IpAddr, Ipv4Addr};
use tokio::net::TcpListener;

impl App {
    /// The certificate and its key, if they are set.
    pub(super) fn tls(&self) -> Result<Option<Tls>> {
        match (&self.0.config.tls_cert, &self.0.config.tls_key) {
            (Some(cert), Some(key)) => Tls::load(cert, key).map(Some).map_err(|error| {
                Error::new(format!("cannot use the TLS certificate: {error}"))
                    .hint("`tls_cert` is a PEM chain, `tls_key` its PEM private key")
            }),
            _ => Ok(None),
        }
    }

    /// Whoever comes first to a dashboard that is not set up owns the server: it is shown to this machine alone.
    pub(super) fn require_set_up(&self) -> Result<()> {
        let config = &self.0.config;
        let is_open = config.doors.dashboard && !self.0.sign_in.is_set_up();
        if !is_open || is_loopback(&config.host) {
            return Ok(());
        }
        Err(Error::new(format!(
            "not listening on {}: the dashboard has no password yet, and whoever came first could set it",
            config.host
        ))
        .hint("set one with `flowlatch password`, or serve no dashboard with `--no-dashboard`"))
    }

    /// The link that sets the dashboard's password, while none is set; `server` is the URL under which it is seen.
    pub(super) fn set_up_url(&self, server: &str) -> Option<SecretText> {
        let token = self
            .0
            .sign_in
            .set_up_token()
            .filter(|_| self.0.config.doors.dashboard)?;
        let link = format!("{server}/dashboard/set-up/{}", token.expose());
        Some(SecretText::new(link))
    }

    /// The public port; beside 127.0.0.1 the same port on [::1], where that can be had.
    pub(super) async fn bind(&self) -> Result<Vec<TcpListener>> {
        let (host, port) = (self.0.config.host.as_str(), self.0.config.port);
        let first = TcpListener::bind((host.trim_matches(['[', ']']), port))
            .await
            .map_err(|error| {
                Error::caused_by(format!("cannot listen on {host}:{port}"), error)
                    .hint("choose another port with `--port`, or `--port 0` for a free one")
            })?;
        let mut listeners = vec![first];
        if matches!(host, "127.0.0.1" | "localhost")
            && let Some(Ok(address)) = listeners.first().map(TcpListener::local_addr)
            && let Ok(second) = TcpListener::bind(("::1", address.port())).await
        {
            listeners.push(second);
        }
        Ok(listeners)
    }

    /// The owner's way in: a socket in the folder, or a loopback port and a token where there can be none.
    pub(super) async fn control_listener(&self) -> Result<(Control, Listen)> {
        #[cfg(unix)]
        if let Some(path) = self.0.folder.control_socket() {
            let failed = |error: std::io::Error| {
                Error::caused_by(format!("cannot listen on {}", path.display()), error)
            };
            let listener = tokio::net::UnixListener::bind(&path).map_err(failed)?;
            let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, owner_only).map_err(failed)?;
            return Ok((Control::Socket { socket: path }, Listen::Control(listener)));
        }
        let failed = |error: std::io::Error| {
            Error::caused_by("cannot listen for the owner's commands", error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(format!("no random bytes: {error}")))?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((
            Control::Loopback {
                url,
                token: token.clone(),
            },
            Listen::ControlPort(listener, token),
        ))
    }
}

/// An IPv6 address stands in brackets in a URL.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}
