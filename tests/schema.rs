//! The database file as it lies on the disk: what `schema.sql` promises holds in a file that the store made, and `doctor`'s
//! examination finds what is wrong with one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use flowlatch::model::alert::AlertKind;
use flowlatch::model::usage::UtcDay;
use flowlatch::store::{Finding, NEWEST_VERSION, Store, StoreError, StoreOptions, inspect};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../schema.sql");

fn options() -> StoreOptions {
    StoreOptions {
        readers: 2,
        commit_hook: None,
    }
}

/// A database that a store has made, written to and closed.
async fn made(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("flowlatch.db");
    let store = Store::open(&path, options()).unwrap();
    store.set_meta("probe", "value".into()).await.unwrap();
    store.close().await;
    path
}

fn pragma(connection: &Connection, name: &str) -> i64 {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .unwrap()
}

fn column(connection: &Connection, sql: &str) -> Vec<String> {
    connection
        .prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[tokio::test]
async fn a_fresh_file_is_schema_sql_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = Connection::open(made(&folder).await).unwrap();
    assert_is_newest(&file);
    let version = pragma(&file, "user_version");
    assert_eq!(version, NEWEST_VERSION);
    let head =
        format!("-- The whole schema at its newest version (`PRAGMA user_version` = {version}).");
    assert_eq!(SCHEMA.lines().next(), Some(head.as_str()));
    assert_eq!(pragma(&file, "auto_vacuum"), 2);
    assert_eq!(column(&file, "PRAGMA journal_mode"), ["wal"]);
}

/// What has led from the first version to the one before the newest, in order.
const UPGRADES: [&str; 6] = [
    include_str!("../src/store/upgrades/2.sql"),
    include_str!("../src/store/upgrades/3.sql"),
    include_str!("../src/store/upgrades/4.sql"),
    include_str!("../src/store/upgrades/5.sql"),
    include_str!("../src/store/upgrades/6.sql"),
    include_str!("../src/store/upgrades/7.sql"),
];

/// A file as a server of this version left it, with these rows.
fn older(version: usize, rows: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowlatch.db");
    let old = Connection::open(&path).unwrap();
    old.pragma_update(None, "auto_vacuum", 2).unwrap();
    old.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .unwrap();
    old.execute_batch(include_str!("schemas/1.sql")).unwrap();
    for upgrade in &UPGRADES[..version - 1] {
        old.execute_batch(upgrade).unwrap();
    }
    old.execute_batch(rows).unwrap();
    old.pragma_update(None, "user_version", version as i64)
        .unwrap();
    (folder, path)
}

/// The file has what `schema.sql` makes, word for word.
fn assert_is_newest(file: &Connection) {
    let memory = Connection::open_in_memory().unwrap();
    memory.execute_batch(SCHEMA).unwrap();
    assert_eq!(column(file, OBJECTS), column(&memory, OBJECTS));
}

/// Every object of the schema with its text.
const OBJECTS: &str =
    "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1";

#[tokio::test]
async fn a_file_of_the_first_version_becomes_one_of_the_newest_and_keeps_its_rows() {
    let (_folder, path) = older(
        1,
        r#"INSERT INTO definition (sequence, digest, format, body) VALUES (1, zeroblob(32), 'steps',
             '{"trigger":{"provider":"github"},"steps":[{"config":{"connection":"stripe"}},{"config":{"connectionId":"conn_a","connection":5}}]}');
         INSERT INTO workflow VALUES (1, 'w', 'name', NULL, 'active', 1, 5, 5);
         INSERT INTO workflow_version VALUES (1, 1, 'name', NULL, NULL, 'test', 5, 1, 1);
         INSERT INTO run (sequence, id, workflow, workflow_version, definition, status, event_count, trigger_type,
             created_at_ms, root_id, input) VALUES (7, 'r', 1, 1, 1, 'pending', 0, 'api', 6, 'r', '{}');
         INSERT INTO run (sequence, id, workflow, workflow_version, definition, status, event_count, trigger_type,
             created_at_ms, root_id, input) VALUES (9, 'gone', 1, 1, 1, 'pending', 0, 'api', 6, 'r', '{}');
         DELETE FROM run WHERE sequence = 9;
         INSERT INTO api_key (sequence, id, name, format, scopes, created_at_ms, updated_at_ms, created_by, disabled)
             VALUES (1, 'key_a', 'a', 'wfk', '[]', 5, 5, 'test', 0);
         INSERT INTO api_key_secret (public_id, key, role, phc, created_at_ms) VALUES ('abcdefgh', 1, 'former', 'x', 5);
         UPDATE run SET started_by = 'abcdefgh', event_count = 4 WHERE sequence = 7;
         INSERT INTO journal VALUES (7 * 16777216, 3, 6, '[{"type":"step.completed"},{"type":"step.started"},{"type":"step.failed"}]');
         INSERT INTO journal VALUES (7 * 16777216 + 3, 1, 6, '[{"type":"step.completed"}]');
         INSERT INTO journal VALUES (8 * 16777216, 1, 6, '[{"type":"step.completed"}]');"#,
    );

    let store = Store::open(&path, options()).unwrap();
    store.close().await;
    let file = Connection::open(&path).unwrap();
    assert_is_newest(&file);
    let rows = "SELECT sequence || id || trigger_type || depth || coalesce(parent, '-') FROM run";
    assert_eq!(column(&file, rows), ["7rapi0-"]);
    let counted = "SELECT account || ' ' || step_count FROM run";
    assert_eq!(column(&file, counted), ["key_a 3"]);
    assert_eq!(
        column(
            &file,
            "SELECT name || seq FROM sqlite_sequence WHERE name LIKE 'run%'"
        ),
        ["run9"]
    );
    let used = "SELECT reference || ' ' || workflow FROM connection_use ORDER BY 1";
    assert_eq!(column(&file, used), ["conn_a 1", "stripe 1"]);
    let kept = "SELECT sequence || format FROM definition";
    assert_eq!(column(&file, kept), ["1steps"]);
    let insert = |format: &str| {
        let sql = "INSERT INTO definition (digest, format, body) VALUES (randomblob(32), ?1, '{}')";
        file.execute(sql, [format]).is_ok()
    };
    assert!(insert("graph") && !insert("other"));
    // The file was not made by a store, which would have made it readable by its owner only.
    assert_eq!(faults(&path), ["file mode"]);
}

