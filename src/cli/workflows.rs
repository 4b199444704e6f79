//! `flowlatch workflows`: list, apply files, run, export.
//! May not know what a definition means; the server judges it. Promise: applying the same files twice changes nothing the
//! second time, and a wrong file does not keep the others from being applied.

use super::args::Workflows;
use super::client::Client;
use super::output::{self, Output, cell};
use super::runs;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::path::Path;

const PATH: &str = "/api/v1/workflows";
/// What the server adds to a workflow; a file that was exported elsewhere may hold it, and it is not sent back.
const SERVERS_OWN: [&str; 6] = [
    "id",
    "version",
    "status",
    "schedule",
    "createdAt",
    "updatedAt",
];
/// The fields of a file that `apply` takes, in the order in which people read them.
const EXPORTED: [&str; 9] = [
    "name",
    "description",
    "status",
    "trigger",
    "inputSchema",
    "variables",
    "steps",
    "outputSchema",
    "settings",
];

pub(super) async fn run(command: Workflows, client: &Client, output: &Output) -> Result<()> {
    match command {
        Workflows::List {
            status,
            search,
            limit,
        } => {
            let query = [("status", status), ("search", search)];
            list(&query, limit, client, output).await
        }
        Workflows::Apply { files, activate } => {
            let mut applied = Vec::new();
            let mut failures = 0;
            for file in &files {
                match apply(file, activate, client).await {
                    Ok((workflow, done)) => {
                        if !output.json {
                            output.line(&[
                                done,
                                &cell(&workflow, "id"),
                                &cell(&workflow, "name"),
                            ])?;
                        }
                        applied.push(workflow);
                    }
                    Err(error) => {
                        output::error(&error);
                        failures += 1;
                    }
                }
            }
            if output.json {
                output.json(&Value::Array(applied))?;
            }
            match failures {
                0 => Ok(()),
                _ => Err(Error::new(format!(
                    "{failures} of {} files were not applied",
                    files.len()
                ))),
            }
        }
        Workflows::Run {
            id,
            input,
            idempotency_key,
            watch,
        } => {
            let mut body = Map::new();
            if let Some(input) = input {
                body.insert("input".into(), read_input(&input)?);
            }
            if let Some(key) = idempotency_key {
                body.insert("idempotencyKey".into(), json!(key));
            }
            let path = format!("{PATH}/{id}/run");
            let started = client
                .data("POST", &path, Some(Value::Object(body)))
                .await?;
            runs::after_start(&started, watch, client, output).await
        }
        Workflows::Export { id } => {
            let workflow = client.data("GET", &format!("{PATH}/{id}"), None).await?;
            output.json(&exported(&workflow))
        }
    }
}

async fn list(
    query: &[(&str, Option<String>)],
    limit: usize,
    client: &Client,
    output: &Output,
) -> Result<()> {
    let workflows = client.list(PATH, query, limit).await?;
    let head = ["ID", "NAME", "STATUS", "VERSION", "UPDATED", "NEXT RUN"];
    output.list(workflows, &head, |workflow| {
        let fields = ["id", "name", "status", "version", "updatedAt"];
        let cells = fields.iter().map(|field| cell(workflow, field));
        cells
            .chain([cell(&workflow["schedule"], "nextRunAt")])
            .collect()
    })
}

