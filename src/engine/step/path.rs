//! Paths into JSON values: `a.b.0`, `a.b[0]`, `$.a['b c'][0]`, and to read from `items[*].price`.
//! May not know mapping rules. Promise: reading a path never fails, writing one makes what is missing, within a bound on
//! what one transformation may make.
//!
//! Reading, a number names an element of an array and a field of an object. Writing, `[0]` makes an array where nothing
//! is, `.0` an object's field; where there is an array already, both name its element. `[*]` and `.*` stand for every element
//! or field: what is there of the rest of the path is read as an array.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// The longest path, in segments.
const MAX_SEGMENTS: usize = 32;
/// The largest index that may be written.
const MAX_INDEX: usize = 10_000;
/// The most elements of arrays that the rules of one step may make between them.
pub(super) const MAX_MADE_ELEMENTS: usize = 100_000;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `name`, or a number after a dot.
    Name(String),
    /// `[0]`.
    Index(usize),
    /// `[*]`, `.*`.
    Every,
}

/// A path; empty for `$`, the value as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Segment>);

impl Path {
    /// Reads a path; the error is a sentence with the text that is wrong.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let trimmed = text.trim();
        let wrong =
            |why: &str| format!("`{text}` is not a path such as `a.b[0]` or `$.a.b`: {why}");
        let rest = match trimmed.strip_prefix('$') {
            Some(rest) if rest.is_empty() || rest.starts_with(['.', '[']) => rest,
            _ if trimmed.is_empty() => return Err(wrong("it is empty")),
            // The first segment of a dot path has no dot before it.
            _ if trimmed.starts_with('[') => trimmed,
            _ => return Path::segments(&format!(".{trimmed}")).map_err(wrong),
        };
        Path::segments(rest).map_err(wrong)
    }

    fn segments(mut rest: &str) -> Result<Path, &'static str> {
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let (segment, after) = match rest.strip_prefix('.') {
                Some(rest) => dotted(rest)?,
                None => bracketed(rest)?,
            };
            segments.push(segment);
            rest = after;
            if segments.len() > MAX_SEGMENTS {
                return Err("it has more than 32 segments");
            }
        }
        Ok(Path(segments))
    }

    /// Whether the path names the value as a whole.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the path can be written.
    pub(super) fn check_writable(&self) -> Result<(), String> {
        if self.is_whole() {
            return Err("a field of the output must be named".into());
        }
        match self.0.first() {
            Some(Segment::Index(_)) => {
                return Err("the output is an object: a name must come first".into());
            }
            Some(Segment::Name(_) | Segment::Every) | None => {}
        }
        self.check_indexes()
    }

    /// Whether every segment names one place, with an index that is not too large to be written.
    pub(super) fn check_indexes(&self) -> Result<(), String> {
        if self.0.contains(&Segment::Every) {
            return Err("`*` can be read, but not written".into());
        }
        let too_large = self.0.iter().find_map(|segment| match segment {
            Segment::Index(index) if *index > MAX_INDEX => Some(*index),
            _ => None,
        });
        match too_large {
            Some(index) => Err(format!("the index {index} is larger than {MAX_INDEX}")),
            None => Ok(()),
        }
    }

    /// What is at the path. A path with `*` reads an array, an empty one where nothing fits.
    pub(super) fn read<'a>(&self, value: &'a Value) -> Option<Cow<'a, Value>> {
        let every = self.0.iter().position(|part| *part == Segment::Every);
        let Some(every) = every else {
            return one(&self.0, value).map(Cow::Borrowed);
        };
        let mut found = Vec::new();
        let before = self.0.get(..every).unwrap_or_default();
        one(before, value)?;
        collect(&self.0, value, &mut found);
        Some(Cow::Owned(found.into_iter().cloned().collect()))
    }

    /// Puts `value` at the path, making objects and arrays on the way. `budget` counts down the array elements that may
    /// still be made. The error is a sentence without the path.
    pub(super) fn write(
        &self,
        output: &mut Value,
        value: Value,
        budget: &mut usize,
    ) -> Result<(), String> {
        let mut place = output;
        for segment in &self.0 {
            place = child(place, segment, budget)?;
        }
        *place = value;
        Ok(())
    }
}

