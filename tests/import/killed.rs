//! An import, killed at each of its commits: what was committed stays, and the next import brings the rest.

use crate::flowise::{Flowise, Key, reply};
use crate::house::{House, ask};
use flowlatch::app::{FlowiseImport, Options, import_flowise};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::store::CommitPoint;
use reqwest::StatusCode;
use std::io::BufRead as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Says to the child that it is one, and what it imports where.
const DATABASE: &str = "IMPORT_TEST_DATABASE";
const DATA: &str = "IMPORT_TEST_DATA";
/// Before which commit it stops for ever, from 1.
const COMMIT: &str = "IMPORT_TEST_COMMIT";
const STOPPED: &str = "import-test: stopped";

const KEY: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
const FLOWS: [&str; 2] = [
    "11111111-7c3e-4d11-9a40-5be1c2d3e4f5",
    "22222222-7c3e-4d11-9a40-5be1c2d3e4f5",
];

fn fill(flowise: &Flowise) {
    flowise.key(KEY, "site", &[]);
    for flow in FLOWS {
        flowise.flow(flow, "Echo", "AGENTFLOW", &reply("x"), &[]);
    }
    flowise.variable("33333333-7c3e-4d11-9a40-5be1c2d3e4f5", "tone", "kind", None);
    flowise.message("m0000001", FLOWS[0], "userMessage", "hi", "s", 1);
    flowise.feedback("f0000001", FLOWS[0], "m0000001", "s", "THUMBS_DOWN");
}

/// Kills an import before one of its commits; whether it came so far.
fn killed(house: &House, commit: u32) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "killed::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DATABASE, &house.database)
        .env(DATA, &house.data)
        .env(COMMIT, commit.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let stdout = child.stdout.take().expect("its output");
    let lines = std::io::BufReader::new(stdout)
        .lines()
        .map_while(Result::ok);
    let stopped = lines.into_iter().any(|line| line.contains(STOPPED));
    child.kill().expect("a kill");
    child.wait().expect("the end of the child");
    stopped
}

#[tokio::test]
async fn the_import_after_a_kill_brings_the_rest() {
    let mut commit = 1;
    loop {
        let house = House::new(fill);
        let stopped = killed(&house, commit);
        let report = house.report(&[]);
        for (of, rows) in [
            ("keys", 1),
            ("flows", 2),
            ("variables", 1),
            ("messages", 1),
            ("feedback", 1),
        ] {
            let tally = &report[of];
            let here = tally["brought"].as_u64().unwrap() + tally["unchanged"].as_u64().unwrap();
            assert_eq!(here, rows, "{commit}: {of}: {report}");
        }
        let server = house.serve().await;
        for flow in FLOWS {
            let answer = ask(&server, flow, Some(KEY.1)).await;
            assert_eq!(answer.status, StatusCode::OK, "{commit}: {}", answer.text);
        }
        server.stop().await;
        let doctor = house.command(&["doctor"]);
        assert_eq!(
            doctor.code, 0,
            "{commit}: {}{}",
            doctor.stdout, doctor.stderr
        );
        if !stopped {
            break;
        }
        commit += 1;
    }
    // One for the folder's secret, one for the key, one for each flow, and one for each of the rest.
    assert_eq!(commit, 8, "the first commit that was not made");
}

/// What the child does; nothing in the parent.
#[test]
fn child() {
    let Some(data) = std::env::var_os(DATA) else {
        return;
    };
    let database = std::env::var_os(DATABASE).expect("a database");
    let stop_at: u32 = std::env::var(COMMIT)
        .expect("a commit")
        .parse()
        .expect("a number");
    let commits = AtomicU32::new(0);
    let options = Options {
        clock: Clock::system(),
        commit_hook: Some(Arc::new(move |point| {
            if point == CommitPoint::BeforeCommit
                && commits.fetch_add(1, Ordering::Relaxed) + 1 == stop_at
            {
                println!("{STOPPED}");
                loop {
                    std::thread::park();
                }
            }
        })),
    };
    let import = FlowiseImport {
        database: database.as_ref(),
        is_dry_run: false,
    };
    let config = Config::new(data);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut progress = |_, _| {};
    let imported = import_flowise(&config, options, import, &mut progress);
    runtime.block_on(imported).expect("imported");
}
