//! The house rules as tests: who may know whom, where a crate may be used, how long things may be, what may not be left
//! lying around. Reads the sources as text; rustfmt's layout is what it relies on.

#![allow(clippy::expect_used)]

mod source;

use source::{first_name, functions, mentions, named_parts, root, sources};
use std::collections::BTreeSet;
use std::fs;

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;

/// For each part of `src/`, what it may name with `crate::`. Arrows go down only.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("id", &[]),
    ("clock", &[]),
    ("secret", &[]),
    ("to_its_end", &[]),
    ("data_folder", &["error", "secret"]),
    ("model", &["id", "error", "clock"]),
    // Its limits are the model's, so that they are written and read in one way.
    ("config", &["error", "model", "secret"]),
    (
        "store",
        &["model", "id", "clock", "config", "secret", "error"],
    ),
    (
        "auth",
        &[
            "store",
            "model",
            "id",
            "clock",
            "config",
            "secret",
            "to_its_end",
            "error",
        ],
    ),
    (
        "engine",
        &[
            "store",
            "model",
            "id",
            "clock",
            "config",
            "secret",
            "to_its_end",
            "error",
        ],
    ),
    (
        "http",
        &[
            "engine",
            "auth",
            "store",
            "model",
            "id",
            "clock",
            "config",
            "secret",
            "to_its_end",
            "error",
        ],
    ),
    (
        "app",
        &[
            "http",
            "engine",
            "auth",
            "store",
            "model",
            "id",
            "clock",
            "config",
            "data_folder",
            "secret",
            "error",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "auth",
            "store",
            "model",
            "id",
            "clock",
            "config",
            "data_folder",
            "secret",
            "error",
        ],
    ),
    ("main", &[]),
    ("lib", &[]),
];

/// What may be used only in these files and folders of `src/`.
const FENCES: &[(&[&str], &[&str])] = &[
    (
        &[
            "warp::",
            "hyper::",
            "hyper_util::",
            "http_body::",
            "http_body_util::",
        ],
        &["http"],
    ),
    (&["tokio_rustls::"], &["http", "engine/mail"]),
    (&["lettre::"], &["engine/mail"]),
    (&["rusqlite::", "r2d2::", "r2d2_sqlite::"], &["store"]),
    (&["argon2::"], &["auth/hash.rs"]),
    (&["croner::"], &["model/trigger/schedule"]),
    (&["jiff::"], &["model/zone.rs"]),
    (&["chacha20poly1305::"], &["secret"]),
    (&["rquickjs::"], &["engine/script"]),
    (&["askama::"], &["http"]),
    (&["rust_sugiyama::"], &["http/dashboard/picture"]),
    (&["similar::"], &["http/dashboard/workflows/difference.rs"]),
    (&["schemars::"], &["http", "model", "engine", "id.rs"]),
    (
        &["reqwest::"],
        &["engine/outbound", "engine/outbound.rs", "cli/client.rs"],
    ),
    (&["clap::", "indicatif::", "env_logger::"], &["cli"]),
    (&["std::env", "env::var"], &["config", "cli"]),
    (
        &["SystemTime::now", "Instant::now", "Utc::now", "Local::now"],
        &["clock.rs"],
    ),
    (
        &[
            "println!",
            "print!",
            "eprintln!",
            "eprint!",
            "io::stdout",
            "io::stderr",
        ],
        &["cli", "main.rs"],
    ),
];

/// The parts of the model that would make it impure.
const NOT_IN_MODEL: &[&str] = &[
    "tokio::",
    "async fn",
    "async move",
    "std::fs",
    "std::net::Tcp",
    "std::thread",
    "Clock",
];

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn arrows_go_down_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(part) = source.part() else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!(
                "{}: `{part}` has no place in the table of arrows",
                source.path
            ));
            continue;
        };
        for name in named_parts(&source) {
            let is_known = ARROWS.iter().any(|(known, _)| *known == name);
            if is_known && name != part && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{} names crate::{name}", source.path));
            }
        }
    }
    assert_none("these arrows do not go down", &wrong);
}

#[test]
fn the_table_of_arrows_has_no_circle() {
    fn reaches(from: &str, to: &str, depth: usize) -> bool {
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| *name == from)
            .map_or(&[][..], |(_, allowed)| allowed);
        depth > 0
            && allowed
                .iter()
                .any(|next| *next == to || reaches(next, to, depth - 1))
    }
    for (part, _) in ARROWS {
        assert!(!reaches(part, part, ARROWS.len()), "{part} reaches itself");
    }
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(path) = source.in_src() else {
            continue;
        };
        for (words, places) in FENCES {
            let is_inside = places.iter().any(|place| {
                path == *place
                    || path == format!("{place}.rs")
                    || path.starts_with(&format!("{place}/"))
            });
            if is_inside {
                continue;
            }
            for (number, line) in source.code_without_tests() {
                for word in words.iter().filter(|word| mentions(line, word)) {
                    wrong.push(format!("{}:{number} uses {word}", source.path));
                }
            }
        }
    }
    assert_none("these belong elsewhere", &wrong);
}

