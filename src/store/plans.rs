//! That every index serves a query, every list is served by one, and no query walks a table that it should not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chats;
mod queries;
mod searches;
mod usage;
mod uses;

use super::fixture::Fixture;
use super::{run_list, run_search, runs};
use chats::CHAT_TABLES;
use queries::{TABLES, WALKS, point_queries};
use rusqlite::Connection;
use std::collections::BTreeSet;
use uses::USE_TABLES;

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    // Parameters stay unbound, so the plan cannot lean on their values.
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines.join("\n")
}

#[test]
fn queries_search_and_do_not_scan() {
    let fixture = Fixture::new();
    let connection = fixture.raw();
    for (sql, expected) in point_queries() {
        let plan = plan(&connection, sql);
        assert!(plan.contains(expected), "{sql}\n{plan}");
        let walks = plan.replace("SCAN CONSTANT ROW", "").contains("SCAN");
        assert!(!walks || sql == runs::OPEN_RUNS, "{sql}\n{plan}");
    }
    for sql in WALKS {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}

#[test]
fn pages_of_runs_come_in_order_from_an_index() {
    let fixture = Fixture::new();
    let connection = fixture.raw();
    for sql in run_list::all_list_sql() {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        // Only the lists of a prefix sort, and these no more than a page for each workflow.
        let sorts = plan.contains("TEMP B-TREE");
        assert_eq!(sorts, sql.contains("one.sequence"), "{sql}\n{plan}");
    }
    for sql in run_search::all_walks() {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}

#[test]
fn every_index_is_used_and_none_repeats_another() {
    let fixture = Fixture::new();
    let connection = fixture.raw();
    let points = point_queries().into_iter().map(|(sql, _)| sql);
    let queries = points
        .chain(run_list::all_list_sql())
        .chain(run_search::all_walks());
    let plans: Vec<String> = queries.map(|sql| plan(&connection, sql)).collect();
    let indexes: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(indexes.len() >= 12);
    for (name, sql) in &indexes {
        let used = plans.iter().any(|plan| {
            plan.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .any(|word| word == name)
        });
        assert!(used, "no query uses {name}");
        let comment = super::schema::SCHEMA
            .split("\n\n")
            .find(|block| block.contains(sql.as_str()))
            .unwrap();
        assert!(comment.trim_start().starts_with("-- Serves: "), "{name}");
    }
    let mut shapes = BTreeSet::new();
    for table in TABLES.iter().chain(CHAT_TABLES).chain(USE_TABLES) {
        let lists: Vec<(String, bool)> = connection
            .prepare("SELECT name, partial FROM pragma_index_list(?1)")
            .unwrap()
            .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for (index, partial) in lists {
            let columns: String = connection
                .query_row(
                    "SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(?1) ORDER BY seqno)",
                    [&index],
                    |row| row.get(0),
                )
                .unwrap();
            let condition = if partial {
                index.clone()
            } else {
                String::new()
            };
            assert!(
                shapes.insert((table, columns, condition)),
                "{index} repeats another index"
            );
        }
    }
}
