//! One call: the rendered configuration read, the tables asked.

use super::operation::{FORM_FIELDS, Operation};
use super::output;
use crate::engine::step::Effects;
use crate::engine::step::field::{self, Fields};
use crate::engine::tables::{RowsWanted, TableError, Tables};
use crate::model::plan::DefinitionProblem;
use crate::model::table::{
    Fields as RowFields, MAX_REMOVED_AT_ONCE, MAX_ROWS_AT_ONCE, RowView, TableForm, TableProblem,
    TableView, check_name, read_fields, read_form, read_rows,
};
use crate::store::{RowChoice, TableChange, TableFilter};
use serde_json::{Value, json};
use std::borrow::Cow;

/// How many rows or tables are given when `limit` does not say.
const DEFAULT_LIMIT: u32 = 100;
/// How many rows are removed when `limit` does not say.
const DEFAULT_REMOVED: u32 = MAX_ROWS_AT_ONCE;
/// The largest `offset`.
pub(super) const MAX_OFFSET: f64 = 1e9;

/// One call of the step: its rendered configuration, and what it may use.
pub(super) struct Call<'a> {
    pub(super) fields: &'a Fields,
    pub(super) effects: &'a Effects,
}

impl Call<'_> {
    fn tables(&self) -> &Tables {
        &self.effects.tables
    }

    /// A field, unless it is absent, null or an empty string: what a template gives that found nothing.
    fn said(&self, name: &str) -> Option<&Value> {
        field::present(self.fields, name).filter(|value| value.as_str() != Some(""))
    }

    fn text(&self, name: &str) -> Result<Option<String>, TableError> {
        match self.said(name) {
            None => Ok(None),
            Some(value) => field::scalar_text(value).map(Some).ok_or_else(|| {
                let message = format!("{} is not a text", field::shown(value));
                TableProblem::at(name, message).into()
            }),
        }
    }

    fn needed(&self, name: &str, meaning: &str) -> Result<String, TableError> {
        self.text(name)?
            .ok_or_else(|| TableProblem::at(name, format!("it is missing: {meaning}")).into())
    }

    fn table(&self) -> Result<String, TableError> {
        self.needed("tableId", "the id or the name of a table")
    }

    fn count(&self, name: &str, most: f64) -> Result<Option<u64>, TableError> {
        let least = if name == "limit" { 1.0 } else { 0.0 };
        let number = field::whole_number(self.fields, name, least..=most);
        number.map_err(|error| TableProblem::at(name, error.message).into())
    }

    fn limit(&self, most: u32, default: u32) -> Result<u32, TableError> {
        let limit = self.count("limit", f64::from(most))?;
        Ok(limit.map_or(default, |limit| u32::try_from(limit).unwrap_or(most)))
    }

    /// A field that holds JSON, also as its text.
    fn json(&self, name: &str) -> Result<Option<Cow<'_, Value>>, TableError> {
        match self.said(name) {
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(value) => Ok(Some(Cow::Owned(value))),
                Err(error) => {
                    let shown = field::cut(text, 60);
                    let message = format!("`{shown}` is a text and no JSON: {error}");
                    Err(TableProblem::at(name, message).into())
                }
            },
            other => Ok(other.map(Cow::Borrowed)),
        }
    }

    fn data(&self) -> Result<RowFields, TableError> {
        let mut found = Vec::new();
        let value = self.json("data")?;
        let Some(value) = value else {
            let message = "it is missing: an object with the row's fields";
            return Err(TableProblem::at("data", message).into());
        };
        let data = read_fields(&value, "data", &mut found);
        all_right(data, found)
    }

    fn rows(&self) -> Result<Vec<RowFields>, TableError> {
        let mut found = Vec::new();
        let Some(value) = self.json("rows")? else {
            return Err(TableProblem::at("rows", "it is missing: a list of rows").into());
        };
        let rows = read_rows(&value, "rows", &mut found);
        all_right(rows, found)
    }

    fn form(&self) -> Result<TableForm, TableError> {
        let mut fields = Fields::new();
        for name in FORM_FIELDS {
            let value = match name {
                "columns" | "uniqueColumns" | "indexedColumns" => self.json(name)?,
                _ => self.said(name).map(Cow::Borrowed),
            };
            if let Some(value) = value {
                fields.insert(name.to_owned(), value.into_owned());
            }
        }
        let mut found = Vec::new();
        let form = read_form(&fields, &mut found);
        all_right(form, found)
    }

    pub(super) async fn read(&self, operation: Operation) -> Result<Value, TableError> {
        match operation {
            Operation::GetById => {
                let id = self.needed("rowId", "the id of a row")?;
                let row = self.tables().row(&self.table()?, &id)?;
                let result = row.as_ref().map(RowView::from);
                Ok(
                    json!({ "result": result, "success": row.is_some(), "count": usize::from(row.is_some()) }),
                )
            }
            Operation::ListFolders => {
                let folders = self.tables().folders().await?;
                let (count, folders) = (folders.len(), json!(folders));
                Ok(
                    json!({ "result": folders.clone(), "folders": folders, "success": true, "count": count }),
                )
            }
            Operation::ListTables => self.list().await,
            _ => self.find().await,
        }
    }

    async fn list(&self) -> Result<Value, TableError> {
        let folder = match self.text("folderId")? {
            Some(id) => Some(id),
            None => self.text("folderName")?,
        };
        let filter = TableFilter {
            folder,
            search: self.text("search")?,
        };
        let limit = self.limit(MAX_ROWS_AT_ONCE, DEFAULT_LIMIT)?;
        let offset = self.count("offset", MAX_OFFSET)?.unwrap_or(0);
        let mut tables = self.tables().list(filter, None, offset, limit + 1).await?;
        let has_more = tables.len() > limit as usize;
        tables.truncate(limit as usize);
        let views: Vec<_> = tables.iter().map(TableView::from).collect();
        Ok(json!({
            "result": views, "tables": views, "success": true, "count": views.len(), "hasMore": has_more,
        }))
    }

    async fn find(&self) -> Result<Value, TableError> {
        let (table, filter, sort) = (self.table()?, self.json("filter")?, self.sort());
        let key = self.text("matchKey")?;
        let value = self.said("matchValue").unwrap_or(&Value::Null);
        let wanted = RowsWanted {
            table: &table,
            filter: filter.as_deref(),
            key: key.as_deref().map(|key| (key, value)),
            sort: Some(&sort),
            after: None,
            offset: self.count("offset", MAX_OFFSET)?.unwrap_or(0),
            limit: self.limit(MAX_ROWS_AT_ONCE, DEFAULT_LIMIT)?,
        };
        let found = self.tables().find(wanted).await?;
        let views: Vec<_> = found.rows.iter().map(RowView::from).collect();
        Ok(json!({
            "result": views, "success": true, "count": views.len(), "hasMore": found.has_more,
        }))
    }

    fn sort(&self) -> Value {
        self.said("sort").cloned().unwrap_or(Value::Null)
    }

    pub(super) async fn change(&self, operation: Operation) -> Result<Value, TableError> {
        let change = match operation {
            Operation::Update | Operation::Delete => self.row_change(operation).await?,
            Operation::Insert if self.said("rows").is_some() => TableChange::InsertMany {
                table: self.table()?,
                rows: self.rows()?,
            },
            Operation::Insert => TableChange::Insert {
                table: self.table()?,
                data: self.data()?,
            },
            Operation::Upsert => TableChange::Upsert {
                table: self.table()?,
                column: self.key()?,
                value: self.said("matchValue").cloned(),
                data: self.data()?,
            },
            Operation::UpsertMany => TableChange::UpsertMany {
                table: self.table()?,
                column: self.key()?,
                rows: self.rows()?,
            },
            Operation::EnsureFolder => TableChange::EnsureFolder {
                name: self.folder_name()?,
            },
            Operation::AssignTableToFolder => TableChange::Edit {
                table: self.table()?,
                form: TableForm {
                    // Without a folder the table leaves the one it lies in.
                    folder: Some(self.form()?.folder.flatten()),
                    ..TableForm::default()
                },
            },
            _ => TableChange::Create {
                form: self.form()?,
                or_find: operation == Operation::EnsureTable,
            },
        };
        let once = Some(self.effects.idempotency_key.clone());
        let changed = self.tables().change(change, once).await;
        match changed {
            // That the row is not there is an answer, as it is for `getById`.
            Err(TableError::Problem(TableProblem::NotFound { what: "row", .. })) => {
                Ok(json!({ "result": null, "success": false, "count": 0 }))
            }
            other => other.map(output),
        }
    }

    fn key(&self) -> Result<String, TableError> {
        self.needed("matchKey", "the column by which rows are known")
    }

    fn folder_name(&self) -> Result<String, TableError> {
        let name = match self.text("folderName")? {
            Some(name) => name,
            None => self.needed("name", "what the folder is called")?,
        };
        match check_name(&name) {
            Ok(()) => Ok(name),
            Err(message) => Err(TableProblem::at("folderName", message).into()),
        }
    }

    /// Changes of rows that were there before.
    async fn row_change(&self, operation: Operation) -> Result<TableChange, TableError> {
        let table = self.table()?;
        let limit = match operation {
            Operation::Delete => self.limit(MAX_REMOVED_AT_ONCE, DEFAULT_REMOVED)?,
            _ => MAX_ROWS_AT_ONCE,
        };
        let which = if let Some(id) = self.text("rowId")? {
            RowChoice::Id(id)
        } else if self.said("matchKey").is_some() {
            RowChoice::Key {
                column: self.key()?,
                value: self.said("matchValue").cloned().unwrap_or(Value::Null),
            }
        } else if let Some(filter) = self.json("filter")? {
            self.tables().chosen(&table, &filter, limit).await?
        } else {
            let message = "it is missing: say which rows by `rowId`, by `matchKey` and `matchValue`, or by `filter`";
            return Err(TableProblem::at("rowId", message).into());
        };
        Ok(match operation {
            Operation::Delete => TableChange::Delete {
                table,
                which,
                limit,
            },
            _ => TableChange::Update {
                table,
                which,
                data: self.data()?,
            },
        })
    }
}

fn all_right<T>(read: T, found: Vec<DefinitionProblem>) -> Result<T, TableError> {
    if found.is_empty() {
        Ok(read)
    } else {
        Err(TableProblem::invalid(found).into())
    }
}
