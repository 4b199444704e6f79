//! The form of a key: what it offers, and what was chosen. May not know how keys are made.
//! Promise: every permission stands in exactly one group, so that nothing is given that nobody saw.

use super::super::form::Form;
use super::super::moment;
use crate::auth::{KeyChange, NewKey};
use crate::http::problem::Problem;
use crate::id::WorkflowId;
use crate::model::key::{KeyFormat, KeyRecord};
use crate::model::limit::{KeyLimits, Limit};
use crate::model::scope::{Permission, parse_scopes};
use crate::model::workflow::Reach;
use std::collections::BTreeSet;

const DAY_MS: i64 = 86_400_000;

/// The permissions, under the API whose words they are.
const GROUPS: [(&str, &[Permission]); 3] = {
    use Permission::*;
    [
        (
            "Workflows API and Wireflow",
            &[
                WorkflowsRead,
                WorkflowsWrite,
                WorkflowsExecute,
                RunsRead,
                AppsExecute,
                ConnectionsRead,
                ConnectionsWrite,
                SecretsWrite,
                TablesRead,
                TablesWrite,
            ],
        ),
        (
            "Flowise",
            &[
                PredictionsCreate,
                ChatflowsView,
                ChatflowsCreate,
                ChatflowsUpdate,
                ChatflowsDelete,
                AgentflowsView,
                AgentflowsCreate,
                AgentflowsUpdate,
                AgentflowsDelete,
                VariablesView,
                VariablesCreate,
                VariablesUpdate,
                VariablesDelete,
                CredentialsView,
                CredentialsCreate,
                CredentialsUpdate,
                CredentialsDelete,
                ExecutionsView,
                ExecutionsUpdate,
                ExecutionsDelete,
            ],
        ),
        (
            "The server",
            &[
                KeysView, KeysCreate, KeysUpdate, KeysDelete, UsageRead, AuditRead, Admin,
            ],
        ),
    ]
};

/// What a new key may do before anything is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preset {
    /// The word in the page's address.
    pub(super) word: &'static str,
    /// What people read.
    pub(super) label: &'static str,
    permissions: &'static [Permission],
}

/// The presets.
pub(super) const PRESETS: [Preset; 3] = {
    use Permission::*;
    [
        Preset {
            word: "read",
            label: "Read only",
            permissions: &[
                WorkflowsRead,
                RunsRead,
                ConnectionsRead,
                TablesRead,
                ChatflowsView,
                AgentflowsView,
                VariablesView,
                ExecutionsView,
                UsageRead,
            ],
        },
        Preset {
            word: "run",
            label: "Run one workflow",
            permissions: &[WorkflowsExecute, RunsRead, PredictionsCreate],
        },
        Preset {
            word: "full",
            label: "Everything",
            permissions: Permission::ALL,
        },
    ]
};

/// A group of check boxes.
pub(super) struct Group {
    /// Its heading.
    pub(super) label: &'static str,
    /// Its boxes.
    pub(super) boxes: Vec<ScopeBox>,
}

/// A check box.
pub(super) struct ScopeBox {
    /// The word that is sent.
    pub(super) word: &'static str,
    /// What it lets a key do.
    pub(super) description: &'static str,
    /// Whether it is checked.
    pub(super) is_checked: bool,
}

/// The check boxes, of which those are checked that `is_held` says.
pub(super) fn groups(is_held: impl Fn(Permission) -> bool) -> Vec<Group> {
    let boxes = |permissions: &[Permission]| {
        permissions
            .iter()
            .map(|permission| ScopeBox {
                word: permission.word(),
                description: permission.description(),
                is_checked: is_held(*permission),
            })
            .collect()
    };
    GROUPS
        .iter()
        .map(|(label, permissions)| Group {
            label,
            boxes: boxes(permissions),
        })
        .collect()
}

/// The check boxes of a preset; none is checked where there is no such preset.
pub(super) fn groups_of_preset(word: &str) -> Vec<Group> {
    let preset = PRESETS.iter().find(|preset| preset.word == word);
    let permissions = preset.map_or(&[][..], |preset| preset.permissions);
    groups(|permission| permissions.contains(&permission))
}

/// The key that a form asks for.
pub(super) fn new_key(form: &Form, now_ms: i64) -> Result<NewKey, Problem> {
    let format = form.text("format").and_then(KeyFormat::parse);
    Ok(NewKey {
        name: form.text("name").unwrap_or_default().to_owned(),
        scopes: scopes(form),
        format: format.unwrap_or(KeyFormat::Wfk),
        expires_at_ms: end(form, now_ms)?,
        reach: reach(form)?,
        limits: limits(form)?,
    })
}

