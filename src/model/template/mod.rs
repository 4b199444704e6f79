//! Templates `{{path}}` in the configuration of steps: compiled once a plan, rendered against what a run has so far.
//! May not know plans, steps or runs: the values are handed in as a [`Scope`].
//! Promise: a string that is one sole template keeps the value's type; an unknown path is empty; rendering ends, within
//! bounds of size and work, whatever the template says; what was rendered is never read as a template again.
//!
//! What may stand between the braces:
//! - a path: `input.items.0.name`, `steps.fetch-data.status`, `a[0]["odd key"]`. Names may hold hyphens, so a subtraction
//!   has spaces around its minus. `steps.x.output.y` is `steps.x.y`: the first `output` after a step's id is always the
//!   alias, a field of that name is `steps.x.output.output`. `trigger.input` is `input`, and so is `trigger.body` where the
//!   trigger brought no body; `trigger.rawBody` is a webhook's body as it was received; `secrets.X`, and
//!   `approvals.<id>.url`, the link through which an approval is answered, are for steps that call outside;
//!   a first word that is no root is the item or index of a loop around the step, the innermost first, else a variable;
//! - a path with the filters `length` and `json`;
//! - an expression with operators, literals, `a if b else c` and the filters in `filters`. Functions and `{% %}`
//!   statements do not exist: naming intermediate values is what lets a short template use up all memory.
//!
//! Only strings in value position are templates; the names of fields are taken as they are. A `{{` that is meant as text
//! is written `{{ "{{" }}`.

mod expression;
mod filters;
pub mod list;
#[cfg(test)]
mod names_tests;
mod path;
mod reference;
mod render;
mod scan;
#[cfg(test)]
mod tests;
mod token;

use crate::model::template::expression::Expression;
use crate::model::template::path::Path;
use crate::model::template::scan::Piece;
use serde_json::Value;
use std::collections::BTreeMap;

pub use reference::{SecretName, SecretReference, StepReference};
pub(in crate::model) use render::{Budget, json};

/// What one rendered configuration may measure, in bytes of text and 16 bytes a value.
pub const MAX_RENDERED_BYTES: usize = 5 * 1024 * 1024;

/// The longest text between two braces, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 2_000;

/// How many templates one configuration may hold.
pub const MAX_EXPRESSIONS: usize = 1_000;

/// How deep a configuration may be nested.
const MAX_DEPTH: usize = 128;

/// Where a template was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// One sentence with the text that was wrong.
    pub message: String,
}

impl TemplateError {
    fn new(message: impl Into<String>) -> TemplateError {
        TemplateError {
            message: message.into(),
        }
    }
}

/// What a template may see.
pub struct Scope<'a> {
    /// `{{input…}}`.
    pub input: &'a Value,
    /// `{{trigger…}}`: what the trigger handed over beside the input; null where there is nothing.
    pub trigger: &'a dyn Fn() -> &'a Value,
    /// The loops that the step stands in, the outermost first.
    pub loops: &'a [LoopScope<'a>],
    /// `{{secrets.<name>}}` and `{{approvals.<step id>.url}}`: only where the step calls outside.
    pub secret: &'a dyn Fn(&SecretName) -> Option<String>,
    /// `{{trigger.rawBody}}`: the body of the webhook that has started the run, as it was received.
    pub raw_body: &'a dyn Fn() -> Option<Value>,
    /// `{{steps.<id>…}}`: the output of a finished step.
    pub step_output: &'a dyn Fn(&str) -> Option<&'a Value>,
    /// `{{variables.<name>}}`, also as a bare `{{name}}`.
    pub variables: &'a Value,
    /// `{{env.NAME}}`: the names that the configuration allows, and no others.
    pub env: &'a BTreeMap<String, String>,
    /// `{{now}}`, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// `{{run.id}}`.
    pub run_id: &'a str,
    /// `{{run.startedAt}}`, milliseconds since the Unix epoch.
    pub run_started_at_ms: i64,
}