/// Creates or updates the workflow of one file, and activates it where that is wanted. Gives it as it stands then, and a
/// word for what was done.
async fn apply(file: &Path, activate: bool, client: &Client) -> Result<(Value, &'static str)> {
    let name = file.display();
    let mut wanted: Map<String, Value> = match read_json(file)? {
        Value::Object(object) => object,
        _ => {
            return Err(Error::new(format!(
                "{name} does not hold a workflow: a JSON object is expected"
            )));
        }
    };
    let wants_active = activate || wanted.get("status") == Some(&json!("active"));
    for field in SERVERS_OWN {
        wanted.remove(field);
    }
    let Some(title) = wanted.get("name").and_then(Value::as_str) else {
        return Err(Error::new(format!(
            "{name} does not hold a workflow: it has no `name`"
        )));
    };
    let in_file = |error: Error| Error::caused_by(format!("{name} was not applied"), error);
    let (mut workflow, done) = match find(title, client).await.map_err(in_file)? {
        None => {
            let body = Some(Value::Object(wanted));
            (
                client.data("POST", PATH, body).await.map_err(in_file)?,
                "created  ",
            )
        }
        Some(id) => update(&id, wanted, client).await.map_err(in_file)?,
    };
    if wants_active && workflow["status"] != "active" {
        let path = format!("{PATH}/{}/activate", cell(&workflow, "id"));
        workflow = client.data("POST", &path, None).await.map_err(in_file)?;
    }
    Ok((workflow, done))
}

async fn update(
    id: &str,
    wanted: Map<String, Value>,
    client: &Client,
) -> Result<(Value, &'static str)> {
    let path = format!("{PATH}/{id}");
    let current = client.data("GET", &path, None).await?;
    let is_same = wanted
        .iter()
        .all(|(field, value)| current.get(field).unwrap_or(&Value::Null) == value);
    if is_same {
        return Ok((current, "unchanged"));
    }
    let updated = client
        .data("PUT", &path, Some(Value::Object(wanted)))
        .await?;
    Ok((updated, "updated  "))
}

/// The id of the workflow with exactly this name that is not archived.
async fn find(name: &str, client: &Client) -> Result<Option<String>> {
    let query = [("search", Some(name.to_owned()))];
    let found = client.list(PATH, &query, usize::MAX).await?;
    let mut ids = found
        .iter()
        .filter(|workflow| workflow["name"] == name && workflow["status"] != "archived")
        .map(|workflow| cell(workflow, "id"));
    match (ids.next(), ids.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Error::new(format!("several workflows are named `{name}`"))
            .hint("rename or archive all but one of them")),
    }
}

/// The part of a workflow that belongs into a file.
fn exported(workflow: &Value) -> Value {
    let fields = EXPORTED
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), workflow.get(field)?.clone())))
        .filter(|(field, value)| !value.is_null() && (field != "status" || value == "active"));
    Value::Object(fields.collect())
}

fn read_input(text: &str) -> Result<Value> {
    if text == "-" {
        return read_json(Path::new("-"));
    }
    if let Some(file) = text.strip_prefix('@') {
        return read_json(Path::new(file));
    }
    serde_json::from_str(text).map_err(|error| {
        Error::caused_by("--input is not JSON", error)
            .hint("quote it for the shell: --input '{\"amount\": 5}'")
    })
}

fn read_json(file: &Path) -> Result<Value> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Error::caused_by("cannot read stdin", error))?;
    } else {
        text = std::fs::read_to_string(file)
            .map_err(|error| Error::caused_by(format!("cannot read {}", file.display()), error))?;
    }
    serde_json::from_str(&text)
        .map_err(|error| Error::caused_by(format!("{} is not JSON", file.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_what_apply_takes() {
        let workflow = json!({"id": "w", "name": "n", "status": "active", "version": 3, "description": null,
            "trigger": {"type": "api"}, "steps": [], "createdAt": "…", "runCount": 5});
        assert_eq!(
            exported(&workflow),
            json!({"name": "n", "status": "active", "trigger": {"type": "api"}, "steps": []})
        );
        assert_eq!(
            exported(&json!({"name": "n", "status": "draft"})),
            json!({"name": "n"})
        );
    }

    #[test]
    fn an_input_is_json_or_a_file_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("input.json");
        std::fs::write(&file, "{\"a\": 1}").expect("written");
        assert_eq!(
            read_input(&format!("@{}", file.display())).expect("JSON"),
            json!({"a": 1})
        );
        assert_eq!(read_input("[1]").expect("JSON"), json!([1]));
        for bad in ["{a: 1}", "", "@/nowhere/at/all"] {
            assert!(read_input(bad).is_err(), "{bad}");
        }
    }
}
