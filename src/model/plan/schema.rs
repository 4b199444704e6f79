//! Checks what can be known of a JSON Schema without compiling it: its form, and that it refers to nothing outside.
//! May not know the schema language beyond references. Promise: no definition makes the server fetch anything.

use super::problem::{self, DefinitionProblem};
use serde_json::Value;

/// How deep a schema may be nested.
const MAX_DEPTH: usize = 64;

/// Checks the schema under `place`, if there is one.
pub(super) fn check(schema: Option<&Value>, place: &str, found: &mut Vec<DefinitionProblem>) {
    match schema {
        None | Some(Value::Null) => {}
        Some(schema @ Value::Object(_)) => walk(schema, place, 0, found),
        Some(other) => problem::add(
            found,
            place,
            format!(
                "it is {}; it must be a JSON Schema, as an object",
                problem::shown(other)
            ),
        ),
    }
}

fn walk(schema: &Value, place: &str, depth: usize, found: &mut Vec<DefinitionProblem>) {
    if problem::enough(found) {
        return;
    }
    if depth > MAX_DEPTH {
        problem::add(
            found,
            place,
            format!("it is nested more than {MAX_DEPTH} levels deep"),
        );
        return;
    }
    match schema {
        Value::Object(fields) => {
            for (name, field) in fields {
                let place = format!("{place}.{}", problem::short(name));
                match field {
                    Value::String(target)
                        if matches!(name.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef")
                            && !target.starts_with('#') =>
                    {
                        problem::add(
                            found,
                            place,
                            format!(
                                "`{}` refers outside the schema; only references that begin with `#` are followed: \
                                 copy the definition into `$defs`",
                                problem::short(target)
                            ),
                        );
                    }
                    _ => walk(field, &place, depth + 1, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{place}[{index}]"), depth + 1, found);
            }
        }
        _ => {}
    }
}
