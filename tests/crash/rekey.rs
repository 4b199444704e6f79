//! A change of the master key, killed at every point of it. Whatever is left opens with one of the two keys, everything in it,
//! and the next change goes through.

use flowlatch::app::{App, Options, rekey};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::data_folder::{DataFolder, KeyFiles};
use flowlatch::secret::MasterKey;
use flowlatch::store::{CommitPoint, inspect_key, undecryptable};
use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Says to the child that it is one, and which folder's key it changes.
const DATA: &str = "CRASH_TEST_REKEY_DATA";
/// Where it stops for ever: `before` or `after` the commit.
const POINT: &str = "CRASH_TEST_REKEY_POINT";
const STOPPED: &str = "crash-test-rekey: stopped";
const KEYS: [&str; 2] = [
    "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
    "8080808080808080808080808080808080808080808080808080808080808080",
];

fn options() -> Options {
    Options {
        clock: Clock::system(),
        commit_hook: None,
    }
}

async fn told(app: &App, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = app
        .control(method, path, Some(body))
        .await
        .expect("an answer");
    assert!(status < 300, "{answer}");
    answer["data"].clone()
}

/// A folder with connections and secrets under the first key.
async fn folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let held = DataFolder::open(root.path()).expect("free");
    held.write_key(&MasterKey::parse(KEYS[0]).expect("a key"))
        .expect("written");
    drop(held);
    let app = App::open(Config::new(root.path()), options())
        .await
        .expect("it opens");
    for number in 0..3 {
        let body = json!({ "name": "n", "provider": "p", "type": "bearer", "hosts": ["a.example"],
            "credentials": { "token": format!("token-{number}") } });
        told(&app, "POST", "/api/v1/connections", body).await;
    }
    let steps = json!([{ "id": "s", "type": "transform", "config": { "sourceData": 1 } }]);
    let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": steps });
    let workflow = told(&app, "POST", "/api/v1/workflows", body).await;
    let id = workflow["id"].as_str().expect("an id");
    let secret = json!({ "key": "S", "value": "a-value" });
    told(
        &app,
        "POST",
        &format!("/api/v1/workflows/{id}/secrets"),
        secret,
    )
    .await;
    app.close().await;
    root
}

/// Which of the two keys the database has; it has one of them, for everything.
fn key_of(data: &Path) -> usize {
    let database = data.join("flowlatch.db");
    let state = inspect_key(&database)
        .expect("readable")
        .expect("of this version");
    assert_eq!(state.values, 4);
    let keys = KEYS.map(|text| MasterKey::parse(text).expect("a key"));
    let fitting: Vec<usize> = (0..2).filter(|index| state.fits(&keys[*index])).collect();
    assert_eq!(fitting.len(), 1, "one key fits");
    let faults = undecryptable(&database, &keys[fitting[0]]).expect("readable");
    assert_eq!(faults, Vec::<String>::new(), "it fits everything");
    fitting[0]
}

/// The folder opens, with the key that its database has and no other lying about.
async fn opens_with(data: &Path, expected: usize) {
    assert_eq!(key_of(data), expected);
    let app = App::open(Config::new(data), options())
        .await
        .expect("it opens");
    app.close().await;
    let files = KeyFiles::read(data).expect("readable");
    assert!(files.current == Some(MasterKey::parse(KEYS[expected]).expect("a key")));
    assert!(files.next.is_none() && !data.join("master.key.next").exists());
}

/// Kills a change of the key at a point of its commit.
fn killed(data: &Path, point: &str) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["rekey::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(DATA, data)
        .env(POINT, point)
        .stdin(Stdio::piped())
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
    assert!(stopped, "the child came to its {point}");
}

#[tokio::test]
async fn a_kill_beside_the_commit_leaves_one_key_for_everything() {
    for (point, expected) in [("before", 0), ("after", 1)] {
        let root = folder().await;
        killed(root.path(), point);
        let files = KeyFiles::read(root.path()).expect("readable");
        assert!(
            files.current.is_some() && files.next.is_some(),
            "{point}: both lie there"
        );
        opens_with(root.path(), expected).await;
        // The change goes through when it is asked for again.
        let other = MasterKey::parse(KEYS[1 - expected]).expect("a key");
        let done = rekey(&Config::new(root.path()), options(), Some(other)).await;
        assert_eq!(done.expect("changed").values, 4);
        opens_with(root.path(), 1 - expected).await;
    }
}

#[tokio::test]
async fn a_change_that_goes_on_after_a_kill_finishes_the_former_first() {
    let root = folder().await;
    killed(root.path(), "after");
    let third = MasterKey::generate().expect("random");
    let done = rekey(&Config::new(root.path()), options(), Some(third.clone())).await;
    assert_eq!(done.expect("changed").values, 4);
    assert!(KeyFiles::read(root.path()).expect("readable").current == Some(third));
}

/// What a kill between two files leaves, made by hand: a next key that was never written whole, and one that took effect.
#[tokio::test]
async fn what_lies_there_after_any_step_opens() {
    let next = |root: &tempfile::TempDir| root.path().join("master.key.next");
    for half in ["", "7f7f", "gA"] {
        let root = folder().await;
        std::fs::write(next(&root), half).expect("written");
        opens_with(root.path(), 0).await;
    }
    let root = folder().await;
    std::fs::write(next(&root), KEYS[1]).expect("written");
    opens_with(root.path(), 0).await;
    // Committed, and the former key's file is gone altogether.
    killed(root.path(), "after");
    std::fs::remove_file(root.path().join("master.key")).expect("removed");
    opens_with(root.path(), 1).await;
    // On the very first start: no key yet, half of one.
    let fresh = tempfile::tempdir().expect("a folder");
    std::fs::write(next(&fresh), "half").expect("written");
    let app = App::open(Config::new(fresh.path()), options())
        .await
        .expect("it opens");
    app.close().await;
    assert!(
        KeyFiles::read(fresh.path())
            .expect("readable")
            .current
            .is_some()
    );
}

/// Not a test but the change; without the mark it returns at once.
#[test]
fn child() {
    let Some(data) = std::env::var_os(DATA).map(PathBuf::from) else {
        return;
    };
    let stop = match std::env::var(POINT).expect("a point").as_str() {
        "before" => CommitPoint::BeforeCommit,
        _ => CommitPoint::AfterCommit,
    };
    // The parent is gone: nobody would end this process otherwise.
    std::thread::spawn(|| {
        for _ in std::io::stdin().lines().map_while(Result::ok) {}
        std::process::exit(0);
    });
    let hook = move |point| {
        if point == stop {
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "\n{STOPPED}").expect("the parent listens");
            stdout.flush().expect("the parent listens");
            loop {
                std::thread::park();
            }
        }
    };
    let options = Options {
        clock: Clock::system(),
        commit_hook: Some(Arc::new(hook)),
    };
    let new = MasterKey::parse(KEYS[1]).expect("a key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let done = runtime.block_on(rekey(&Config::new(data), options, Some(new)));
    panic!("it was to stop: {done:?}");
}
