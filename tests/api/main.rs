//! The server through its public HTTP: a real port, a real SQLite file in a temporary folder, a real client.

// JSON literals are handed over whole; a failed expectation is what a test is for.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    missing_docs
)]

mod access;
mod alerts;
mod audit;
mod bare;
mod catalogue;
mod connections;
mod cors;
mod credentials;
mod dashboard;
mod doors;
mod errors;
mod events;
mod flowise;
mod keys;
mod limits;
mod numbers;
mod openapi;
mod panics;
mod proxies;
mod raw;
mod recovery;
mod retention;
mod runs;
mod schedules;
mod streams;
mod support;
mod tables;
mod tls;
mod upstream;
mod usage;
mod webhooks;
mod wire;
mod wireflow;
mod workflows;