#[tokio::test]
async fn events_of_the_third_version_keep_their_bodies() {
    let (_folder, path) = older(
        3,
        "INSERT INTO webhook_event
             VALUES (3, 'evt_a', 'custom', 'p', 5, NULL, NULL, 0, '{}', 3), (4, 'evt_b', 'custom', 'p', 5, NULL, NULL, 0, '{}', 0);
         INSERT INTO webhook_body VALUES (3, x'00ff41'), (4, x'');",
    );
    let store = Store::open(&path, options()).unwrap();
    for (sequence, body) in [(3, &b"\x00\xffA"[..]), (4, b"")] {
        let kept = store.event_body(sequence).unwrap().expect("the event");
        assert_eq!(kept, body);
    }
    store.close().await;
    let file = Connection::open(&path).unwrap();
    assert_is_newest(&file);
}

#[tokio::test]
async fn messages_of_the_fourth_version_are_counted() {
    let (_folder, path) = older(
        4,
        "INSERT INTO workflow (sequence, id, name, status, version, created_at_ms, updated_at_ms)
             VALUES (1, 'w', 'name', 'active', 1, 5, 5);
         INSERT INTO chatflow (workflow) VALUES (1);
         INSERT INTO chat_message (id, workflow, session_id, chat_id, role, chat_type, created_at_ms, content, more)
             VALUES ('a', 1, 's', 'c', 'userMessage', 'EXTERNAL', 5, 'Hällo', '{}'),
                ('b', 1, 's', 'c', 'apiMessage', 'EXTERNAL', 5, '', '{}');",
    );
    let store = Store::open(&path, options()).unwrap();
    store.close().await;
    let file = Connection::open(&path).unwrap();
    assert_is_newest(&file);
    let used = "SELECT workflow || ' ' || messages || ' ' || bytes FROM chat_use";
    assert_eq!(column(&file, used), ["1 2 10"]);
}

#[tokio::test]
async fn usage_of_the_fifth_version_keeps_its_days_and_keys_their_address() {
    let (_folder, path) = older(
        5,
        "INSERT INTO usage VALUES ('k', 19737, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), ('k', 19738, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
         INSERT INTO api_key (sequence, id, name, format, scopes, created_at_ms, updated_at_ms, created_by, disabled,
             last_used_at_ms, last_used_address, last_used_category)
         VALUES (1, 'a', 'a', 'wfk', '[]', 5, 5, 't', 0, 7, '192.0.2.1', 'read'),
             (2, 'b', 'b', 'wfk', '[]', 5, 5, 't', 0, 7, '2001:db8::1', 'read'),
             (3, 'c', 'c', 'wfk', '[]', 5, 5, 't', 0, NULL, NULL, NULL);",
    );
    let store = Store::open(&path, options()).unwrap();
    let day = UtcDay(19_737);
    let days = store.usage_days(vec!["k".to_owned()], day, UtcDay(19_738));
    let days = days.await.unwrap();
    assert_eq!((days.len(), days[0].day), (2, day));
    assert_eq!(
        (days[0].usage.read_requests, days[0].usage.credits),
        (1, 11)
    );
    store.close().await;
    let file = Connection::open(&path).unwrap();
    assert_is_newest(&file);
    let networks = "SELECT key || ' ' || network || ' ' || last_used_ms FROM key_network";
    assert_eq!(column(&file, networks), ["1 192.0.2.1 7"]);
}

