//! What somebody says to a run, or fails to say in time, killed before and after the commits that it makes: an answer that
//! was told as recorded counts, counts once, and counts also when its time is over before the server is back.

use crate::examine::{Scene, attempt, ended, nothing_is_stuck, start, workflow};
use crate::server::{Server, Stop};
use crate::support::{Client, MONDAY_MS};
use flowlatch::store::CommitPoint::{self, AfterCommit, BeforeCommit};
use reqwest::StatusCode;
use serde_json::{Value, json};

const MINUTE_MS: i64 = 60_000;

/// Starts a run that is not waited for: its id.
async fn begun(client: &Client, workflow: &str, key: &str) -> String {
    let started = start(client, workflow, key, "async").await;
    let started = started.expect("an answer").data();
    started["runId"].as_str().expect("an id").to_owned()
}

fn approvals(run: &str) -> String {
    format!("/api/v1/runs/{run}/approvals")
}

/// What the run asks, as soon as it asks; nothing when it has ended without.
async fn asked(client: &Client, run: &str) -> Option<Value> {
    loop {
        let pending = client.get(&approvals(run)).await.data()[0].clone();
        if !pending.is_null() {
            return Some(pending);
        }
        let run = client.get(&format!("/api/v1/runs/{run}")).await.data();
        if run["status"] != "running" && run["status"] != "pending" {
            return None;
        }
        tokio::task::yield_now().await;
    }
}

/// Says this to the step, and kills the server at a commit that comes of it.
async fn killed_while_told(mut server: Server, stop: Stop, path: &str, reply: &Value) {
    server.stop_at(stop).await;
    let telling = {
        let (client, path, reply) = (server.client.clone(), path.to_owned(), reply.clone());
        tokio::spawn(async move { attempt(&client, &path, reply).await })
    };
    server.stopped().await;
    server.kill();
    let told = telling.await.expect("no panic");
    assert!(
        told.is_none() || stop.commit > 1,
        "{stop:?}: told before the commit was over"
    );
}

