//! Tables in a real file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value
)]

use super::*;
use crate::model::plan::DefinitionProblem;
use crate::model::run::RunStatus;
use crate::model::table::{Fields, RowOrder, TableForm, TableLimits};
use crate::store::fixture::{Fixture, open};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn write(change: TableChange, once: Option<&str>) -> TableWrite {
    TableWrite {
        change,
        once: once.map(str::to_owned),
        limits: TableLimits {
            max_tables: 10,
            max_columns: 10,
            max_rows: 100_000,
            max_row_bytes: 1_000,
        },
        now_ms: 5_000,
    }
}

async fn change(fixture: &Fixture, change: TableChange, once: Option<&str>) -> Changed {
    fixture
        .store
        .change_tables(write(change, once))
        .await
        .unwrap()
        .unwrap()
}

async fn made(fixture: &Fixture, name: &str, unique: &[&str]) -> Table {
    let form = TableForm {
        name: Some(name.into()),
        unique: Some(unique.iter().map(|name| (*name).into()).collect()),
        ..TableForm::default()
    };
    let create = TableChange::Create {
        form,
        or_find: false,
    };
    match change(fixture, create, None).await {
        Changed::Table {
            table,
            created: true,
        } => *table,
        other => panic!("{other:?}"),
    }
}

fn insert(table: &str, data: Value) -> TableChange {
    TableChange::Insert {
        table: table.into(),
        data: fields(data),
    }
}

fn insert_many(table: &str, rows: impl Iterator<Item = Value>) -> TableChange {
    TableChange::InsertMany {
        table: table.into(),
        rows: rows.map(fields).collect(),
    }
}

#[tokio::test]
async fn an_operation_key_is_one_change_also_after_reopening() {
    let fixture = Fixture::new();
    made(&fixture, "t", &["a"]).await;
    let first = change(&fixture, insert("t", json!({ "a": 1 })), Some("run_1:s")).await;
    // The unique value is taken, but nothing is added any more.
    let again = change(&fixture, insert("t", json!({ "a": 1 })), Some("run_1:s")).await;
    assert_eq!(again, first);
    let reopened = open(&fixture.folder);
    let again = reopened.change_tables(write(insert("t", json!({ "a": 2 })), Some("run_1:s")));
    assert_eq!(again.await.unwrap().unwrap(), first);
    assert_eq!(fixture.count("data_row"), 1);
    // What was refused is not remembered.
    let refused = write(insert("t", json!({ "a": 1 })), Some("run_1:other"));
    assert!(matches!(
        fixture.store.change_tables(refused).await,
        Ok(Err(TableProblem::Conflict(_)))
    ));
    change(
        &fixture,
        insert("t", json!({ "a": 3 })),
        Some("run_1:other"),
    )
    .await;
    assert_eq!(fixture.count("data_operation"), 2);
}

#[tokio::test]
async fn operations_are_forgotten_when_their_run_is_over_and_they_are_old() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    let (_, waiting) = fixture.run(&workflow, 1_000).await;
    let (_, over) = fixture.ended(&workflow, RunStatus::Completed).await;
    made(&fixture, "t", &[]).await;
    for run in [&waiting, &over] {
        let key = format!("{run}:step[3].x");
        change(&fixture, insert("t", json!({ "a": 1 })), Some(&key)).await;
    }
    fixture.store.forget_operations_before(5_000).await.unwrap();
    assert_eq!(fixture.count("data_operation"), 2);
    fixture.store.forget_operations_before(5_001).await.unwrap();
    let key = format!("{waiting}:step[3].x");
    assert_eq!(fixture.count("data_operation"), 1);
    assert!(operations::known(&fixture.raw(), &key).unwrap().is_some());
}

#[tokio::test]
async fn a_refused_change_leaves_nothing_behind() {
    let fixture = Fixture::new();
    made(&fixture, "t", &["a"]).await;
    let rows = (0..10).map(|n| json!({ "a": n % 9 }));
    let refused = fixture
        .store
        .change_tables(write(insert_many("t", rows), None))
        .await;
    assert!(
        matches!(refused, Ok(Err(TableProblem::Conflict(_)))),
        "{refused:?}"
    );
    for (form, place) in [
        (
            TableForm {
                name: Some("u".into()),
                unique: Some(vec!["x".into(); 9]),
                ..TableForm::default()
            },
            None,
        ),
        (
            TableForm {
                name: Some("u".into()),
                indexed: Some((0..9).map(|n| n.to_string()).collect()),
                folder: Some(Some(crate::model::table::FolderChoice::Name("f".into()))),
                ..TableForm::default()
            },
            Some("indexedColumns"),
        ),
    ] {
        let create = TableChange::Create {
            form,
            or_find: false,
        };
        let refused = fixture
            .store
            .change_tables(write(create, None))
            .await
            .unwrap();
        if let (Err(TableProblem::Invalid(found)), Some(place)) = (&refused, place) {
            assert_eq!(
                found
                    .iter()
                    .map(|p: &DefinitionProblem| p.place.as_str())
                    .collect::<Vec<_>>(),
                [place]
            );
        }
        assert!(refused.is_err());
    }
    for (table, rows) in [
        ("data_row", 0),
        ("data_key", 0),
        ("data_table", 1),
        ("data_folder", 0),
    ] {
        assert_eq!(fixture.count(table), rows, "{table}");
    }
}