/// One loop around a step, as templates see it: `{{item}}` and `{{index}}` under the names that the loop gives them, and
/// for the innermost one `{{loop.item}}`, `{{loop.index}}` and `{{loop.previous}}`.
pub struct LoopScope<'a> {
    /// The name of the item.
    pub item_name: &'a str,
    /// The name of the index.
    pub index_name: &'a str,
    /// The item; nothing in loops that count or ask a condition.
    pub item: Option<&'a Value>,
    /// From 0.
    pub index: u32,
    /// The output of the iteration before.
    pub previous: Option<&'a Value>,
}

/// A JSON value whose strings may hold templates, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Template {
    source: Value,
    shape: Shape,
    references: Vec<StepReference>,
    secrets: Vec<SecretReference>,
    expressions: usize,
}

/// Whether templates take the word for something of their own, so that nothing else of that name is ever seen.
pub fn is_taken(word: &str) -> bool {
    path::ROOTS.contains(&word) || token::is_keyword(word)
}

/// What has to be done to the value at the same place of the source.
#[derive(Debug, Clone)]
enum Shape {
    /// It holds no template: it is cloned.
    Constant,
    /// A string that is one sole template.
    Sole(Formula),
    /// A string with templates in it.
    Text(Vec<Segment>),
    /// An array, item by item.
    Array(Vec<Shape>),
    /// An object, field by field in the source's order.
    Object(Vec<Shape>),
}

#[derive(Debug, Clone)]
enum Segment {
    Text(String),
    Formula(Formula),
}

/// What stands between the braces.
#[derive(Debug, Clone)]
enum Formula {
    Path(Path, Vec<Filter>),
    Expression(Expression),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Filter {
    Length,
    Json,
}

impl Template {
    /// Compiles every string in `source`, but those in the fields `raw` of its outermost object, which are taken as they
    /// are; all mistakes at once, each with its JSON pointer inside `source`.
    pub fn compile(
        source: &Value,
        raw: &'static [&'static str],
    ) -> Result<Template, Vec<(String, TemplateError)>> {
        let mut compiler = Compiler {
            raw,
            ..Compiler::default()
        };
        let shape = compiler.shape(source, 0);
        if compiler.mistakes.is_empty() {
            Ok(Template {
                source: source.clone(),
                shape,
                references: compiler.references,
                secrets: compiler.secrets,
                expressions: compiler.expressions,
            })
        } else {
            Err(compiler.mistakes)
        }
    }

    /// The value with its templates as they were written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Every step that a template names, in order of appearance.
    pub fn step_references(&self) -> &[StepReference] {
        &self.references
    }

    /// Every secret that a template names, in order of appearance.
    pub fn secret_references(&self) -> &[SecretReference] {
        &self.secrets
    }

    /// How many of its templates are more than a path with plain filters; each of those takes some kilobytes.
    pub fn expression_count(&self) -> usize {
        self.expressions
    }

    /// Whether rendering gives the source itself.
    pub fn is_constant(&self) -> bool {
        matches!(self.shape, Shape::Constant)
    }

    /// The value with every template replaced; an error when the result is larger than [`MAX_RENDERED_BYTES`] or an
    /// expression cannot be computed.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        if self.is_constant() {
            return Ok(self.source.clone());
        }
        let mut budget = Budget::new(MAX_RENDERED_BYTES);
        render::value(&self.source, &self.shape, scope, &mut budget)
    }
}

#[derive(Default)]
struct Compiler {
    raw: &'static [&'static str],
    pointer: String,
    formulas: usize,
    expressions: usize,
    references: Vec<StepReference>,
    secrets: Vec<SecretReference>,
    mistakes: Vec<(String, TemplateError)>,
}

impl Compiler {
    fn shape(&mut self, source: &Value, depth: usize) -> Shape {
        if depth > MAX_DEPTH {
            self.mistake(TemplateError::new(format!(
                "the value is nested more than {MAX_DEPTH} levels deep"
            )));
            return Shape::Constant;
        }
        match source {
            Value::String(text) if text.contains("{{") => self.text(text),
            Value::Array(items) => {
                let shapes = items.iter().enumerate();
                let shapes = shapes
                    .map(|(index, item)| self.below(&index.to_string(), item, depth))
                    .collect();
                all_constant(shapes, Shape::Array)
            }
            Value::Object(fields) => {
                let shapes = fields.iter();
                let shapes = shapes
                    .map(|(name, field)| {
                        if depth == 0 && self.raw.contains(&name.as_str()) {
                            return Shape::Constant;
                        }
                        self.below(&name.replace('~', "~0").replace('/', "~1"), field, depth)
                    })
                    .collect();
                all_constant(shapes, Shape::Object)
            }
            _ => Shape::Constant,
        }
    }

