//! From a rendered configuration to a call.
//! May not know what is answered. Promise: every call carries an `Idempotency-Key`, and an object as body is JSON unless
//! its content type says that it is a form.

use super::super::Effects;
use super::super::field::{self, Fields};
use super::METHODS;
use crate::engine::outbound::{self, OutboundRequest};
use crate::model::run::StepError;
use serde_json::Value;

/// The most entries of `headers` or `params`.
const MAX_PAIRS: usize = 200;
const FORM: &str = "application/x-www-form-urlencoded";

/// Names and values.
type Pairs = Vec<(String, String)>;

/// Reads the call; code `CONFIG` names the field that is wrong.
pub(super) fn read(config: &Fields, effects: &Effects) -> Result<OutboundRequest, StepError> {
    let method = method(config)?;
    let url = match config.get("url") {
        Some(Value::String(url)) => url.trim(),
        _ => return Err(field::config_error("`url` is not a text")),
    };
    let in_config =
        |(place, message): (String, String)| field::config_error(format!("`{place}`: {message}"));
    let params = pairs(config, "params").map_err(in_config)?;
    let url = outbound::url::with_params(url, &params)?;
    let mut headers = pairs(config, "headers").map_err(in_config)?;
    let body = body(config, &method, &mut headers);
    if header(&headers, "idempotency-key").is_none() {
        headers.push((
            "idempotency-key".into(),
            outbound::url::header_text(&effects.idempotency_key),
        ));
    }
    let timeout_ms = field::whole_number(config, "timeout", 1.0..=super::DAY_MS)?;
    let max_response_bytes = field::whole_number(config, "maxResponseBytes", 1.0..=1e12)?;
    Ok(OutboundRequest {
        method,
        url,
        headers,
        body,
        timeout_ms: [timeout_ms, effects.timeout_ms].into_iter().flatten().min(),
        max_response_bytes: max_response_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
        confined: None,
    })
}

/// Which connection authorizes the call: `connection` or `connectionId`, an id or the word of a provider; empty for none. The
/// error has the field and a sentence.
pub(super) fn connection(config: &Fields) -> Result<Option<&str>, (&'static str, String)> {
    let mut found: Option<&str> = None;
    for name in ["connection", "connectionId"] {
        match field::present(config, name) {
            None => {}
            Some(Value::String(reference)) if reference.trim().is_empty() => {}
            Some(Value::String(reference)) if found.is_none_or(|other| other == reference) => {
                found = Some(reference);
            }
            Some(Value::String(_)) => {
                let message =
                    "`connection` and `connectionId` name different connections; give one of them";
                return Err((name, message.to_owned()));
            }
            Some(other) => {
                let message = format!(
                    "{} is neither a connection's id nor the name of a provider",
                    field::shown(other)
                );
                return Err((name, message));
            }
        }
    }
    Ok(found)
}

fn method(config: &Fields) -> Result<String, StepError> {
    let method = match field::present(config, "method") {
        None => return Ok("GET".into()),
        Some(Value::String(method)) if method.trim().is_empty() => return Ok("GET".into()),
        Some(Value::String(method)) => method.trim().to_ascii_uppercase(),
        Some(other) => field::shown(other),
    };
    if METHODS.contains(&method.as_str()) {
        Ok(method)
    } else {
        let known = METHODS.join(", ");
        Err(field::config_error(format!(
            "`method`: {} is none of {known}",
            field::cut(&method, 40)
        )))
    }
}

