//! The server through its public HTTP: a real port, a real SQLite file in a temporary folder, a real client.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bare;
mod connections;
mod panics;
mod proxies;
mod support;
mod tls;
mod wire;
