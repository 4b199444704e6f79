//! Connections of other protocols than HTTP, under the same policy of addresses.
//! May not know the protocol. Promise: the address that is connected to is the one that was checked.

use super::{ADDRESS_REFUSED, CONNECTION, Outbound};
use crate::model::run::StepError;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

impl Outbound {
    /// Connects to a host that was named for this use alone, such as a mail server: it may also stand on this machine or in
    /// its network. Takes as long as the system lets it; the caller has the time limit. Codes `ADDRESS_REFUSED`, `CONNECTION`.
    pub async fn connect_named(&self, host: &str, port: u16) -> Result<TcpStream, StepError> {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let cannot = |cause: String| {
            let message = format!("cannot connect to {host}:{port}: {cause}");
            StepError::transient(CONNECTION, message)
        };
        let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => {
                let found = self.0.lookup().addresses(bare, port).await;
                found.map_err(|error| cannot(error.to_string()))?
            }
        };
        let mut failure = cannot("the name has no address".to_owned());
        for address in addresses {
            let policy = self.0.policy();
            if let Err(refused) = policy.check_named(bare, address.ip(), port) {
                failure = StepError::fatal(ADDRESS_REFUSED, refused.to_string());
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = cannot(error.to_string()),
            }
        }
        Err(failure)
    }

    /// TLS as every outgoing connection speaks it: with the roots of the public web, and with `more` of them (DER).
    pub fn tls_config(&self, more: &[Vec<u8>]) -> Result<rustls::ClientConfig, String> {
        if more.is_empty() {
            return Ok(self.0.tls().clone());
        }
        super::client::tls_config(more)
    }
}
