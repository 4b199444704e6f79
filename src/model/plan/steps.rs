//! The compiler of the native format: `trigger`, `steps` in array order, branches that own steps by id.
//! May not know what step types do beyond their [`StepRule`], nor where definitions come from.
//! Promise: all problems at once, each with its place; what compiles also ends, since every branch and every template only
//! points forward or back along one array.
//!
//! A definition without steps compiles (a draft may begin so); its runs end at once with the output null. A branch that
//! failed and was let go (`errorHandling: continue`) takes no way: the steps of both are skipped.

use super::composite::Nesting;
use super::problem::{self, DefinitionProblem, Problems};
use super::{Kind, Node, NodeIndex, Plan, StepRule, fields, schema, settings};
use crate::id::is_id;
use crate::model::graph::GraphLimits;
use crate::model::trigger::Trigger;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// What a definition may measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefinitionLimits {
    /// How many steps it may have.
    pub max_steps: usize,
    /// What a graph may measure.
    pub graph: GraphLimits,
    /// Whether it is a new one, in which also what could never mean what it seems to is a mistake.
    pub is_new: bool,
}

impl DefinitionLimits {
    /// Of a definition that was let in before, which keeps running whatever is asked of new ones today.
    pub const KEPT: DefinitionLimits = DefinitionLimits {
        max_steps: usize::MAX,
        graph: GraphLimits::NONE,
        is_new: false,
    };

    /// Of a new definition with at most so many steps.
    pub const fn of_new(max_steps: usize) -> DefinitionLimits {
        DefinitionLimits {
            max_steps,
            graph: GraphLimits::DEFAULT,
            is_new: true,
        }
    }
}

/// After so many problems wrong step names get no hint.
const MAX_STEP_HINTS: usize = 30;

/// Compiles a definition: an object with `trigger`, `steps` and, where wanted, `inputSchema`, `outputSchema`, `settings`
/// and `variables`. The error holds every problem, at most [`problem::MAX_PROBLEMS`] and how many more there are.
pub fn compile(
    body: &Value,
    rules: &[StepRule],
    limits: &DefinitionLimits,
) -> Result<Plan, Vec<DefinitionProblem>> {
    let nothing = Map::new();
    let mut found = Vec::new();
    let body = body.as_object().unwrap_or_else(|| {
        let message = format!("it is {}; it must be an object", problem::shown(body));
        problem::add(&mut found, "definition", message);
        &nothing
    });
    if body.is_empty() && !found.is_empty() {
        return Err(found);
    }
    let trigger = Trigger::read(body.get("trigger"), &mut found);
    let steps = array_of_steps(body.get("steps"), limits, &mut found);
    let mut compiler = Compiler {
        rules,
        is_new: limits.is_new,
        ids: HashMap::new(),
        owned_by: vec![Vec::new(); steps.len()],
        nesting: Nesting::new(steps.len()),
        expressions: 0,
        found,
    };
    compiler.collect_ids(steps);
    let nodes: Vec<Node> = steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| compiler.step(index, step))
        .collect();
    let mut found = std::mem::take(&mut compiler.found);
    schema::check(body.get("inputSchema"), "inputSchema", &mut found);
    schema::check(body.get("outputSchema"), "outputSchema", &mut found);
    let settings = settings::read(body, &mut found);
    let variables = fields::object(body, "variables", "", &mut found)
        .map_or(Value::Null, |variables| Value::Object(variables.clone()));
    let (Some(trigger), true) = (trigger, found.is_empty()) else {
        return Err(problem::capped(found));
    };
    let (blocks, places) = compiler.nesting.laid_out();
    Ok(Plan {
        trigger,
        blocks,
        places,
        by_id: nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (node.id.clone(), index))
            .collect(),
        owned_by: compiler.owned_by,
        nodes,
        variables,
        settings,
        flow: None,
    })
}

