//! The keyring on a real store.

#![allow(clippy::expect_used)]

#[path = "keys_ring/changes.rs"]
mod changes;
#[path = "keys_ring/housekeeping.rs"]
mod housekeeping;
#[path = "keys_ring/recognising.rs"]
mod recognising;
#[path = "keys_ring/rotation.rs"]
mod rotation;
#[path = "keys_ring/support.rs"]
mod support;
