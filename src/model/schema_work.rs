//! How much work a JSON Schema can make of a value: an upper bound, known before anything is compared.
//! May not know the library that does the comparing, nor what keywords mean beyond where their schemas apply. Promise:
//! counting takes time in proportion to the schema; what cannot be counted is refused with a sentence.
//!
//! References make a small schema large: thirty definitions that each refer twice to the next are a billion comparisons.
//! So the schemas that apply at one place of a value are counted, for every depth below the root: those of one place
//! add up, and of the named `properties` of an object only one applies to each field.

mod graph;

use graph::Graph;
use serde_json::Value;

/// Values are nested no deeper than this.
const MAX_VALUE_LEVELS: usize = 128;
/// The most regular expressions of one schema: each is compiled and takes memory.
const MAX_PATTERNS: usize = 100;
/// The most JSON levels that lie one in another when every reference is followed once.
const MAX_SCHEMA_LEVELS: usize = 2_000;
/// Comparisons that one check may need.
const MAX_COMPARISONS: u64 = 20_000_000;
/// Bytes that regular expressions may have to look at in one check.
const MAX_MATCHED_BYTES: u64 = 4_000_000;
/// Schemas that may be under way one in another in one check.
const MAX_NESTED: u64 = 2_000;
/// Up to so many comparisons, everything that does not fit can be listed; each entry takes memory.
const MAX_LISTED: u64 = 200_000;

/// What a schema asks for at one depth of a value. Numbers that are too large stay at the largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    comparisons: u64,
    patterns: u64,
    nested: u64,
}

/// The work that a schema makes.
#[derive(Debug, Clone)]
pub struct SchemaWork {
    patterns: usize,
    /// By the depth of the value, the largest of all depths up to it; the last stands for all deeper ones.
    by_depth: Vec<Load>,
}

/// How large a value is.
#[derive(Default)]
struct Size {
    values: u64,
    text_bytes: u64,
    levels: usize,
}

impl SchemaWork {
    /// Counts the work of `schema`. The error is a sentence that says what cannot be followed, or is too much.
    pub fn of(schema: &Value) -> Result<SchemaWork, String> {
        let graph = Graph::of(schema)?;
        if graph.patterns > MAX_PATTERNS {
            return Err(format!(
                "it has {} regular expressions; at most {MAX_PATTERNS} are allowed",
                graph.patterns
            ));
        }
        if graph.levels > MAX_SCHEMA_LEVELS {
            return Err(format!(
                "its references lead through {} levels; at most {MAX_SCHEMA_LEVELS} are allowed",
                graph.levels
            ));
        }
        let work = SchemaWork {
            patterns: graph.patterns,
            by_depth: graph.loads(MAX_VALUE_LEVELS)?,
        };
        let at_root = work.at(0);
        if at_root.comparisons > MAX_COMPARISONS || at_root.nested > MAX_NESTED {
            return Err(
                "its references multiply: even an empty value would need too many comparisons"
                    .to_owned(),
            );
        }
        Ok(work)
    }

    /// How many regular expressions it has.
    pub fn patterns(&self) -> usize {
        self.patterns
    }

    /// Whether a check of `value` stays within bounds; else a sentence. `Ok(false)`: it does, but there may be too many
    /// mistakes to list them.
    pub fn admits(&self, value: &Value) -> Result<bool, String> {
        let mut size = Size::default();
        size.add(value, 1);
        if size.levels > MAX_VALUE_LEVELS {
            return Err(format!(
                "the value is nested more than {MAX_VALUE_LEVELS} levels deep"
            ));
        }
        let load = self.at(size.levels);
        let comparisons = load.comparisons.saturating_mul(size.values);
        let matched = load.patterns.saturating_mul(size.text_bytes);
        if comparisons > MAX_COMPARISONS || matched > MAX_MATCHED_BYTES || load.nested > MAX_NESTED
        {
            return Err(format!(
                "the value is too large for this schema ({} values in {} levels, {} bytes of text): \
                 checking it could take too long",
                size.values, size.levels, size.text_bytes
            ));
        }
        Ok(comparisons <= MAX_LISTED)
    }

