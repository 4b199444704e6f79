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

#[tokio::test]
async fn who_goes_away_while_the_event_is_written_has_started_its_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
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
    let app = App::open(Config::new(folder.path()), options)
        .await
        .expect("the app opens");
    let control = async |method: &str, path: &str, body: Option<Value>| {
        let (status, answer) = app.control(method, path, body).await.expect("an answer");
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer["data"].clone()
    };
    let body = json!({ "name": "hooked", "trigger": open("bell"), "steps": seen() });
    let created = control("POST", "/api/v1/workflows", Some(body)).await;
    let path = format!(
        "/api/v1/workflows/{}",
        created["id"].as_str().expect("an id")
    );
    control("POST", &format!("{path}/activate"), None).await;

    barrier.is_armed.store(true, Ordering::SeqCst);
    tokio::select! {
        answered = app.control("POST", "/webhooks/custom/bell", Some(json!({ "n": 1 }))) => {
            panic!("it is not written yet: {answered:?}")
        }
        () = barrier.arrived.notified() => {}
    }
    go.send(()).expect("the commit waits");

    let run = loop {
        let runs = control("GET", "/api/v1/runs", None).await;
        match runs[0]["status"].as_str() {
            Some("completed") => break runs[0].clone(),
            None | Some("pending" | "running") => tokio::task::yield_now().await,
            Some(_) => panic!("{runs}"),
        }
    };
    assert_eq!(run["triggerType"], "webhook", "{run}");
    app.close().await;
}
