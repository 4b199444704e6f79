//! Lists that people write as one text with commas: `{{input.email}}, Ada <ada@example.com>`.
//! May not know what the items are. Promise: a comma inside of quotes or of a template splits nothing, so that what was written
//! decides how many items there are, and not what a template renders to.

use super::scan;
use serde_json::Value;

/// What stands between the commas of a text, untrimmed.
pub fn items(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut rest, mut position) = (text, 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    while let Some(letter) = rest.get(position..).and_then(|text| text.chars().next()) {
        let after = position + letter.len_utf8();
        position = after;
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '{' => position = end_of_template(rest, after).unwrap_or(after),
            ',' if !is_quoted => {
                found.push(rest.get(..after - 1).unwrap_or_default());
                rest = rest.get(after..).unwrap_or_default();
                position = 0;
            }
            _ => {}
        }
    }
    found.push(rest);
    found
}

/// Where the template ends whose first brace ends at `after`.
fn end_of_template(text: &str, after: usize) -> Option<usize> {
    let inside = text.get(after..)?.strip_prefix('{')?;
    Some(after + 1 + scan::end_of_formula(inside)? + "}}".len())
}

/// Makes an array of a text, one item for each part that is not empty; the texts in an array are split in place. Anything else
/// stays.
pub fn split(written: &mut Value) {
    let texts = match std::mem::take(written) {
        Value::Array(texts) => texts,
        text @ Value::String(_) => vec![text],
        other => return *written = other,
    };
    let mut list = Vec::with_capacity(texts.len());
    for text in texts {
        match text {
            Value::String(text) => {
                let items = items(&text).into_iter().map(str::trim);
                list.extend(items.filter(|item| !item.is_empty()).map(Value::from));
            }
            other => list.push(other),
        }
    }
    *written = Value::Array(list);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_split_as_it_was_written() {
        for (text, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("a@x", &["a@x"]),
            ("a@x,b@x , ", &["a@x", "b@x"]),
            (
                "{{a}}, {{ b | join(', ') }} <c@x>, d",
                &["{{a}}", "{{ b | join(', ') }} <c@x>", "d"],
            ),
            ("{{ \"}},\" }},b", &["{{ \"}},\" }}", "b"]),
            (
                "\"Lovelace, {{n}}\" <a@x>, b@x",
                &["\"Lovelace, {{n}}\" <a@x>", "b@x"],
            ),
            ("\"a \\\"q\\\", b\" <a@x>", &["\"a \\\"q\\\", b\" <a@x>"]),
            ("{{a, b", &["{{a", "b"]),
            ("{ä, ö}", &["{ä", "ö}"]),
        ] {
            let mut written = json!(text);
            split(&mut written);
            assert_eq!(written, json!(expected), "{text}");
        }
    }

    #[test]
    fn arrays_are_split_item_by_item_and_other_values_stay() {
        for (written, expected) in [
            (
                json!(["a, b", 1, ["c, d"], ""]),
                json!(["a", "b", 1, ["c, d"]]),
            ),
            (json!({"a": "b, c"}), json!({"a": "b, c"})),
            (json!(null), json!(null)),
            (json!(1), json!(1)),
        ] {
            let mut split_up = written.clone();
            split(&mut split_up);
            assert_eq!(split_up, expected, "{written}");
        }
    }
}