/// What is at a path without `*`.
fn one<'a>(path: &[Segment], value: &'a Value) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, segment| match (segment, value) {
            (Segment::Name(name), Value::Object(fields)) => fields.get(name),
            (Segment::Name(name), Value::Array(elements)) => elements.get(index_of(name)?),
            (Segment::Index(index), Value::Array(elements)) => elements.get(*index),
            _ => None,
        })
}

/// Everything that a path leads to, each value once, since two ways through one `*` never meet.
fn collect<'a>(path: &[Segment], value: &'a Value, found: &mut Vec<&'a Value>) {
    let every = path.iter().position(|part| *part == Segment::Every);
    let Some(every) = every else {
        found.extend(one(path, value));
        return;
    };
    let (before, after) = path.split_at(every);
    let rest = after.get(1..).unwrap_or_default();
    match one(before, value) {
        Some(Value::Array(elements)) => {
            elements.iter().for_each(|each| collect(rest, each, found));
        }
        Some(Value::Object(fields)) => {
            fields.values().for_each(|each| collect(rest, each, found));
        }
        _ => {}
    }
}

/// The place that `segment` names inside `place`, made when it is missing.
fn child<'a>(
    place: &'a mut Value,
    segment: &Segment,
    budget: &mut usize,
) -> Result<&'a mut Value, String> {
    if place.is_null() {
        *place = match segment {
            Segment::Name(_) => Value::Object(Map::new()),
            Segment::Index(_) | Segment::Every => Value::Array(Vec::new()),
        };
    }
    match (segment, place) {
        (Segment::Name(name), Value::Object(fields)) => {
            Ok(fields.entry(name.as_str()).or_insert(Value::Null))
        }
        (Segment::Index(index), Value::Array(elements)) => element(elements, *index, budget),
        (Segment::Name(name), Value::Array(elements)) => {
            let index = index_of(name)
                .ok_or_else(|| format!("`{name}` does not name an element of an array"))?;
            element(elements, index, budget)
        }
        (Segment::Index(index), Value::Object(_)) => Err(format!(
            "`[{index}]` stands where there is an object already"
        )),
        (Segment::Every, _) => Err("`*` can be read, but not written".into()),
        (Segment::Name(_) | Segment::Index(_), _) => {
            Err("a rule before has put a plain value on the way".into())
        }
    }
}

fn element<'a>(
    elements: &'a mut Vec<Value>,
    index: usize,
    budget: &mut usize,
) -> Result<&'a mut Value, String> {
    if index > MAX_INDEX {
        return Err(format!("the index {index} is larger than {MAX_INDEX}"));
    }
    if let Some(more) = (index + 1).checked_sub(elements.len()) {
        *budget = budget.checked_sub(more).ok_or_else(|| {
            format!("the rules make more than {MAX_MADE_ELEMENTS} array elements")
        })?;
        elements.resize(elements.len() + more, Value::Null);
    }
    elements
        .get_mut(index)
        .ok_or_else(|| format!("there is no element {index}"))
}

/// `.name` without its dot.
fn dotted(rest: &str) -> Result<(Segment, &str), &'static str> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    match name {
        "" => Err("a name is missing"),
        "*" => Ok((Segment::Every, after)),
        name => Ok((Segment::Name(name.to_owned()), after)),
    }
}

