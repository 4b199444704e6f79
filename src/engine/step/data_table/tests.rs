//! Checks of configurations.