#[tokio::test]
async fn alerts_of_the_sixth_version_are_still_told_and_ends_of_keys_beside_them() {
    let (_folder, path) = older(
        6,
        "INSERT INTO alert (id, type, cause, at_ms, key_id, key_name, address, count, next_try_ms)
             VALUES ('alert_a', 'burst', 'burst abcdefgh -', 5, 'abcdefgh', 'a', NULL, 700, 9);",
    );
    let store = Store::open(&path, options()).unwrap();
    let due = store.due_alerts(9, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].alert.count, due[0].alert.expires_at_ms),
        (700, None)
    );
    let kinds = &AlertKind::UNUSUAL;
    assert_eq!(store.newest_alerts(kinds, 10).await.unwrap().len(), 1);
    store.close().await;
    let file = Connection::open(&path).unwrap();
    assert_is_newest(&file);
    let insert = |kind: &str| {
        let sql = "INSERT INTO alert (id, type, cause, at_ms, count, expires_at_ms) VALUES ('b', ?1, 'c', 6, 0, 7)";
        file.execute(sql, [kind]).is_ok()
    };
    assert!(!insert("other") && insert("key_expiring"));
    assert_eq!(faults(&path), ["file mode"]);
}

#[tokio::test]
async fn every_table_is_strict_and_no_foreign_key_is_deferred() {
    let folder = tempfile::tempdir().unwrap();
    let file = Connection::open(made(&folder).await).unwrap();
    let loose = "SELECT name FROM pragma_table_list
                 WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite_%'";
    assert_eq!(column(&file, loose), Vec::<String>::new());
    assert!(column(&file, "SELECT name FROM pragma_table_list WHERE strict").len() >= 9);
    let statements = SCHEMA
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default().to_uppercase())
        .collect::<String>();
    for word in ["DEFERRABLE", "RAISE(ROLLBACK", "RAISE(FAIL", "RAISE(IGNORE"] {
        assert!(!statements.contains(word), "{word}");
    }
    assert!(statements.contains("RAISE(ABORT"));
}

#[tokio::test]
async fn another_process_may_look_while_the_store_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowlatch.db");
    let store = Store::open(&path, options()).unwrap();
    store.set_meta("probe", "value".into()).await.unwrap();
    let other = Connection::open(&path).unwrap();
    let values = column(&other, "SELECT value FROM meta WHERE name = 'probe'");
    assert_eq!(values, ["value"]);
    other
        .execute("UPDATE meta SET value = 'other' WHERE name = 'probe'", [])
        .unwrap();
    assert_eq!(store.meta("probe").unwrap().as_deref(), Some("other"));
    store.close().await;
}

fn faults(path: &Path) -> Vec<&'static str> {
    let findings = inspect(path).unwrap();
    for Finding { name, sentence, .. } in &findings {
        assert!(sentence.ends_with('.'), "{name}: {sentence}");
    }
    findings
        .iter()
        .filter(|finding| !finding.ok)
        .map(|finding| finding.name)
        .collect()
}

#[tokio::test]
async fn a_sound_file_has_no_fault_and_is_not_changed_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(&folder).await;
    let before = std::fs::read(&path).unwrap();
    assert_eq!(faults(&path), Vec::<&str>::new());
    assert!(inspect(&path).unwrap().len() >= 7);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn each_fault_is_found() {
    let damages: [(&str, &[&str]); 6] = [
        ("PRAGMA user_version = 1000", &["schema version"]),
        ("DROP INDEX run_by_workflow", &["schema"]),
        ("DROP TRIGGER run_final_status_never_changes", &["schema"]),
        (
            "PRAGMA foreign_keys = OFF; INSERT INTO idempotency VALUES (7, 'k', 1, zeroblob(32), 1)",
            &["references"],
        ),
        ("PRAGMA journal_mode = DELETE", &["journal mode"]),
        (
            "INSERT INTO audit VALUES (1, 1, 'nobody', 'key.created', NULL, NULL, 'ok', '{}', hex(zeroblob(32)))",
            &["audit chain"],
        ),
    ];
    for (damage, expected) in damages {
        let folder = tempfile::tempdir().unwrap();
        let path = made(&folder).await;
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(damage).unwrap();
        drop(connection);
        assert_eq!(faults(&path), expected, "{damage}");
    }
}

#[tokio::test]
async fn a_damaged_page_and_an_open_file_mode_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(&folder).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(faults(&path), ["file mode"]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let connection = Connection::open(&path).unwrap();
    let root: u32 = connection
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'meta'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(connection);
    let root = root as usize;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    assert!(faults(&path).contains(&"integrity"));
}

#[test]
fn what_is_no_database_cannot_be_examined() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "no database ".repeat(1_000)).unwrap();
    for path in [text, folder.path().join("absent")] {
        assert!(
            matches!(inspect(&path), Err(StoreError::Unusable(_))),
            "{path:?}"
        );
    }
    assert!(!folder.path().join("absent").exists());
}