fn array_of_steps<'a>(
    steps: Option<&'a Value>,
    limits: &DefinitionLimits,
    found: &mut Vec<DefinitionProblem>,
) -> &'a [Value] {
    match steps {
        Some(Value::Array(steps)) if steps.len() > limits.max_steps => {
            let message = format!(
                "there are {} steps; at most {} are allowed (setting `max_steps`)",
                steps.len(),
                limits.max_steps
            );
            problem::add(found, "steps", message);
            steps.get(..limits.max_steps).unwrap_or_default()
        }
        Some(Value::Array(steps)) => steps,
        Some(other) => {
            let message = format!("it is {}; it must be an array", problem::shown(other));
            problem::add(found, "steps", message);
            &[]
        }
        None => {
            problem::add(found, "steps", "there are no steps; add an array of steps");
            &[]
        }
    }
}

/// What is known while a definition is compiled.
pub(super) struct Compiler<'a> {
    rules: &'a [StepRule],
    /// See [`DefinitionLimits`].
    pub(super) is_new: bool,
    /// The place of every id.
    pub(super) ids: HashMap<&'a str, NodeIndex>,
    /// See [`Plan`].
    pub(super) owned_by: Vec<Vec<(NodeIndex, u32)>>,
    /// Which step is inside of which.
    pub(super) nesting: Nesting,
    /// How many templates had to be compiled by the expression engine.
    pub(super) expressions: usize,
    /// All problems so far.
    pub(super) found: Vec<DefinitionProblem>,
}

