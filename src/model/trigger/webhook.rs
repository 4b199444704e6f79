//! Runs that are started by events that another service sends: which requests are meant, and how they prove who sent them.
//! May not know secrets, what is stored, or how requests arrive. Promise: whoever does not hold the secret starts nothing
//! where a signature is asked for.

mod content;
mod provider;
mod read;
mod reader;
mod verify;

pub use content::{Content, EventNames, RawBody};
pub use provider::{Algorithm, Encoding, PROVIDERS, Provider, TimestampFormat};
pub use verify::{Believed, Disbelief, Piece, Received, SignatureRule};

use super::Trigger;
use crate::model::plan::DefinitionProblem;
use crate::model::secret::SecretName;
use serde_json::Value;

/// For how long an event id is remembered at least, in milliseconds: a day.
const REMEMBERED_MS: i64 = 86_400_000;

/// The `trigger` of type `webhook`.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookTrigger {
    /// Who sends.
    pub provider: &'static Provider,
    /// The last segment of the URL, beside the workflow's id.
    pub path: Option<String>,
    /// The event types that start a run; empty for all. One that ends with `*` is every type that begins so.
    pub events: Vec<String>,
    /// Whether only signed requests count.
    pub must_be_signed: bool,
    /// How requests are signed, where the definition says it.
    pub signature: Option<Signature>,
    /// Where a request names its event.
    pub names: EventNames,
    /// Headers that reach the run beside the usual ones, in lower case.
    pub headers: Vec<String>,
}

/// A signature and the secret behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// The name of a secret of the workflow.
    pub secret: SecretName,
    /// How it is used.
    pub rule: SignatureRule,
}

/// Headers that never reach a run or the disk, whoever asks for them.
const NEVER: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
];
/// What a header that holds a secret has in its name, mostly.
const SECRETIVE: [&str; 12] = [
    "auth",
    "cookie",
    "credential",
    "hmac",
    "jwt",
    "key",
    "passw",
    "secret",
    "session",
    "sign",
    "token",
    "x-forwarded-",
];

impl WebhookTrigger {
    /// The webhook trigger of a definition that was accepted once.
    pub fn of(definition: &Value) -> Option<WebhookTrigger> {
        match Trigger::read(definition.get("trigger"), &mut Vec::new())? {
            Trigger::Webhook(trigger) => Some(*trigger),
            Trigger::Api | Trigger::Schedule(_) | Trigger::Hook(_) => None,
        }
    }

    /// What is still missing before requests can be let in. A draft may lack it.
    pub fn missing(&self) -> Option<DefinitionProblem> {
        if !self.must_be_signed || self.signature.is_some() {
            return None;
        }
        let name = self.provider.name;
        let (field, message) = if self.provider.header.is_some() {
            let message = format!(
                "requests of `{name}` are signed, and there is no secret to check them: add `\"verify\": \
                 {{\"secret\": \"{{{{secrets.NAME}}}}\"}}`, or `\"verifySignature\": false` to let everybody in"
            );
            ("verify.secret", message)
        } else {
            let message = format!(
                "signatures are asked for, and requests of `{name}` have none of their own: add `\"verify\": \
                 {{\"secret\": \"{{{{secrets.NAME}}}}\", \"header\": \"X-Signature\"}}`, or `\"verifySignature\": false`"
            );
            ("verify", message)
        };
        Some(DefinitionProblem {
            place: format!("trigger.{field}"),
            message,
        })
    }

    /// Whether one of an event's types starts a run.
    pub fn wants(&self, types: &[String]) -> bool {
        let fits = |wanted: &str, found: &str| match wanted.strip_suffix('*') {
            Some(beginning) => found.starts_with(beginning),
            None => found == wanted,
        };
        self.events.is_empty()
            || self
                .events
                .iter()
                .any(|wanted| types.iter().any(|found| fits(wanted, found)))
    }

    /// Whether a header (in lower case) may reach the run: `content-type`, `user-agent`, what begins with `x-` and does
    /// not sound like a secret, what names the event, and what the trigger asks for.
    pub fn shows(&self, header: &str) -> bool {
        if NEVER.contains(&header) || self.signature_header() == Some(header) {
            return false;
        }
        let named = |name: &Option<String>| name.as_deref() == Some(header);
        let usual = matches!(header, "content-type" | "user-agent")
            || header.starts_with("x-") && !SECRETIVE.iter().any(|word| header.contains(word));
        usual
            || named(&self.names.id_header)
            || named(&self.names.type_header)
            || self.headers.iter().any(|asked| asked == header)
    }

    /// The header with the signature, in lower case: also where it is not checked.
    pub fn signature_header(&self) -> Option<&str> {
        let own = self.signature.as_ref();
        own.map(|signature| signature.rule.header.as_str())
            .or(self.provider.header)
    }

    /// For how long an event's id is remembered, in milliseconds: longer than a request can be sent again and believed.
    pub fn remembered_ms(&self) -> i64 {
        let believed_seconds = self.signature.as_ref().map_or(0, |signature| {
            signature.rule.tolerance_seconds + verify::MAX_FUTURE_SECONDS
        });
        REMEMBERED_MS.max(believed_seconds * 1_000)
    }
}

#[cfg(test)]
mod definition_tests;
#[cfg(test)]
mod tests;
