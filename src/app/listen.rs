//! Where the server listens: the public port, and the way in of the folder's owner. May not know what is answered there.

use super::App;
use crate::data_folder::Control;
use crate::error::{Error, Result};
use crate::http::{Listen, Tls};
use std::net::Ipv4Addr;
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
