//! Flows: what their nodes do, what is heard while they run, and what becomes of them when something breaks. Against an engine
//! on a real database and a model server on loopback, which speaks OpenAI's form and refuses what does not.

// JSON literals are handed over whole; a failed expectation is what a test is for.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    missing_docs
)]

mod agents;
mod bench;
mod bounds;
mod calls;
mod chains;
mod clients;
mod decisions;
mod door;
mod door_between;
mod drawing;
mod durable;
mod hearing;
mod http;
mod known;
mod leaving;
mod loops;
mod mistakes;
mod model;
mod models;
mod native;
#[path = "../browser/needed.rs"]
mod needed;
mod remembering;
mod sent_along;
mod shape;
mod side_by_side;
#[path = "../api/support.rs"]
mod support;
mod told;
mod troubles;
#[path = "../api/upstream.rs"]
mod upstream;
#[path = "../api/wire.rs"]
mod wire;
