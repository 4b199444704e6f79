//! The server through its public HTTP: a real port, a real SQLite file in a temporary folder, a real client.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod access;
mod audit;
mod bare;
mod connections;
mod cors;
mod errors;
mod events;
mod keys;
mod limits;
mod panics;
mod proxies;
mod raw;
mod runs;
mod streams;
mod support;
mod tls;
mod upstream;
mod wire;
mod workflows;
