//! The one outgoing client and the step `api.request`, against real listeners on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod policy;
mod rebinding;
mod server;
mod step;
