//! Filters beside indexes: which look-up an index may do, and that it finds what the filter means.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value
)]

use super::Filter;
use crate::engine::step::condition::operator::{Operator, Prepared};
use crate::id::TableId;
use crate::model::table::{Column, ColumnType, Table, canonical, check_row, index_value};
use proptest::prelude::*;
use serde_json::{Value, json};

fn table(columns: &[(&str, ColumnType)]) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column {
        name: (*name).into(),
        kind: *kind,
        required: false,
    });
    Table {
        sequence: 1,
        id: TableId::generate(),
        name: "t".into(),
        description: None,
        folder: None,
        columns: columns.collect(),
        unique: vec!["key".into()],
        indexed: Vec::new(),
        max_rows: None,
        row_count: 0,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

fn key(table: &Table, filter: Value) -> Option<(String, Value)> {
    Filter::read(table, &filter).unwrap().key
}

#[test]
fn an_equality_on_a_key_column_is_looked_up() {
    let text = table(&[("key", ColumnType::Text), ("other", ColumnType::Text)]);
    let found = Some(("key".to_owned(), json!("x")));
    assert_eq!(key(&text, json!({ "key": "x" })), found);
    assert_eq!(key(&text, json!({ "other": "y", "key": "x" })), found);
    assert_eq!(
        key(
            &text,
            json!([{ "field": "key", "operator": "==", "value": "x" }])
        ),
        found
    );
    for other in [
        json!({ "other": "x" }),
        json!({ "key": null }),
        json!({ "key": "" }),
        // The texts `5`, `5.0` and ` 5` equal it.
        json!({ "key": 5 }),
        json!([{ "field": "key", "operator": "ne", "value": "x" }]),
        json!([{ "field": "key", "operator": "gt", "value": "5" }]),
        json!([{ "field": "key", "operator": "exists" }]),
    ] {
        assert_eq!(key(&text, other.clone()), None, "{other}");
    }
    let number = table(&[("key", ColumnType::Number)]);
    assert_eq!(
        key(&number, json!({ "key": "5" })),
        Some(("key".to_owned(), json!(5)))
    );
    let free = table(&[]);
    assert_eq!(key(&free, json!({ "key": "x" })), found);
    assert_eq!(key(&free, json!({ "key": "5" })), None);
}

fn scalar() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        " ",
        "5",
        "5.0",
        " 5",
        "05",
        "-0",
        "1e1",
        "10",
        "true",
        "True",
        " false",
        "null",
        "x",
        "X",
        "nan",
        "inf",
        "2024-01-15",
        "2024-01-15T00:00:00Z",
        "9007199254740993",
        "9007199254740992",
    ]);
    let numbers = prop::sample::select(vec![
        json!(5),
        json!(5.0),
        json!(0),
        json!(-0.0),
        json!(10),
        json!(1.5),
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992.0),
    ]);
    prop_oneof![
        words.prop_map(Value::from),
        numbers,
        any::<bool>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        "[0-9a. ]{0,3}".prop_map(Value::from),
        Just(json!([5])),
        Just(json!({ "a": 5 })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Wherever an index is used, it finds a row exactly if the condition holds for it.
    #[test]
    fn an_index_finds_what_the_filter_means(left in scalar(), right in scalar(), kind in 0..6_usize) {
        let kind = ColumnType::ALL.get(kind).copied();
        let columns: Vec<_> = kind.map(|kind| ("key", kind)).into_iter().collect();
        let row = json!({ "key": left });
        let limits = crate::config::Config::new("").tables;
        let mut found = Vec::new();
        check_row(&table(&columns), row.as_object().unwrap(), "data", &limits, &mut found);
        if found.is_empty() && let Some(value) = index_value(kind, &right) {
            let test = Prepared::new(Operator::parse("eq").unwrap(), right.clone()).unwrap();
            let is_meant = test.holds(&left).unwrap();
            prop_assert_eq!(canonical(&left) == canonical(&value), is_meant, "{} {} {:?}", left, right, kind);
        }
    }
}
