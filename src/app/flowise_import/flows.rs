//! Flows and the variables that they share. A flow that cannot run here is not brought: what the server refuses to save, an
//! import does not put beside it.

use super::{BY, Importer, of_file, of_store};
use crate::engine::mistakes;
use crate::error::Result;
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::chatflow::{FlowVariable, VariableKind};
use crate::model::flowise_import::{ImportedFlow, Outcome, Thing};
use crate::model::plan::{DefinitionProblem, in_words};
use crate::model::workflow::DefinitionFormat;
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// How many mistakes of one flow are told.
const MAX_MISTAKES: usize = 5;

impl Importer<'_> {
    pub(super) async fn import_flows(&mut self) -> Result<()> {
        for place in self.source.rows(Thing::Flows).map_err(of_file)? {
            self.step();
            let row = match self.source.flow(place).map_err(of_file)? {
                Ok(row) => row,
                Err(broken) => {
                    self.skip_broken(Thing::Flows, broken);
                    continue;
                }
            };
            let id = row.id.clone().unwrap_or_default();
            let name = row.name.clone().unwrap_or_default();
            match row.read() {
                Ok(flow) => self.import_flow(flow).await?,
                Err(reason) => self.tell(Thing::Flows, Outcome::Skipped, (id, name), reason),
            }
        }
        Ok(())
    }

    async fn import_flow(&mut self, mut flow: ImportedFlow) -> Result<()> {
        let named = (flow.id.to_string(), flow.name.clone());
        if let Some(key) = &flow.details.api_key
            && let Some(here) = self.keys.get(key)
        {
            flow.details.api_key = Some(here.clone());
        }
        if self.flows.contains_key(&flow.id) {
            let reason = "its id stands twice in the table".to_owned();
            self.tell(Thing::Flows, Outcome::Skipped, named, reason);
            return Ok(());
        }
        if self.is_here(&flow, &named)? {
            return Ok(());
        }
        let problems = mistakes(&flow.definition, &self.limits, self.max_definition_bytes);
        if !problems.is_empty() {
            let reason = told(&problems);
            self.tell(Thing::Flows, Outcome::Skipped, named, reason);
            return Ok(());
        }
        self.report.count(Thing::Flows, Outcome::Brought);
        self.note_of_brought(&flow, &named);
        let id = flow.id.clone();
        let row = self.write_flow(flow).await?;
        self.flows.insert(id, row);
        Ok(())
    }

    /// Whether a workflow with this id is here already; if so, that is told.
    fn is_here(&mut self, flow: &ImportedFlow, named: &(String, String)) -> Result<bool> {
        let Some(store) = &self.target.store else {
            return Ok(false);
        };
        let Some(here) = store.workflow(&flow.id).map_err(of_store)? else {
            return Ok(false);
        };
        if here.definition.format != DefinitionFormat::Flow {
            let reason = "a workflow of another kind has its id here".to_owned();
            self.tell(Thing::Flows, Outcome::Skipped, named.clone(), reason);
            return Ok(true);
        }
        let details = store.chatflow(here.sequence).map_err(of_store)?;
        self.flows.insert(flow.id.clone(), Some(here.sequence));
        let is_same = here.name == flow.name
            && here.definition == flow.definition
            && details.unwrap_or_default() == flow.details;
        if is_same {
            self.report.count(Thing::Flows, Outcome::Unchanged);
        } else {
            let reason =
                "it is another here, and stays; delete it here to bring it anew".to_owned();
            self.tell(Thing::Flows, Outcome::Kept, named.clone(), reason);
        }
        Ok(true)
    }

    /// What the owner of a flow should know that is brought.
    fn note_of_brought(&mut self, flow: &ImportedFlow, named: &(String, String)) {
        let mut note = |reason: String| {
            self.note(Thing::Flows, Outcome::Brought, named.clone(), reason);
        };
        if flow.definition.body["trigger"]["type"] == "schedule" {
            note("the clock starts it here too, from the next start of the server on: switch it off in Flowise".to_owned());
        }
        match &flow.details.api_key {
            Some(key)
                if !self.keys.contains_key(key) && !self.keys.values().any(|here| here == key) =>
            {
                let reason = format!(
                    "it is bound to the key {key}, which is not here, so nobody can ask it: set its `apikeyid`"
                );
                self.note(Thing::Flows, Outcome::Brought, named.clone(), reason);
            }
            None if flow.details.is_public != Some(true) => self.report.closed_flows += 1,
            _ => {}
        }
    }

    /// Its row number; none in a dry run.
    async fn write_flow(&self, flow: ImportedFlow) -> Result<Option<i64>> {
        let Some(store) = self.target.to_write() else {
            return Ok(None);
        };
        let now_ms = self.target.clock.now_ms();
        let made = store.import_flow(flow, ChangedBy::local(BY), now_ms).await;
        made.map(Some).map_err(of_store)
    }

    pub(super) async fn import_variables(&mut self) -> Result<()> {
        let here = match &self.target.store {
            Some(store) => store.flow_variables().map_err(of_store)?,
            None => Vec::new(),
        };
        let mut names: HashSet<String> = here.iter().map(|here| here.name.clone()).collect();
        let here: HashMap<_, _> = here
            .into_iter()
            .map(|here| (here.id.clone(), here))
            .collect();
        for place in self.source.rows(Thing::Variables).map_err(of_file)? {
            self.step();
            let row = match self.source.variable(place).map_err(of_file)? {
                Ok(row) => row,
                Err(broken) => {
                    self.skip_broken(Thing::Variables, broken);
                    continue;
                }
            };
            let id = row.id.clone().unwrap_or_default();
            let name = row.name.clone().unwrap_or_default();
            match row.read() {
                Ok(variable) => {
                    let known = here.get(&variable.id);
                    self.import_variable(variable, known, &mut names).await?;
                }
                Err(reason) => self.tell(Thing::Variables, Outcome::Skipped, (id, name), reason),
            }
        }
        Ok(())
    }

    async fn import_variable(
        &mut self,
        variable: FlowVariable,
        here: Option<&FlowVariable>,
        names: &mut HashSet<String>,
    ) -> Result<()> {
        let thing = Thing::Variables;
        let named = (variable.id.to_string(), variable.name.clone());
        if let Some(here) = here {
            let is_same = (&here.name, &here.value, here.kind)
                == (&variable.name, &variable.value, variable.kind);
            if is_same {
                self.report.count(thing, Outcome::Unchanged);
            } else {
                let reason = "it is another here, and stays".to_owned();
                self.tell(thing, Outcome::Kept, named, reason);
            }
            return Ok(());
        }
        if names.len() >= FlowVariable::MAX_COUNT as usize {
            let reason = format!(
                "there are {} variables here, as many as may be",
                names.len()
            );
            self.tell(thing, Outcome::Skipped, named, reason);
            return Ok(());
        }
        if !names.insert(variable.name.clone()) {
            let reason = "another variable has its name here".to_owned();
            self.tell(thing, Outcome::Skipped, named, reason);
            return Ok(());
        }
        self.report.count(thing, Outcome::Brought);
        if variable.kind == VariableKind::Runtime {
            let reason = format!(
                "its value comes from the environment, as far as the setting `template_env` lists `{}`",
                variable.name
            );
            self.note(thing, Outcome::Brought, named, reason);
        }
        if let Some(store) = self.target.to_write() {
            let detail = json!({ "name": variable.name, "from": "flowise" });
            let by = ChangedBy::local(BY);
            let now_ms = self.target.clock.now_ms();
            let entry = by.entry(now_ms, "variable.imported", variable.id.as_str(), detail);
            let saved = store.add_flow_variable(variable, entry).await;
            saved.map_err(of_store)?;
        }
        Ok(())
    }

    /// The row number of a flow that is here; `None`: it is not.
    pub(super) fn row_of(&self, flow: &WorkflowId) -> Option<Option<i64>> {
        self.flows.get(flow).copied()
    }
}

/// What is wrong with a flow, in one sentence.
fn told(problems: &[DefinitionProblem]) -> String {
    let shown = in_words(problems.get(..MAX_MISTAKES).unwrap_or(problems));
    match problems.len().saturating_sub(MAX_MISTAKES) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
