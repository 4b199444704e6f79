//! A client in a shell, `client.sh`: every verb that a server of one's own can serve, with the calls, the bodies and the
//! fields of the official one. Needs `bash`, `curl` and `jq`.

use super::executing::{SCOPES, graph, node};
use crate::support::TestServer;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;

struct Shell {
    url: String,
    key: String,
    folder: TempDir,
    base_updated_at: Option<String>,
}

/// What a verb printed, and how it ended.
struct Ended {
    code: i32,
    printed: String,
    complained: String,
}

impl Shell {
    async fn with(server: &TestServer, scopes: &[&str]) -> Shell {
        let key = server.wireflow_with(scopes).await.key;
        Shell {
            url: format!("{}/api/v1", server.url),
            key: key.expect("a key"),
            folder: tempfile::tempdir().expect("a folder"),
            base_updated_at: None,
        }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/wireflow/client.sh");
        let mut command = Command::new("bash");
        command
            .arg(script)
            .args(arguments)
            .env("WIREFLOW_BASE_URL", &self.url)
            .env("WIREFLOW_API_KEY", &self.key)
            .env("WF_WAIT_INTERVAL", "0.05")
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(base) = &self.base_updated_at {
            command.env("WF_BASE_UPDATED_AT", base);
        }
        let output = command.output().await.expect("bash");
        Ended {
            code: output.status.code().expect("a code"),
            printed: String::from_utf8(output.stdout).expect("UTF-8"),
            complained: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// What a verb printed that ended well.
    async fn well(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        let Ended {
            code,
            printed,
            complained,
        } = ended;
        assert!(
            code == 0 && complained.is_empty(),
            "{arguments:?}: {code} {printed}{complained}"
        );
        printed
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.well(arguments).await;
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}"))
    }

    fn file(&self, name: &str, content: &Value) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// A new workflow of this graph: its id.
    async fn create(&self, name: &str, graph: &Value) -> String {
        let body = json!({ "name": name, "nodes": graph["nodes"], "edges": graph["edges"] });
        let created = self.json(&["create", &self.file("new.json", &body)]).await;
        created["data"]["id"].as_str().expect("an id").to_owned()
    }
}

fn joined() -> Value {
    graph(
        &[
            node("name", "input:text", json!({ "prompt": "Ada" })),
            node("mark", "input:text", json!({ "prompt": "!" })),
            node("both", "utility:prompt_concat", json!({ "separator": "" })),
            node("shown", "output:preview", json!({})),
        ],
        &[
            "name.text>both.prompt1",
            "mark.text>both.prompt2",
            "both.prompt>shown.value",
        ],
    )
}

#[tokio::test]
async fn it_reads_checks_and_saves_workflows() {
    let server = TestServer::start().await;
    let shell = Shell::with(&server, &SCOPES).await;
    assert_eq!(shell.well(&["list"]).await, "[]");
    let nodes = shell.json(&["nodes"]).await;
    assert_eq!(nodes["nodes"][0]["nodeType"], "input:text");

    let good = joined();
    assert_eq!(
        shell
            .well(&["check", &shell.file("good.json", &good)])
            .await,
        ""
    );
    let bad = graph(&[node("a", "input:txt", json!({}))], &[]);
    let bad = shell.file("bad.json", &bad);
    for arguments in [["check", &bad], ["create", &bad]] {
        let refused = shell.run(&arguments).await;
        assert_eq!(
            (refused.code, refused.printed.as_str()),
            (
                1,
                "unknown-node-type: node `a` has the unknown type `input:txt` (did you mean `input:text`?)\n"
            )
        );
    }
    assert_eq!(shell.run(&["check", "/no/such/file"]).await.code, 2);

    let id = shell.create("Greeting", &good).await;
    assert_eq!(shell.json(&["list"]).await[0]["id"], *id);
    let read = shell.json(&["get", &id]).await;
    assert_eq!(read["nodes"].as_array().map(Vec::len), Some(4));
    let mut changed = good.clone();
    changed["name"] = json!("Greeting, changed");
    let changed = shell.file("changed.json", &changed);
    assert_eq!(shell.well(&["update", &id, &changed]).await, "200\n");
    let organized = shell.json(&["organize", &id]).await;
    assert_eq!(organized["name"], "Greeting, changed");
    assert_eq!(organized["nodes"][0]["position"]["x"], 10);
}

#[tokio::test]
async fn it_changes_copies_publishes_and_deletes() {
    let server = TestServer::start().await;
    let mut shell = Shell::with(&server, &SCOPES).await;
    let id = shell.create("Greeting", &joined()).await;
    let patch = r#"{"label":"Who","config":{"prompt":"Grace"}}"#;
    let patched = shell.well(&["patch-node", &id, "name", patch]).await;
    assert!(patched.starts_with("name Who 20"), "{patched}");
    let unknown = shell.run(&["patch-node", &id, "nam", patch]).await;
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.complained.starts_with("HTTP 404 "),
        "{}",
        unknown.complained
    );
    assert_eq!(shell.run(&["patch-node", &id, "name", "{"]).await.code, 2);
    shell.base_updated_at = Some("2020-01-01T00:00:00.000Z".to_owned());
    let stale = shell.run(&["patch-node", &id, "name", patch]).await;
    assert_eq!(stale.code, 1);
    assert!(
        stale
            .complained
            .ends_with("yours 2020-01-01T00:00:00.000Z\n"),
        "{}",
        stale.complained
    );

