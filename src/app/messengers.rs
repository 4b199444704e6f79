//! What talks to people and models, made from the configuration.

use crate::config::Config;
use crate::engine::Messengers;
use crate::engine::llm::{Llm, LlmOptions};
use crate::engine::mail::Mailer;
use crate::engine::outbound::Outbound;
use crate::engine::step::{BackendOptions, Backends};
use crate::error::{Error, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::path::Path;

pub(super) fn of(config: &Config, outbound: &Outbound) -> Result<Messengers> {
    let roots = match &config.smtp_ca {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    // A certificate that cannot be a root is told now, not when the first mail is sent.
    outbound
        .tls_config(&roots)
        .map_err(|message| Error::new(format!("`smtp_ca`: {message}")))?;
    let llm = Llm::new(
        outbound,
        LlmOptions {
            base_url: config.llm_base_url.clone(),
            api_key: config.llm_api_key.clone(),
            models: config.llm_models.clone(),
            timeout_ms: config.llm_timeout_ms,
        },
    )
    .map_err(|message| Error::new(format!("`llm_base_url`: {message}")))?;
    let backends = Backends::new(
        outbound,
        BackendOptions {
            urls: config.node_backends.clone(),
            timeout_ms: config.node_backend_timeout_ms,
        },
    )
    .map_err(|message| Error::new(format!("`node_backends`: {message}")))?;
    Ok(Messengers {
        backends,
        mailer: Mailer::new(outbound.clone(), roots, config.http_timeout_ms),
        llm,
        llm_model: config.llm_model.clone(),
    })
}

/// The certificates in a file, as DER.
fn certificates(path: &Path) -> Result<Vec<Vec<u8>>> {
    let cannot =
        |cause: String| Error::new(format!("cannot read `smtp_ca` {}: {cause}", path.display()));
    let found: Vec<Vec<u8>> = CertificateDer::pem_file_iter(path)
        .map_err(|error| cannot(error.to_string()))?
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| cannot(error.to_string()))?;
    if found.is_empty() {
        return Err(cannot("it holds no certificate".to_owned()));
    }
    Ok(found)
}
