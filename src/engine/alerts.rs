//! Tells somebody else of what was noticed: alerts that wait in the store are posted to one URL, signed.
//! May not know what is unusual, or keys. Promises: an alert is told at least once with the same `id`, or given up after a
//! bounded number of attempts; a receiver that is slow or gone holds up nothing else, and one alert few others; the secret
//! stands nowhere but in the signature; the address policy holds.

use super::outbound::{Outbound, OutboundRequest};
use crate::clock::{Clock, iso_utc};
use crate::model::alert::Alert;
use crate::secret::SecretText;
use crate::store::{DueAlert, Store, StoreError};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::watch;

/// How often the store is asked what is due.
const PERIOD_MS: u64 = 5_000;
/// How many are told from one look to the next, and how many of them at the same time.
const MAX_LOOK: u32 = 20;
const AT_ONCE: usize = 4;
/// How long the receiver may take.
const TIMEOUT_MS: u64 = 10_000;
/// After so many attempts an alert is given up: that is within four hours.
const MAX_ATTEMPTS: u32 = 12;
/// After so long, too, where a receiver that hangs has held up the attempts.
const GIVEN_UP_AFTER_MS: i64 = 4 * 3_600_000;
/// How long after the first attempt the second is made; then twice as long each time, up to an hour.
const FIRST_WAIT_MS: i64 = 10_000;
const MAX_WAIT_MS: i64 = 3_600_000;
/// The header with the moment and the signature.
const SIGNATURE: &str = "X-Flowlatch-Signature";

/// Where alerts are told, and with what they are signed.
#[derive(Debug, Clone)]
pub struct AlertOptions {
    /// An http or https URL, which may hold a token.
    pub url: SecretText,
    /// The key of the signatures.
    pub secret: SecretText,
}

/// Tells alerts.
pub struct AlertPost {
    store: Store,
    clock: Clock,
    outbound: Outbound,
    options: AlertOptions,
}

impl AlertPost {
    /// One that calls through this client.
    pub fn new(
        store: Store,
        clock: Clock,
        outbound: &Outbound,
        options: AlertOptions,
    ) -> Result<AlertPost, String> {
        Ok(AlertPost {
            store,
            clock,
            // The URL may hold a token, so its path is not shown in errors.
            outbound: outbound.for_use(&[], TIMEOUT_MS, None)?,
            options,
        })
    }

    /// Tells what is due every 5 s. Runs until `stop`.
    pub async fn deliver(&self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.clock.sleep_ms(PERIOD_MS) => {}
                // A sender that is gone has nothing more to say than "stop".
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            if let Err(error) = self.deliver_due().await {
                log::warn!("alerts are not told for now: {error}");
            }
        }
    }

    async fn deliver_due(&self) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        let due = self.store.due_alerts(now_ms, MAX_LOOK).await?;
        let told = stream::iter(due).map(|one| async move { self.tell(&one).await });
        told.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn tell(&self, due: &DueAlert) -> Result<(), StoreError> {
        let next_ms = match self.post(&due.alert).await {
            Ok(()) => None,
            Err(why) => self.next_try(due, &why),
        };
        self.store.alert_tried(due.sequence, next_ms).await
    }

    /// When the next attempt is made; `None` where this was the last one.
    fn next_try(&self, due: &DueAlert, why: &str) -> Option<i64> {
        let id = &due.alert.id;
        let age_ms = self.clock.now_ms().saturating_sub(due.alert.at_ms);
        if due.attempts + 1 >= MAX_ATTEMPTS || age_ms > GIVEN_UP_AFTER_MS {
            log::warn!(
                "alert {id} is given up after {} attempts: {why}",
                due.attempts + 1
            );
            return None;
        }
        let wait_ms = wait_ms(due.attempts);
        log::warn!(
            "alert {id} is not told yet, and tried again in {} s: {why}",
            wait_ms / 1_000
        );
        Some(self.clock.now_ms().saturating_add(wait_ms))
    }

    async fn post(&self, alert: &Alert) -> Result<(), String> {
        let body = body(alert).to_string();
        let sent_s = self.clock.now_ms().div_euclid(1_000);
        let signature = signature(&self.options.secret, sent_s, &body)?;
        let request = OutboundRequest {
            method: "POST".to_owned(),
            url: self.options.url.expose().to_owned(),
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                (SIGNATURE.to_owned(), format!("t={sent_s},v1={signature}")),
                ("Idempotency-Key".to_owned(), alert.id.to_string()),
            ],
            body: Some(body.into_bytes()),
            timeout_ms: None,
            max_response_bytes: None,
            confined: None,
        };
        // A redirect is no receipt: whoever follows it hears nothing of the body, or of the signature.
        match self.outbound.status_of(request).await {
            Ok(200..300) => Ok(()),
            Ok(status) => Err(format!("the receiver answered {status}")),
            Err(error) => Err(error.message),
        }
    }
}

fn wait_ms(attempts: u32) -> i64 {
    FIRST_WAIT_MS
        .saturating_mul(1_i64 << attempts.min(20))
        .min(MAX_WAIT_MS)
}

/// What is sent: nothing of a key but its id and name.
fn body(alert: &Alert) -> serde_json::Value {
    let key = alert.key.as_ref();
    json!({
        "id": alert.id.as_str(),
        "type": alert.kind.as_str(),
        "at": iso_utc(alert.at_ms),
        "key": key.map(|(id, name)| json!({ "id": id.as_str(), "name": name })),
        "address": alert.address,
        "count": alert.count,
        "expiresAt": alert.expires_at_ms.map(iso_utc),
    })
}

/// HMAC-SHA-256 of the moment, a full stop and the body, in hexadecimal.
fn signature(secret: &SecretText, sent_s: i64, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map_err(|error| format!("`alert_secret` cannot be used: {error}"))?;
    mac.update(sent_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let waits: Vec<i64> = (0..MAX_ATTEMPTS - 1).map(|n| wait_ms(n) / 1_000).collect();
        assert_eq!(
            waits,
            [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]
        );
        assert_eq!(wait_ms(u32::MAX), MAX_WAIT_MS);
    }
}
