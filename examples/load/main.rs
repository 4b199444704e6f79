//! Measures a server on this machine and prints a table of ratios, each side of a ratio in the same run:
//!
//! ```text
//! cargo run --release --example load                   everything, about five minutes
//! cargo run --release --example load -- --smoke        the same with small numbers, a few seconds: does it work at all?
//! cargo run --release --example load -- runs webhooks  only this: reads, runs, loops, waiting, webhooks, graphs, predictions, streams, lists, pages
//! cargo run --release --example load -- --prune        removes a long history and measures the file
//! ```
//!
//! Servers run as child processes of this program (started with `serve-bare` or `serve`), the load comes from this one.
//! Everything stays on the loopback address and in a temporary folder.

// A program for a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod client;
mod graphs;
mod group_commit;
mod history;
mod loops;
mod pages;
mod predictions;
mod prune;
mod servers;
mod streams;
mod table;
mod waiting;
mod webhooks;
mod workflows;

use client::{Load, Measured};
use servers::Server;
use std::path::Path;
use table::Table;

/// How large the measurements are.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    seconds: f64,
    pairs: usize,
    requests_a_side: usize,
    few_runs: usize,
    many_runs: usize,
    starts: usize,
    few_items: usize,
    many_items: usize,
    waiting_runs: u64,
    waiting_spread_ms: u64,
    streams: usize,
}

const FULL: Size = Size {
    rounds: 5,
    seconds: 3.0,
    pairs: 40,
    requests_a_side: 5_000,
    few_runs: 1_000,
    many_runs: 1_000_000,
    starts: 7,
    few_items: 100,
    many_items: 10_000,
    waiting_runs: 10_000,
    waiting_spread_ms: 20_000,
    streams: 500,
};
const SMOKE: Size = Size {
    rounds: 1,
    seconds: 0.3,
    pairs: 3,
    requests_a_side: 200,
    few_runs: 100,
    many_runs: 2_000,
    starts: 2,
    few_items: 10,
    many_items: 1_000,
    waiting_runs: 100,
    waiting_spread_ms: 200,
    streams: 20,
};
const CONNECTIONS: usize = 64;
/// The input of the runs of pure steps.
const INPUT: &str = r#"{"amount":42,"name":"Ada"}"#;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures one thing and writes its rows.
type Part = fn(Size, &Path, &mut Table) -> Result<()>;

const PARTS: [(&str, Part); 10] = [
    ("reads", reads),
    ("runs", runs),
    ("loops", loops::measure),
    ("waiting", waiting::measure),
    ("webhooks", webhooks::measure),
    ("graphs", graphs::measure),
    ("predictions", predictions::measure),
    ("streams", streams::measure),
    ("lists", lists_and_starts),
    ("pages", pages::measure),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["serve-bare", body] => servers::serve_bare(body),
        ["serve", folder, "--model", model, names @ ..] => {
            servers::serve(folder, Some(model), names)
        }
        ["serve", folder, names @ ..] => servers::serve(folder, None, names),
        ["seed", folder, runs] => history::seed(folder, runs.parse()?),
        ["--prune"] => measure(FULL, &[("prune", prune::measure)]),
        ["--prune", "--smoke"] => measure(SMOKE, &[("prune", prune::measure)]),
        ["--smoke", names @ ..] => measure(SMOKE, &parts(names)?),
        names => measure(FULL, &parts(names)?),
    }
}

/// The parts of these names; all of them where none is named.
fn parts(names: &[&str]) -> Result<Vec<(&'static str, Part)>> {
    if names.is_empty() {
        return Ok(PARTS.to_vec());
    }
    let known = PARTS.map(|(name, _)| name);
    let named = names.iter().map(|name| {
        let part = PARTS.iter().find(|(known, _)| known == name).copied();
        part.ok_or_else(|| {
            let known = known.join("|");
            format!("unknown: {name}; usage: load [--smoke] [{known}]… | --prune [--smoke]").into()
        })
    });
    named.collect()
}

fn measure(size: Size, parts: &[(&str, Part)]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut table = Table::default();
    for (_, part) in parts {
        part(size, folder.path(), &mut table)?;
    }
    table.print();
    Ok(())
}