impl<'a> Compiler<'a> {
    pub(super) fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        problem::add(&mut self.found, place, message);
    }

    /// Notes every id before any step is looked at, since branches name later steps.
    fn collect_ids(&mut self, steps: &'a [Value]) {
        for (index, step) in steps.iter().enumerate() {
            let place = format!("steps[{index}].id");
            let Some(step) = step.as_object() else {
                continue;
            };
            match step.get("id") {
                Some(Value::String(id)) if is_id(id) => {
                    if let Some(first) = self.ids.get(id.as_str()) {
                        let message =
                            format!("`{id}` is the id of steps[{first}] too; ids must be unique");
                        self.add(place, message);
                    } else {
                        self.ids.insert(id, index);
                    }
                }
                Some(other) => {
                    let message = format!(
                        "it is {}; an id has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`",
                        problem::shown(other)
                    );
                    self.add(place, message);
                }
                None => self.add(place, "the step has no id; templates and branches need one"),
            }
        }
    }

    fn step(&mut self, index: NodeIndex, step: &Value) -> Option<Node> {
        if problem::enough(&self.found) {
            return None;
        }
        let place = format!("steps[{index}]");
        let Some(step) = step.as_object() else {
            let message = format!("it is {}; a step is an object", problem::shown(step));
            self.add(place, message);
            return None;
        };
        let id = step.get("id").and_then(Value::as_str).unwrap_or_default();
        let rule = self.rule(step, id, &place);
        let empty = Map::new();
        let config = fields::object(step, "config", &place, &mut self.found).unwrap_or(&empty);
        if let Some(rule) = rule {
            let mut problems = Problems {
                place: format!("{place}.config"),
                is_new: self.is_new,
                found: &mut self.found,
            };
            (rule.check)(config, &mut problems);
            if rule.kind == Kind::Branch {
                self.branch(index, config, &place);
            }
        }
        let composite = match rule.map(|rule| rule.kind) {
            Some(Kind::Loop) => self.loop_step(index, config, &place),
            Some(Kind::Parallel) => self.parallel_step(index, config, &place),
            _ => None,
        };
        let template = self.template(index, rule, config, &place);
        fields::near_misses(step, &place, &mut self.found);
        let request = rule
            .filter(|rule| rule.name == "api.request")
            .map(|_| config);
        let retry = fields::retry(step, request, &place, &mut self.found);
        let fallback = fields::fallback(step, &place, &mut self.found);
        let on_unknown = fields::on_unknown(step, &place, &mut self.found);
        let timeout_ms = self.timeout(step, rule, config, &place);
        if retry.max_attempts > 1 && rule.is_some_and(|rule| rule.kind.is_composite()) {
            let message = "a loop or parallel step is not tried again as a whole; give the steps inside it a `retryConfig`";
            self.add(format!("{place}.retryConfig"), message);
        }
        let rule = rule?;
        Some(Node {
            id: id.to_owned(),
            name: self.name(step, &place),
            step_type: rule.name,
            kind: rule.kind,
            config: template?,
            retry,
            timeout_ms,
            fallback,
            on_unknown,
            composite,
            wiring: None,
            flow: None,
        })
    }

    /// `timeoutMs`, of a step that keeps to it.
    fn timeout(
        &mut self,
        step: &Map<String, Value>,
        rule: Option<StepRule>,
        config: &Map<String, Value>,
        place: &str,
    ) -> Option<u64> {
        let range = 1..=fields::MAX_TIMEOUT_MS;
        let timeout_ms = fields::whole(step, "timeoutMs", range, place, &mut self.found)?;
        if let Some(reason) = rule.and_then(|rule| (rule.untimed)(config)) {
            self.add(format!("{place}.timeoutMs"), reason);
        }
        Some(timeout_ms)
    }

    fn name(&mut self, step: &Map<String, Value>, place: &str) -> Option<String> {
        match step.get("name")? {
            Value::String(name) => Some(name.clone()),
            Value::Null => None,
            other => {
                let message = format!("it is {}; it must be a text", problem::shown(other));
                self.add(format!("{place}.name"), message);
                None
            }
        }
    }

    /// The rule of the step's type: `type`, or for `"type": "action"` what `action` says.
    fn rule(&mut self, step: &Map<String, Value>, id: &str, place: &str) -> Option<StepRule> {
        let dotted = |rule: &&StepRule| rule.name.contains('.');
        let word = step.get("type").and_then(Value::as_str).unwrap_or_default();
        let is_action = word == "action";
        let (field, value) = if is_action {
            ("action", step.get("action"))
        } else {
            ("type", step.get("type"))
        };
        let known: Vec<&'static str> = if is_action {
            let actions = self.rules.iter().filter(dotted);
            actions.map(|rule| rule.name).collect()
        } else {
            let types = self.rules.iter().filter(|rule| !dotted(rule));
            std::iter::once("action")
                .chain(types.map(|rule| rule.name))
                .collect()
        };
        let rule = value.and_then(Value::as_str).and_then(|name| {
            let mut rules = self.rules.iter();
            rules.find(|rule| rule.name == name && dotted(rule) == is_action)
        });
        if rule.is_none() {
            let list = known.join(", ");
            let message = match value {
                None | Some(Value::Null) => {
                    format!("step `{id}` has no {field}; there are: {list}")
                }
                Some(Value::String(name)) if self.rules.iter().any(|rule| rule.name == name) => {
                    let (what, written) = if is_action {
                        ("a type of its own", format!("\"type\": \"{name}\""))
                    } else {
                        let action = format!("\"type\": \"action\", \"action\": \"{name}\"");
                        ("an action", action)
                    };
                    format!("step `{id}`: `{name}` is {what}: write `{written}`")
                }
                Some(Value::String(name)) => format!(
                    "step `{id}` has the unknown {field} `{}`{}; there are: {list}",
                    problem::short(name),
                    self.name_hint(name, &known)
                ),
                Some(other) => format!(
                    "step `{id}`: the {field} is {}; there are: {list}",
                    problem::shown(other)
                ),
            };
            self.add(format!("{place}.{field}"), message);
        }
        rule.copied()
    }

    /// What was probably meant by an unknown type or action.
    fn name_hint(&self, name: &str, known: &[&'static str]) -> String {
        let near = problem::hint(name, known.iter().copied());
        let Some((service, _)) = name.split_once('.').filter(|_| near.is_empty()) else {
            return near;
        };
        let mut names = self.rules.iter().map(|rule| rule.name);
        let of_service = |name: &&str| {
            name.split_once('.')
                .is_some_and(|(known, _)| known == service)
        };
        if let Some(action) = known.iter().find(|name| of_service(name)) {
            format!(" (did you mean `{action}`?)")
        } else if names.any(|name| name == service) {
            format!(" (`{service}` is a type of its own: write `\"type\": \"{service}\"`)")
        } else {
            " (other services are called by the action `api.request`)".to_owned()
        }
    }

    /// The step that was probably meant. Many wrong names are no near misses of anything, so only the first are compared.
    pub(super) fn step_hint(&self, name: &str) -> String {
        if self.found.len() < MAX_STEP_HINTS {
            problem::hint(name, self.ids.keys().copied())
        } else {
            String::new()
        }
    }
}
