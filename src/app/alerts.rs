//! Who tells unusual activity, made from the configuration. May not know what is unusual: the keyring writes it into the store,
//! and what is made here tells what it finds there.

use crate::clock::Clock;
use crate::config::Config;
use crate::engine::alerts::{AlertOptions, AlertPost};
use crate::engine::outbound::Outbound;
use crate::error::{Error, Result};
use crate::store::Store;

/// `None` where nobody is to be told.
pub(super) fn post(
    config: &Config,
    store: &Store,
    clock: &Clock,
    outbound: &Outbound,
) -> Result<Option<AlertPost>> {
    let (url, secret) = match (&config.alerts.url, &config.alerts.secret) {
        (Some(url), Some(secret)) => (url.clone(), secret.clone()),
        (None, None) => return Ok(None),
        // A program that embeds the server may hand such a configuration in.
        (Some(_), None) | (None, Some(_)) => {
            return Err(Error::new(
                "`alert_url` and `alert_secret` belong together: set both or neither",
            ));
        }
    };
    let options = AlertOptions { url, secret };
    AlertPost::new(store.clone(), clock.clone(), outbound, options)
        .map(Some)
        .map_err(|message| Error::new(format!("`alert_url`: {message}")))
}