    for (arguments, name) in [
        (vec!["duplicate", &*id], "Greeting (copy)"),
        (vec!["duplicate", &*id, "Another"], "Another"),
    ] {
        let told = shell.well(&arguments).await;
        let (copy, url) = told.trim().split_once(' ').expect("id and url");
        assert!(url.ends_with(copy), "{told}");
        assert_eq!(shell.json(&["get", copy]).await["name"], name);
    }
    for (verb, permission) in [("publish", "VIEW"), ("unpublish", "PRIVATE")] {
        let told = shell.well(&[verb, &id]).await;
        assert!(told.starts_with(&format!("{permission} http")), "{told}");
    }
    assert_eq!(
        shell.json(&["delete", &id]).await,
        json!({ "id": id, "deleted": true })
    );
    // Plain verbs end well whatever came.
    assert_eq!(
        shell.json(&["get", &id]).await,
        json!({ "error": "Workflow not found" })
    );
    let gone = shell.run(&["publish", &id]).await;
    assert_eq!(
        (gone.code, gone.complained.as_str()),
        (1, "HTTP 404 {\"error\":\"Workflow not found\"}\n")
    );
}

#[tokio::test]
async fn it_runs_waits_and_uses_results_again() {
    let server = TestServer::start().await;
    let shell = Shell::with(&server, &SCOPES).await;
    let id = shell.create("Greeting", &joined()).await;
    let inputs = shell.json(&["inputs", &id]).await;
    assert_eq!(
        inputs["data"]["example"],
        json!({ "inputs": { "name": "Ada", "mark": "!" } })
    );
    let ran = shell
        .json(&["run", &id, r#"{"inputs":{"name":"Lin"}}"#])
        .await;
    let execution = ran["data"]["executionId"].as_str().expect("an id");
    assert_eq!(
        shell.well(&["wait", execution]).await,
        "COMPLETED\nname: Lin\nmark: !\nboth: Lin!\nshown: Lin!\n"
    );
    let polled = shell.json(&["poll", execution]).await;
    assert_eq!(
        polled["nodeResults"]["nodeRuns"][2]["output"]["prompt"],
        "Lin!"
    );

    // The saved value is not the one that the last run was given: what came of that is outgrown, and used all the same.
    shell
        .well(&[
            "patch-node",
            &id,
            "both",
            r#"{"config":{"separator":", "}}"#,
        ])
        .await;
    let told = shell.well(&["run-node", &id, "shown"]).await;
    let (execution, stale) = told.split_once('\n').expect("an id");
    assert_eq!(stale, "stale both: separator\n");
    let waited = shell.well(&["wait", execution]).await;
    assert!(waited.contains("shown: Lin!\n"), "{waited}");
    let forced = shell.well(&["run-force", &id]).await;
    assert_eq!(
        shell.well(&["wait", forced.trim()]).await,
        "COMPLETED\nname: Ada\nmark: !\nboth: Ada, !\nshown: Ada, !\n"
    );
    let estimate = shell.json(&["estimate", &id]).await;
    assert_eq!(estimate["data"]["estimatedCredits"], 0);
    let credits = shell.json(&["credits"]).await;
    assert_eq!(credits["totals"]["runs"]["started"], 3);
}

#[tokio::test]
async fn it_uploads_lists_and_downloads_files() {
    let server = TestServer::start().await;
    let shell = Shell::with(&server, &SCOPES).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let path = shell.folder.path().join("picture.png");
    std::fs::write(&path, &bytes).expect("a file");
    let url = shell.well(&["upload", path.to_str().expect("UTF-8")]).await;
    let url = url.trim();
    assert!(url.starts_with(&server.url), "{url}");
    let listed = shell.json(&["media"]).await;
    assert_eq!(
        (
            &listed[0]["name"],
            &listed[0]["sizeBytes"],
            listed[1].is_null()
        ),
        (&json!("picture.png"), &json!(100_000), true)
    );
    let copy = shell.folder.path().join("copy.png");
    let copied = copy.to_str().expect("UTF-8");
    assert_eq!(shell.well(&["download", url, copied]).await, "");
    assert_eq!(std::fs::read(&copy).expect("the copy"), bytes);
    // A link that somebody made up opens nothing, and curl says so.
    let made_up = shell.run(&["download", &format!("{url}x"), copied]).await;
    assert_eq!(made_up.code, 22, "{}", made_up.complained);
    let refused = shell
        .run(&["upload", "http://127.0.0.1:9/picture.png"])
        .await;
    assert_eq!(refused.code, 1, "{}", refused.complained);
    assert!(
        refused.complained.starts_with("HTTP "),
        "{}",
        refused.complained
    );
}

#[tokio::test]
async fn it_ends_badly_where_an_execution_fails_or_is_not_there_and_without_a_key() {
    let server = TestServer::start().await;
    let mut shell = Shell::with(&server, &SCOPES).await;
    let id = shell
        .create("Film", &graph(&[node("film", "video:veo", json!({}))], &[]))
        .await;
    let ran = shell.json(&["run", &id, "{}"]).await;
    let execution = ran["data"]["executionId"].as_str().expect("an id");
    let failed = shell.run(&["wait", execution]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.printed.starts_with("FAILED\n"), "{}", failed.printed);
    assert!(
        failed.printed.contains("FAILED film: ") && failed.printed.contains("node_backends"),
        "{}",
        failed.printed
    );
    let nowhere = shell.run(&["wait", "run_nowhere"]).await;
    assert_eq!(
        (nowhere.code, nowhere.complained.as_str()),
        (1, "HTTP 404 {\"error\":\"Execution not found\"}\n")
    );
    shell.key = "sk-wrong".to_owned();
    let refused = shell.json(&["list"]).await;
    assert_eq!(
        refused["error"],
        "Invalid API key format. Expected: Bearer sk-..."
    );
    assert_eq!(shell.run(&["run-node", &id, "film"]).await.code, 1);
}
