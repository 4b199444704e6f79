//! `data_table`: reads and changes the server's own data tables.
//! May not know SQL. Promise: a change is made once, however often the attempt is made: it is written together with the
//! step's idempotency key and its result, and an attempt after a crash gets that result.

mod call;
mod operation;
#[cfg(test)]
mod tests;

use super::field::{self, Fields};
use super::outside::{self, Named, Thing};
use super::{Behaviour, Effects, StepType};
use crate::engine::tables::{Filter, TableError};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use crate::model::table::{
    MAX_REMOVED_AT_ONCE, MAX_ROWS_AT_ONCE, Row, RowView, Table, TableProblem, TableView,
    check_name, read_fields, read_form, read_rows,
};
use crate::model::template::Template;
use crate::store::{Changed, StoreError};
use call::{Call, MAX_OFFSET};
use futures_util::future::BoxFuture;
use operation::Operation;
use serde_json::{Value, json};
use std::time::Duration;

const KNOWN: [&str; 20] = [
    "columns",
    "data",
    "description",
    "filter",
    "folderId",
    "folderName",
    "indexedColumns",
    "limit",
    "matchKey",
    "matchValue",
    "maxRows",
    "name",
    "offset",
    "operation",
    "rowId",
    "rows",
    "search",
    "sort",
    "tableId",
    "uniqueColumns",
];

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "data_table",
        description: "Reads and changes rows of data tables; a change is made once.",
        kind: Kind::Effect,
        raw: &[],
        lists: &[],
        check,
        untimed: field::timed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Effect(run),
    names,
};

/// Every operation is at the tables, whether it names one or lists them.
fn names(config: &Fields) -> Vec<Named> {
    let fields = ["tableId", "name", "folderId", "folderName", "operation"];
    outside::named(config, &fields, Thing::Table)
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    check_secrets(config, problems);
    let operation = match field::present(config, "operation") {
        None => {
            let message = format!("`operation` is missing: one of {}", Operation::names());
            return problems.add("operation", message);
        }
        Some(word) if field::has_template(word) => None,
        Some(word) => match Operation::parse(word) {
            Ok(operation) => Some(operation),
            Err(message) => return problems.add("operation", message),
        },
    };
    for (needed, meaning) in operation.map_or(&[][..], Operation::needs) {
        let alternatives = needed.split('|');
        if alternatives
            .clone()
            .all(|name| field::present(config, name).is_none())
        {
            let names: Vec<_> = alternatives.map(|name| format!("`{name}`")).collect();
            let first = needed.split('|').next().unwrap_or_default();
            problems.add(
                first,
                format!("{} is missing: {meaning}", names.join(" or ")),
            );
        }
    }
    let most = match operation {
        Some(Operation::Delete) => MAX_REMOVED_AT_ONCE,
        _ => MAX_ROWS_AT_ONCE,
    };
    field::check_number(config, "limit", 1.0..=f64::from(most), problems);
    field::check_number(config, "offset", 0.0..=MAX_OFFSET, problems);
    let mut found = Vec::new();
    let written_out =
        |name: &str| field::present(config, name).filter(|value| !value.to_string().contains("{{"));
    // That of a definition that was let in before is checked when the step runs.
    if problems.is_new
        && let Some(filter) = written_out("filter").filter(|filter| !filter.is_string())
    {
        found.extend(Filter::check(filter));
    }
    if let Some(name) = written_out("matchKey")
        && let Some(Err(message)) = name.as_str().map(check_name)
    {
        problems.add("matchKey", message);
    }
    let form: Fields = operation::FORM_FIELDS
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), written_out(name)?.clone())))
        .collect();
    // Only the mistakes count before templates are rendered.
    drop(read_form(&form, &mut found));
    for name in ["data", "rows"] {
        match field::present(config, name) {
            Some(Value::String(_)) | None => {}
            Some(value) if name == "rows" => drop(read_rows(value, "rows", &mut found)),
            Some(value) => drop(read_fields(value, "data", &mut found)),
        }
    }
    for problem in found {
        problems.add(&problem.place, problem.message);
    }
}

/// A secret or a link that is written into a table would lie there in clear.
fn check_secrets(config: &Fields, problems: &mut Problems<'_>) {
    let Ok(template) = Template::compile(&Value::Object(config.clone()), &[]) else {
        // The compiler of definitions tells what is wrong with its templates.
        return;
    };
    for reference in template.secret_references() {
        let message = format!(
            "`{{{{{}}}}}` cannot be used here: tables are kept in clear",
            reference.secret
        );
        let place = reference.pointer.trim_start_matches('/').replace('/', ".");
        problems.add(&place, message);
    }
}

fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(async move {
        let work = perform(effects, &config);
        let Some(timeout_ms) = effects.timeout_ms else {
            return work.await;
        };
        // A change that is queued already is still made; the next attempt gets its result.
        tokio::time::timeout(Duration::from_millis(timeout_ms), work)
            .await
            .unwrap_or_else(|_| {
                let message = format!("the tables took longer than {timeout_ms} ms");
                Err(StepError {
                    retryable: true,
                    ..StepError::fatal("TIMEOUT", message)
                })
            })
    })
}

async fn perform(effects: &Effects, config: &Value) -> Result<Value, StepError> {
    let fields = field::fields(config)?;
    let word = fields.get("operation").unwrap_or(&Value::Null);
    let operation = Operation::parse(word)
        .map_err(|message| field::config_error(format!("`operation`: {message}")))?;
    let call = Call { fields, effects };
    let outcome = match operation {
        Operation::Find | Operation::GetById | Operation::ListTables | Operation::ListFolders => {
            call.read(operation).await
        }
        _ => call.change(operation).await,
    };
    outcome.map_err(step_error)
}

fn step_error(error: TableError) -> StepError {
    match error {
        TableError::Problem(problem) => {
            let code = match &problem {
                TableProblem::NotFound { .. } => "NOT_FOUND",
                TableProblem::Invalid(_) => "CONFIG",
                TableProblem::Conflict(_) => "CONFLICT",
            };
            StepError::fatal(code, problem.to_string())
        }
        TableError::Store(error) => StepError {
            retryable: matches!(error, StoreError::NotCommitted(_) | StoreError::Closed),
            ..StepError::fatal("STORE", error.to_string())
        },
    }
}

/// What the step gives for a change.
fn output(changed: Changed) -> Value {
    let shown_row = |row: &Row| json!(RowView::from(row));
    let shown_table = |table: &Table| json!(TableView::from(table));
    match changed {
        Changed::Table { table, created } => json!({
            "result": shown_table(&table), "success": true, "created": created, "tableId": table.id,
        }),
        Changed::Folder { folder, created } => json!({
            "result": folder, "success": true, "created": created, "folderId": folder.id,
        }),
        Changed::Row { row, created } => json!({
            "result": shown_row(&row), "success": true, "created": created, "rowId": row.id, "count": 1,
        }),
        Changed::Rows {
            inserted,
            updated,
            ids,
        } => json!({
            "result": { "inserted": inserted, "updated": updated, "ids": ids },
            "success": !ids.is_empty(),
            "count": ids.len(),
        }),
        Changed::Removed { count, has_more } => json!({
            "result": { "deleted": count }, "success": count > 0, "count": count, "hasMore": has_more,
        }),
    }
}
