//! An answer and the end of its time at the same moment: the one that is recorded first counts, and whoever answered is told
//! which one it was.

use super::{run_of, set, start};
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::app::Options;
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use flowlatch::store::CommitPoint;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// So many reads of the run are answered while a commit is held: whoever looks at it meanwhile has looked.
const LOOKS: usize = 60;

/// Holds the next commit back.
struct Brake {
    is_set: AtomicBool,
    held: mpsc::UnboundedSender<()>,
    released: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Brake {
    fn at(&self, point: CommitPoint) {
        if point == CommitPoint::BeforeCommit && self.is_set.swap(false, Ordering::SeqCst) {
            self.held.send(()).expect("the test listens");
            // An error is the release: the other end is gone, also when the test has failed.
            let released = self.released.lock().expect("one writer");
            assert!(released.recv().is_err(), "nothing is sent");
        }
    }
}

async fn asked(server: &TestServer, run: &str) -> Value {
    let path = format!("/api/v1/runs/{run}/approvals");
    server.admin().get(&path).await.data()
}

/// What the run came to after both, of which the first one's commit is held until the second is on its way.
async fn raced(answer_is_first: bool) -> (StatusCode, Value) {
    let (held, mut is_held) = mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel();
    let brake = Arc::new(Brake {
        is_set: AtomicBool::new(false),
        held,
        released: Mutex::new(released),
    });
    let at_commit = brake.clone();
    let options = Options {
        clock: Clock::manual(MONDAY_MS),
        commit_hook: Some(Arc::new(move |point| at_commit.at(point))),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::open_with(folder.path(), options, |config| {
        config.limit_read = Limit::Unlimited;
    })
    .await;
    let config = json!({ "approvers": [], "timeoutMs": 1_000, "timeoutAction": "reject" });
    let steps = json!([
        { "id": "ok", "type": "approval", "config": config },
        set("end", json!("{{steps.ok.approved}} {{steps.ok.approvedBy}}")),
    ]);
    let workflow = server.workflow("raced", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    while asked(&server, &run).await == json!([]) {
        tokio::task::yield_now().await;
    }

    brake.is_set.store(true, Ordering::SeqCst);
    let answering = || {
        let (admin, path) = (server.admin(), format!("/api/v1/runs/{run}/approvals/ok"));
        tokio::spawn(async move { admin.post(&path, json!({ "approved": true })).await })
    };
    let answered = if answer_is_first {
        let answered = answering();
        is_held.recv().await.expect("its commit");
        server.clock.advance_ms(1_000);
        answered
    } else {
        server.clock.advance_ms(1_000);
        is_held.recv().await.expect("its commit");
        answering()
    };
    for _ in 0..LOOKS {
        assert_ne!(asked(&server, &run).await, json!([]), "nothing is recorded");
    }
    drop(release);
    let status = answered.await.expect("no panic").status;
    let output = loop {
        let run = run_of(&server, &run).await;
        if run["status"] == "completed" {
            break run["output"].clone();
        }
        tokio::task::yield_now().await;
    };
    server.stop().await;
    (status, output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_answer_and_the_end_of_its_time_the_first_counts() {
    let (status, output) = raced(true).await;
    let said = output.as_str().expect("a text");
    assert_eq!(status, StatusCode::OK, "{said}");
    assert!(
        said.starts_with("true ") && said != "true timeout",
        "{said}"
    );
    let (status, output) = raced(false).await;
    assert_eq!(
        (status, output),
        (StatusCode::CONFLICT, json!("false timeout"))
    );
}