#[test]
fn the_model_is_pure() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.part() == Some("model"))
    {
        for (number, line) in source.code_without_tests() {
            for word in NOT_IN_MODEL.iter().filter(|word| mentions(line, word)) {
                wrong.push(format!("{}:{number} uses {word}", source.path));
            }
        }
    }
    assert_none("the model knows no I/O, no async and no clock", &wrong);
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_FILE_LINES {
            wrong.push(format!("{} has {lines} lines", source.path));
        }
        for (name, number, length) in functions(&source.text) {
            if length > MAX_FUNCTION_LINES {
                wrong.push(format!(
                    "{}:{number} fn {name} has {length} lines",
                    source.path
                ));
            }
        }
    }
    assert_none("files have at most 400 lines, functions 70", &wrong);
}

#[test]
fn functions_are_measured_rightly() {
    let text = "fn a() {}\npub(super) async fn b(\n    x: u8,\n) -> u8 {\n    x\n}\ntrait T {\n    fn c(&self);\n    \
                const fn d(\n        &self,\n    ) -> u8;\n}\n";
    let found = functions(text);
    let expected = [("a", 1, 1), ("b", 2, 5), ("c", 8, 1), ("d", 9, 3)];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((name, line, length), expected) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), *line, *length), expected);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path.clone())
        .collect();
    assert_none("these files do not open with `//!`", &silent);
}

#[test]
fn texts_lie_where_they_are_looked_for() {
    let mut found: Vec<String> = fs::read_dir(root())
        .expect("the repository is a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md") || name.ends_with(".txt"))
        .collect();
    found.retain(|name| name != "README.md");
    assert_none("these texts do not belong to the repository", &found);
}

#[test]
fn nothing_unfinished_is_left() {
    // Put together, so that this file does not find itself.
    let words = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X:"],
        ["to", "do!"],
        ["unimple", "mented!"],
        ["db", "g!"],
    ]
    .map(|halves| halves.concat());
    let mut wrong = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            for word in words.iter().filter(|word| mentions(line, word)) {
                wrong.push(format!("{}:{} has {word}", source.path, index + 1));
            }
        }
    }
    assert_none("these are unfinished", &wrong);
}

#[test]
fn nothing_in_src_can_panic_by_unwrapping() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.in_src().is_some()) {
        for (number, line) in source.code_without_tests() {
            if line.contains(".unwrap()")
                || line.contains(".expect(")
                || line.contains(".unwrap_err()")
            {
                wrong.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert_none("these unwrap outside tests", &wrong);
}

#[test]
fn the_readme_and_the_examples_agree() {
    let readme = match fs::read_to_string(root().join("README.md")) {
        Ok(readme) => readme,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("README.md: {error}"),
    };
    let mut named: BTreeSet<String> = readme
        .match_indices("examples/")
        .filter_map(|(at, _)| readme.get(at..))
        .map(|rest| {
            let path: String = rest
                .chars()
                .take_while(|character| {
                    character.is_ascii_alphanumeric() || "/_-.".contains(*character)
                })
                .collect();
            path.trim_end_matches(['.', '/']).to_owned()
        })
        .filter(|path| path.contains('.'))
        .collect();
    for (at, matched) in readme.match_indices("--example ") {
        let rest = readme.get(at + matched.len()..).unwrap_or_default();
        // An example is a file, or a folder with a `main.rs`.
        named.extend(first_name(rest).map(|name| {
            let folder = format!("examples/{name}/main.rs");
            if root().join(&folder).exists() {
                folder
            } else {
                format!("examples/{name}.rs")
            }
        }));
    }
    let missing: Vec<String> = named
        .iter()
        .filter(|path| !root().join(path).exists())
        .cloned()
        .collect();
    assert_none("the README names examples that are not there", &missing);
    let unnamed: Vec<String> = sources()
        .iter()
        .map(|source| source.path.clone())
        .filter(|path| {
            path.starts_with("examples/") && path.matches('/').count() == 1 && !named.contains(path)
        })
        .collect();
    assert_none("the README does not name these examples", &unnamed);
}
