//! An import that is only tried, and one that is made twice.

use crate::flowise::{Flowise, Key, reply, retriever};
use crate::house::{House, ask, counts, reasons};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use serde_json::{Value, json};

const KEY: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
const FLOW: &str = "11111111-7c3e-4d11-9a40-5be1c2d3e4f5";
const SEARCH: &str = "22222222-7c3e-4d11-9a40-5be1c2d3e4f5";
const VARIABLE: &str = "33333333-7c3e-4d11-9a40-5be1c2d3e4f5";

fn fill(flowise: &Flowise) {
    flowise.key(KEY, "site", &["chatflows:view", "tools:view"]);
    flowise.flow(FLOW, "Echo", "AGENTFLOW", &reply("first"), &[]);
    flowise.flow(SEARCH, "Search", "AGENTFLOW", &retriever(), &[]);
    flowise.variable(VARIABLE, "tone", "kind", None);
    flowise.message("m0000001", FLOW, "userMessage", "hi", "s", 1);
    flowise.feedback("f0000001", FLOW, "m0000001", "s", "THUMBS_DOWN");
    flowise.run("INSERT INTO credential VALUES ('c', 'n', 'openAIApi', 'x')");
}

/// Without what says that it was a dry run, and whether a server was started meanwhile.
fn but_for_the_mode(mut report: Value) -> Value {
    let fields = report.as_object_mut().expect("an object");
    fields.remove("dryRun");
    fields.remove("newFolder");
    report
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_the_same() {
    let house = House::new(fill);
    let dry = house.report(&["--dry-run"]);
    assert!(!house.data.exists(), "not even the folder");
    assert_eq!(dry["dryRun"], true);

    TestServer::open(&house.data, Clock::system(), |_| {})
        .await
        .stop()
        .await;
    let before = house.files();
    let source = std::fs::read(&house.database).expect("readable");
    let on_files = house.report(&["--dry-run"]);
    for (now, before) in house.files().iter().zip(&before) {
        assert!(now == before, "{} has changed", before.0);
    }
    assert_eq!(house.files().len(), before.len());
    assert_eq!(but_for_the_mode(on_files), but_for_the_mode(dry.clone()));

    let done = house.report(&[]);
    assert_eq!(done["dryRun"], false);
    assert_eq!(but_for_the_mode(done), but_for_the_mode(dry));
    assert!(house.files() != before);
    assert!(
        std::fs::read(&house.database).expect("readable") == source,
        "Flowise's file is only read"
    );
}

#[test]
fn a_second_import_changes_nothing_and_says_so() {
    let house = House::new(fill);
    let first = house.import(&[]);
    assert!(first.stdout.ends_with("\ndone\n"), "{}", first.stdout);
    for word in [
        "BROUGHT",
        "Search",
        "tools:view",
        "not imported: 1 credentials",
        "predictions:create",
    ] {
        assert!(first.stdout.contains(word), "{word}: {}", first.stdout);
    }
    let database =
        |house: &House| std::fs::read(house.data.join("flowlatch.db")).expect("it is there");
    let before = database(&house);
    let second = house.import(&[]);
    assert!(
        second
            .stdout
            .ends_with("\nunchanged: there was nothing new\n"),
        "{}",
        second.stdout
    );
    assert!(database(&house) == before, "the database has changed");
    let report = house.report(&["--dry-run"]);
    for of in ["keys", "variables", "messages", "feedback"] {
        assert_eq!(counts(&report, of), [0, 1, 0, 0], "{of}: {report}");
    }
    assert_eq!(counts(&report, "flows"), [0, 1, 0, 1], "{report}");
    assert_eq!(report["leftBehind"], json!({ "credentials": 1 }));
}

#[tokio::test]
async fn what_is_new_in_flowise_comes_and_what_has_changed_there_stays_as_it_is_here() {
    let house = House::new(fill);
    house.report(&[]);
    let flowise = house.flowise();
    let changed = reply("second").to_string();
    flowise
        .0
        .execute(
            "UPDATE chat_flow SET flowData = ?1 WHERE id = ?2",
            [&changed, FLOW],
        )
        .unwrap();
    flowise.run("UPDATE variable SET value = 'rude'; UPDATE apikey SET permissions = '[\"apikeys:create\"]'");
    // Mended, new, and said since.
    flowise
        .0
        .execute(
            "UPDATE chat_flow SET flowData = ?1 WHERE id = ?2",
            [&reply("found").to_string(), SEARCH],
        )
        .unwrap();
    flowise.message("m0000002", FLOW, "apiMessage", "first", "s", 2);
    drop(flowise);
    let report = house.report(&[]);
    assert_eq!(counts(&report, "keys"), [0, 0, 1, 0], "{report}");
    assert_eq!(counts(&report, "flows"), [1, 0, 1, 0], "{report}");
    assert_eq!(counts(&report, "variables"), [0, 0, 1, 0], "{report}");
    assert_eq!(counts(&report, "messages"), [1, 1, 0, 0], "{report}");
    assert!(reasons(&report, "flows", "kept")[0].contains("delete it here to bring it anew"));
    let server = house.serve().await;
    for (flow, text) in [(FLOW, "first"), (SEARCH, "found")] {
        let answer = ask(&server, flow, Some(KEY.1)).await;
        assert_eq!(answer.json()["text"], text, "{}", answer.text);
    }
    server.stop().await;
}

#[test]
fn a_running_server_is_named_and_nothing_is_brought() {
    let house = House::new(fill);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(TestServer::open(&house.data, Clock::system(), |_| {}));
    for more in [&[][..], &["--dry-run"]] {
        let done = house.import(more);
        let (error, hint) = done.refused();
        assert!(error.contains("is held by the server with pid"), "{error}");
        assert!(hint.contains("stop that server"), "{hint}");
    }
    runtime.block_on(server.stop());
    let done = house.command(&[
        "import",
        "flowise",
        "x.sqlite",
        "--url",
        "http://127.0.0.1:1",
    ]);
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("takes no --url"), "{}", done.stderr);
}

#[test]
fn a_dry_run_does_not_upgrade_an_older_folder() {
    let house = House::new(fill);
    std::fs::create_dir(&house.data).expect("a folder");
    let database = house.data.join("flowlatch.db");
    let older = rusqlite::Connection::open(&database).expect("a file");
    older
        .execute_batch("CREATE TABLE x (y); PRAGMA user_version = 1")
        .expect("tables");
    drop(older);
    let before = std::fs::read(&database).expect("readable");
    let done = house.import(&["--dry-run"]);
    let (error, hint) = done.refused();
    assert!(error.contains("is of another version"), "{error}");
    assert!(hint.contains("without --dry-run"), "{hint}");
    assert!(std::fs::read(&database).expect("readable") == before);
}
