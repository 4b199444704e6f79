//! The first start on an empty folder: an admin key, and a workflow to try. May not know how either is kept.
//! Promise: a start that a crash has cut off leaves nothing of it behind.

use super::App;
use crate::auth::{KeyText, NewKey};
use crate::clock::iso_utc;
use crate::engine::Editor;
use crate::error::{Error, Result};
use crate::model::key::KeyFormat;
use crate::model::limit::KeyLimits;
use crate::model::page::PageRequest;
use crate::model::plan::in_words;
use crate::model::scope::Permission;
use crate::model::workflow::{Definition, DefinitionFormat, Reach};
use crate::store::{FirstStart, WorkflowDraft};
use serde_json::Value;

/// The name in `meta` that says that the first start is behind us.
pub(super) const FIRST_START: &str = "first_start_at";
/// The workflow that a new server has, so that there is something to run.
const SAMPLE: &str = include_str!("../../examples/workflows/hello.json");

impl App {
    /// On an empty folder, once: an admin key, and a workflow to try.
    pub(super) async fn first_start(&self) -> Result<Option<KeyText>> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(format!("the first start did not finish: {error}"))
        };
        if self
            .0
            .store
            .meta(FIRST_START)
            .map_err(|error| failed(&error))?
            .is_some()
        {
            return Ok(None);
        }
        let control = self.0.keyring.control();
        let now_ms = self.0.clock.now_ms();
        let sample = sample()?;
        let by = Editor {
            label: control.label(),
            address: None,
            reach: control.reach(),
        };
        let workflows = self.0.engine.workflows();
        let problems = workflows.problems(&sample.definition, None, by);
        let problems = problems.map_err(|error| failed(&error))?;
        if !problems.is_empty() {
            return Err(failed(&in_words(&problems)));
        }
        let first = FirstStart {
            mark: FIRST_START,
            value: iso_utc(now_ms),
            sample,
            by: control.label().to_owned(),
            now_ms,
        };
        let keys = self.0.keyring.list(&control, &PageRequest::default());
        if !keys.items.is_empty() {
            let made = self.0.store.first_start(first).await;
            return made.map(|()| None).map_err(|error| failed(&error));
        }
        let keyring = &self.0.keyring;
        let issued = keyring.issue_first(&control, "control", first_key(), first);
        let (_, text) = issued.await.map_err(|error| failed(&error))?;
        Ok(Some(text))
    }
}

/// The first key holds every permission, by name.
fn first_key() -> NewKey {
    let mut scopes: Vec<String> = Vec::new();
    for permission in Permission::ALL {
        let word = match permission {
            Permission::KeysCreate | Permission::KeysUpdate | Permission::KeysDelete => {
                "keys:write"
            }
            other => other.word(),
        };
        if !scopes.iter().any(|known| known == word) {
            scopes.push(word.to_owned());
        }
    }
    NewKey {
        name: "admin".to_owned(),
        scopes,
        format: KeyFormat::Wfk,
        expires_at_ms: None,
        reach: Reach::All,
        limits: KeyLimits::default(),
    }
}

fn sample() -> Result<WorkflowDraft> {
    let broken = || Error::new("the built-in sample workflow is broken");
    let Ok(Value::Object(mut body)) = serde_json::from_str(SAMPLE) else {
        return Err(broken());
    };
    let Some(Value::String(name)) = body.remove("name") else {
        return Err(broken());
    };
    let description = body
        .remove("description")
        .and_then(|text| text.as_str().map(str::to_owned));
    body.remove("status");
    let definition = Definition {
        format: DefinitionFormat::Steps,
        body: Value::Object(body),
    };
    Ok(WorkflowDraft::new(name, description, definition))
}