/// An authenticated read beside a bare warp route that is sent the same bytes and answers the same, alternating.
fn reads(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let server = Server::flowlatch(&folder.join("reads"), &[workflows::THREE_STEPS])?;
    table.row(
        "memory at rest",
        &format!("{:.1} MB", server.resident_mb()?),
        "≤ 20 MB",
    );
    let id = server.workflow(workflows::THREE_STEPS);
    let path = format!("/api/v1/workflows/{id}");
    let load = Load::get(&server, &path);
    let bare = Server::bare(&load.body()?)?;
    let bare_load = Load::get_elsewhere(&server, &path, &bare);
    let (mut bares, mut guarded) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        bares.push(bare_load.measure(CONNECTIONS, size.seconds)?);
        guarded.push(load.measure(CONNECTIONS, size.seconds)?);
    }
    let (bare, guarded) = (Measured::median(&bares), Measured::median(&guarded));
    table.row(
        "authenticated GET beside a bare warp route, requests a second",
        &format!(
            "{:.0} / {:.0} = {:.2}",
            guarded.per_second,
            bare.per_second,
            guarded.per_second / bare.per_second
        ),
        "≥ 0.85",
    );
    table.row(
        "the same, 99th percentile",
        &format!(
            "{:.2} / {:.2} ms = {:.2}",
            guarded.p99_ms,
            bare.p99_ms,
            guarded.p99_ms / bare.p99_ms
        ),
        "≤ 2",
    );
    table.row(
        "memory after that load",
        &format!("{:.1} MB", server.resident_mb()?),
        "≤ 120 MB",
    );
    Ok(())
}

/// Durable runs beside what this disk's group commit inserts, alternating.
fn runs(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let names = [workflows::THREE_STEPS, workflows::FORTY_STEPS];
    let server = Server::flowlatch(&folder.join("runs"), &names)?;
    let [three, forty] = names.map(|name| Load::run(&server, name, INPUT));
    let (mut inserts, mut finished) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        inserts.push(group_commit::inserts_per_second(
            &folder.join(format!("rows{round}")),
            CONNECTIONS,
            size.seconds,
        )?);
        finished.push(three.measure(CONNECTIONS, size.seconds)?);
    }
    inserts.sort_by(f64::total_cmp);
    let (inserts, finished) = (inserts[inserts.len() / 2], Measured::median(&finished));
    table.row(
        "durable runs of three pure steps, waited for, beside group-commit inserts, a second",
        &format!(
            "{:.0} / {inserts:.0} = {:.2}",
            finished.per_second,
            finished.per_second / inserts
        ),
        "≥ 0.20",
    );
    table.row(
        "the same, 99th percentile",
        &format!("{:.2} ms", finished.p99_ms),
        "",
    );
    let forty = forty.measure(1, size.seconds)?;
    table.row(
        "forty pure steps in one run, median",
        &format!("{:.2} ms", forty.median_ms),
        "≤ 10 ms",
    );
    table.row(
        "memory after that load",
        &format!("{:.1} MB", server.resident_mb()?),
        "≤ 120 MB",
    );
    Ok(())
}

/// A page of 50 runs out of many beside one out of few, and how long a start takes on both.
fn lists_and_starts(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let (few, many) = (folder.join("few"), folder.join("many"));
    for (path, runs) in [(&few, size.few_runs), (&many, size.many_runs)] {
        drop(Server::flowlatch(path, &[workflows::THREE_STEPS])?);
        servers::run_to_end(&["seed", &path.to_string_lossy(), &runs.to_string()])?;
    }
    let small = Server::flowlatch(&few, &[])?;
    let large = Server::flowlatch(&many, &[])?;
    let (mut smalls, mut larges) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        smalls.push(Load::get(&small, "/api/v1/runs?limit=50").measure(1, size.seconds)?);
        larges.push(Load::get(&large, "/api/v1/runs?limit=50").measure(1, size.seconds)?);
    }
    let (few_runs, many_runs) = (Measured::median(&smalls), Measured::median(&larges));
    table.row(
        &format!(
            "page of 50 out of {} runs beside one out of {}, median",
            size.many_runs, size.few_runs
        ),
        &format!(
            "{:.3} / {:.3} ms = {:.2}",
            many_runs.median_ms,
            few_runs.median_ms,
            many_runs.median_ms / few_runs.median_ms
        ),
        "≤ 1.5",
    );
    drop((small, large));
    let empty = || folder.join(format!("empty{}", std::process::id()));
    let fresh = servers::start_ms(size.starts, |attempt| empty().join(attempt.to_string()))?;
    let full = servers::start_ms(size.starts, |_| many.clone())?;
    table.row(
        "start to first answer, empty folder, median",
        &format!("{fresh:.0} ms"),
        "≤ 50 ms",
    );
    table.row(
        &format!("start to first answer, {} runs, median", size.many_runs),
        &format!("{full:.0} ms"),
        "≤ 250 ms",
    );
    Ok(())
}
