//! Providers: how each signs its requests, and where it names an event. Data, so that another provider is another row.
//! May not know definitions or requests. Promise: what stands here is what the provider's own documentation says.

/// How a signature's digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits of either case.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Whole seconds since the Unix epoch.
    Seconds,
    /// Whole milliseconds since the Unix epoch.
    Milliseconds,
    /// `2024-01-15T10:00:00Z`.
    Rfc3339,
}

/// One sender of webhooks, with the settings of the verifier that fit it. A definition's own `verify` stands above them.
#[derive(Debug, PartialEq)]
pub struct Provider {
    /// The word in `trigger.provider` and in the URL.
    pub name: &'static str,
    /// The header with the signature; `None`: it does not sign.
    pub header: Option<&'static str>,
    /// The digest.
    pub algorithm: Algorithm,
    /// How the digest is written.
    pub encoding: Encoding,
    /// What stands before it.
    pub prefix: &'static str,
    /// The header is a list such as `t=1,v1=a,v1=b`: the names of the moment and of the signatures in it.
    pub fields: Option<(&'static str, &'static str)>,
    /// The header with the moment.
    pub timestamp_header: Option<&'static str>,
    /// How the moment is written.
    pub timestamp_format: TimestampFormat,
    /// What is signed.
    pub signed_payload: &'static str,
    /// The header with the event's id.
    pub event_id_header: Option<&'static str>,
    /// Where the event's id stands in the body.
    pub event_id_path: Option<&'static str>,
    /// The header with the event's type.
    pub event_type_header: Option<&'static str>,
    /// Where the event's type stands in the body: the first of these that is there.
    pub event_type_paths: &'static [&'static str],
    /// A body whose first of these fields has this value wants the field of that name back, and is no event.
    pub challenge: Option<(&'static str, &'static str, &'static str)>,
    /// A form with this one field has the JSON document in it.
    pub form_field: Option<&'static str>,
}

/// One that does not sign; the base of every other.
const PLAIN: Provider = Provider {
    name: "custom",
    header: None,
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    prefix: "",
    fields: None,
    timestamp_header: None,
    timestamp_format: TimestampFormat::Seconds,
    signed_payload: "{body}",
    event_id_header: None,
    event_id_path: None,
    event_type_header: None,
    event_type_paths: &[],
    challenge: None,
    form_field: None,
};

/// Every provider.
pub static PROVIDERS: [Provider; 12] = [
    PLAIN,
    Provider {
        name: "stripe",
        header: Some("stripe-signature"),
        fields: Some(("t", "v1")),
        signed_payload: "{timestamp}.{body}",
        event_id_path: Some("id"),
        event_type_paths: &["type"],
        ..PLAIN
    },
    Provider {
        name: "github",
        header: Some("x-hub-signature-256"),
        prefix: "sha256=",
        event_id_header: Some("x-github-delivery"),
        event_type_header: Some("x-github-event"),
        form_field: Some("payload"),
        ..PLAIN
    },
    Provider {
        // The ids of its events are not unique, so it is the signed text that tells one delivery from another.
        name: "hubspot",
        header: Some("x-hubspot-signature-v3"),
        encoding: Encoding::Base64,
        timestamp_header: Some("x-hubspot-request-timestamp"),
        timestamp_format: TimestampFormat::Milliseconds,
        signed_payload: "{method}{url}{body}{timestamp}",
        event_type_paths: &["*.subscriptionType", "subscriptionType"],
        ..PLAIN
    },
    Provider {
        name: "slack",
        header: Some("x-slack-signature"),
        prefix: "v0=",
        timestamp_header: Some("x-slack-request-timestamp"),
        signed_payload: "v0:{timestamp}:{body}",
        event_id_path: Some("event_id"),
        event_type_paths: &["event.type", "type"],
        challenge: Some(("type", "url_verification", "challenge")),
        form_field: Some("payload"),
        ..PLAIN
    },
    Provider {
        name: "shopify",
        header: Some("x-shopify-hmac-sha256"),
        encoding: Encoding::Base64,
        event_id_header: Some("x-shopify-webhook-id"),
        event_type_header: Some("x-shopify-topic"),
        ..PLAIN
    },
    Provider {
        name: "quickbooks",
        header: Some("intuit-signature"),
        encoding: Encoding::Base64,
        event_id_path: Some("0.id"),
        event_type_paths: &[
            "*.type",
            "eventNotifications.*.dataChangeEvent.entities.*.name",
        ],
        ..PLAIN
    },
    Provider {
        name: "pandadoc",
        header: Some("x-pandadoc-signature"),
        event_type_paths: &["*.event", "event"],
        ..PLAIN
    },
    Provider {
        name: "docusign",
        header: Some("x-docusign-signature-1"),
        encoding: Encoding::Base64,
        event_type_paths: &["event"],
        ..PLAIN
    },
    Provider {
        name: "netsuite",
        header: Some("x-netsuite-signature"),
        event_type_paths: &["eventType", "type"],
        ..PLAIN
    },
    Provider {
        // Workflow messages are SOAP without a signature.
        name: "salesforce",
        ..PLAIN
    },
    Provider {
        // Pub/Sub pushes without a signature of this kind.
        name: "gmail",
        event_id_path: Some("message.messageId"),
        ..PLAIN
    },
];

impl Provider {
    /// The provider with this name.
    pub fn named(name: &str) -> Option<&'static Provider> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }
}