/// A reply to the question how a call ended: how the run ends, and how often the other side is called in all.
fn replies() -> [(Value, &'static str, usize); 3] {
    [
        (json!({ "approved": true }), "completed", 2),
        (
            json!({ "approved": true, "output": { "known": 1 } }),
            "completed",
            1,
        ),
        (json!({ "approved": false }), "failed", 1),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_an_unknown_outcome_counts_once_over_every_kill() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    for (number, (reply, status, calls)) in replies().into_iter().enumerate() {
        let again = calls == 2;
        for (point, commit) in [
            (BeforeCommit, 1),
            (AfterCommit, 1),
            (BeforeCommit, 2),
            (AfterCommit, 2),
        ] {
            let stop = Stop { point, commit };
            let story = format!("{number} {stop:?}");
            let place = format!("/held-{number}-{point:?}-{commit}").to_lowercase();
            let config = json!({ "url": scene.upstream.url(&place), "method": "POST" });
            let step = json!({ "id": "c", "type": "action", "action": "api.request", "onUnknown": "ask",
                "config": config });
            let workflow = workflow(&server.client, json!([step])).await;
            let _gate = scene.upstream.hold(&place);
            let run = begun(&server.client, &workflow, &story).await;
            scene.upstream.until_called(&place, 1).await;
            server.kill();

            server = scene.restarted().await;
            let question = asked(&server.client, &run).await.expect(&story);
            assert_eq!(question["kind"], "outcome", "{story}");
            let path = format!("{}/c", approvals(&run));
            killed_while_told(server, stop, &path, &reply).await;

            server = scene.restarted().await;
            // Before its commit an answer was never given; an attempt that was begun after it is another question.
            let is_lost = (point, commit) == (BeforeCommit, 1);
            let is_begun = again && (point, commit) == (AfterCommit, 2);
            let question = asked(&server.client, &run).await;
            assert_eq!(question.is_some(), is_lost || is_begun, "{story}");
            let told = server.client.post(&path, reply.clone()).await;
            let expected = match question {
                Some(_) => StatusCode::OK,
                None => StatusCode::CONFLICT,
            };
            assert_eq!(told.status, expected, "{story}: {}", told.text);
            let end = ended(&server.client, &run).await;
            assert_eq!(end["status"], status, "{story}: {end}");
            if status == "completed" && !again {
                assert_eq!(end["output"], json!({ "known": 1 }), "{story}");
            }
            assert_eq!(scene.upstream.calls(&place).len(), calls, "{story}");
        }
    }
    nothing_is_stuck(&server.client).await;
}

/// A run that asks for a minute at most, on a clock that stands still: the server and the run.
async fn asking(scene: &mut Scene, action: &str) -> (Server, String) {
    let server = at(scene, MONDAY_MS).await;
    let config = json!({ "approvers": [], "timeoutMs": MINUTE_MS, "timeoutAction": action });
    let end = json!({ "approved": "{{steps.ok.approved}}", "by": "{{steps.ok.approvedBy}}", "at": "{{steps.ok.approvedAt}}" });
    let steps = json!([
        { "id": "ok", "type": "approval", "config": config },
        { "id": "end", "type": "transform", "config": { "sourceData": end } },
    ]);
    let workflow = workflow(&server.client, steps).await;
    let run = begun(&server.client, &workflow, action).await;
    asked(&server.client, &run).await.expect("a question");
    (server, run)
}

async fn at(scene: &mut Scene, clock_ms: i64) -> Server {
    scene.setting.clock_ms = Some(clock_ms);
    scene.server().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_whose_time_is_over_comes_to_what_it_says_over_every_kill() {
    for (action, approved) in [
        ("approve", json!(true)),
        ("reject", json!(false)),
        ("fail", Value::Null),
    ] {
        // The first commit says that nobody has answered, the second what that comes to.
        for (point, commit) in [
            (BeforeCommit, 1),
            (AfterCommit, 1),
            (BeforeCommit, 2),
            (AfterCommit, 2),
        ] {
            let story = format!("{action} {point:?} {commit}");
            let mut scene = Scene::new().await;
            let (mut server, run) = asking(&mut scene, action).await;
            server.stop_at(Stop { point, commit }).await;
            server.advance(MINUTE_MS);
            server.stopped().await;
            server.kill();
            let server = at(&mut scene, MONDAY_MS + MINUTE_MS + 5_000).await;
            let run = ended(&server.client, &run).await;
            if action == "fail" {
                assert_eq!(run["status"], "failed", "{story}: {run}");
                assert_eq!(run["error"]["stepId"], "ok", "{story}");
            } else {
                let output = &run["output"];
                assert_eq!(
                    (&output["approved"], &output["by"]),
                    (&approved, &json!("timeout")),
                    "{story}: {run}"
                );
            }
            nothing_is_stuck(&server.client).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_recorded_counts_though_its_time_is_over_when_the_server_is_back() {
    for (point, commit) in [
        (BeforeCommit, 1),
        (AfterCommit, 1),
        (BeforeCommit, 2),
        (AfterCommit, 2),
    ] {
        counts_though_late(point, commit).await;
    }
}

async fn counts_though_late(point: CommitPoint, commit: i64) {
    let story = format!("{point:?} {commit}");
    let mut scene = Scene::new().await;
    let (server, run) = asking(&mut scene, "reject").await;
    let path = format!("{}/ok", approvals(&run));
    let stop = Stop { point, commit };
    killed_while_told(server, stop, &path, &json!({ "approved": true })).await;
    let server = at(&mut scene, MONDAY_MS + 2 * MINUTE_MS).await;
    let run = ended(&server.client, &run).await;
    let is_lost = (point, commit) == (BeforeCommit, 1);
    assert_eq!(run["status"], "completed", "{story}: {run}");
    assert_eq!(run["output"]["approved"], !is_lost, "{story}: {run}");
    assert_eq!(run["output"]["by"] == "timeout", is_lost, "{story}: {run}");
    // When somebody answered, not when the run could go on.
    let answered_ms = MONDAY_MS + if is_lost { 2 * MINUTE_MS } else { 0 };
    let answered = flowlatch::clock::iso_utc(answered_ms);
    assert_eq!(run["output"]["at"], answered, "{story}: {run}");
}

/// Commits that come of an answer: the one that records it, and the one that says what the step came to.
const STOPS: [Stop; 4] = [
    Stop {
        point: BeforeCommit,
        commit: 1,
    },
    Stop {
        point: AfterCommit,
        commit: 1,
    },
    Stop {
        point: BeforeCommit,
        commit: 2,
    },
    Stop {
        point: AfterCommit,
        commit: 2,
    },
];

/// A run that asks inside of a loop which may take a minute, and calls the other side after the answer if `calls`. The server,
/// the workflow and the run.
async fn asking_in_a_loop(scene: &mut Scene, calls: bool, has_fallback: bool) -> (Server, String) {
    let server = at(scene, MONDAY_MS).await;
    let inside = if calls {
        json!(["ok", "paid"])
    } else {
        json!(["ok"])
    };
    let mut go = json!({ "id": "go", "type": "loop", "timeoutMs": MINUTE_MS, "config": { "iterations": 1, "steps": inside } });
    if has_fallback {
        go["errorHandling"] = json!({ "strategy": "continue", "fallback": "too late" });
    }
    let call = |id: &str| {
        let config = json!({ "url": scene.upstream.url(&format!("/{id}")), "method": "POST" });
        json!({ "id": id, "type": "action", "action": "api.request", "config": config })
    };
    let mut steps = vec![
        go,
        json!({ "id": "ok", "type": "approval", "config": { "approvers": [], "timeout": "2h" } }),
    ];
    if calls {
        steps.push(call("paid"));
    }
    steps.extend([
        call("told"),
        json!({ "id": "end", "type": "transform", "config": { "sourceData": "{{steps.go}}" } }),
    ]);
    let workflow = workflow(&server.client, json!(steps)).await;
    let run = begun(&server.client, &workflow, "in a loop").await;
    asked(&server.client, &run).await.expect("a question");
    (server, run)
}

/// The answer that was recorded in time ends the loop, late as the server is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_all_that_a_loop_waited_for_counts_though_its_time_is_over() {
    for stop in STOPS {
        let mut scene = Scene::new().await;
        let (server, run) = asking_in_a_loop(&mut scene, false, true).await;
        let path = format!("{}/ok", approvals(&run));
        killed_while_told(server, stop, &path, &json!({ "approved": true })).await;
        let server = at(&mut scene, MONDAY_MS + 2 * MINUTE_MS).await;
        let end = ended(&server.client, &run).await;
        let is_lost = (stop.point, stop.commit) == (BeforeCommit, 1);
        let output = &end["output"];
        assert_eq!(*output == "too late", is_lost, "{stop:?}: {end}");
        assert_eq!(
            output["results"][0]["approved"] == true,
            !is_lost,
            "{stop:?}: {end}"
        );
        nothing_is_stuck(&server.client).await;
    }
}

/// The answer counts, and the loop's time is over all the same before what follows in it: that is not begun, however often
/// the server dies, and a retry does not ask again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_overtaken_by_its_loops_time_begins_nothing_and_is_kept_for_a_retry() {
    for (stop, has_fallback) in STOPS
        .into_iter()
        .flat_map(|stop| [(stop, true), (stop, false)])
    {
        overtaken(stop, has_fallback).await;
    }
}

async fn overtaken(stop: Stop, has_fallback: bool) {
    let story = format!("{stop:?} {has_fallback}");
    let mut scene = Scene::new().await;
    let (server, run) = asking_in_a_loop(&mut scene, true, has_fallback).await;
    let path = format!("{}/ok", approvals(&run));
    killed_while_told(server, stop, &path, &json!({ "approved": true })).await;
    let server = at(&mut scene, MONDAY_MS + 2 * MINUTE_MS).await;
    let end = ended(&server.client, &run).await;
    let logs = logs(&server.client, &run).await;
    server.kill();

    // Another process reads the same from the same journal.
    let server = at(&mut scene, MONDAY_MS + 2 * MINUTE_MS).await;
    assert_eq!(ended(&server.client, &run).await, end, "{story}");
    assert_eq!(self::logs(&server.client, &run).await, logs, "{story}");
    let told = usize::from(has_fallback);
    assert_eq!(scene.upstream.calls("/paid").len(), 0, "{story}");
    assert_eq!(scene.upstream.calls("/told").len(), told, "{story}");
    if has_fallback {
        assert_eq!(end["output"], "too late", "{story}: {end}");
        return;
    }
    assert_eq!(end["error"]["stepId"], "go", "{story}: {end}");
    let retry = server
        .client
        .post(&format!("/api/v1/runs/{run}/retry"), Value::Null)
        .await;
    let retry = retry.data()["runId"].as_str().expect("an id").to_owned();
    let is_lost = (stop.point, stop.commit) == (BeforeCommit, 1);
    let question = asked(&server.client, &retry).await;
    assert_eq!(
        question.is_some(),
        is_lost,
        "{story}: who has answered is not asked again"
    );
    if !is_lost {
        assert_eq!(
            ended(&server.client, &retry).await["status"],
            "completed",
            "{story}"
        );
        assert_eq!(scene.upstream.calls("/paid").len(), 1, "{story}");
    }
}

async fn logs(client: &Client, run: &str) -> Value {
    client.get(&format!("/api/v1/runs/{run}/logs")).await.data()
}
