//! Conversions of texts.
//!
//! | name | a value becomes |
//! |---|---|
//! | `string` | text; arrays and objects as JSON |
//! | `capitalize` | text with its first letter in upper case |
//! | `uppercase`, `lowercase`, `trim` | text |
//! | `titlecase` | text in which every word begins with an upper case letter |
//! | `camelcase`, `snakecase`, `kebabcase` | the words of a text as one name: `orderId`, `order_id`, `order-id` |
//! | `truncate` | the first `length` characters, with `ellipsis` (`…`) where something was cut off |
//! | `replace` | text with every `search`, or every match of the regular expression `pattern`, replaced by `with` |
//! | `split` | an array of the parts between each `separator` (`,`) |
//! | `concat` | the text followed by `with`, or the array followed by the elements of the array `with` |
//! | `mask` | `*` for every character but the last `keep` (4) |

use super::super::super::field::{self, Fields};
use super::{
    Conversion, Form, MAX_MADE_BYTES, flag_option, made, may, must, plain, text_of, text_option,
    too_long, whole_option, with,
};
use regex::RegexBuilder;
use serde_json::Value;

/// The longest text that an option counts in.
const MOST: Form = Form::Number(0.0, 1_000_000.0);
/// How much a regular expression may take when compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// How many parts a text may be split into.
const MAX_PARTS: usize = 100_000;

pub(super) const CONVERSIONS: &[Conversion] = &[
    plain(&["string", "tostring"], string),
    plain(&["capitalize"], |value, _| {
        text_of(value).map(|text| capitalized(&text).into())
    }),
    plain(&["uppercase", "upper", "touppercase"], |value, _| {
        text_of(value).map(|text| text.to_uppercase().into())
    }),
    plain(&["lowercase", "lower", "tolowercase"], |value, _| {
        text_of(value).map(|text| text.to_lowercase().into())
    }),
    plain(&["trim"], |value, _| {
        text_of(value).map(|text| text.trim().into())
    }),
    plain(&["titlecase", "title", "totitlecase"], title),
    plain(&["camelcase", "camel", "tocamelcase"], camel),
    plain(&["snakecase", "snake", "tosnakecase"], |value, _| {
        text_of(value).map(|text| lower_words(&text).join("_").into())
    }),
    plain(&["kebabcase", "kebab", "tokebabcase"], |value, _| {
        text_of(value).map(|text| lower_words(&text).join("-").into())
    }),
    with(
        &["truncate"],
        &[must("length", MOST), may("ellipsis", Form::Text)],
        truncate,
    ),
    with(
        &["replace", "replaceall"],
        &[
            may("search", Form::Text),
            may("pattern", Form::Text),
            may("with", Form::Text),
            may("ignoreCase", Form::Flag),
        ],
        replace,
    ),
    with(&["split"], &[may("separator", Form::Text)], split),
    with(&["concat", "append"], &[must("with", Form::Any)], concat),
    with(
        &["mask"],
        &[may("keep", MOST), may("with", Form::Text)],
        mask,
    ),
];

fn string(value: &Value, _: &Fields) -> Result<Value, String> {
    match value {
        Value::Null => text_of(value).map(Value::from),
        _ => Ok(field::scalar_text(value)
            .unwrap_or_else(|| value.to_string())
            .into()),
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    first + letters.as_str()
}

fn title(value: &Value, _: &Fields) -> Result<Value, String> {
    let text = text_of(value)?;
    let words = text.split_inclusive(char::is_whitespace);
    Ok(words
        .map(|word| capitalized(&word.to_lowercase()))
        .collect::<String>()
        .into())
}

fn camel(value: &Value, _: &Fields) -> Result<Value, String> {
    let text = text_of(value)?;
    let words = lower_words(&text).into_iter().enumerate();
    Ok(words
        .map(|(at, word)| if at == 0 { word } else { capitalized(&word) })
        .collect::<String>()
        .into())
}

/// The words of a text or a name, in lower case: `orderId`, `order_id`, `Order ID` and `HTTPServer2` hold two each.
fn lower_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = text.chars().collect();
    for (at, letter) in letters.iter().copied().enumerate() {
        if !letter.is_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let ends_acronym = before.is_some_and(|before| before.is_uppercase())
            && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let follows_lower =
            before.is_some_and(|before| before.is_lowercase() || before.is_numeric());
        if letter.is_uppercase() && (follows_lower || ends_acronym) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.extend(letter.to_lowercase());
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn truncate(value: &Value, options: &Fields) -> Result<Value, String> {
    let text = text_of(value)?;
    let length = whole_option(options, "length", 0);
    Ok(match text.char_indices().nth(length) {
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            format!("{kept}{}", text_option(options, "ellipsis", "…")).into()
        }
        None => text.into(),
    })
}

fn replace(value: &Value, options: &Fields) -> Result<Value, String> {
    let text = text_of(value)?;
    let instead = text_option(options, "with", "");
    let search = text_option(options, "search", "");
    let pattern = match text_option(options, "pattern", "") {
        "" if search.is_empty() => {
            return Err("`replace` needs its option `search` or `pattern`".to_owned());
        }
        "" => regex::escape(search),
        pattern => pattern.to_owned(),
    };
    let pattern = RegexBuilder::new(&pattern)
        .case_insensitive(flag_option(options, "ignoreCase", false))
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| {
            let error = field::cut(&error.to_string(), 200);
            format!("`pattern` is not a regular expression: {error}")
        })?;
    let mut made = String::new();
    let mut from = 0;
    for found in pattern.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        made.push_str(text.get(from..whole.start()).unwrap_or_default());
        // `$1` stands for a group of a pattern, and for itself where plain text is replaced.
        if search.is_empty() {
            found.expand(instead, &mut made);
        } else {
            made.push_str(instead);
        }
        from = whole.end();
        if made.len() > MAX_MADE_BYTES {
            return Err(too_long());
        }
    }
    made.push_str(text.get(from..).unwrap_or_default());
    super::made(made)
}

fn split(value: &Value, options: &Fields) -> Result<Value, String> {
    let text = text_of(value)?;
    let parts: Vec<Value> = match text_option(options, "separator", ",") {
        "" => text
            .chars()
            .map(|letter| letter.to_string().into())
            .take(MAX_PARTS + 1)
            .collect(),
        separator => text
            .split(separator)
            .map(Value::from)
            .take(MAX_PARTS + 1)
            .collect(),
    };
    if parts.len() > MAX_PARTS {
        return Err(format!("the text has more than {MAX_PARTS} parts"));
    }
    Ok(Value::Array(parts))
}

fn concat(value: &Value, options: &Fields) -> Result<Value, String> {
    let more = options.get("with").unwrap_or(&Value::Null);
    match (value, more) {
        (Value::Array(elements), Value::Array(more)) => {
            Ok(elements.iter().chain(more).cloned().collect())
        }
        (Value::Array(elements), more) => {
            let more = std::iter::once(more);
            Ok(elements.iter().chain(more).cloned().collect())
        }
        (value, more) => made(text_of(value)? + &text_of(more)?),
    }
}

fn mask(value: &Value, options: &Fields) -> Result<Value, String> {
    let text = text_of(value)?;
    let letters = text.chars().count();
    let hidden = letters.saturating_sub(whole_option(options, "keep", 4));
    let star = text_option(options, "with", "*");
    if star.len().saturating_mul(hidden) > MAX_MADE_BYTES {
        return Err(too_long());
    }
    let kept: String = text.chars().skip(hidden).collect();
    Ok((star.repeat(hidden) + &kept).into())
}