/// The change that a form asks for. Words that mean no other permissions than before stay the words that they were.
pub(super) fn change(form: &Form, now: &KeyRecord) -> Result<KeyChange, Problem> {
    let chosen = scopes(form);
    let means = parse_scopes(chosen.iter().map(String::as_str));
    let is_same = means.is_ok_and(|permissions| permissions == now.permissions);
    let expires_at_ms = form
        .text("date")
        .map(|text| moment::read("date", text))
        .transpose()?;
    Ok(KeyChange {
        name: Some(form.text("name").unwrap_or_default().to_owned()),
        scopes: (!is_same).then_some(chosen),
        expires_at_ms: Some(expires_at_ms),
        limits: Some(limits(form)?),
        disabled: None,
    })
}

fn scopes(form: &Form) -> Vec<String> {
    let chosen: BTreeSet<&str> = form.all("scope").collect();
    chosen.into_iter().map(str::to_owned).collect()
}

/// `never`, a number of days, or `date`, which stands in a field of its own.
fn end(form: &Form, now_ms: i64) -> Result<Option<i64>, Problem> {
    match form.text("expires").unwrap_or("never") {
        "never" => Ok(None),
        "date" => match form.text("date") {
            Some(text) => moment::read("date", text).map(Some),
            None => Err(Problem::invalid(
                "Say on which date the key ends, or choose another end.",
            )),
        },
        days => {
            let days: Option<i64> = days.parse().ok().filter(|days| (1..=3_650).contains(days));
            days.map(|days| Some(now_ms + days * DAY_MS))
                .ok_or_else(|| Problem::invalid("The end is `never`, a number of days or a date."))
        }
    }
}

fn reach(form: &Form) -> Result<Reach, Problem> {
    match (form.text("workflow"), form.text("prefix")) {
        (None, None) => Ok(Reach::All),
        (None, Some(prefix)) => Ok(Reach::Prefix(prefix.to_owned())),
        (Some(id), None) => {
            let id: WorkflowId = id
                .parse()
                .map_err(|_| Problem::invalid("The workflow's id is not one."))?;
            Ok(Reach::Workflow(id))
        }
        (Some(_), Some(_)) => Err(Problem::invalid(
            "Bind the key to one workflow or to a beginning of names, not to both.",
        )),
    }
}

/// An empty field is the server's limit, `none` is no limit.
fn limits(form: &Form) -> Result<KeyLimits, Problem> {
    Ok(KeyLimits {
        read: limit(form, "limit-read")?,
        write: limit(form, "limit-write")?,
        execute: limit(form, "limit-execute")?,
    })
}

fn limit(form: &Form, name: &str) -> Result<Option<Limit>, Problem> {
    let Some(text) = form.text(name) else {
        return Ok(None);
    };
    if text == "none" {
        return Ok(Some(Limit::Unlimited));
    }
    match text.parse() {
        Ok(number) => Ok(Some(Limit::PerMinute(number))),
        Err(_) => Err(Problem::invalid(
            "A limit is a number of requests a minute, `none`, or empty for the server's own.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_stands_in_one_group() {
        let mut grouped: Vec<Permission> = Vec::new();
        for (_, permissions) in GROUPS {
            grouped.extend(permissions);
        }
        for permission in Permission::ALL {
            let times = grouped.iter().filter(|found| *found == permission).count();
            assert_eq!(times, 1, "{}", permission.word());
        }
        assert_eq!(grouped.len(), Permission::ALL.len());
    }

    #[test]
    fn a_preset_checks_its_boxes_and_an_unknown_one_none() {
        let checked = |word| -> Vec<&str> {
            let boxes = groups_of_preset(word)
                .into_iter()
                .flat_map(|group| group.boxes);
            boxes
                .filter(|one| one.is_checked)
                .map(|one| one.word)
                .collect()
        };
        assert_eq!(
            checked("run"),
            ["workflows:execute", "runs:read", "predictions:create"]
        );
        assert_eq!(checked("full").len(), Permission::ALL.len());
        assert!(checked("other").is_empty());
        assert!(
            checked("read")
                .iter()
                .all(|word| !word.contains("write") && !word.contains("delete"))
        );
    }
}
