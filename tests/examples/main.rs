//! The examples work: the programs run to their end, and the workflows take each of their ways against a local server that
//! plays the other side. Time is moved by hand, so that no test waits for a retry or a pause.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod built;
mod decisions;
mod graphs;
#[path = "../outbound/server.rs"]
mod other_side;
mod programs;
mod real_use;
#[path = "../messages/smtp.rs"]
mod smtp;
#[path = "../api/support.rs"]
mod support;
#[path = "../api/upstream.rs"]
mod upstream;
mod workflows;
