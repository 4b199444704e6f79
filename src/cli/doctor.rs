//! `flowlatch doctor`: what is wrong with a data folder. Changes nothing.
//! May not know SQL; the store inspects its own file. Promise: every check is shown, and the exit code is 1 when one fails.

use super::Failure;
use super::output::Output;
use crate::config::Config;
use crate::data_folder::{self, DATABASE, ServerFile};
use crate::error::{Error, Result};
use crate::store::{Finding, inspect};
use serde_json::{Value, json};
use std::path::Path;

/// Checks the data folder of this configuration.
pub(super) fn run(config: &Config, output: &Output) -> std::result::Result<(), Failure> {
    let findings = examine(&config.data)?;
    if output.json {
        let list = findings.iter().map(
            |finding| json!({"name": finding.name, "ok": finding.ok, "message": finding.message}),
        );
        output.json(&Value::Array(list.collect()))?;
    } else {
        let rows: Vec<Vec<String>> = findings
            .iter()
            .map(|finding| {
                let word = if finding.ok { "ok" } else { "wrong" };
                vec![
                    word.to_owned(),
                    finding.name.to_string(),
                    finding.message.clone(),
                ]
            })
            .collect();
        output.table(&["", "CHECK", "FOUND"], &rows)?;
    }
    match findings.iter().filter(|finding| !finding.ok).count() {
        0 => Ok(()),
        wrong => Err(Error::new(format!(
            "{wrong} of {} checks found something wrong",
            findings.len()
        ))
        .into()),
    }
}

fn examine(folder: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut found = |name: &'static str, ok: bool, message: String| {
        findings.push(Finding {
            name: name.into(),
            ok,
            message,
        });
    };
    if !folder.is_dir() {
        found(
            "folder",
            false,
            format!("{} is not there", folder.display()),
        );
        return Ok(findings);
    }
    found("folder", true, folder.display().to_string());
    let open = data_folder::too_open(folder).map_err(|error| {
        Error::caused_by(format!("cannot look into {}", folder.display()), error)
    })?;
    if open.is_empty() {
        found(
            "modes",
            true,
            "only the owner can open the folder and its files".into(),
        );
    }
    for (path, mode) in open {
        let right = if path == folder { "700" } else { "600" };
        let message = format!(
            "{} has mode {mode:o}: others can open it; chmod {right} closes it",
            path.display()
        );
        found("modes", false, message);
    }
    found("lock", true, holder(folder));
    let database = folder.join(DATABASE);
    if !database.is_file() {
        found(
            "database",
            false,
            format!(
                "{} is not there; the first start makes it",
                database.display()
            ),
        );
        return Ok(findings);
    }
    let inspected = inspect(&database).map_err(|error| {
        Error::caused_by(format!("cannot inspect {}", database.display()), error)
    })?;
    findings.extend(inspected);
    Ok(findings)
}

fn holder(folder: &Path) -> String {
    let server = ServerFile::read(folder);
    match (data_folder::is_held(folder), server) {
        (true, Some(server)) => format!(
            "held by the server with pid {} at {}{}, since {}",
            server.pid, server.url, server.base_path, server.started_at
        ),
        (true, None) => "held by another flowlatch process".into(),
        (false, Some(server)) => format!(
            "free; the server with pid {} did not end in order",
            server.pid
        ),
        (false, None) => "free".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_wrong() {
        let root = tempfile::tempdir().expect("a folder");
        let wrong = |folder: &Path| -> Vec<String> {
            let findings = examine(folder).expect("readable");
            let wrong = findings.into_iter().filter(|finding| !finding.ok);
            wrong.map(|finding| finding.name.to_string()).collect()
        };
        assert_eq!(wrong(&root.path().join("nowhere")), ["folder"]);
        assert_eq!(wrong(root.path()), ["database"]);
        assert_eq!(holder(root.path()), "free");
    }
}
