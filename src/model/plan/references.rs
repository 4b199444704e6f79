//! The templates of a step's configuration, and what they refer to.
//! May not know what a step does with its configuration. Promise: what a template names is there when it is rendered: a step
//! that has ended by then in the same block or in one around it; a secret and an approval's link only where the step calls outside.

use super::problem;
use super::steps::Compiler;
use super::{Kind, NodeIndex, StepRule};
use crate::model::template::{Template, list};
use serde_json::{Map, Value};

/// How many templates of a definition may be more than paths; each takes some kilobytes.
const MAX_EXPRESSIONS: usize = 2_000;

impl Compiler<'_> {
    /// Compiles the configuration; a template that names a step which is not there, or not yet, is a problem.
    pub(super) fn template(
        &mut self,
        index: NodeIndex,
        rule: Option<StepRule>,
        config: &Map<String, Value>,
        place: &str,
    ) -> Option<Template> {
        let place = format!("{place}.config");
        let raw = rule.map_or(&[][..], |rule| rule.raw);
        let lists = rule.map_or(&[][..], |rule| rule.lists);
        let mut source = config.clone();
        for field in lists {
            if let Some(written) = source.get_mut(*field) {
                list::split(written);
            }
        }
        // The items of a list are not where they were written; their field is.
        let named = |pointer: &str| {
            let field = pointer.split('/').nth(1).unwrap_or_default();
            if lists.contains(&field) {
                format!("/{field}")
            } else {
                pointer.to_owned()
            }
        };
        let template = self.compiled(&Value::Object(source), raw, &place, named)?;
        for reference in template.step_references() {
            if problem::enough(&self.found) {
                break;
            }
            if let Err(message) = self.visible(index, &reference.step) {
                self.add(problem::below(&place, &named(&reference.pointer)), message);
            }
        }
        if !rule.is_some_and(|rule| rule.kind == Kind::Effect) {
            self.refuse_secrets(&template, &place);
        }
        Some(template)
    }

    /// Compiles the conditions of a loop, an object with `while`, `break` or both. They see the steps inside the loop too:
    /// those of the iteration before.
    pub(super) fn conditions(
        &mut self,
        index: NodeIndex,
        conditions: &Map<String, Value>,
        place: &str,
    ) -> Option<Template> {
        let place = format!("{place}.config");
        let named = |pointer: &str| {
            pointer.replacen("/while", "/whileCondition", 1).replacen(
                "/break",
                "/breakCondition",
                1,
            )
        };
        let template = self.compiled(&Value::Object(conditions.clone()), &[], &place, named)?;
        for reference in template.step_references() {
            let is_inside = self
                .ids
                .get(reference.step.as_str())
                .is_some_and(|step| self.nesting.is_directly_inside(*step, index));
            if !is_inside && let Err(message) = self.visible(index, &reference.step) {
                self.add(problem::below(&place, &named(&reference.pointer)), message);
            }
        }
        self.refuse_secrets(&template, &place);
        Some(template)
    }

    fn compiled(
        &mut self,
        source: &Value,
        raw: &'static [&'static str],
        place: &str,
        named: impl Fn(&str) -> String,
    ) -> Option<Template> {
        if self.expressions > MAX_EXPRESSIONS {
            return None;
        }
        match Template::compile(source, raw) {
            Ok(template) => {
                self.expressions += template.expression_count();
                if self.expressions > MAX_EXPRESSIONS {
                    let message = format!(
                        "the definition holds more than {MAX_EXPRESSIONS} templates with operators; plain paths are not limited so"
                    );
                    self.add(place, message);
                }
                Some(template)
            }
            Err(mistakes) => {
                for (pointer, error) in mistakes.iter().take(problem::MAX_PROBLEMS + 1) {
                    self.add(
                        problem::below(place, &named(pointer)),
                        error.message.as_str(),
                    );
                }
                None
            }
        }
    }

    /// Whether the output of the step `name` is there when the templates of the step at `index` are rendered.
    fn visible(&self, index: NodeIndex, name: &str) -> Result<(), String> {
        let Some(&step) = self.ids.get(name) else {
            return Err(format!(
                "the template names step `{}`, which does not exist{}",
                problem::short(name),
                self.step_hint(name)
            ));
        };
        if step == index {
            return Err(format!(
                "the template names its own step `{name}`, which has no output yet"
            ));
        }
        if self.nesting.has_ended_before(step, index) {
            return Ok(());
        }
        Err(match self.nesting.head_around(step, index) {
            Some(head) if step < index => {
                let head = self.id_of(head);
                format!(
                    "the template names step `{name}`, which runs inside `{head}`; outside of it its results are in \
                     `steps.{head}.results`"
                )
            }
            _ => format!(
                "the template names step `{name}`, which comes later; its output is not there yet"
            ),
        })
    }

    pub(super) fn id_of(&self, node: NodeIndex) -> &str {
        let mut ids = self.ids.iter();
        ids.find(|(_, index)| **index == node)
            .map_or("", |(id, _)| *id)
    }

    /// A secret or a link in a step that calls nothing outside would end up in an output.
    fn refuse_secrets(&mut self, template: &Template, place: &str) {
        for reference in template.secret_references() {
            let message = format!(
                "`{{{{{}}}}}` is only for steps that call outside; use it in the step that makes the call",
                reference.secret
            );
            self.add(problem::below(place, &reference.pointer), message);
        }
    }
}
