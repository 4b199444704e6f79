//! Several rows at once, all or none: many that were sent, or those that are meant by an id, a key or a test.

use super::rows::{Work, by_id, by_sequence};
use super::{Changed, RowChoice, Stop, keys};
use crate::model::plan::DefinitionProblem;
use crate::model::table::{
    Fields, MAX_ROWS_AT_ONCE, Row, Table, TableLimits, TableProblem, check_fields, check_row,
    without_nulls,
};

/// What finds the mistakes of one row.
type Check = fn(&Table, &Fields, &str, &TableLimits, &mut Vec<DefinitionProblem>);

impl Work<'_> {
    /// Refuses several rows with the mistakes of all of them. `check` looks at one.
    fn check_all(&self, rows: &[Fields], check: Check) -> Result<(), Stop> {
        let mut found = Vec::new();
        for (index, data) in rows.iter().enumerate() {
            let data = without_nulls(data.clone());
            let place = format!("rows[{index}]");
            check(&self.table, &data, &place, &self.limits, &mut found);
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(TableProblem::invalid(found).into())
        }
    }

    pub(super) fn insert_many(mut self, rows: Vec<Fields>) -> Result<Changed, Stop> {
        self.check_all(&rows, check_row)?;
        let mut ids = Vec::with_capacity(rows.len());
        for (index, data) in rows.into_iter().enumerate() {
            ids.push(self.insert(data, &format!("rows[{index}]"))?.id);
        }
        self.finish()?;
        Ok(Changed::Rows {
            inserted: ids.len() as u64,
            updated: 0,
            ids,
        })
    }

    pub(super) fn upsert_many(mut self, column: &str, rows: Vec<Fields>) -> Result<Changed, Stop> {
        self.ensure_key(column, "matchKey")?;
        self.check_all(&rows, check_fields)?;
        let (mut inserted, mut updated, mut ids) = (0, 0, Vec::with_capacity(rows.len()));
        for (index, data) in rows.into_iter().enumerate() {
            let (row, created) = self.upsert(column, None, data, &format!("rows[{index}]"))?;
            if created {
                inserted += 1;
            } else {
                updated += 1;
            }
            ids.push(row.id);
        }
        self.finish()?;
        Ok(Changed::Rows {
            inserted,
            updated,
            ids,
        })
    }

    pub(super) fn update_chosen(
        mut self,
        which: RowChoice,
        data: &Fields,
    ) -> Result<Changed, Stop> {
        if let RowChoice::Id(id) = &which {
            let row = by_id(self.connection, self.table.sequence, id)?
                .ok_or_else(|| TableProblem::not_found("row", id))?;
            let row = self.update(row, data, "data")?;
            return Ok(Changed::Row {
                row,
                created: false,
            });
        }
        let (rows, has_more) = self.choose(which, MAX_ROWS_AT_ONCE)?;
        if has_more {
            return Err(TableProblem::Conflict(format!(
                "more than {MAX_ROWS_AT_ONCE} rows are meant; narrow the filter, so that no more are changed at once"
            ))
            .into());
        }
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            ids.push(self.update(row, data, "data")?.id);
        }
        Ok(Changed::Rows {
            inserted: 0,
            updated: ids.len() as u64,
            ids,
        })
    }

    pub(super) fn remove_chosen(mut self, which: RowChoice, limit: u32) -> Result<Changed, Stop> {
        let (rows, has_more) = self.choose(which, limit)?;
        for row in &rows {
            self.remove(row)?;
        }
        self.finish()?;
        Ok(Changed::Removed {
            count: rows.len() as u64,
            has_more,
        })
    }

    /// The chosen rows as they are now, at most `limit`, and whether there are more.
    fn choose(&mut self, which: RowChoice, limit: u32) -> Result<(Vec<Row>, bool), Stop> {
        let table = self.table.sequence;
        match which {
            RowChoice::Id(id) => {
                let row = by_id(self.connection, table, &id)?;
                Ok((row.into_iter().collect(), false))
            }
            RowChoice::Key { column, value } => {
                self.ensure_key(&column, "matchKey")?;
                let value = self.sought(&column, &value, "matchValue")?;
                let most = limit.saturating_add(1);
                let found = keys::rows_of(self.connection, &self.table, &column, &value, most)?;
                let (has_more, rows) = (found.len() > limit as usize, found.into_iter());
                let rows = rows.take(limit as usize);
                let rows = rows.map(|sequence| by_sequence(self.connection, table, sequence));
                let rows = rows
                    .filter_map(Result::transpose)
                    .collect::<Result<_, _>>()?;
                Ok((rows, has_more))
            }
            RowChoice::Found {
                sequences,
                test,
                has_more,
            } => {
                let has_more = has_more || sequences.len() > limit as usize;
                let mut rows = Vec::new();
                for sequence in sequences.into_iter().take(limit as usize) {
                    let row = by_sequence(self.connection, table, sequence)?;
                    rows.extend(row.filter(|row| test(row)));
                }
                Ok((rows, has_more))
            }
        }
    }
}
