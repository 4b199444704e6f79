//! Reads the fields of one object of a trigger, each within bounds. May not know what they mean. Promise: what is not as it
//! should be is a problem with its place and its value.

use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem::{self, hint, shown};
use serde_json::{Map, Value};

/// The longest text of a field.
const MAX_TEXT_CHARS: usize = 200;

/// What is being read, and what was found wrong with it.
pub(super) struct Reader<'a, 'p> {
    pub(super) fields: &'a Map<String, Value>,
    pub(super) place: &'static str,
    pub(super) found: &'p mut Vec<DefinitionProblem>,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn add(&mut self, name: &str, message: impl Into<String>) {
        problem::add(self.found, format!("{}.{name}", self.place), message);
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Other tools keep fields of their own in a trigger; only near misses of ours are mistakes.
    pub(super) fn near_misses(&mut self, known: &[&'static str]) {
        let unknown = self
            .fields
            .keys()
            .filter(|name| !known.contains(&name.as_str()));
        let missed: Vec<(&String, &str)> = unknown
            .filter_map(|name| Some((name, problem::nearest(name, known.iter().copied())?)))
            .collect();
        for (name, meant) in missed {
            let message = format!("a webhook trigger has no such field; did you mean `{meant}`?");
            self.add(name, message);
        }
    }

    /// Whatever is not known would be believed to work.
    pub(super) fn only(&mut self, known: &[&'static str]) {
        let unknown = self
            .fields
            .keys()
            .filter(|name| !known.contains(&name.as_str()));
        for name in unknown
            .take(20)
            .map(|name| problem::short(name))
            .collect::<Vec<_>>()
        {
            let message = format!(
                "there is no such setting{}; there are {}",
                hint(&name, known.iter().copied()),
                known.join(", ")
            );
            self.add(&name, message);
        }
    }

    /// Texts, each 1 to 200 characters.
    pub(super) fn list(&mut self, name: &str, max: usize) -> Vec<String> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let texts = value
            .as_array()
            .filter(|items| items.len() <= max)
            .map(|items| {
                let good = |item: &Value| {
                    item.as_str()
                        .filter(|text| is_short(text))
                        .map(str::to_owned)
                };
                items.iter().map(good).collect::<Option<Vec<String>>>()
            });
        match texts {
            Some(Some(texts)) => texts,
            _ => {
                let message = format!(
                    "it is {}; it must be an array of at most {max} texts, each 1 to {MAX_TEXT_CHARS} characters long",
                    shown(value)
                );
                self.add(name, message);
                Vec::new()
            }
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.add(
                name,
                format!("it is {}; it must be true or false", shown(value)),
            );
        }
        flag
    }

    pub(super) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let value = self.get(name)?;
        let object = value.as_object();
        if object.is_none() {
            self.add(
                name,
                format!("it is {}; it must be an object", shown(value)),
            );
        }
        object
    }

    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.get(name)?;
        let text = value.as_str().filter(|text| is_short(text));
        if text.is_none() {
            let message = format!(
                "it is {}; it must be a text of 1 to {MAX_TEXT_CHARS} characters",
                shown(value)
            );
            self.add(name, message);
        }
        text
    }

    pub(super) fn header(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?.to_ascii_lowercase();
        let good = is_header_name(&text);
        if !good {
            self.add(name, format!("`{text}` is not the name of a header"));
        }
        good.then_some(text)
    }

    pub(super) fn choice<T: Copy>(&mut self, name: &str, default: T, choices: &[(&str, T)]) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.add(
                name,
                format!(
                    "it is \"{}\"; use {}",
                    problem::short(text),
                    words.join(", ")
                ),
            );
        }
        chosen.map_or(default, |(_, value)| *value)
    }
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS
}

pub(super) fn is_header_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed)
}
