//! The server killed with SIGKILL at named points, restarted on what is on the disk, and compared with a run that nobody
//! disturbed. The other side of its calls lives in the test's own process and counts effects by `Idempotency-Key`.
//!
//! The server runs in a child process: this very binary, asked for the one test that is the server.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    missing_docs
)]

mod alerts;
mod answers;
mod cancel_and_retry;
mod children;
mod every_commit;
mod examine;
mod first_start;
mod flows;
mod graphs;
mod media;
mod nested;
mod queues;
mod rekey;
mod schedules;
mod server;
mod soak;
#[path = "../api/support.rs"]
mod support;
mod tables;
#[path = "../api/upstream.rs"]
mod upstream;
mod usage;
mod webhooks;
