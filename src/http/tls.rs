//! TLS for the public port: certificate and key from files, read again when they change.
//! May not know HTTP. Promise: a renewed certificate is used without a restart, and a broken one leaves the old in place.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate and its key; clones share them.
#[derive(Clone)]
pub struct Tls {
    files: Arc<Files>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
    /// How the files looked before they were first read.
    first_seen: [Option<SystemTime>; 2],
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// Reads both files; an error says which one is wrong and how.
    pub fn load(cert: &Path, key: &Path) -> Result<Tls, String> {
        let files = Files {
            cert: cert.to_owned(),
            key: key.to_owned(),
        };
        let first_seen = files.changed_at();
        let config = files.read()?;
        Ok(Tls {
            files: Arc::new(files),
            config: Arc::new(RwLock::new(config)),
            first_seen,
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self
            .config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Reads the files again whenever one of them has changed. Runs until it is dropped.
    pub async fn follow_files(self) {
        let mut seen = self.first_seen;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.files.changed_at();
            if now == seen {
                continue;
            }
            seen = now;
            self.reload();
        }
    }

    /// Reads the files again; a mistake in them leaves what is in use.
    pub fn reload(&self) {
        match self.files.read() {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                log::info!("the TLS certificate was read again");
            }
            Err(error) => log::error!("the TLS certificate stays as it was: {error}"),
        }
    }
}

impl Files {
    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| {
            std::fs::metadata(path)
                .and_then(|meta| meta.modified())
                .ok()
        })
    }

    fn read(&self) -> Result<Arc<ServerConfig>, String> {
        let wrong =
            |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&self.cert, &error))?;
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong(&self.key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| wrong(&self.cert, &error))?;
        Ok(Arc::new(config))
    }
}
