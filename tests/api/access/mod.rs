//! Who may do what: every endpoint of the table with every kind of key, under every prefix. A route that is added without
//! its place here fails a snapshot, so that its access is looked at.

mod bodies;
mod forged;
mod matrix;
mod spellings;

use flowlatch::http::{Access, Endpoint, table};

/// What is open without a key, and nothing else.
const OPEN: [&str; 4] = [
    "GET /api/health",
    "GET /api/openapi.json",
    "POST /webhooks/:provider/:path",
    "POST /webhooks/:provider/:id/:path",
];

fn line(endpoint: &Endpoint) -> String {
    let access = match endpoint.access {
        Access::Open => "open".to_owned(),
        Access::AnyKey(category) => format!("any key, {}", category.as_str()),
        Access::Needs(permission, category) => {
            format!("{}, {}", permission.word(), category.as_str())
        }
    };
    format!(
        "{:6} {} -> {access}",
        endpoint.method.as_str(),
        endpoint.pattern
    )
}

/// The endpoints whose path comes before or after that of runs.
fn lines(comes_before: bool) -> String {
    let table = table();
    let endpoints = table.endpoints().iter();
    let asked = endpoints.filter(|one| (one.pattern < "/api/v1/runs") == comes_before);
    let mut lines: Vec<String> = asked.map(line).collect();
    lines.sort_by_key(|line| (line.get(7..).map(str::to_owned), line.clone()));
    lines.join("\n")
}

#[test]
fn the_table_up_to_runs() {
    insta::assert_snapshot!(lines(true), @"");
}

#[test]
fn the_table_from_runs_on() {
    insta::assert_snapshot!(lines(false), @"");
}

#[test]
fn what_is_open_without_a_key_is_this_and_nothing_else() {
    let table = table();
    let open: Vec<String> = table
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.access == Access::Open)
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.pattern))
        .collect();
    assert_eq!(open, OPEN);
}
