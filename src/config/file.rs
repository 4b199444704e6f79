//! The configuration file: TOML, one key a setting, no tables.
//! May not know the other sources. Promise: a value of the wrong type is told with its place, and a path is relative to
//! the file.

use super::load::{did_you_mean, keys};
use super::settings::{Kind, Setting};
use super::{Config, Origin};
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::Path;

/// Reads a file over `config`. One that was not `named` need not be there.
pub(super) fn apply(path: &Path, named: bool, config: &mut Config, problems: &mut Vec<String>) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // Where the folder's path leads through a file, it is for whoever opens the folder to say so.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) && !named => return,
        Err(error) => {
            problems.push(format!("{}: cannot be read: {error}", path.display()));
            return;
        }
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            problems.push(format!(
                "{}: {}",
                path.display(),
                error.to_string().trim_end()
            ));
            return;
        }
    };
    for (key, value) in &table {
        let place = |problem: String| format!("{}: {problem}", path.display());
        let Some(setting) = Setting::named(key) else {
            problems.push(place(format!(
                "unknown key `{key}`{}",
                did_you_mean(key, keys())
            )));
            continue;
        };
        if setting.key == "data" && !named {
            problems.push(place(
                "`data` cannot be set in the data folder's own file".into(),
            ));
            continue;
        }
        let read =
            file_value(setting.kind, value, path).and_then(|text| setting.apply(config, &text));
        match read {
            Ok(()) => drop(config.origins.insert(setting.key, Origin::File)),
            Err(problem) => problems.push(place(format!("{key}: {problem}"))),
        }
    }
}

/// A file's value as the text that a variable would have. Paths are relative to the file.
fn file_value(kind: Kind, value: &toml::Value, file: &Path) -> Result<String, String> {
    match (kind, value) {
        (Kind::Path, toml::Value::String(text)) if !text.is_empty() => {
            let folder = file.parent().unwrap_or(Path::new(""));
            Ok(folder.join(text).to_string_lossy().into_owned())
        }
        (_, toml::Value::String(text)) => Ok(text.clone()),
        (Kind::Number { .. } | Kind::Limit | Kind::Balance, toml::Value::Integer(number)) => {
            Ok(number.to_string())
        }
        (Kind::Switch, toml::Value::Boolean(is_on)) => Ok(is_on.to_string()),
        (Kind::List, toml::Value::Array(entries)) => {
            let texts: Option<Vec<&str>> = entries
                .iter()
                .map(|entry| entry.as_str().filter(|text| !text.contains(',')))
                .collect();
            let texts = texts.ok_or("is not an array of texts without commas")?;
            Ok(texts.join(","))
        }
        (Kind::List, toml::Value::Table(entries)) => {
            let pairs: Result<Vec<String>, String> = entries.iter().map(pair).collect();
            Ok(pairs?.join(","))
        }
        (kind, value) => Err(format!(
            "`{value}` is not {}",
            match kind {
                Kind::Text | Kind::Path => "a text in quotes",
                Kind::Switch => "`true` or `false`",
                Kind::List => "an array of texts",
                Kind::Number { .. } => "a whole number",
                Kind::Limit => "a whole number or \"none\"",
                Kind::Balance => "a whole number or \"unlimited\"",
            }
        )),
    }
}

/// An entry of a table as the setting's text has it: `name = "value"` or `name = { url = "value" }` is `name=value`.
fn pair((name, value): (&String, &toml::Value)) -> Result<String, String> {
    let value = value.get("url").unwrap_or(value);
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        other => return Err(format!("`{name}` is `{other}`, not a text or a number")),
    };
    if text.contains(',') || name.contains([',', '=']) {
        return Err(format!("`{name}` holds a comma or an equals sign"));
    }
    Ok(format!("{name}={text}"))
}

#[cfg(test)]
mod tests {
    use crate::config::{Sources, load};

    #[test]
    fn a_named_file_must_exist_and_be_toml_with_the_right_types() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("my.toml");
        let sources = Sources {
            file: Some(file.clone()),
            ..Sources::default()
        };
        assert!(load(&sources).expect_err("a problem").problems[0].contains("cannot be read"));
        for (text, expected) in [
            ("port = ", "my.toml"),
            ("port = \"x\"", "port: `x` is not a whole number"),
            ("port = 1.5", "port: `1.5` is not a whole number"),
            ("allowed_hosts = [1]", "array of texts"),
            ("cors_origins = true", "array of texts"),
            ("host = 1", "a text in quotes"),
            (
                "flowise_open_predictions = 1",
                "`1` is not `true` or `false`",
            ),
            ("credit_balance = -1", "`-1` is not a balance"),
            ("credit_balance = 0.5", "a whole number or \"unlimited\""),
            ("node_prices = [\"a=1\", \"a=2\"]", "`a` has two prices"),
        ] {
            std::fs::write(&file, text).expect("written");
            let found = load(&sources).expect_err("a problem").problems;
            assert!(
                found.len() == 1 && found[0].contains(expected),
                "{text}: {found:?}"
            );
        }
        let good = "data = \"here\"\nflowise_open_predictions = true\n";
        std::fs::write(&file, good).expect("written");
        let config = load(&sources).expect("no problem");
        assert_eq!(config.data, folder.path().join("here"));
        assert!(config.doors.flowise_open_predictions);
    }
}
