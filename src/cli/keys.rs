//! `flowlatch keys`: make, list, rotate, revoke; and check a text without any server.
//! May not know how keys are stored. Promise: a key's text goes to stdout once, in the answer that makes it.

use super::args::{CreateKey, Format, Keys};
use super::client::Client;
use super::duration::Expiry;
use super::output::{self, Output, cell};
use crate::error::{Error, Result};
use crate::model::key::{Form, KeyFormat, examine, is_older_flowise};
use serde_json::{Map, Value, json};
use std::io::Read as _;

const PATH: &str = "/api/v1/auth/api-keys";
const LONGEST_TEXT: u64 = 4096;

/// Runs every command but `check`.
pub(super) async fn run(command: Keys, client: &Client, output: &Output) -> Result<()> {
    match command {
        Keys::Create(key) => {
            let data = client.data("POST", PATH, Some(create_body(&key))).await?;
            show_new(&data, output)
        }
        Keys::List => {
            let keys = client.list(PATH, &[], usize::MAX).await?;
            let head = [
                "ID",
                "NAME",
                "KEY",
                "STATUS",
                "SCOPES",
                "EXPIRES",
                "LAST USED",
            ];
            let fields = [
                "id",
                "name",
                "keyPrefix",
                "status",
                "scopes",
                "expiresAt",
                "lastUsedAt",
            ];
            output.list(keys, &head, |key| {
                fields.iter().map(|field| cell(key, field)).collect()
            })
        }
        Keys::Show { id } => {
            let data = client.data("GET", &format!("{PATH}/{id}"), None).await?;
            show(&data, output)
        }
        Keys::Rotate { id, grace } => {
            let body = json!({ "graceSeconds": grace });
            let path = format!("{PATH}/{id}/rotate");
            let data = client.data("POST", &path, Some(body)).await?;
            show_new(&data, output)?;
            output::note(
                "The former text works until the new one is first used, and for the grace after that.",
            );
            Ok(())
        }
        Keys::Revoke { id } => {
            let data = client.data("DELETE", &format!("{PATH}/{id}"), None).await?;
            if output.json {
                return output.json(&data);
            }
            output.line(&[&id, "revoked"])
        }
        Keys::Check { text } => check(&text, output),
    }
}

fn create_body(key: &CreateKey) -> Value {
    let mut body = Map::new();
    body.insert("name".into(), json!(key.name));
    body.insert("scopes".into(), json!(key.scopes));
    let format = match key.format {
        Format::Wfk => "wfk",
        Format::Sk => "sk",
        Format::Flowise => "flowise",
    };
    body.insert("format".into(), json!(format));
    match &key.expires {
        Some(Expiry::InSeconds(seconds)) => {
            body.insert("expiresInSeconds".into(), json!(seconds));
        }
        Some(Expiry::At(date)) => {
            body.insert("expiresAt".into(), json!(date));
        }
        Some(Expiry::Never) | None => {}
    }
    if let Some(workflow) = &key.workflow {
        body.insert("workflowId".into(), json!(workflow));
    }
    if let Some(prefix) = &key.workflow_prefix {
        body.insert("workflowPrefix".into(), json!(prefix));
    }
    if !key.limits.is_empty() {
        let limits: Map<String, Value> = key
            .limits
            .iter()
            .map(|(category, limit)| (category.as_str().to_owned(), json!(limit)))
            .collect();
        body.insert("limits".into(), Value::Object(limits));
    }
    Value::Object(body)
}

fn show_new(data: &Value, output: &Output) -> Result<()> {
    show(data, output)?;
    if !output.json {
        output::note("Keep the key now: it is not shown again.");
    }
    Ok(())
}

/// Every field of a key, the text first where it is there.
fn show(data: &Value, output: &Output) -> Result<()> {
    if output.json {
        return output.json(data);
    }
    let names = [
        "key",
        "id",
        "name",
        "keyPrefix",
        "format",
        "status",
        "scopes",
        "workflowId",
        "workflowPrefix",
        "limits",
        "createdAt",
        "expiresAt",
        "lastUsedAt",
    ];
    let fields: Vec<(&str, String)> = names
        .into_iter()
        .filter(|name| data.get(name).is_some())
        .map(|name| (name, cell(data, name)))
        .collect();
    output.fields(&fields)
}

/// Says whether a text is a key by its form and checksum.
pub(super) fn check(text: &str, output: &Output) -> Result<()> {
    let mut read = String::new();
    let text = if text == "-" {
        std::io::stdin()
            .take(LONGEST_TEXT)
            .read_to_string(&mut read)
            .map_err(|error| Error::caused_by("cannot read stdin", error))?;
        read.trim()
    } else {
        text
    };
    let format = format_of(text).map_err(|problem| Error::new(format!("not a key: {problem}")))?;
    if output.json {
        return output.json(&json!({ "format": format }));
    }
    let finding = match format {
        KeyFormat::Wfk => "a wfk key with the right checksum",
        KeyFormat::Sk => "an sk key with the right checksum",
        KeyFormat::Flowise => "has the form of a flowise key (which has no checksum)",
    };
    output.line(&[finding])
}

/// Of which format a key's text is, or why it is none.
fn format_of(text: &str) -> std::result::Result<KeyFormat, &'static str> {
    match examine(text.as_bytes()) {
        Form::Key(shape) => Ok(shape.format),
        Form::WrongChecksum(_) => Err("its checksum is wrong, so it is mistyped or made up"),
        // Only an import brings such a text here.
        Form::NoKey if is_older_flowise(text.as_bytes()) => Ok(KeyFormat::Flowise),
        Form::NoKey => Err(
            "it has not the form of one (a key that was imported may have any, which only its server knows)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limit::{Category, Limit};

    #[test]
    fn a_key_is_asked_for_in_the_apis_words() {
        let key = CreateKey {
            name: "ci".into(),
            scopes: vec!["runs:read".into()],
            format: Format::Sk,
            expires: Some(Expiry::InSeconds(60)),
            workflow: None,
            workflow_prefix: Some("shop-".into()),
            limits: vec![
                (Category::Read, Limit::PerMinute(5)),
                (Category::Execute, Limit::Unlimited),
            ],
        };
        assert_eq!(
            create_body(&key),
            json!({"name": "ci", "scopes": ["runs:read"], "format": "sk", "expiresInSeconds": 60,
                "workflowPrefix": "shop-", "limits": {"read": 5, "execute": null}})
        );
    }
}
