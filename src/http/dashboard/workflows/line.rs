//! On which line of a JSON text a place stands (`steps[2].config.url`). May not know definitions. Promise: never fails; a
//! place that is not there is where the innermost of what is around it begins.

use serde_json::value::RawValue;
use std::collections::HashMap;

/// The line of a place, from 1.
pub(super) fn line_of(text: &str, place: &str) -> usize {
    let mut at = text;
    let mut names = names(place).into_iter();
    // A flow's own nodes are named as if the flow were all there is.
    if let Some(first) = names.as_slice().first()
        && first == "nodes"
        && let Some(flow) = field(text, "flowData")
    {
        at = flow;
    }
    for name in names.by_ref() {
        match field(at, &name).or_else(|| item(at, &name)) {
            Some(inner) => at = inner,
            None => break,
        }
    }
    let offset = at.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// `steps[2].config` as `steps`, `2`, `config`.
fn names(place: &str) -> Vec<String> {
    let names = place.split(['.', '[', ']']);
    let names = names.filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let fields: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    fields.get(name).map(|value| value.get())
}

/// The item of an array by its number, or by its `id`.
fn item<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let numbered = name
        .parse()
        .ok()
        .and_then(|number: usize| items.get(number));
    let of_id = || {
        let mut items = items.iter();
        items.find(|item| {
            let id = field(item.get(), "id");
            id.and_then(|id| serde_json::from_str::<String>(id).ok())
                .as_deref()
                == Some(name)
        })
    };
    numbered.or_else(of_id).map(|item| item.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_or_what_is_around_it() {
        let text = "{\n \"name\": \"x\",\n \"steps\": [\n  {\n   \"id\": \"a\",\n   \"config\": { \"url\":\n    7 }\n  },\n  {}\n ]\n}";
        let flow = "{\n \"flowData\": {\n  \"nodes\": [\n   { \"id\": \"x\" },\n   { \"id\": \"y\" }\n  ]\n }\n}";
        for (text, place, line) in [
            (text, "name", 2),
            (text, "steps", 3),
            (text, "steps[0]", 4),
            (text, "steps[0].id", 5),
            (text, "steps[0].config.url", 7),
            (text, "steps[0].config.body", 6),
            (text, "steps[1].id", 9),
            (text, "steps[9]", 3),
            (text, "", 1),
            (text, "trigger.type", 1),
            (flow, "nodes.y", 5),
            (flow, "nodes[1].id", 5),
            (flow, "flowData", 2),
            ("no JSON", "steps[0]", 1),
            ("", "steps", 1),
        ] {
            assert_eq!(line_of(text, place), line, "{place}");
        }
    }
}