/// The pairs of `headers` or `params`: an object, a table `[{"Key": …, "Value": …}]`, or either as JSON text. Entries
/// without a name are blank rows of a table and are left out, as are null values; of arrays every element is a pair. The
/// error has the field and a sentence.
pub(super) fn pairs(config: &Fields, name: &str) -> Result<Pairs, (String, String)> {
    let Some(value) = field::present(config, name) else {
        return Ok(Pairs::new());
    };
    let parsed = match value {
        Value::String(text) if text.trim().is_empty() => return Ok(Pairs::new()),
        // Before templates are rendered, it may become anything.
        text if field::has_template(text) => return Ok(Pairs::new()),
        Value::String(text) => serde_json::from_str(text)
            .map_err(|_| (name.to_owned(), "the text is not JSON".to_owned()))?,
        other => other.clone(),
    };
    let mut pairs = Pairs::new();
    match &parsed {
        Value::Object(fields) => {
            for (key, value) in fields {
                push(&mut pairs, key, value, &format!("{name}.{key}"))?;
            }
        }
        Value::Array(rows) => {
            for (index, row) in rows.iter().enumerate() {
                let place = format!("{name}[{index}]");
                let (key, value) = cells(row).ok_or_else(|| {
                    let message = "a row is an object `{\"Key\": \"name\", \"Value\": \"value\"}`";
                    (place.clone(), message.to_owned())
                })?;
                push(&mut pairs, key, value, &place)?;
            }
        }
        other => {
            let message = format!("{} is neither an object nor a table", field::shown(other));
            return Err((name.to_owned(), message));
        }
    }
    Ok(pairs)
}

/// Key and value of a table's row, in any letter case.
fn cells(row: &Value) -> Option<(&str, &Value)> {
    let fields = row.as_object()?;
    // Studio wraps the columns of a row.
    let fields = fields
        .get("cells")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let cell = |wanted: [&str; 2]| {
        fields
            .iter()
            .find(|(name, _)| wanted.iter().any(|word| name.eq_ignore_ascii_case(word)))
            .map(|(_, value)| value)
    };
    let key = match cell(["key", "name"]) {
        None | Some(Value::Null) if fields.is_empty() => "",
        Some(Value::String(key)) => key.trim(),
        _ => return None,
    };
    Some((key, cell(["value", "val"]).unwrap_or(&Value::Null)))
}

fn push(pairs: &mut Pairs, key: &str, value: &Value, place: &str) -> Result<(), (String, String)> {
    if key.is_empty() {
        return Ok(());
    }
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    for value in values.iter().filter(|value| !value.is_null()) {
        let text = field::scalar_text(value).ok_or_else(|| {
            let message = format!("{} is neither text nor a number", field::shown(value));
            (place.to_owned(), message)
        })?;
        pairs.push((key.to_owned(), text));
        if pairs.len() > MAX_PAIRS {
            return Err((place.to_owned(), format!("more than {MAX_PAIRS} entries")));
        }
    }
    Ok(())
}

/// The body and, where none is given, its content type. Editors send an empty text for "none"; GET and HEAD have no body
/// unless there is something in it.
fn body(config: &Fields, method: &str, headers: &mut Pairs) -> Option<Vec<u8>> {
    let value = field::present(config, "body")?;
    let is_bodiless = matches!(method, "GET" | "HEAD");
    let is_blank = match value {
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => is_bodiless && fields.is_empty(),
        _ => false,
    };
    if is_blank {
        return None;
    }
    let content_type = header(headers, "content-type").map(str::to_ascii_lowercase);
    let (text, natural_type) = match value {
        Value::String(text) => (text.clone(), type_of(text)),
        Value::Object(fields)
            if content_type
                .as_ref()
                .is_some_and(|known| known.starts_with(FORM)) =>
        {
            let fields: Pairs = fields
                .iter()
                .map(|(name, value)| (name.clone(), form_text(value)))
                .collect();
            (outbound::url::form_encoded(&fields), FORM)
        }
        other => (other.to_string(), "application/json"),
    };
    if content_type.is_none() {
        headers.push(("content-type".into(), natural_type.into()));
    }
    Some(text.into_bytes())
}

/// What a body written as text most likely is: JSON where it is an object or an array.
fn type_of(text: &str) -> &'static str {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    if looks_like_json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    }
}

fn form_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => field::scalar_text(other).unwrap_or_else(|| other.to_string()),
    }
}

fn header<'a>(headers: &'a Pairs, name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}
