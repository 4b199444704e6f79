//! `httpAgentflow`: calls a URL. An answer of any status is an answer.

use super::{Handed, done, error};
use crate::engine::outbound::{OutboundRequest, status, url};
use crate::engine::step::Effects;
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(call(effects, config))
}

async fn call(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let node = Handed::read(&config)?;
    let method = match node.text("method") {
        "" => "GET",
        method => method,
    };
    let url = url::with_params(node.text("url"), &pairs(node.list("queryParams")))?;
    let mut headers = self::pairs(node.list("headers"));
    let body = body(&node, &mut headers)?;
    headers.push((
        "idempotency-key".to_owned(),
        effects.idempotency_key.clone(),
    ));
    let asked = json!({ "http": { "method": method, "url": url, "body": node.input("body") } });
    let request = OutboundRequest {
        method: method.to_owned(),
        url,
        headers,
        body,
        timeout_ms: effects.timeout_ms,
        max_response_bytes: None,
        confined: None,
    };
    let response = effects.send(request).await?;
    let data = match node.text("responseType") {
        "text" => Value::String(String::from_utf8_lossy(&response.body).into_owned()),
        "base64" | "arraybuffer" => Value::String(STANDARD.encode(&response.body)),
        _ => serde_json::from_slice(&response.body).unwrap_or_else(|_| {
            Value::String(String::from_utf8_lossy(&response.body).into_owned())
        }),
    };
    let headers: Map<String, Value> = response
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let code = response.status;
    let result = NodeResult {
        input: asked,
        ..NodeResult::of(json!({ "http": {
            "data": data, "status": code, "statusText": status::reason(code).trim(), "headers": headers,
        } }))
    };
    Ok(done(result).output)
}

fn pairs(list: &[Value]) -> Vec<(String, String)> {
    let text = |pair: &Value, name: &str| match pair.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    list.iter()
        .map(|pair| (text(pair, "key"), text(pair, "value")))
        .filter(|(key, _)| !key.is_empty())
        .collect()
}

/// The body, and its type where the headers do not say it.
fn body(
    node: &Handed<'_>,
    headers: &mut Vec<(String, String)>,
) -> Result<Option<Vec<u8>>, StepError> {
    let Some(body) = node.input("body") else {
        return Ok(None);
    };
    let text = match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.trim().is_empty() || matches!(node.text("method"), "" | "GET" | "HEAD") {
        return Ok(None);
    }
    let (body, kind) = match node.text("bodyType") {
        "xWwwFormUrlencoded" => {
            let kind = "application/x-www-form-urlencoded".to_owned();
            (url::form_encoded(&fields(body, &text)?), kind)
        }
        "formData" => multipart(&fields(body, &text)?),
        "raw" => (text, "text/plain".to_owned()),
        _ => {
            serde_json::from_str::<Value>(&text)
                .map_err(|problem| error(format!("`body` is not JSON: {problem}")))?;
            (text, "application/json".to_owned())
        }
    };
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("content-type".to_owned(), kind));
    }
    Ok(Some(body.into_bytes()))
}

/// The fields of a form.
fn fields(body: &Value, text: &str) -> Result<Vec<(String, String)>, StepError> {
    if let Value::Array(list) = body {
        return Ok(pairs(list));
    }
    let fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| error("`body` of a form is a list of `key` and `value`, or a JSON object"))?;
    let list: Vec<Value> = fields
        .into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    Ok(pairs(&list))
}

/// Fields as `multipart/form-data`, and that with its boundary: the same for the same fields, and no part of them.
fn multipart(fields: &[(String, String)]) -> (String, String) {
    let mut hasher = blake3::Hasher::new();
    for (name, value) in fields {
        hasher.update(name.as_bytes()).update(b"\0");
        hasher.update(value.as_bytes()).update(b"\0");
    }
    let boundary = hasher.finalize().to_hex();
    let mut body = String::new();
    for (name, value) in fields {
        // As browsers write what would end the name.
        let name = name
            .replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A");
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    (body, format!("multipart/form-data; boundary={boundary}"))
}
