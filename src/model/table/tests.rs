//! Tables and rows as pure values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value
)]

use super::*;
use serde_json::json;

fn table(columns: Value) -> Table {
    let mut found = Vec::new();
    let fields = json!({ "name": "t", "columns": columns });
    let form = read_form(fields.as_object().unwrap(), &mut found);
    assert!(found.is_empty(), "{found:?}");
    Table {
        sequence: 1,
        id: TableId::generate(),
        name: form.name.unwrap(),
        description: None,
        folder: None,
        columns: form.columns.unwrap(),
        unique: vec!["a".into()],
        indexed: vec!["a".into(), "b".into()],
        max_rows: None,
        row_count: 0,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

#[test]
fn values_are_one_key_exactly_if_they_are_the_same() {
    let values = [
        json!(1),
        json!("1"),
        json!(true),
        json!("true"),
        json!(null),
        json!(""),
        json!(1.5),
        json!("a"),
        json!([1]),
        json!(["1"]),
        json!([1, 1]),
        json!([[1], 1]),
        json!({}),
        json!({"a": 1}),
        json!({"a": {"b": 1}}),
        json!({"a\":1,\"b": 1}),
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!(1e300),
        json!(-1),
    ];
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            assert_eq!(canonical(a) == canonical(b), i == j, "{a} {b}");
        }
    }
    for (a, b) in [
        (json!(1), json!(1.0)),
        (json!(0.0), json!(-0.0)),
        (json!([2.0]), json!([2])),
    ] {
        assert_eq!(canonical(&a), canonical(&b));
    }
}

#[test]
fn a_key_becomes_what_its_column_holds() {
    use ColumnType::{Boolean, Date, Json, Number, Text};
    for (kind, given, expected) in [
        (Some(Text), json!("x"), Some(json!("x"))),
        (Some(Text), json!(5), Some(json!("5"))),
        (Some(Text), json!([5]), None),
        (Some(Number), json!(" 5 "), Some(json!(5))),
        (Some(Number), json!("5.5"), Some(json!(5.5))),
        (Some(Number), json!("five"), None),
        (Some(Number), json!(true), None),
        (Some(Boolean), json!("true"), Some(json!(true))),
        (Some(Boolean), json!("yes"), None),
        (Some(Date), json!("2024-02-29"), Some(json!("2024-02-29"))),
        (Some(Date), json!("2023-02-29"), None),
        (Some(Json), json!({"a": 1}), Some(json!({"a": 1}))),
        (None, json!("5"), Some(json!("5"))),
        (None, json!(5), Some(json!(5))),
        (None, json!(""), None),
        (None, json!(null), None),
        (Some(Text), json!("  "), None),
    ] {
        let value = key_value(kind, &given);
        assert_eq!(value.clone().ok(), expected, "{kind:?} {given}: {value:?}");
    }
}

#[test]
fn days_and_moments_are_dates_and_nothing_else_is() {
    for (text, ms) in [
        ("1970-01-01", Some(0)),
        ("1970-01-02", Some(86_400_000)),
        ("1970-01-01T00:00:01Z", Some(1_000)),
        ("1970-01-01T01:00:00+01:00", Some(0)),
        ("2023-02-29", None),
        ("1970-1-1", None),
        ("1970-01-01T00:00:00", None),
        ("01.01.1970", None),
        ("ten  chars", None),
        ("", None),
    ] {
        assert_eq!(date_ms(text), ms, "{text}");
    }
}

#[test]
fn rows_are_ordered_by_type_and_value_and_orders_are_read() {
    let in_order = [
        SortValue::Nothing,
        SortValue::Flag(false),
        SortValue::Flag(true),
        SortValue::Number(-1.0),
        SortValue::Number(10.0),
        SortValue::Text("10".into()),
        SortValue::Text("9".into()),
    ];
    assert!(in_order.is_sorted());
    let table = table(
        json!([{ "name": "a" }, { "name": "-b", "type": "number" }, { "name": "j", "type": "json" }]),
    );
    let by = |name: &str, descending| RowOrder::Column {
        name: name.into(),
        descending,
    };
    for (value, expected) in [
        (json!(null), Some(RowOrder::Newest)),
        (json!(""), Some(RowOrder::Newest)),
        (json!("oldest"), Some(RowOrder::Oldest)),
        (json!("a"), Some(by("a", false))),
        (json!("-a"), Some(by("a", true))),
        (json!("-b"), Some(by("-b", false))),
        (
            json!({ "column": "-b", "direction": "DESC" }),
            Some(by("-b", true)),
        ),
        (json!({ "column": "a", "direction": "down" }), None),
        (json!({}), None),
        (json!("j"), None),
        (json!("c"), None),
        (json!(5), None),
    ] {
        assert_eq!(read_order(&table, &value).ok(), expected, "{value}");
    }
}

#[test]
fn a_column_is_a_key_once() {
    let table = table(json!([{ "name": "a" }, { "name": "b" }]));
    assert_eq!(
        table.keys().collect::<Vec<_>>(),
        [("a", true), ("b", false)]
    );
    assert!(table.has_key("b") && !table.has_key("c"));
}

#[test]
fn columns_say_what_they_hold_in_several_words() {
    for (word, kind) in [
        ("text", Some(ColumnType::Text)),
        ("String", Some(ColumnType::Text)),
        ("bool", Some(ColumnType::Boolean)),
        ("datetime", Some(ColumnType::Date)),
        ("float", None),
    ] {
        assert_eq!(ColumnType::parse(word), kind, "{word}");
    }
    for kind in ColumnType::ALL {
        assert_eq!(ColumnType::parse(kind.as_str()), Some(kind));
    }
}
