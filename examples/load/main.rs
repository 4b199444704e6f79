//! Measures a server on this machine and prints a table of ratios, each side of a ratio in the same run:
//!
//! ```text
//! cargo run --release --example load             everything, about three minutes
//! cargo run --release --example load -- --smoke  the same with small numbers, a few seconds: does it work at all?
//! cargo run --release --example load -- --prune  removes a long history and measures the file
//! ```
//!
//! Servers run as child processes of this program (started with `serve-bare` or `serve`), the load comes from this one.
//! Everything stays on the loopback address and in a temporary folder.

// A program for a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod client;
mod group_commit;
mod history;
mod prune;
mod servers;
mod table;

use client::{Load, Measured};
use servers::Server;
use table::Table;

/// How large the measurements are.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    seconds: f64,
    few_runs: usize,
    many_runs: usize,
    starts: usize,
}

const FULL: Size = Size {
    rounds: 5,
    seconds: 3.0,
    few_runs: 1_000,
    many_runs: 1_000_000,
    starts: 7,
};
const SMOKE: Size = Size {
    rounds: 1,
    seconds: 0.3,
    few_runs: 100,
    many_runs: 2_000,
    starts: 2,
};
const CONNECTIONS: usize = 64;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["serve-bare", body] => servers::serve_bare(body),
        ["serve", folder] => servers::serve(folder),
        ["seed", folder, runs] => history::seed(folder, runs.parse()?),
        ["--smoke"] => measure(SMOKE),
        ["--prune"] => pruning(FULL),
        ["--prune", "--smoke"] => pruning(SMOKE),
        [] => measure(FULL),
        _ => Err("usage: load [--prune] [--smoke]".into()),
    }
}

fn pruning(size: Size) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut table = Table::default();
    prune::measure(size.many_runs, size.few_runs, folder.path(), &mut table)?;
    table.print();
    Ok(())
}

fn measure(size: Size) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut table = Table::default();
    reads(size, folder.path(), &mut table)?;
    runs(size, folder.path(), &mut table)?;
    lists_and_starts(size, folder.path(), &mut table)?;
    table.print();
    Ok(())
}

/// An authenticated read beside the same bytes from a bare warp route, alternating.
fn reads(size: Size, folder: &std::path::Path, table: &mut Table) -> Result<()> {
    let server = Server::start(&["serve", &folder.join("reads").to_string_lossy()])?;
    table.row(
        "memory at rest",
        &format!("{:.1} MB", server.resident_mb()?),
        "≤ 20 MB",
    );
    let load = Load::get(&server, &format!("/api/v1/workflows/{}", server.workflow));
    let bare = Server::start(&["serve-bare", &load.body()?])?;
    let bare_load = Load::get(&bare, "/api/v1/workflows/x");
    let (mut bares, mut guarded) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        bares.push(bare_load.run(CONNECTIONS, size.seconds)?);
        guarded.push(load.run(CONNECTIONS, size.seconds)?);
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
fn runs(size: Size, folder: &std::path::Path, table: &mut Table) -> Result<()> {
    let server = Server::start(&["serve", &folder.join("runs").to_string_lossy()])?;
    let three = Load::run_workflow(&server, &server.workflow);
    let (mut inserts, mut finished) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        inserts.push(group_commit::inserts_per_second(
            &folder.join(format!("rows{round}")),
            CONNECTIONS,
            size.seconds,
        )?);
        finished.push(three.run(CONNECTIONS, size.seconds)?);
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
    let forty = Load::run_workflow(&server, &server.forty_steps).run(1, size.seconds)?;
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
fn lists_and_starts(size: Size, folder: &std::path::Path, table: &mut Table) -> Result<()> {
    let (few, many) = (folder.join("few"), folder.join("many"));
    for (path, runs) in [(&few, size.few_runs), (&many, size.many_runs)] {
        drop(Server::start(&["serve", &path.to_string_lossy()])?);
        servers::run_to_end(&["seed", &path.to_string_lossy(), &runs.to_string()])?;
    }
    let small = Server::start(&["serve", &few.to_string_lossy()])?;
    let large = Server::start(&["serve", &many.to_string_lossy()])?;
    let (mut smalls, mut larges) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        smalls.push(Load::get(&small, "/api/v1/runs?limit=50").run(1, size.seconds)?);
        larges.push(Load::get(&large, "/api/v1/runs?limit=50").run(1, size.seconds)?);
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
