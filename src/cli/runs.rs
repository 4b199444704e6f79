//! `flowlatch runs`: list, show, follow, cancel, retry, prune.
//! May not know how runs are done. Promise: following a run ends when the run does, and the exit code tells how.

use super::args::Runs;
use super::client::Client;
use super::output::{self, Output, cell};
use crate::error::{Error, Result};
use crate::model::run::RunStatus;
use indicatif::ProgressBar;
use serde_json::Value;
use std::time::Duration;

const PATH: &str = "/api/v1/runs";
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);
const SPINNER_TICK: Duration = Duration::from_millis(100);

pub(super) async fn run(command: Runs, client: &Client, output: &Output) -> Result<()> {
    match command {
        Runs::List {
            workflow,
            status,
            limit,
        } => {
            let query = [("workflowId", workflow), ("status", status)];
            let runs = client.list(PATH, &query, limit).await?;
            let head = ["ID", "WORKFLOW", "STATUS", "CREATED", "MS", "ERROR"];
            output.list(runs, &head, |run| {
                let fields = ["id", "workflowId", "status", "createdAt", "durationMs"];
                let mut row: Vec<String> = fields.iter().map(|field| cell(run, field)).collect();
                row.push(cell(&run["error"], "message"));
                row
            })
        }
        Runs::Show { id } => {
            let run = client.data("GET", &format!("{PATH}/{id}"), None).await?;
            if output.json {
                return output.json(&run);
            }
            show(&run, output)?;
            let logs = client
                .data("GET", &format!("{PATH}/{id}/logs"), None)
                .await?;
            show_steps(&logs, output)
        }
        Runs::Watch { id } => {
            let run = client.data("GET", &format!("{PATH}/{id}"), None).await?;
            if client.is_in_process() && !has_ended(&run) {
                return Err(Error::new(format!(
                    "{id} is {} and no server is at work on it",
                    cell(&run, "status")
                ))
                .hint("`flowlatch serve` goes on with unfinished runs"));
            }
            watch(&id, client, output).await
        }
        Runs::Cancel { id } => {
            let run = client
                .data("POST", &format!("{PATH}/{id}/cancel"), None)
                .await?;
            if output.json {
                return output.json(&run);
            }
            output.line(&[&id, &cell(&run, "status")])
        }
        Runs::Prune { dry_run } => prune(dry_run, client, output).await,
        Runs::Retry { id, watch } => {
            let started = client
                .data("POST", &format!("{PATH}/{id}/retry"), None)
                .await?;
            after_start(&started, watch, client, output).await
        }
    }
}

async fn prune(dry_run: bool, client: &Client, output: &Output) -> Result<()> {
    let report = if dry_run {
        client.data("GET", "/api/v1/retention", None).await?
    } else {
        client.data("POST", "/api/v1/retention/prune", None).await?
    };
    if output.json {
        return output.json(&report);
    }
    let database = &report["database"];
    let (runs, bytes) = (cell(&report, "runs"), cell(&report, "bytes"));
    output.fields(&[
        (
            if dry_run {
                "runs that would go"
            } else {
                "runs removed"
            },
            runs,
        ),
        ("bytes in them", bytes),
        ("bytes of the database", cell(database, "bytes")),
        ("of them in use", cell(database, "usedBytes")),
    ])
}

/// Shows a run that was just started, or follows it. On the files a run moves only while this process lives, so there
/// every run is followed.
pub(super) async fn after_start(
    started: &Value,
    follow: bool,
    client: &Client,
    output: &Output,
) -> Result<()> {
    let id = ["runId", "id"]
        .iter()
        .find_map(|field| started[*field].as_str());
    let id = id.ok_or_else(|| Error::new("the server did not name the run that it started"))?;
    if follow || client.is_in_process() {
        if !follow {
            output::note(
                "No server holds the data folder: the run is done here, and this command waits for its end.",
            );
        }
        return watch(id, client, output).await;
    }
    if output.json {
        return output.json(started);
    }
    output.line(&[id, &cell(started, "status")])
}

