//! `examples/*.rs`, as a user runs them.

use crate::built::example;
use crate::support::TestServer;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The API of `examples/orders.rs` on a free port; ends with the test.
struct Orders {
    child: Child,
    printed: BufReader<ChildStdout>,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl Orders {
    fn start() -> Orders {
        let mut child = Command::new(example("orders"))
            .arg("0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let printed = BufReader::new(child.stdout.take().expect("its output"));
        let mut orders = Orders {
            child,
            printed,
            address: String::new(),
        };
        let line = orders.line();
        let (_, address) = line.split_once("http://").expect("its address");
        orders.address = address.to_owned();
        orders
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(output: &Output) -> Vec<String> {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn embed_serves_calls_itself_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(example("embed"))
        .env("TMPDIR", folder.path())
        .env("TEMP", folder.path())
        .env("TMP", folder.path())
        .output()
        .expect("it runs");
    let lines = lines(&output);
    assert!(
        lines[0].starts_with("listening on http://127.0.0.1:"),
        "{lines:?}"
    );
    let expected = ["over HTTP: hello", "without a port: 200 hello", "stopped"];
    assert_eq!(lines[1..], expected);
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_runs_a_workflow_and_follows_its_events() {
    let server = TestServer::start().await;
    let key = server
        .with(&["workflows:write", "workflows:execute", "runs:read"])
        .await
        .key
        .expect("its text");
    let client = |key: String| {
        let mut command = Command::new(example("client"));
        command
            .env("FLOWLATCH_URL", &server.url)
            .env("FLOWLATCH_API_KEY", key);
        tokio::task::spawn_blocking(move || command.output().expect("it runs"))
    };
    let output = client(key).await.expect("no panic");
    let expected = [
        "run.started ",
        "step.waiting pause",
        "step.completed pause",
        "step.completed greet",
        "run.completed ",
        r#"completed: {"greeting":"Hello, Ada!"}"#,
    ];
    assert_eq!(lines(&output), expected);

    let reader = server.with(&["runs:read"]).await.key.expect("its text");
    let output = client(reader).await.expect("no panic");
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        complaint.contains("Insufficient permissions"),
        "{complaint}"
    );
    server.stop().await;
}

/// The file as it is, against the API that it names.
#[tokio::test]
async fn order_review_works_with_the_orders_example() {
    let mut orders = Orders::start();
    let allowed = orders.address.clone();
    let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.outbound_allow = vec![allowed];
    })
    .await;
    let text = crate::workflows::text("order-review");
    assert!(text.contains("127.0.0.1:4000"));
    let body = text.replace("127.0.0.1:4000", &orders.address);
    let id = server
        .workflow_with(serde_json::from_str(&body).expect("JSON"))
        .await;
    for (order, output) in [
        (
            17,
            json!({ "decision": "hold", "amount": 1250.0, "chatWasTold": true }),
        ),
        (18, json!({ "decision": "release", "amount": 40.0 })),
    ] {
        let run = server.admin().run(&id, json!({ "order": order })).await;
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!("completed"), &output)
        );
    }
    let told = r#"chat: {"text":"Order 17 of Ada costs 1250.0: please review it."}"#;
    assert_eq!(orders.line(), told);
    server.stop().await;
}
