//! Pages of tables, newest first.

use super::{StoreError, table_row, table_sql};
use crate::model::table::Table;
use crate::store::Store;

/// Which tables are listed.
#[derive(Debug, Clone, Default)]
pub struct TableFilter {
    /// Those in the folder with this id or name.
    pub folder: Option<String>,
    /// Those whose name holds this text, whatever its letter case.
    pub search: Option<String>,
}

impl Store {
    /// At most `limit` tables, newest first, made before the one with the row number `before`; so many passed over.
    pub async fn list_data_tables(
        &self,
        filter: TableFilter,
        before: Option<i64>,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<Table>, StoreError> {
        self.scan(move |connection| {
            let needle = filter.search.as_deref().map(str::to_lowercase);
            let mut statement = connection.prepare_cached(TABLES)?;
            let mut rows = statement.query([before.unwrap_or(i64::MAX)])?;
            let (mut passed, mut tables) = (0, Vec::new());
            while let Some(row) = rows.next()? {
                let table = table_row(row)?;
                let is_named = needle
                    .as_ref()
                    .is_none_or(|needle| table.name.to_lowercase().contains(needle));
                let lies_there = filter.folder.as_ref().is_none_or(|wanted| {
                    let folder = table.folder.as_ref();
                    folder.is_some_and(|known| known.id.as_str() == wanted || known.name == *wanted)
                });
                if !is_named || !lies_there {
                    continue;
                }
                if passed < offset {
                    passed += 1;
                    continue;
                }
                if tables.len() == limit as usize {
                    break;
                }
                tables.push(table);
            }
            Ok(tables)
        })
        .await
    }
}

pub(in crate::store) const TABLES: &str = table_sql!("t.sequence < ?1 ORDER BY t.sequence DESC");
