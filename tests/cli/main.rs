//! The built binary as a person and as another program use it: real processes, real folders, real signals.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod commands;
mod descriptors;
mod doctor;
mod files;
mod keys;
mod master_key;
mod mistakes;
mod password;
mod places;
mod runs;
mod scripts;
mod serve;
mod stopping;
mod support;
mod usage;
mod workflows;