    fn below(&mut self, segment: &str, value: &Value, depth: usize) -> Shape {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(segment);
        let shape = self.shape(value, depth + 1);
        self.pointer.truncate(length);
        shape
    }

    fn mistake(&mut self, error: TemplateError) {
        self.mistakes.push((self.pointer.clone(), error));
    }

    fn text(&mut self, text: &str) -> Shape {
        let pieces = match scan::split(text) {
            Ok(pieces) => pieces,
            Err(error) => {
                self.mistake(error);
                return Shape::Constant;
            }
        };
        let mut segments: Vec<Segment> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => segments.push(Segment::Text(text.to_owned())),
                Piece::Formula(inside) => match self.formula(inside) {
                    Ok(formula) => segments.push(Segment::Formula(formula)),
                    Err(error) => self.mistake(error),
                },
            }
        }
        if let [Segment::Formula(_)] = segments.as_slice()
            && let Some(Segment::Formula(formula)) = segments.pop()
        {
            return Shape::Sole(formula);
        }
        Shape::Text(segments)
    }

    fn formula(&mut self, inside: &str) -> Result<Formula, TemplateError> {
        self.formulas += 1;
        if self.formulas > MAX_EXPRESSIONS {
            return Err(TemplateError::new(format!(
                "there are more than {MAX_EXPRESSIONS} templates in one configuration; split the step"
            )));
        }
        if inside.len() > MAX_EXPRESSION_BYTES {
            return Err(TemplateError::new(format!(
                "a template is longer than {MAX_EXPRESSION_BYTES} bytes: `{{{{{}`",
                excerpt(inside)
            )));
        }
        let formula = match plain(inside)? {
            Some((path, filters)) => Formula::Path(path, filters),
            None => {
                self.expressions += 1;
                Formula::Expression(Expression::compile(inside)?)
            }
        };
        let paths = match &formula {
            Formula::Path(path, _) => std::slice::from_ref(path),
            Formula::Expression(expression) => expression.paths(),
        };
        for path in paths {
            let pointer = || self.pointer.clone();
            if let Some(step) = path.step() {
                self.references.push(StepReference {
                    pointer: pointer(),
                    step: step.to_owned(),
                });
            }
            if let Some(secret) = path.secret() {
                self.secrets.push(SecretReference {
                    pointer: pointer(),
                    secret: secret.clone(),
                });
            }
        }
        Ok(formula)
    }
}

fn all_constant(shapes: Vec<Shape>, other: fn(Vec<Shape>) -> Shape) -> Shape {
    if shapes.iter().all(|shape| matches!(shape, Shape::Constant)) {
        Shape::Constant
    } else {
        other(shapes)
    }
}

/// A path with the filters that need no expression, or `None` where there is more.
fn plain(inside: &str) -> Result<Option<(Path, Vec<Filter>)>, TemplateError> {
    let inside = inside.trim();
    let Some((segments, length)) = path::take(inside) else {
        return Ok(None);
    };
    let rest = inside.get(length..).unwrap_or_default().trim_start();
    let mut filters = Vec::new();
    if !rest.is_empty() {
        let Some(rest) = rest.strip_prefix('|') else {
            return Ok(None);
        };
        for name in rest.split('|') {
            match name.trim() {
                "length" => filters.push(Filter::Length),
                "json" => filters.push(Filter::Json),
                _ => return Ok(None),
            }
        }
    }
    if let [word] = segments.as_slice()
        && token::is_keyword(word)
    {
        return Ok(None);
    }
    Ok(Some((Path::from_segments(segments)?, filters)))
}

/// The beginning of a text, short enough for a message.
fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
