//! The README is true: its tour is played against the built server and every shown answer compared; its tables are
//! compared with the code that they describe.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../examples/built.rs"]
mod built;
mod refusals;
mod shown;
mod tables;
mod tour;

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// What stands under the heading `## {title}`.
fn section(title: &str) -> String {
    let readme = readme();
    let heading = format!("\n## {title}\n");
    let (_, rest) = readme
        .split_once(&heading)
        .unwrap_or_else(|| panic!("the README has no section `{title}`"));
    rest.split("\n## ").next().unwrap_or(rest).to_owned()
}

/// The cells of every row of every table in `text`, headings included.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| {
            line.split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}
