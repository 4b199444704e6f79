//! Compares what the README shows with what was answered. Ids, times, key texts and the like differ from run to run: each
//! is compared by its kind, and what was shown is remembered, so that a later command that uses it uses the real one.

use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// What differs from run to run. The name of the alternative is its kind.
static PASSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?<key>wfk_[0-9A-Za-z]{8,32}…?|sk-[0-9A-Za-z]{8,48}…?)
        | (?<uuid>[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b)
        | (?<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)
        | (?<date>\b[A-Z][a-z]{2},\ \d\d\ [A-Z][a-z]{2}\ \d{4}\ \d\d:\d\d:\d\d\ GMT)
        | (?<request>\b[0-9a-z]{8}-[0-9a-f]{8}\b)
        | (?<second>\b1\d{9}\b)
        | (?<seconds>retry-after:\ \d{1,2}\b)",
    )
    .expect("a pattern")
});

/// Stands in shown JSON for the fields that are left out.
const REST: &str = "…";

/// What the README shows, and what it is in this run.
#[derive(Default)]
pub(super) struct Known(Vec<(String, String)>);

impl Known {
    pub(super) fn learn(&mut self, shown: &str, real: &str) {
        if shown != real && self.0.iter().all(|(known, _)| known != shown) {
            self.0.push((shown.to_owned(), real.to_owned()));
            // The longest first, so that a part of a longer one does not get in its way.
            self.0
                .sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
        }
    }

    /// The text with everything that is known put in.
    pub(super) fn real(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (shown, real)| {
            text.replace(shown.as_str(), real)
        })
    }

    /// Compares two texts, and learns what differs rightly.
    pub(super) fn compare_text(&mut self, shown: &str, real: &str) {
        let shown = self.real(shown);
        let (mut shown_plain, mut real_plain) = (String::new(), String::new());
        let mut shown_passing = plain(&shown, &mut shown_plain);
        let real_passing = plain(real, &mut real_plain);
        assert_eq!(
            shown_plain, real_plain,
            "\nthe README shows:\n{shown}\nthe answer is:\n{real}\n"
        );
        for (shown, real) in shown_passing.drain(..).zip(real_passing) {
            self.learn(&shown, &real);
            if let (Some(shown), Some(real)) = (public_part(&shown), public_part(&real)) {
                self.learn(shown, real);
            }
        }
    }

    /// Compares shown JSON with an answer; `…` stands for fields that are left out.
    pub(super) fn compare_json(&mut self, shown: &str, real: &str) {
        let shown: Value =
            serde_json::from_str(&with_rests(shown)).unwrap_or_else(|e| panic!("{e}: {shown}"));
        let real: Value = serde_json::from_str(real).unwrap_or_else(|e| panic!("{e}: {real}"));
        self.compare_value(&shown, &real, "$");
    }

    fn compare_value(&mut self, shown: &Value, real: &Value, place: &str) {
        match (shown, real) {
            (Value::Object(shown), Value::Object(real)) => {
                let has_rest = shown.contains_key(REST);
                for (name, value) in shown.iter().filter(|(name, _)| *name != REST) {
                    let found = real.get(name).unwrap_or_else(|| {
                        panic!("the README shows {place}.{name}, the answer has none: {real:?}")
                    });
                    if name == "durationMs" && value.is_u64() && found.is_u64() {
                        continue;
                    }
                    self.compare_value(value, found, &format!("{place}.{name}"));
                }
                for name in real.keys().filter(|name| !shown.contains_key(*name)) {
                    assert!(
                        has_rest,
                        "the answer has {place}.{name}, the README has not"
                    );
                }
            }
            (Value::Array(shown), Value::Array(real)) => {
                assert_eq!(shown.len(), real.len(), "elements of {place}");
                for (index, (shown, real)) in shown.iter().zip(real).enumerate() {
                    self.compare_value(shown, real, &format!("{place}[{index}]"));
                }
            }
            (Value::String(shown), Value::String(real)) => self.compare_text(shown, real),
            _ => assert_eq!(shown, real, "at {place}"),
        }
    }
}

/// The text with its passing parts as their kinds; gives those parts in order.
fn plain(text: &str, into: &mut String) -> Vec<String> {
    let (mut found, mut from) = (Vec::new(), 0);
    for captures in PASSING.captures_iter(text) {
        let whole = captures.get(0).expect("the whole match");
        let kind = PASSING
            .capture_names()
            .flatten()
            .find(|name| captures.name(name).is_some());
        into.push_str(&text[from..whole.start()]);
        // A key's text and the part of it that lists show are two kinds.
        let is_whole_key = whole.as_str().ends_with(REST) || matches!(whole.len(), 36 | 51);
        into.push_str(&match kind {
            Some("key") if is_whole_key => "<whole key>".to_owned(),
            kind => format!("<{}>", kind.unwrap_or_default()),
        });
        found.push(whole.as_str().to_owned());
        from = whole.end();
    }
    into.push_str(&text[from..]);
    found
}

fn public_part(text: &str) -> Option<&str> {
    let secret = text.strip_prefix("wfk_").or(text.strip_prefix("sk-"))?;
    secret.get(..8)
}

/// Makes JSON of shown JSON: a `…` outside strings becomes a field of its own.
fn with_rests(shown: &str) -> String {
    let (mut out, mut in_string) = (String::new(), false);
    for letter in shown.chars() {
        match letter {
            '"' => in_string = !in_string,
            '…' if !in_string => {
                out.push_str("\"…\":null");
                continue;
            }
            _ => {}
        }
        out.push(letter);
    }
    out
}

#[test]
fn what_differs_is_found_and_what_passes_is_learnt() {
    let mut known = Known::default();
    known.compare_text(
        "key wfk_aaaaaaaa… at 1795331166",
        &format!("key wfk_{} at 1895331166", "b".repeat(32)),
    );
    assert_eq!(
        known.real("K=wfk_aaaaaaaa…"),
        format!("K=wfk_{}", "b".repeat(32))
    );
    known.compare_json(r#"{"by":"aaaaaaaa", …}"#, r#"{"by":"bbbbbbbb","x":1}"#);
    for (shown, real) in [
        (r#"{"a":1}"#, r#"{"a":2}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":1,"b":2, …}"#, r#"{"a":1}"#),
        (r#"["a"]"#, r#"["a","b"]"#),
        (r#"{"a":"2024-01-15T10:00:00.000Z"}"#, r#"{"a":"soon"}"#),
        (
            r#"{"a":"wfk_aaaaaaab"}"#,
            r#"{"a":"wfk_aaaaaaabcccccccccccccccccccccccc"}"#,
        ),
    ] {
        let differs = std::panic::catch_unwind(|| Known::default().compare_json(shown, real));
        assert!(differs.is_err(), "{shown} beside {real}");
    }
}
