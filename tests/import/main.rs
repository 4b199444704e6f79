//! The import of a Flowise database: a file with Flowise's tables, the built binary, and then a real server on what it made.

#![cfg(unix)]
// JSON literals are handed over whole; a failed expectation is what a test is for.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    missing_docs
)]

mod again;
mod chats;
#[path = "../cli/support.rs"]
#[allow(dead_code)]
mod cli;
mod flowise;
mod flows;
mod house;
mod keys;
mod killed;
#[path = "../flows/model.rs"]
#[allow(dead_code)]
mod model;
mod readme;
mod refusals;
mod room;
mod rows;
#[path = "../flows/shape.rs"]
mod shape;
#[path = "../api/support.rs"]
mod support;