#[tokio::test]
async fn a_key_leads_to_its_row_without_a_look_at_others() {
    let fixture = Fixture::new();
    made(&fixture, "t", &["a"]).await;
    for thousand in 0..5 {
        let rows = (0..1_000).map(|n| json!({ "a": thousand * 1_000 + n, "b": n }));
        change(&fixture, insert_many("t", rows), None).await;
    }
    let looked_at = Arc::new(AtomicUsize::new(0));
    let query = |key: Option<(&str, Value)>, order| {
        let looked_at = looked_at.clone();
        let table = fixture.store.data_table("t").unwrap().unwrap();
        assert_eq!(table.row_count, 5_000);
        RowQuery {
            table,
            test: Some(Arc::new(move |row: &Row| {
                looked_at.fetch_add(1, Ordering::Relaxed);
                row.data.get("b") == Some(&json!(7))
            })),
            key: key.map(|(name, value)| (name.to_owned(), value)),
            order,
            after: None,
            offset: 0,
            limit: 10,
            max_bytes: 1 << 20,
        }
    };
    let by_b = RowOrder::Column {
        name: "b".into(),
        descending: true,
    };
    for order in [RowOrder::Newest, RowOrder::Oldest, by_b.clone()] {
        looked_at.store(0, Ordering::Relaxed);
        let found = fixture
            .store
            .find_rows(query(Some(("a", json!(3_007.0))), order))
            .await
            .unwrap();
        assert_eq!(found.rows.len(), 1);
        assert_eq!(found.rows[0].data["a"], 3_007);
        assert_eq!(looked_at.load(Ordering::Relaxed), 1);
    }
    looked_at.store(0, Ordering::Relaxed);
    assert_eq!(
        fixture
            .store
            .find_rows(query(None, by_b))
            .await
            .unwrap()
            .rows
            .len(),
        5
    );
    assert_eq!(looked_at.load(Ordering::Relaxed), 5_000);
}

#[tokio::test]
async fn rows_that_were_chosen_are_looked_at_again_when_they_are_written() {
    let fixture = Fixture::new();
    made(&fixture, "t", &[]).await;
    change(
        &fixture,
        insert_many("t", (0..3).map(|n| json!({ "a": n }))),
        None,
    )
    .await;
    let which = RowChoice::Found {
        sequences: vec![1, 2, 3, 99],
        test: Arc::new(|row| row.data["a"] != 1),
        has_more: false,
    };
    let delete = TableChange::Delete {
        table: "t".into(),
        which,
        limit: 10,
    };
    let removed = change(&fixture, delete, None).await;
    assert_eq!(
        removed,
        Changed::Removed {
            count: 2,
            has_more: false
        }
    );
    assert_eq!(fixture.store.data_table("t").unwrap().unwrap().row_count, 1);
}

#[tokio::test]
async fn what_a_crash_leaves_of_a_removed_table_goes_at_the_next_start() {
    let fixture = Fixture::new();
    let kept = made(&fixture, "kept", &["a"]).await;
    let table = made(&fixture, "t", &["a"]).await;
    for name in ["kept", "t"] {
        change(
            &fixture,
            insert_many(name, (0..1_000).map(|n| json!({ "a": n }))),
            None,
        )
        .await;
        change(
            &fixture,
            insert_many(name, (0..500).map(|n| json!({ "a": -1 - n }))),
            None,
        )
        .await;
    }
    // As a kill after the first commit leaves it.
    let hidden = "UPDATE data_table SET name = NULL WHERE sequence = ?1";
    fixture.raw().execute(hidden, [table.sequence]).unwrap();
    assert_eq!(fixture.store.data_table(table.id.as_str()).unwrap(), None);
    assert_eq!(
        fixture
            .store
            .list_data_tables(TableFilter::default(), None, 0, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    fixture.store.remove_leftovers().await.unwrap();
    for name in ["data_row", "data_key"] {
        assert_eq!(fixture.count(name), 1_500, "{name}");
    }
    assert_eq!(fixture.count("data_table"), 1);
    let removed = fixture
        .store
        .remove_data_table(kept.id.to_string())
        .await
        .unwrap();
    assert_eq!(removed, Ok(()));
    for name in ["data_row", "data_key", "data_table"] {
        assert_eq!(fixture.count(name), 0, "{name}");
    }
}
