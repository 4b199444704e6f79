//! What is wrong with a graph: violations, with which it cannot be saved, and warnings.
//! May not know HTTP. Promise: every mistake in one answer, in the order of the JSON (sizes, nodes, edges, circles, iterations,
//! then what the catalogue says of each node and each edge); the same graph gives the same answer; hints are looked for
//! only so often, so that a hostile graph costs no more than a wrong one.
//!
//! A required input that nothing feeds is a warning: an editor saves graphs that are not finished, and the node itself fails
//! with a clear error when it is run so.

mod nodes;
mod ports;
#[cfg(test)]
mod tests;

use super::structure::{idle_collectors, structure};
use super::{Graph, GraphLimits, GraphNode};
use crate::model::plan::problem;
use serde_json::Value;

pub(in crate::model) use crate::model::plan::problem::short;

/// How many findings of one sort are listed; the rest is counted.
const MAX_FINDINGS: usize = 200;
/// After so many findings wrong names get no hint.
const MAX_HINTS: usize = 30;

/// One mistake, or one thing that looks like one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// `cycle`, `dangling-edge`, `bad-target-handle`, …
    pub rule: &'static str,
    /// One sentence with the value that is wrong.
    pub message: String,
    /// The node, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The edge, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_id: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Lint {
    /// What has to be mended before the graph can be saved or run.
    pub violations: Vec<Finding>,
    /// What should be looked at.
    pub warnings: Vec<Finding>,
}

impl Lint {
    /// Whether the graph can be saved and run.
    pub fn is_ok(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Looks at the `nodes` and `edges` of an object.
pub fn lint(body: &Value, limits: &GraphLimits) -> Lint {
    let graph = Graph::of(body);
    let mut found = Findings::default();
    arrays(body, &mut found);
    if let Some(structure) = structure(&graph, limits, &mut found) {
        idle_collectors(&graph, &structure, &mut found);
        nodes::check(&graph, &mut found);
        ports::check(&graph, &structure, &mut found);
    }
    found.done()
}

fn arrays(body: &Value, found: &mut Findings) {
    for name in ["nodes", "edges"] {
        match body.get(name) {
            Some(Value::Array(_)) => {}
            None => {
                let fix = format!("add an array `{name}`");
                found
                    .violation("bad-graph", format!("there are no {name}"))
                    .fix(fix);
            }
            Some(other) => {
                let message = format!("`{name}` is {}", problem::shown(other));
                found
                    .violation("bad-graph", message)
                    .fix(format!("`{name}` must be an array"));
            }
        }
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub struct Findings {
    violations: Vec<Finding>,
    warnings: Vec<Finding>,
    /// How many of each were not kept.
    more: [usize; 2],
    hints: usize,
}

/// The finding that was added last, to be completed.
pub(super) struct Added<'f>(&'f mut Finding);

impl Added<'_> {
    pub(super) fn node(self, id: &str) -> Self {
        self.0.node_id = Some(short(id));
        self
    }

    pub(super) fn node_of(self, nodes: &[GraphNode<'_>], at: usize) -> Self {
        match nodes.get(at).and_then(|node| node.id) {
            Some(id) => self.node(id),
            None => self,
        }
    }

    pub(super) fn edge(self, id: Option<&str>) -> Self {
        self.0.edge_id = id.map(short);
        self
    }

    pub(super) fn fix(self, fix: impl Into<String>) {
        self.0.fix = Some(fix.into());
    }
}

impl Findings {
    pub(super) fn violation(
        &mut self,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Added<'_> {
        add(
            &mut self.violations,
            &mut self.more[0],
            rule,
            message.into(),
        )
    }

    pub(super) fn warning(&mut self, rule: &'static str, message: impl Into<String>) -> Added<'_> {
        add(&mut self.warnings, &mut self.more[1], rule, message.into())
    }

    /// The name that was probably meant; none any more after the first so many questions.
    pub(super) fn meant<'a>(
        &mut self,
        word: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        self.hints += 1;
        (self.hints <= MAX_HINTS)
            .then(|| problem::nearest(word, known))
            .flatten()
    }

    /// All of them; where there were too many, how many more.
    pub fn done(self) -> Lint {
        let [violations, warnings] = self.more;
        Lint {
            violations: capped(self.violations, violations),
            warnings: capped(self.warnings, warnings),
        }
    }
}

/// Beyond the cap the last place is written over and over.
fn add<'f>(
    list: &'f mut Vec<Finding>,
    more: &mut usize,
    rule: &'static str,
    message: String,
) -> Added<'f> {
    let finding = Finding {
        rule,
        message,
        node_id: None,
        edge_id: None,
        fix: None,
    };
    if list.len() > MAX_FINDINGS {
        *more += 1;
        list.pop();
    }
    let at = list.len();
    list.push(finding);
    Added(&mut list[at])
}

fn capped(mut list: Vec<Finding>, more: usize) -> Vec<Finding> {
    if list.len() > MAX_FINDINGS {
        list.truncate(MAX_FINDINGS);
        list.push(Finding {
            rule: "more",
            message: format!("there are more: {}", more + 1),
            node_id: None,
            edge_id: None,
            fix: None,
        });
    }
    list
}
