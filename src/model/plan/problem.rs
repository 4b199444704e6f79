//! Problems of definitions: a place, a sentence, and the nearest thing that was probably meant.
//! May not know formats. Promise: all problems are reported at once, up to [`MAX_PROBLEMS`]; nearness is looked for only
//! in short words, so a hostile definition costs no more than a wrong one.

/// How many problems one answer lists; the rest is counted.
pub const MAX_PROBLEMS: usize = 100;

/// Longer words are not compared.
const MAX_COMPARED_BYTES: usize = 32;

/// One mistake in a definition, or in a value that has to fit one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct DefinitionProblem {
    /// `steps[2].config.url`, `inputSchema`, …
    pub place: String,
    /// What is wrong, with the value, and what to do.
    pub message: String,
}

/// Problems as one sentence: places and words.
pub fn in_words(problems: &[DefinitionProblem]) -> String {
    let words = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.place, problem.message));
    words.collect::<Vec<String>>().join("; ")
}

/// Collects the problems of one step, each with its place.
pub struct Problems<'a> {
    /// The place of the step's configuration: `steps[2].config`.
    pub place: String,
    /// Whether the definition is a new one, in which also what could never mean what it seems to is a mistake.
    pub is_new: bool,
    /// All problems of the definition so far.
    pub found: &'a mut Vec<DefinitionProblem>,
}

impl Problems<'_> {
    /// Adds a problem at `field` (a path below the configuration; empty for the configuration as a whole).
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        let place = if field.is_empty() {
            self.place.clone()
        } else {
            format!("{}.{field}", self.place)
        };
        self.found.push(DefinitionProblem {
            place,
            message: message.into(),
        });
    }
}

/// Adds a problem.
pub(in crate::model) fn add(
    found: &mut Vec<DefinitionProblem>,
    place: impl Into<String>,
    message: impl Into<String>,
) {
    found.push(DefinitionProblem {
        place: place.into(),
        message: message.into(),
    });
}

/// Whether looking for more problems is worth the work.
pub(in crate::model) fn enough(found: &[DefinitionProblem]) -> bool {
    found.len() > MAX_PROBLEMS
}

/// The problems as they are answered: at most [`MAX_PROBLEMS`], then how many more there are.
pub(in crate::model) fn capped(mut found: Vec<DefinitionProblem>) -> Vec<DefinitionProblem> {
    if let Some(more) = found
        .len()
        .checked_sub(MAX_PROBLEMS)
        .filter(|more| *more > 0)
    {
        found.truncate(MAX_PROBLEMS);
        add(
            &mut found,
            "definition",
            format!("there are more problems: at least {more}"),
        );
    }
    found
}

/// The name out of `known` that `word` is a near miss of.
pub(in crate::model) fn nearest<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > MAX_COMPARED_BYTES {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .filter(|name| name.len().abs_diff(word.len()) <= 3)
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 3))
        .min()
        .map(|(_, name)| name)
}

/// ` (did you mean `x`?)`, or nothing.
pub(in crate::model) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// A value as a message shows it: JSON, cut where it is long.
pub(in crate::model) fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(_) => "an array".into(),
        serde_json::Value::Object(_) => "an object".into(),
        serde_json::Value::String(text) => format!("\"{}\"", short(text)),
        other => other.to_string(),
    }
}

/// The beginning of a text.
pub(in crate::model) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// `steps[2].config` and the JSON pointer `/body/items/0` as one place: `steps[2].config.body.items[0]`.
pub(in crate::model) fn below(place: &str, pointer: &str) -> String {
    let mut path = place.to_owned();
    for segment in pointer.split('/').skip(1) {
        if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{segment}]"));
        } else {
            path.push('.');
            path.push_str(&segment.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_far_words_are_not() {
        let known = || ["condition", "wait", "action"].into_iter();
        for (word, expected) in [
            ("conditon", Some("condition")),
            ("Condition", Some("condition")),
            ("wiat", Some("wait")),
            ("actoin", Some("action")),
            ("loop", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known()), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known()), None);
    }

    #[test]
    fn pointers_become_places() {
        assert_eq!(below("steps[2].config", ""), "steps[2].config");
        assert_eq!(
            below("steps[2].config", "/body/items/0/a~1b~0c"),
            "steps[2].config.body.items[0].a/b~c"
        );
    }

    #[test]
    fn a_long_list_of_problems_is_cut_and_counted() {
        let many = |count: usize| {
            let mut found = Vec::new();
            (0..count).for_each(|at| add(&mut found, at.to_string(), "wrong"));
            capped(found)
        };
        assert_eq!(many(MAX_PROBLEMS).len(), MAX_PROBLEMS);
        let cut = many(MAX_PROBLEMS + 7);
        assert_eq!(cut.len(), MAX_PROBLEMS + 1);
        assert_eq!(
            cut.last().map(|problem| problem.message.as_str()),
            Some("there are more problems: at least 7")
        );
    }
}
