//! Rust files as text: their lines without comments and tests, the names and functions in them.
//! Relies on rustfmt's layout: an item ends at the line that closes it at the same indentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of the repository.
pub(crate) struct Source {
    /// Below the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether its module is declared behind `#[cfg(test)]`.
    is_test: bool,
}

impl Source {
    /// The path below `src/`; `None` for tests, examples and benches.
    pub(crate) fn in_src(&self) -> Option<&str> {
        self.path.strip_prefix("src/")
    }

    /// The part of the house that it belongs to: `store` for `src/store/keys.rs`.
    pub(crate) fn part(&self) -> Option<&str> {
        let first = self.in_src()?.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// Lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The same without modules that are there for tests only.
    pub(crate) fn code_without_tests(&self) -> Vec<(usize, &str)> {
        if self.is_test {
            return Vec::new();
        }
        let mut kept = Vec::new();
        let mut end_of_tests: Option<String> = None;
        let mut test_follows = false;
        for (number, line) in self.code() {
            if let Some(end) = &end_of_tests {
                if line == end {
                    end_of_tests = None;
                }
                continue;
            }
            let trimmed = line.trim_start();
            if trimmed.starts_with("#[cfg(") && trimmed.contains("test") {
                test_follows = true;
                continue;
            }
            if test_follows && trimmed.starts_with("#[") {
                continue;
            }
            if test_follows {
                test_follows = false;
                if line.ends_with('{') {
                    end_of_tests = Some(format!("{}}}", indentation(line)));
                }
                continue;
            }
            kept.push((number, line));
        }
        kept
    }
}

fn indentation(line: &str) -> &str {
    line.get(..line.len() - line.trim_start().len())
        .unwrap_or_default()
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, into: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root()).expect("below the root");
            into.push(Source {
                path: below.to_string_lossy().replace('\\', "/"),
                text: fs::read_to_string(&path).expect("readable"),
                is_test: false,
            });
        }
    }
}

pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "examples", "benches"] {
        collect(&root().join(folder), &mut found);
    }
    let of_tests: BTreeSet<String> = found.iter().flat_map(test_modules).collect();
    for source in &mut found {
        source.is_test = of_tests.contains(&source.path);
    }
    assert!(
        found.len() > 20,
        "the sources are not where this test looks for them"
    );
    found
}

/// The files of the modules that a file declares behind `#[cfg(test)]`.
fn test_modules(source: &Source) -> Vec<String> {
    let own = source.path.strip_suffix(".rs").unwrap_or(&source.path);
    let folder = own.strip_suffix("/mod").unwrap_or(own);
    let declared = source.text.split("#[cfg(test)]\nmod ").skip(1);
    let names = declared.filter_map(|rest| rest.split_once(';').map(|(name, _)| name));
    names
        .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .map(|name| format!("{folder}/{name}.rs"))
        .collect()
}

/// Whether `word` stands in `line` as a path of its own: `print!` is not in `eprint!`, `clap::` not in `my_clap::`.
pub(crate) fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        before.is_none_or(|character| !character.is_alphanumeric() && character != '_')
    })
}

/// The first names after `crate::` in a file, also those of `use crate::{a, b::c}`.
pub(crate) fn named_parts(source: &Source) -> BTreeSet<String> {
    let code: Vec<&str> = source.code().map(|(_, line)| line).collect();
    let code = code.join("\n");
    let mut names = BTreeSet::new();
    for (at, matched) in code.match_indices("crate::") {
        let before = code.get(..at).and_then(|start| start.chars().next_back());
        if before
            .is_some_and(|character| character.is_alphanumeric() || matches!(character, '_' | '$'))
        {
            continue;
        }
        let rest = code.get(at + matched.len()..).unwrap_or_default();
        match rest.strip_prefix('{') {
            None => names.extend(first_name(rest)),
            Some(group) => names.extend(
                top_level_entries(group)
                    .iter()
                    .filter_map(|entry| first_name(entry)),
            ),
        }
    }
    names
}

pub(crate) fn first_name(text: &str) -> Option<String> {
    let name: String = text
        .trim_start()
        .chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// What stands between the commas of `a, b::{c, d}, e}`, up to the closing brace.
fn top_level_entries(group: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let mut depth = 0_u32;
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                entries.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(entry) = entries.last_mut() {
            entry.push(character);
        }
    }
    entries
}

/// Every function with the line it starts at and how many lines it has.
pub(crate) fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let indent = indentation(line);
        let end = format!("{indent}}}");
        let is_whole =
            |line: &str| line.ends_with(';') || line.ends_with('}') || line.ends_with("},");
        let length = if is_whole(line) {
            1
        } else {
            lines
                .iter()
                .skip(index + 1)
                .position(|line| {
                    *line == end || (indentation(line) == indent && line.ends_with(';'))
                })
                .map_or(lines.len() - index, |offset| offset + 2)
        };
        found.push((name, index + 1, length));
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.trim_start();
    for modifier in [
        "pub(crate) ",
        "pub(super) ",
        "pub ",
        "default ",
        "const ",
        "async ",
        "unsafe ",
        "extern \"C\" ",
    ] {
        words = words.strip_prefix(modifier).unwrap_or(words);
    }
    first_name(words.strip_prefix("fn ")?)
}
