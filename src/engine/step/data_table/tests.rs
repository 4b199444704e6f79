//! Checks of configurations: every operation with what it needs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value
)]

use super::*;
use crate::model::plan::DefinitionProblem;

fn problems(config: &Value) -> Vec<String> {
    let mut found: Vec<DefinitionProblem> = Vec::new();
    let mut problems = Problems {
        place: "config".into(),
        is_new: true,
        found: &mut found,
    };
    check(config.as_object().unwrap(), &mut problems);
    found.into_iter().map(|problem| problem.place).collect()
}

#[test]
fn each_operation_asks_for_what_it_needs() {
    for (name, places) in [
        ("insert", "tableId data"),
        ("update", "tableId rowId data"),
        ("upsert", "tableId matchKey data"),
        ("upsertMany", "tableId matchKey rows"),
        ("delete", "tableId rowId"),
        ("find", "tableId"),
        ("getById", "tableId rowId"),
        ("createTable", "name"),
        ("listTables", ""),
        ("ensureTable", "name"),
        ("listFolders", ""),
        ("ensureFolder", "folderName"),
        ("createTableInFolder", "name folderName"),
        ("assignTableToFolder", "tableId"),
    ] {
        let places = places
            .split_whitespace()
            .map(|place| format!("config.{place}"));
        let found = problems(&json!({ "operation": name }));
        assert_eq!(found, places.collect::<Vec<_>>(), "{name}");
        let everything = json!({
            "operation": name, "tableId": "t", "data": {}, "rows": [], "rowId": "r", "matchKey": "a", "name": "n",
            "folderName": "f", "limit": 1_000, "offset": "0", "filter": { "a": 1 }, "sort": "-a",
        });
        assert_eq!(problems(&everything), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn only_a_removal_may_be_of_more_than_a_thousand_rows() {
    let config = |operation: &str, limit: u32| json!({ "operation": operation, "tableId": "t", "rowId": "r", "limit": limit });
    assert!(problems(&config("delete", 10_000)).is_empty());
    assert_eq!(problems(&config("delete", 10_001)), ["config.limit"]);
    assert_eq!(problems(&config("find", 1_001)), ["config.limit"]);
}
