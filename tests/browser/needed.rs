//! What tests need that no crate brings: where it is, and what happens where it is not.

// Several test binaries include this file, and each uses a part of it.
#![allow(dead_code)]

use std::io::Write as _;
use std::path::PathBuf;

/// Chromium: `CHROMIUM`, or where Debian puts it.
pub(crate) fn chromium() -> PathBuf {
    named_by("CHROMIUM", "/usr/bin/chromium")
}

/// Chromium's driver: `CHROMEDRIVER`, or where Debian puts it.
pub(crate) fn chromedriver() -> PathBuf {
    named_by("CHROMEDRIVER", "/usr/bin/chromedriver")
}

fn named_by(variable: &str, usual: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| usual.into(), PathBuf::from)
}

/// Whether `parts` are there. Where one is not, the test fails if `variable` is `required`, and else says what is skipped and
/// `how` to have it, past the test harness, which hides what a passing test prints.
pub(crate) fn is_there(test: &str, parts: &[PathBuf], variable: &str, how: &str) -> bool {
    let Some(missing) = parts.iter().find(|part| !part.exists()) else {
        return true;
    };
    let why = format!("{} is not there: {how}", missing.display());
    assert!(
        std::env::var(variable).as_deref() != Ok("required"),
        "{why}"
    );
    writeln!(std::io::stderr(), "SKIPPED {test}: {why}").expect("standard error");
    false
}
