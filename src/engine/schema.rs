//! JSON Schemas, ready to compare values with: of workflows' inputs and outputs and of `transform`'s results.
//! May not know workflows or steps. Promise: nothing is fetched, and neither a schema nor a value holds a thread for long
//! or takes memory out of proportion: what could is refused before it is tried.

use crate::model::plan::DefinitionProblem;
use crate::model::schema_work::SchemaWork;
use jsonschema::PatternOptions;
use serde_json::Value;

/// How many problems of a value are told.
const MAX_TOLD: usize = 20;
/// How much memory each compiled regular expression of a schema may take, in bytes: the first that is enough for all.
const PATTERN_BYTES: [usize; 4] = [16 << 10, 128 << 10, 1 << 20, 4 << 20];
/// How much all of a schema's regular expressions may take together, in bytes.
const MAX_PATTERNS_BYTES: usize = 16 << 20;
/// How much memory matching one regular expression may keep, in bytes.
const MATCHING_BYTES: usize = 128 << 10;
/// How often a regular expression with look-around or back-references may try again.
const MAX_BACKTRACKS: usize = 10_000;
const MAX_SENTENCE_CHARS: usize = 300;

/// A schema, ready to use.
#[derive(Debug)]
pub(super) struct Schema {
    validator: jsonschema::Validator,
    work: SchemaWork,
    patterns_bytes: usize,
}

/// Why a value does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Where, as a JSON pointer; empty for the value as a whole.
    pub(super) pointer: String,
    /// What is wrong there.
    pub(super) message: String,
}

impl Schema {
    /// Reads a schema; the error is a sentence.
    pub(super) fn compile(source: &Value) -> Result<Schema, String> {
        let work = SchemaWork::of(source)?;
        let mut refusal = "its regular expressions take too much memory".to_owned();
        for pattern_bytes in PATTERN_BYTES {
            let patterns_bytes = pattern_bytes * work.patterns();
            if patterns_bytes > MAX_PATTERNS_BYTES {
                break;
            }
            let patterns = PatternOptions::fancy_regex()
                .backtrack_limit(MAX_BACKTRACKS)
                .size_limit(pattern_bytes)
                .dfa_size_limit(MATCHING_BYTES);
            let built = jsonschema::options()
                .with_pattern_options(patterns)
                .build(source);
            match built {
                Ok(validator) => {
                    return Ok(Schema {
                        validator,
                        work,
                        patterns_bytes,
                    });
                }
                Err(error) if patterns_bytes == 0 => return Err(cut(&error.to_string())),
                Err(error) => refusal = cut(&error.to_string()),
            }
        }
        Err(refusal)
    }

    /// About how much memory it takes beyond that of its text, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.patterns_bytes
    }

    /// Whether `value` fits; else what does not, at most twenty of them.
    pub(super) fn check(&self, value: &Value) -> Result<(), Vec<Misfit>> {
        let whole = |message| Misfit {
            pointer: String::new(),
            message,
        };
        let can_be_listed = self
            .work
            .admits(value)
            .map_err(|message| vec![whole(message)])?;
        if self.validator.is_valid(value) {
            return Ok(());
        }
        if !can_be_listed {
            let message = "it does not fit the schema; it is too large to say where";
            return Err(vec![whole(message.to_owned())]);
        }
        Err(self
            .validator
            .iter_errors(value)
            .take(MAX_TOLD)
            .map(|error| Misfit {
                pointer: error.instance_path().to_string(),
                message: cut(&error.to_string()),
            })
            .collect())
    }
}

fn cut(sentence: &str) -> String {
    sentence.chars().take(MAX_SENTENCE_CHARS).collect()
}

/// The schema under a field of a definition, where there is one; one that cannot be used is a problem.
pub(super) fn of(
    body: &Value,
    field: &str,
    problems: &mut Vec<DefinitionProblem>,
) -> Option<Schema> {
    let source = body.get(field).filter(|source| !source.is_null())?;
    match Schema::compile(source) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let message = format!("not a JSON Schema that can be used: {error}");
            problems.push(DefinitionProblem {
                place: field.to_owned(),
                message,
            });
            None
        }
    }
}
