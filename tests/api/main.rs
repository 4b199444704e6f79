//! The server through its public HTTP: a real port, a real SQLite file in a temporary folder, a real client.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
// `json!({…})` is handed to helpers as it is.
#![allow(clippy::needless_pass_by_value)]

mod access;
mod audit;
mod bare;
mod connections;
mod cors;
mod errors;
mod events;
mod keys;
mod limits;
mod numbers;
mod panics;
mod proxies;
mod raw;
mod recovery;
mod runs;
mod support;
mod tls;
mod upstream;
mod wire;
mod workflows;
