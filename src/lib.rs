//! Flowlatch: a workflow server in one binary and one SQLite file.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_folder;
pub mod engine;
pub mod error;
pub mod http;
pub mod id;
pub mod model;
pub mod store;
