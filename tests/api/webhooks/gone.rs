//! A sender who does not wait for the answer.

use super::*;
use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use flowlatch::store::CommitPoint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// Stops one commit until it is let go.
struct Barrier {
    is_armed: AtomicBool,
    arrived: tokio::sync::Notify,
    let_go: Mutex<mpsc::Receiver<()>>,
}

impl Barrier {
    fn at(&self, point: CommitPoint) {
        if point == CommitPoint::BeforeCommit && self.is_armed.swap(false, Ordering::SeqCst) {
            self.arrived.notify_one();
            let waiting = self.let_go.lock().expect("nobody else waits");
            waiting.recv().expect("it is let go");
        }
    }
}

/// An app whose next commit can be held up.
async fn held_up(folder: &std::path::Path) -> (App, Arc<Barrier>, mpsc::Sender<()>) {
    let (go, let_go) = mpsc::channel();
    let barrier = Arc::new(Barrier {
        is_armed: AtomicBool::new(false),
        arrived: tokio::sync::Notify::new(),
        let_go: Mutex::new(let_go),
    });
    let hook = barrier.clone();
    let options = Options {
        commit_hook: Some(Arc::new(move |point| hook.at(point))),
        ..Options::default()
    };
    let app = App::open(Config::new(folder), options).await;
    (app.expect("the app opens"), barrier, go)
}

async fn control(app: &App, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, answer) = app.control(method, path, body).await.expect("an answer");
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer["data"].clone()
}

/// The path of an active workflow behind the path `bell`.
async fn with_bell(app: &App) -> String {
    let body = json!({ "name": "hooked", "trigger": open("bell"), "steps": seen() });
    let created = control(app, "POST", "/api/v1/workflows", Some(body)).await;
    let path = format!(
        "/api/v1/workflows/{}",
        created["id"].as_str().expect("an id")
    );
    control(app, "POST", &format!("{path}/activate"), None).await;
    path
}

/// Asks, and goes away while the answer's commit is held up; lets it go then.
async fn ask_and_go(
    app: &App,
    (barrier, go): (&Barrier, &mpsc::Sender<()>),
    (method, path): (&str, &str),
    body: Value,
) {
    barrier.is_armed.store(true, Ordering::SeqCst);
    tokio::select! {
        answered = app.control(method, path, Some(body)) => {
            panic!("it is not written yet: {answered:?}")
        }
        () = barrier.arrived.notified() => {}
    }
    go.send(()).expect("the commit waits");
}

#[tokio::test]
async fn who_goes_away_while_the_event_is_written_has_started_its_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (app, barrier, go) = held_up(folder.path()).await;
    with_bell(&app).await;
    let ring = ("POST", "/webhooks/custom/bell");
    ask_and_go(&app, (&barrier, &go), ring, json!({ "n": 1 })).await;
    let run = loop {
        let runs = control(&app, "GET", "/api/v1/runs", None).await;
        match runs[0]["status"].as_str() {
            Some("completed") => break runs[0].clone(),
            None | Some("pending" | "running") => tokio::task::yield_now().await,
            Some(_) => panic!("{runs}"),
        }
    };
    assert_eq!(run["triggerType"], "webhook", "{run}");
    app.close().await;
}

/// Whoever comes after it sees the change: what was known from before it is not used.
#[tokio::test]
async fn who_goes_away_while_an_edit_is_written_has_made_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (app, barrier, go) = held_up(folder.path()).await;
    let workflow = with_bell(&app).await;
    control(&app, "POST", "/webhooks/custom/bell", Some(json!({}))).await;
    let edit = json!({ "trigger": open("gong") });
    ask_and_go(&app, (&barrier, &go), ("PUT", &workflow), edit).await;
    let seen = async {
        loop {
            let shown = control(&app, "GET", &workflow, None).await;
            if shown["trigger"]["path"] == "gong" {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    let seen = tokio::time::timeout(patience, seen).await;
    seen.expect("the edit is seen");
    let rung = app.control("POST", "/webhooks/custom/bell", Some(json!({})));
    assert_eq!(rung.await.expect("an answer").0, 404);
    control(&app, "POST", "/webhooks/custom/gong", Some(json!({}))).await;
    app.close().await;
}