/// Follows a run to its end: a line for each step that moved, then the run. A run that did not complete is an error.
async fn watch(id: &str, client: &Client, output: &Output) -> Result<()> {
    // Draws on stderr, and only when that is a terminal.
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(SPINNER_TICK);
    let mut seen: Vec<Vec<String>> = Vec::new();
    let run = loop {
        let run = client.data("GET", &format!("{PATH}/{id}"), None).await?;
        let logs = client
            .data("GET", &format!("{PATH}/{id}/logs"), None)
            .await?;
        let steps: Vec<Vec<String>> = logs
            .as_array()
            .into_iter()
            .flatten()
            .map(step_words)
            .collect();
        if !output.json {
            for line in news(&seen, &steps) {
                spinner.suspend(|| output.line(&line))?;
            }
        }
        spinner.set_message(format!(
            "{id} {} · {} steps",
            cell(&run, "status"),
            steps.len()
        ));
        seen = steps;
        if has_ended(&run) {
            break run;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    };
    spinner.finish_and_clear();
    if output.json {
        output.json(&run)?;
    } else {
        show(&run, output)?;
    }
    if run["status"] == RunStatus::Completed.as_str() {
        return Ok(());
    }
    let error = &run["error"];
    Err(match error["message"].as_str() {
        Some(message) => Error::new(format!("{id} {}: {message}", cell(&run, "status"))),
        None => Error::new(format!("{id} was {}", cell(&run, "status"))),
    })
}

/// The steps that were not so at the last look.
fn news<'a>(seen: &'a [Vec<String>], now: &'a [Vec<String>]) -> impl Iterator<Item = Vec<&'a str>> {
    now.iter()
        .enumerate()
        .filter(|(index, step)| seen.get(*index) != Some(step))
        .filter(|(_, step)| step.get(1).is_none_or(|status| status != "pending"))
        .map(|(_, step)| step.iter().map(String::as_str).collect())
}

fn has_ended(run: &Value) -> bool {
    let status = run["status"].as_str().and_then(RunStatus::parse);
    status.is_some_and(RunStatus::is_final)
}

fn show(run: &Value, output: &Output) -> Result<()> {
    let names = [
        "id",
        "workflowId",
        "workflowVersion",
        "status",
        "triggerType",
        "retryOf",
        "createdAt",
        "startedAt",
        "completedAt",
        "durationMs",
        "input",
        "output",
        "error",
    ];
    let fields: Vec<(&str, String)> = names
        .into_iter()
        .filter(|name| run.get(name).is_some_and(|value| !value.is_null()))
        .map(|name| match (name, run["error"]["message"].as_str()) {
            ("error", Some(message)) => (name, message.to_owned()),
            ("input" | "output", _) => (name, run[name].to_string()),
            _ => (name, cell(run, name)),
        })
        .collect();
    output.fields(&fields)
}

const STEP_FIELDS: [&str; 5] = ["stepId", "stepType", "status", "durationMs", "error"];

fn step_cells(step: &Value) -> Vec<String> {
    STEP_FIELDS
        .iter()
        .map(|field| match step["error"]["message"].as_str() {
            Some(message) if *field == "error" => message.to_owned(),
            _ => cell(step, field),
        })
        .collect()
}

fn show_steps(logs: &Value, output: &Output) -> Result<()> {
    let rows: Vec<Vec<String>> = logs
        .as_array()
        .into_iter()
        .flatten()
        .map(step_cells)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    output.line(&[])?;
    output.table(&["STEP", "TYPE", "STATUS", "MS", "ERROR"], &rows)
}

fn step_words(step: &Value) -> Vec<String> {
    let mut words = vec![cell(step, "stepId"), cell(step, "status")];
    if let Some(milliseconds) = step["durationMs"].as_u64() {
        words.push(format!("{milliseconds} ms"));
    }
    if let Some(message) = step["error"]["message"].as_str() {
        words.push(message.to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_moved_is_told() {
        let steps = |rows: &[[&str; 2]]| -> Vec<Vec<String>> {
            let row = |row: &[&str; 2]| row.iter().map(|word| (*word).to_owned()).collect();
            rows.iter().map(row).collect()
        };
        let before = steps(&[["a", "completed"], ["b", "running"]]);
        let after = steps(&[
            ["a", "completed"],
            ["b", "failed"],
            ["c", "running"],
            ["d", "pending"],
        ]);
        let told: Vec<Vec<&str>> = news(&before, &after).collect();
        assert_eq!(told, [["b", "failed"], ["c", "running"]]);
        assert_eq!(news(&after, &after).count(), 0);
    }

    #[test]
    fn a_step_is_one_line() {
        let step = json!({"stepId": "charge", "status": "failed", "durationMs": 12, "error": {"message": "no route"}});
        assert_eq!(step_words(&step), ["charge", "failed", "12 ms", "no route"]);
        assert!(has_ended(&json!({"status": "failed"})));
        assert!(!has_ended(&json!({"status": "running"})) && !has_ended(&json!(null)));
    }
}
