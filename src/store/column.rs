//! Reads columns as domain types, and writes some values as columns. May not know tables.
//! Promise: a value that the schema or the model does not allow is an error that names it, never a default.

use super::StoreError;
use crate::id::BadId;
use rusqlite::Row;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// An id.
pub(super) fn id<T: FromStr<Err = BadId>>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    parse_id(&row.get::<_, String>(index)?)
}

/// An id, where there is one.
pub(super) fn optional_id<T: FromStr<Err = BadId>>(
    row: &Row<'_>,
    index: usize,
) -> Result<Option<T>, StoreError> {
    row.get::<_, Option<String>>(index)?
        .map(|text| parse_id(&text))
        .transpose()
}

fn parse_id<T: FromStr<Err = BadId>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error: BadId| StoreError::Database(error.to_string()))
}

/// A word out of a closed set; `parse` knows them.
pub(super) fn word<T>(
    row: &Row<'_>,
    index: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = row.get(index)?;
    parse(&text)
        .ok_or_else(|| StoreError::Database(format!("`{text}` is not a word of its column")))
}

/// JSON text as a type.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    parse_json(&row.get::<_, String>(index)?)
}

/// JSON text as a type, where there is one.
pub(super) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
) -> Result<Option<T>, StoreError> {
    row.get::<_, Option<String>>(index)?
        .map(|text| parse_json(&text))
        .transpose()
}

fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Damaged(format!("a JSON text does not fit: {error}")))
}

/// A value as JSON text.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Database(format!("a value has no JSON form: {error}")))
}

/// How many rows come before a part of a list, and how many it has at most, as queries take them.
pub(super) fn place(skipped: usize, limit: usize) -> [i64; 2] {
    [skipped, limit].map(|number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// A number that is never negative.
pub(super) fn unsigned<T: TryFrom<i64>>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    let number: i64 = row.get(index)?;
    T::try_from(number)
        .map_err(|_| StoreError::Database(format!("{number} is out of its column's range")))
}
