//! The examples work: the programs run to their end, and the workflows take each of their ways against a local server that
//! plays the other side. Time is moved by hand, so that no test waits for a retry or a pause.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod built;
#[path = "../outbound/server.rs"]
mod other_side;
mod programs;
#[path = "../api/support.rs"]
mod support;
mod workflows;
