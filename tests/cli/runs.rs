//! `runs`: list, show, watch, cancel and retry, in every place; and that a command on the files moves no run but its own.

use crate::places::{Place, everywhere};
use crate::support::Folder;
use serde_json::{Value, json};
use std::time::Instant;

/// A new active workflow with these steps: its id.
fn apply(folder: &Folder, run: impl Fn(&[&str]) -> Value, name: &str, steps: &Value) -> String {
    let workflow =
        json!({"name": name, "status": "active", "trigger": {"type": "api"}, "steps": steps});
    let file = folder.file(&format!("{name}.json"), &workflow.to_string());
    let applied = run(&["workflows", "apply", &file]);
    applied[0]["id"].as_str().expect("an id").to_owned()
}

fn fails() -> Value {
    json!([
        {"id": "first", "type": "transform", "config": {"sourceData": {"kept": true}}},
        {"id": "call", "type": "action", "action": "api.request", "config": {"method": "GET", "url": "http://127.0.0.1:9/"}},
    ])
}

fn waits(duration_ms: u64) -> Value {
    json!([{"id": "later", "type": "wait", "config": {"duration": duration_ms, "unit": "milliseconds"}}])
}

fn last_run(place: &Place) -> Value {
    place.json(&["runs", "list", "--limit", "1"])[0].clone()
}

#[test]
fn a_run_that_fails_is_shown_and_retried() {
    everywhere(|place| {
        let id = apply(
            &place.folder,
            |arguments| place.json(arguments),
            "fails",
            &fails(),
        );
        let failed = place.run(&["workflows", "run", &id, "--watch"]);
        assert_eq!(failed.code, 1, "{failed:#?}");
        assert!(
            failed.stdout.contains("first  completed") && failed.stdout.contains("call  failed"),
            "{failed:#?}"
        );
        let run = last_run(place);
        let run = run["id"].as_str().expect("an id");
        let error = failed
            .stderr
            .lines()
            .find(|line| line.starts_with("error: "))
            .expect("an error");
        assert!(
            error.contains(run) && error.contains("127.0.0.1") && error.contains("outbound_allow"),
            "{error}"
        );

        let listed = place
            .run(&["runs", "list", "--status", "failed", "--workflow", &id])
            .ok();
        assert!(listed.stdout.contains(run), "{listed:#?}");
        assert_eq!(
            place.json(&["runs", "list", "--status", "cancelled"]),
            json!([])
        );
        let shown = place.run(&["runs", "show", run]).ok();
        for expected in [
            run,
            "first",
            "transform",
            "completed",
            "call",
            "failed",
            "127.0.0.1",
        ] {
            assert!(shown.stdout.contains(expected), "{expected}: {shown:#?}");
        }
        let watched = place.run(&["runs", "watch", run]);
        assert_eq!(watched.code, 1, "{watched:#?}");

        let retried = place.run(&["runs", "retry", run, "--watch"]);
        assert_eq!(retried.code, 1, "{retried:#?}");
        let retry = last_run(place);
        assert_eq!(retry["retryOf"], run);
        place.run(&["runs", "cancel", run]).refused(
            1,
            &["the run is already `failed`; only"],
            None,
        );
        for command in ["show", "watch", "cancel", "retry"] {
            place
                .run(&["runs", command, "run_none"])
                .refused(1, &["no such run"], None);
        }
        let status = place.run(&["runs", "list", "--status", "done"]);
        assert!(
            status.code == 1 && status.stderr.contains("`done`"),
            "{status:#?}"
        );
    });
}

#[test]
fn a_run_is_watched_over_its_wait_to_its_end() {
    everywhere(|place| {
        let id = apply(
            &place.folder,
            |arguments| place.json(arguments),
            "waits",
            &waits(300),
        );
        let watched = place.json(&["workflows", "run", &id, "--watch"]);
        assert_eq!(watched["status"], "completed");
        let run = watched["id"].as_str().expect("an id");
        assert_eq!(place.json(&["runs", "watch", run]), watched);
    });
}

#[test]
fn a_waiting_run_is_cancelled_in_every_place() {
    for remains_held in [true, false] {
        let folder = Folder::new();
        let server = folder.serve();
        let json = |arguments: &[&str]| folder.run(&[arguments, &["--json"]].concat()).ok().json();
        let id = apply(&folder, json, "waits", &waits(3_600_000));
        let started = json(&["workflows", "run", &id]);
        let run = started["runId"].as_str().expect("an id");
        let server = if remains_held {
            Some(server)
        } else {
            server.stop();
            // Nobody works on it, so there is nothing to watch.
            folder.run(&["runs", "watch", run]).refused(
                1,
                &["no server is at work"],
                Some("flowlatch serve"),
            );
            None
        };
        let cancelled = folder.run(&["runs", "cancel", run]).ok();
        assert!(cancelled.stdout.contains("cancelled"), "{cancelled:#?}");
        assert_eq!(json(&["runs", "show", run])["status"], "cancelled");
        folder
            .run(&["runs", "watch", run])
            .refused_with_output(1, "was cancelled");
        if let Some(server) = server {
            server.stop();
        }
    }
}

#[test]
fn commands_on_the_files_leave_waiting_runs_to_the_server() {
    let folder = Folder::new();
    let server = folder.serve();
    let json = |arguments: &[&str]| folder.run(&[arguments, &["--json"]].concat()).ok().json();
    let id = apply(&folder, json, "waits", &waits(3_000));
    let quick = apply(&folder, json, "quick", &waits(50));
    let began = Instant::now();
    let started = json(&["workflows", "run", &id]);
    let run = started["runId"].as_str().expect("an id");
    server.kill();
    // Its time comes and goes while commands are at work, also such as keep time for a run of their own.
    while began.elapsed().as_millis() < 3_500 {
        assert_eq!(
            json(&["workflows", "run", &quick, "--watch"])["status"],
            "completed"
        );
        assert_eq!(json(&["runs", "show", run])["status"], "running");
    }
    let server = folder.serve();
    assert_eq!(json(&["runs", "watch", run])["status"], "completed");
    server.stop();
}
