//! The texts that are planted, and the forms in which one could have been kept.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Each with characters that a URL or a form writes in another way.
pub(crate) const QUERY_KEY: &str = "pl4nted/key+of=a&query-0123456789";
pub(crate) const BEARER_TOKEN: &str = "pl4nted/bearer+token=0123456789";
pub(crate) const BASIC_PASSWORD: &str = "pl4nted/basic+password=0123456789";
pub(crate) const WORKFLOW_SECRET: &str = "pl4nted/secret+of&workflow=0123456789";
pub(crate) const SMTP_PASSWORD: &str = "pl4nted/mail+password=0123456789";
pub(crate) const MODEL_KEY: &str = "pl4nted/model+key=0123456789";
pub(crate) const WEBHOOK_SECRET: &str = "pl4nted/webhook+secret=0123456789";
/// The end of a webhook's address at Slack, as a secret of the workflow and as a connection's.
pub(crate) const SLACK_SECRET: &str = "pl4nted+slack=secret-0123456789";
pub(crate) const SLACK_TOKEN: &str = "pl4nted+slack=token-0123456789";

const PLANTED: [&str; 9] = [
    QUERY_KEY,
    BEARER_TOKEN,
    BASIC_PASSWORD,
    WORKFLOW_SECRET,
    SMTP_PASSWORD,
    MODEL_KEY,
    WEBHOOK_SECRET,
    SLACK_SECRET,
    SLACK_TOKEN,
];

/// A text as a URL writes it.
pub(crate) fn url_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What an unkind other side says of a secret that it was sent: the secret in every form.
pub(crate) fn echo(secret: &str) -> String {
    format!(
        "{secret} {} {} {}",
        url_encoded(secret),
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD.encode(format!("\0user\0{secret}")),
    )
}

/// Everything in which a planted text, or one of these, could have been kept.
pub(crate) fn planted_forms(more: &[String]) -> Vec<String> {
    let mut forms = Vec::new();
    for text in PLANTED.into_iter().chain(more.iter().map(String::as_str)) {
        forms.push(text.to_owned());
        forms.push(url_encoded(text));
        forms.push(url_encoded(text).to_lowercase());
        // Whatever stands before it, a part of its base64 is the same.
        for before in ["", "x", "xy"] {
            let encoded = BASE64_STANDARD.encode(format!("{before}{text}"));
            forms.push(encoded[8..32].to_owned());
        }
    }
    forms
}