    fn at(&self, depth: usize) -> Load {
        let deepest = self.by_depth.last().copied().unwrap_or_default();
        self.by_depth.get(depth).copied().unwrap_or(deepest)
    }
}

impl Size {
    fn add(&mut self, value: &Value, level: usize) {
        self.values += 1;
        self.levels = self.levels.max(level);
        if level > MAX_VALUE_LEVELS {
            return;
        }
        match value {
            Value::String(text) => self.text_bytes += text.len() as u64,
            Value::Array(items) => items.iter().for_each(|item| self.add(item, level + 1)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.values += 1;
                    self.text_bytes += name.len() as u64;
                    self.add(field, level + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Load {
    fn and(self, other: Load) -> Load {
        Load {
            comparisons: self.comparisons.saturating_add(other.comparisons),
            patterns: self.patterns.saturating_add(other.patterns),
            nested: self.nested.max(other.nested),
        }
    }

    fn or(self, other: Load) -> Load {
        Load {
            comparisons: self.comparisons.max(other.comparisons),
            patterns: self.patterns.max(other.patterns),
            nested: self.nested.max(other.nested),
        }
    }

    fn twice(self) -> Load {
        Load {
            nested: self.nested,
            ..self.and(self)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use serde_json::json;

    fn doubling(levels: usize) -> Value {
        let next = |level: usize| json!({ "$ref": format!("#/$defs/d{}", level + 1) });
        let mut definitions: serde_json::Map<String, Value> = (0..levels)
            .map(|level| {
                let twice = json!({ "allOf": [next(level), next(level)] });
                (format!("d{level}"), twice)
            })
            .collect();
        definitions.insert(format!("d{levels}"), json!({ "type": "object" }));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions })
    }

    #[test]
    fn references_that_multiply_are_refused() {
        assert!(SchemaWork::of(&doubling(5)).is_ok());
        let error = SchemaWork::of(&doubling(40)).expect_err("a trillion comparisons");
        assert!(error.contains("multiply"), "{error}");
    }

    #[test]
    fn a_schema_that_only_leads_to_itself_is_refused() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "anyOf": [{ "$ref": "#" }, { "type": "null" }] }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "not": { "$ref": "#/$defs/a" } } } }),
        ] {
            assert!(SchemaWork::of(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn trees_and_lists_are_followed_as_deep_as_they_go() {
        let tree = json!({ "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" } } });
        let work = SchemaWork::of(&tree).expect("countable");
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "left": inner, "right": 1 }));
        assert_eq!(work.admits(&deep), Ok(true));
    }

    #[test]
    fn recursion_that_doubles_with_each_level_bounds_the_depth_of_values() {
        let schema =
            json!({ "allOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] });
        let work = SchemaWork::of(&schema).expect("countable");
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(work.admits(&nested(5)), Ok(true));
        assert!(work.admits(&nested(60)).is_err());
    }

    #[test]
    fn long_lists_of_choices_bound_the_size_of_values() {
        let choices: Vec<u32> = (0..50_000).collect();
        let work = SchemaWork::of(&json!({ "items": { "enum": choices } })).expect("countable");
        assert_eq!(work.admits(&json!([1, 2])), Ok(true));
        assert!(work.admits(&json!(vec![1; 10_000])).is_err());
    }

    #[test]
    fn references_are_those_that_can_be_counted() {
        let deep = |target: &str| json!({ "properties": { "x": { "$ref": target } }, "$defs": { "a b": { "$anchor": "here" } } });
        for good in ["#/$defs/a b", "#here", "#"] {
            assert!(SchemaWork::of(&deep(good)).is_ok(), "{good}");
        }
        for bad in ["#/$defs/b", "#there", "#/$defs/a%20b", "other.json"] {
            assert!(SchemaWork::of(&deep(bad)).is_err(), "{bad}");
        }
        let renamed = json!({ "$defs": { "a": { "$id": "http://x/y", "type": "null" } } });
        assert!(SchemaWork::of(&renamed).is_err());
        let patterns: Vec<Value> = (0..101)
            .map(|n| json!({ "pattern": format!("a{n}") }))
            .collect();
        assert!(SchemaWork::of(&json!({ "anyOf": patterns })).is_err());
    }
}
