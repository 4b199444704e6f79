//! From an answer to the step's output.
//! May not know how the answer was got. Promise: a body stands in the output once where that is possible, because outputs
//! are kept.
//!
//! `status`, `ok`, `headers` (lower case, without `set-cookie`), `contentType` and `sizeBytes` are always there. Of the
//! body, by its format:
//!
//! | format | fields |
//! |---|---|
//! | `json` | `data`: the value |
//! | `text` | `data` and `text`: the text (clients use either name) |
//! | `csv` | `rows`: an object a line, by column; `columns`: their names in order |
//! | `binary`, `pdf` | `content`: base64; nothing is read out of a PDF |
//!
//! `auto` goes by the content type; without one, JSON is tried, then text. A body that says it is JSON and is not is text.

use super::super::field::{self, Fields};
use crate::engine::outbound::OutboundResponse;
use crate::model::run::StepError;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// The most cells of a CSV body: a cell takes far more memory than its text.
const MAX_CELLS: usize = 200_000;
/// The most columns of a CSV body.
const MAX_COLUMNS: usize = 1_000;
/// Headers that hold what is like a password; they are not kept.
const SENSITIVE: [&str; 2] = ["set-cookie", "set-cookie2"];

/// How a body is to be read.
pub(super) struct Format {
    name: String,
    delimiter: u8,
}

impl Format {
    /// What `responseFormat` may be.
    pub(super) const NAMES: [&'static str; 6] = ["auto", "json", "csv", "text", "pdf", "binary"];

    /// Reads `responseFormat` and `csvDelimiter`.
    pub(super) fn read(config: &Fields) -> Result<Format, StepError> {
        let name = match field::present(config, "responseFormat") {
            None => "auto".to_owned(),
            Some(Value::String(name)) if name.is_empty() => "auto".to_owned(),
            Some(Value::String(name)) => name.to_ascii_lowercase(),
            Some(other) => field::shown(other),
        };
        if !Format::NAMES.contains(&name.as_str()) {
            return Err(field::config_error(format!(
                "`responseFormat`: {} is none of {}",
                field::cut(&name, 40),
                Format::NAMES.join(", ")
            )));
        }
        let delimiter = delimiter(field::present(config, "csvDelimiter"))
            .map_err(|message| field::config_error(format!("`csvDelimiter`: {message}")))?;
        Ok(Format { name, delimiter })
    }
}

/// The one-byte delimiter that `value` names: a character, or `tab`; a comma when nothing is named.
pub(super) fn delimiter(value: Option<&Value>) -> Result<u8, String> {
    match value.map(|value| (value, value.as_str())) {
        None | Some((_, Some(""))) => Ok(b','),
        Some((_, Some("tab" | "\\t"))) => Ok(b'\t'),
        Some((value, text)) => match text.map(str::as_bytes) {
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => Err(format!(
                "{} is not one plain character",
                field::shown(value)
            )),
        },
    }
}

/// The step's output; an error when the body is not in the format that was asked for.
pub(super) fn output(
    what: &str,
    response: OutboundResponse,
    format: &Format,
) -> Result<Value, StepError> {
    let content_type = response
        .header("content-type")
        .unwrap_or_default()
        .to_owned();
    let status = response.status;
    let is_ok = (200..300).contains(&status);
    let headers: Map<String, Value> = response
        .headers
        .into_iter()
        .filter(|(name, _)| !SENSITIVE.contains(&name.as_str()))
        .map(|(name, value)| (name, Value::from(value)))
        .collect();
    let mut output = Map::new();
    output.insert("status".into(), status.into());
    output.insert("ok".into(), is_ok.into());
    output.insert("headers".into(), headers.into());
    output.insert("contentType".into(), content_type.as_str().into());
    output.insert("sizeBytes".into(), response.body.len().into());
    let body = match format.name.as_str() {
        "auto" => by_content_type(&content_type, response.body, format.delimiter),
        "json" => match json_of(&response.body) {
            Ok(value) => Ok(json!({"data": value})),
            Err(_) if !is_ok => Ok(text_of(response.body)),
            Err(message) => Err(format!("is not JSON: {message}")),
        },
        // An error page is seldom in the format that was asked for.
        "csv" if is_ok => csv_of(&response.body, format.delimiter),
        "csv" | "text" => Ok(text_of(response.body)),
        _ => Ok(binary_of(&response.body)),
    };
    let body = body.map_err(|message| {
        StepError::fatal("RESPONSE_FORMAT", format!("the answer to {what} {message}"))
    })?;
    if let Value::Object(fields) = body {
        output.extend(fields);
    }
    Ok(output.into())
}

fn by_content_type(content_type: &str, body: Vec<u8>, delimiter: u8) -> Result<Value, String> {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let is_json = essence.ends_with("/json") || essence.ends_with("+json");
    let is_text = essence.starts_with("text/")
        || [
            "/xml",
            "+xml",
            "/javascript",
            "/yaml",
            "/x-www-form-urlencoded",
            "/x-ndjson",
        ]
        .iter()
        .any(|ending| essence.ends_with(ending));
    if body.is_empty() {
        return Ok(json!({"data": null}));
    }
    if essence == "text/csv" {
        return csv_of(&body, delimiter);
    }
    if is_json || essence.is_empty() {
        if let Ok(value) = json_of(&body) {
            return Ok(json!({"data": value}));
        }
        if std::str::from_utf8(&body).is_ok() {
            return Ok(text_of(body));
        }
    }
    if is_text {
        return Ok(text_of(body));
    }
    Ok(binary_of(&body))
}

fn json_of(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(without_mark(body)).map_err(|error| error.to_string())
}

fn text_of(body: Vec<u8>) -> Value {
    let text = String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    json!({"data": &text, "text": &text})
}

fn binary_of(body: &[u8]) -> Value {
    json!({"content": STANDARD.encode(body)})
}

/// A body without the byte-order mark that some programs write first.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Rows as objects. The first line names the columns: an unnamed one is `column_<number>`, a repeated one gets its number
/// behind its name. Cells beyond the columns are `column_<number>`; cells that a short line lacks are left out.
fn csv_of(body: &[u8], delimiter: u8) -> Result<Value, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(without_mark(body));
    let mut columns: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    let mut cells = 0;
    for record in reader.byte_records() {
        let record = record.map_err(|error| format!("is not CSV: {error}"))?;
        cells += record.len();
        if record.len() > MAX_COLUMNS || cells > MAX_CELLS {
            return Err(format!(
                "has more than {MAX_COLUMNS} columns or {MAX_CELLS} cells; read it as `text`"
            ));
        }
        match &columns {
            None => columns = Some(column_names(&record)),
            Some(columns) => rows.push(row(columns, &record)),
        }
    }
    Ok(json!({"rows": rows, "columns": columns.unwrap_or_default()}))
}

fn column_names(record: &csv::ByteRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    for (index, cell) in record.iter().enumerate() {
        let name = String::from_utf8_lossy(cell).trim().to_owned();
        let number = index + 1;
        names.push(match name {
            name if name.is_empty() => format!("column_{number}"),
            name if names.contains(&name) => format!("{name}_{number}"),
            name => name,
        });
    }
    names
}

fn row(columns: &[String], record: &csv::ByteRecord) -> Value {
    record
        .iter()
        .enumerate()
        .map(|(index, cell)| {
            let name = match columns.get(index) {
                Some(name) => name.clone(),
                None => format!("column_{}", index + 1),
            };
            (name, Value::from(String::from_utf8_lossy(cell)))
        })
        .collect::<Map<_, _>>()
        .into()
}
