//! Steps and endpoints that talk to people and models, through the server's public HTTP, against mail servers, webhooks and
//! model servers on loopback that remember what came over the wire.

// JSON literals are handed over whole; a failed expectation is what a test is for.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    missing_docs
)]

mod agent;
mod agents;
mod email;
mod email_trouble;
mod mail_logins;
mod slack;
mod smtp;
#[path = "../api/support.rs"]
mod support;
#[path = "../api/upstream.rs"]
mod upstream;
