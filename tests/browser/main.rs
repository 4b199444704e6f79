//! The dashboard as people meet it: Debian's Chromium in front of a running server, played through WebDriver. What cannot be
//! seen in a page's text is looked at here: what a script does, what is reached with keys alone, what axe-core finds.
//!
//! Needs `chromium`, `chromium-driver`, and what `tests/browser/install` fetches. Where that is not there, these tests say what
//! they skip, unless `BROWSER_TESTS=required`: then they fail. Pictures of the pages are left in `target/screenshots`.

// Browsers of other systems end in other ways.
#![cfg(unix)]
// JSON literals are handed over whole; a failed expectation is what a test is for.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    missing_docs
)]

mod axe;
mod browser;
mod chromium;
mod keyboard;
mod keys;
mod needed;
mod pages;
mod runs;
mod scene;
mod settings;
mod sign_in;
#[path = "../api/support.rs"]
mod support;
#[path = "../api/upstream.rs"]
mod upstream;
mod workflows;
