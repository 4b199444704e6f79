//! Files that cannot be imported: one error each, with what to do, and nothing is made.

use crate::flowise::{Flowise, Key, reply};
use crate::house::{House, counts};
use rusqlite::Connection;

/// A house whose database `spoil` has spoilt: the error and the hint.
fn refused(spoil: impl FnOnce(&House)) -> (String, String) {
    let house = House::new(|flowise| {
        flowise.key(
            Key("0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5", &"k".repeat(43)),
            "n",
            &[],
        );
    });
    spoil(&house);
    let done = house.import(&[]);
    let (error, hint) = done.refused();
    assert!(!house.data.exists(), "{error}: a folder was made");
    (error.to_owned(), hint.to_owned())
}

#[test]
fn what_is_no_database_of_flowises_is_said_to_be_none() {
    type Spoil = fn(&House);
    let cases: [(Spoil, &str, &str); 8] = [
        (
            |house| std::fs::remove_file(&house.database).unwrap(),
            "there is no file",
            "DATABASE_PATH",
        ),
        (
            |house| {
                std::fs::remove_file(&house.database).unwrap();
                std::fs::create_dir(&house.database).unwrap();
            },
            "there is no file",
            "DATABASE_PATH",
        ),
        (
            |house| std::fs::write(&house.database, "this is no database ".repeat(500)).unwrap(),
            "is not a SQLite database",
            "DATABASE_PATH",
        ),
        (
            |house| {
                let bytes = std::fs::read(&house.database).unwrap();
                std::fs::write(&house.database, &bytes[..bytes.len() / 2]).unwrap();
            },
            "database",
            "",
        ),
        (
            |house| house.flowise().run("DROP TABLE chat_flow"),
            "it has no table `chat_flow`",
            "DATABASE_PATH",
        ),
        (
            |house| {
                house.flowise().run(
                    "ALTER TABLE apikey RENAME TO other; CREATE VIEW apikey AS SELECT * FROM other",
                )
            },
            "it has no table `apikey`",
            "DATABASE_PATH",
        ),
        (
            |house| {
                house
                    .flowise()
                    .run("ALTER TABLE apikey DROP COLUMN permissions")
            },
            "is of an older Flowise: its table `apikey` has no column `permissions`",
            "start Flowise 3.1 once",
        ),
        (
            |house| {
                house
                    .flowise()
                    .run("ALTER TABLE chat_flow DROP COLUMN mcpServerConfig")
            },
            "is of an older Flowise: its table `chat_flow` has no column `mcpServerConfig`",
            "start Flowise 3.1 once",
        ),
    ];
    for (spoil, part, to_do) in cases {
        let (error, hint) = refused(spoil);
        assert!(error.contains(part), "{part}: {error}");
        assert!(hint.contains(to_do), "{error}: {hint}");
    }
}

#[test]
fn a_locked_file_is_said_to_be_locked() {
    let mut holder = None;
    let (error, hint) = refused(|house| {
        let connection = Connection::open(&house.database).expect("it is there");
        connection.execute_batch("BEGIN EXCLUSIVE").expect("free");
        holder = Some(connection);
    });
    assert!(error.contains("is locked by another program"), "{error}");
    assert!(hint.contains("stop Flowise first"), "{hint}");
}

#[test]
fn a_file_that_was_left_in_the_middle_of_a_change_is_said_to_be() {
    let (error, hint) = refused(|house| {
        let flowise = house.flowise();
        flowise.run(
            "PRAGMA cache_size = 1; BEGIN; INSERT INTO tool VALUES ('t', hex(zeroblob(500000)))",
        );
        let copied = house.root.path().join("copy");
        let journal = |path: &std::path::Path| {
            path.with_file_name(format!("{}-journal", path.file_name().unwrap().display()))
        };
        std::fs::copy(&house.database, &copied).expect("copied");
        std::fs::copy(journal(&house.database), journal(&copied)).expect("copied");
        drop(flowise);
        std::fs::rename(journal(&copied), journal(&house.database)).expect("moved");
        std::fs::rename(&copied, &house.database).expect("moved");
    });
    assert!(
        error.contains("was left in the middle of a change"),
        "{error}"
    );
    assert!(hint.contains("start Flowise once"), "{hint}");
}

#[test]
fn a_file_beside_a_write_ahead_log_is_read_with_it() {
    let house = House::new(|_| {});
    let flowise = house.flowise();
    let mode: String = flowise
        .0
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .expect("a mode");
    assert_eq!(mode, "wal");
    flowise.flow(
        "11111111-7c3e-4d11-9a40-5be1c2d3e4f5",
        "Late",
        "AGENTFLOW",
        &reply("x"),
        &[],
    );
    let wal = house.root.path().join("database.sqlite-wal");
    assert!(std::fs::metadata(&wal).expect("a log").len() > 0);
    // While another program has it open.
    let report = house.report(&[]);
    assert_eq!(counts(&report, "flows"), [1, 0, 0, 0], "{report}");
    drop::<Flowise>(flowise);
}

#[test]
fn keys_of_one_workspace_do_not_come_to_reach_the_flows_of_another() {
    let (error, hint) = refused(|house| {
        let flowise = house.flowise();
        flowise.run("UPDATE apikey SET workspaceId = 'one'");
        let id = "11111111-7c3e-4d11-9a40-5be1c2d3e4f5";
        let of_other = [("workspaceId", "other")];
        flowise.flow(id, "Theirs", "AGENTFLOW", &reply("x"), &of_other);
    });
    assert!(error.contains("of 2 workspaces"), "{error}");
    assert!(hint.contains("one data folder is one workspace"), "{hint}");
}

#[test]
fn more_rows_than_are_imported_are_refused() {
    let (error, hint) = refused(|house| {
        house.flowise().run(
            "INSERT INTO variable (id, name, value)
             WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 10001) SELECT x, x, '' FROM n",
        );
    });
    assert!(
        error.contains("more than 10000 rows in its table `variable`"),
        "{error}"
    );
    assert!(hint.contains("delete in Flowise"), "{hint}");
}
