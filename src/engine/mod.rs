//! Durable runs.

pub mod outbound;
pub mod step;