/// `[0]`, `['name']`, `["name"]`.
fn bracketed(rest: &str) -> Result<(Segment, &str), &'static str> {
    let inner = rest.strip_prefix('[').ok_or("a `.` or `[` is missing")?;
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let inner = inner.get(1..).unwrap_or_default();
        let (name, after) = inner.split_once(quote).ok_or("a quote is not closed")?;
        let after = after.strip_prefix(']').ok_or("a bracket is not closed")?;
        return Ok((Segment::Name(name.to_owned()), after));
    }
    let (index, after) = inner.split_once(']').ok_or("a bracket is not closed")?;
    match (index, index_of(index)) {
        ("*", _) => Ok((Segment::Every, after)),
        (_, Some(index)) => Ok((Segment::Index(index), after)),
        (_, None) => Err(
            "between brackets stands an index, a quoted name or `*`; for slices and filters there is JavaScript",
        ),
    }
}

/// A plain decimal index.
fn index_of(text: &str) -> Option<usize> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn paths_of_both_notations_read_the_same() {
        let value = json!({"a": {"b": [10, {"c d": true}], "0": "zero"}, "": 1, "__proto__": 2});
        for (path, expected) in [
            ("a.b[0]", Some(json!(10))),
            ("a.b.0", Some(json!(10))),
            ("$.a.b[0]", Some(json!(10))),
            ("$['a'][\"b\"][1]['c d']", Some(json!(true))),
            ("a.0", Some(json!("zero"))),
            ("a[0]", None),
            ("a.b.7", None),
            ("a.b.x", None),
            ("a.b[0].x", None),
            ("$['']", Some(json!(1))),
            ("__proto__", Some(json!(2))),
            ("constructor", None),
            ("a.b[*]", Some(json!([10, {"c d": true}]))),
            ("$.a.b.*['c d']", Some(json!([true]))),
            ("a.*[*]", Some(json!([10, {"c d": true}]))),
            ("a.b[*].nowhere", Some(json!([]))),
            ("a.nowhere[*]", None),
            ("$", Some(value.clone())),
        ] {
            let parsed = Path::parse(path).expect(path);
            assert_eq!(parsed.read(&value).as_deref(), expected.as_ref(), "{path}");
        }
        for bad in [
            "",
            " ",
            ".",
            "a.",
            "a..b",
            "$..a",
            "a[",
            "a[]",
            "a[-1]",
            "a[**]",
            "$[?(@.x)]",
            "a[1:2]",
            "a['b]",
            "a[0]b",
            "a[99999999999999999999]",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Path::parse(&vec!["a"; 32].join(".")).is_ok());
        assert!(Path::parse(&vec!["a"; 33].join(".")).is_err());
    }

    #[test]
    fn writing_makes_what_is_missing_within_bounds() {
        let mut output = json!({});
        let mut budget = 10;
        for (path, value) in [
            ("a.b", json!(1)),
            ("a.list[1]", json!(2)),
            ("a.list.0", json!(3)),
            ("n.0", json!(4)),
            ("__proto__.polluted", json!(true)),
        ] {
            let path = Path::parse(path).expect(path);
            path.write(&mut output, value, &mut budget)
                .expect("written");
        }
        assert_eq!(
            output,
            json!({"a": {"b": 1, "list": [3, 2]}, "n": {"0": 4}, "__proto__": {"polluted": true}})
        );
        assert_eq!(budget, 8);
        for bad in [
            "a.b.c",
            "a[0]",
            "a.list.x",
            "big[10]",
            "a.list.10001",
            "big[10001]",
        ] {
            let path = Path::parse(bad).expect(bad);
            assert!(
                path.write(&mut output.clone(), json!(0), &mut budget)
                    .is_err(),
                "{bad}"
            );
            budget = 8;
        }
        for (path, fits) in [
            ("a[10000]", true),
            ("a[10001]", false),
            ("$", false),
            ("[0]", false),
            ("a[*]", false),
            ("*", false),
            ("a", true),
        ] {
            assert_eq!(
                Path::parse(path).expect(path).check_writable().is_ok(),
                fits,
                "{path}"
            );
        }
    }
}
