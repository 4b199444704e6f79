//! Puts the configuration together from its sources, the later over the earlier, and checks it as a whole.
//! May not know what the settings are used for. Promise: all problems at once, each with the place where it stands; a
//! misspelt name is never passed over in silence.

use super::settings::{SETTINGS, Setting};
use super::{Config, Origin, file};
use crate::error::Error;
use crate::secret::MasterKey;
use std::path::PathBuf;

/// The configuration file that is read from the data folder when no other is named.
pub const FILE_NAME: &str = "flowlatch.toml";

/// Variables of the commands that talk to a remote server; they never make the server fail.
pub const CLIENT_VARIABLES: [&str; 2] = ["FLOWLATCH_API_KEY", "FLOWLATCH_URL"];

/// The variable that holds the master key. Not a setting: it stands in no file, no flag and no table.
pub const MASTER_KEY_VARIABLE: &str = "FLOWLATCH_MASTER_KEY";

/// Variables that are no settings.
const OTHER_VARIABLES: [&str; 3] = [
    CLIENT_VARIABLES[0],
    CLIENT_VARIABLES[1],
    MASTER_KEY_VARIABLE,
];

const PREFIX: &str = "FLOWLATCH_";

/// Where values come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// A file that must exist; without it `flowlatch.toml` in the data folder is read if it is there.
    pub file: Option<PathBuf>,
    /// Names and values of environment variables; only those that start with `FLOWLATCH_` are looked at.
    pub environment: Vec<(String, String)>,
    /// Keys and values of flags.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// The process's environment, and nothing else. A value that is not UTF-8 is kept as far as it is.
    pub fn from_environment() -> Sources {
        let environment = std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        Sources {
            environment,
            ..Sources::default()
        }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.problems))]
pub struct ConfigError {
    /// One sentence each, with the place and the value.
    pub problems: Vec<String>,
}

fn listed(problems: &[String]) -> String {
    match problems {
        [only] => only.clone(),
        several => format!(
            "the configuration has {} problems:\n  {}",
            several.len(),
            several.join("\n  ")
        ),
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Error {
        Error::new(error.to_string()).hint("`flowlatch serve --help` lists every setting")
    }
}

/// Reads all sources.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let environment = environment_values(&sources.environment, &mut problems);
    let given_data =
        last_value(&sources.flags, "data").or_else(|| last_value(&environment, "data"));
    let file = match &sources.file {
        Some(path) => Some((path.clone(), true)),
        None => given_data
            .map(PathBuf::from)
            .or_else(default_data_folder)
            .map(|folder| (folder.join(FILE_NAME), false)),
    };
    let mut config = Config::new(PathBuf::new());
    if let Some((path, named)) = file {
        file::apply(&path, named, &mut config, &mut problems);
    }
    for (key, text) in &environment {
        apply(&mut config, key, text, Origin::Environment, &mut problems);
    }
    for (key, text) in &sources.flags {
        apply(&mut config, key, text, Origin::Flag, &mut problems);
    }
    config.master_key = master_key(&sources.environment, &mut problems);
    if config.data.as_os_str().is_empty() {
        match default_data_folder() {
            Some(folder) => config.data = folder,
            None => problems.push(
                "there is no user data folder on this machine; name one with `--data DIR`".into(),
            ),
        }
    }
    check_together(&config, &mut problems);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(ConfigError { problems })
    }
}

/// `flowlatch` in the user's data folder, as the platform has it; `None` where there is no home folder.
fn default_data_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "flowlatch").map(|dirs| dirs.data_dir().to_owned())
}

fn last_value<'a>(values: &'a [(&'static str, String)], key: &str) -> Option<&'a str> {
    values
        .iter()
        .rev()
        .find(|(name, _)| *name == key)
        .map(|(_, text)| text.as_str())
}

fn apply(config: &mut Config, key: &str, text: &str, origin: Origin, problems: &mut Vec<String>) {
    match Setting::named(key) {
        Some(setting) => match setting.apply(config, text) {
            Ok(()) => drop(config.origins.insert(setting.key, origin)),
            Err(problem) => {
                let place = match origin {
                    Origin::Flag => format!("--{}", setting.flag()),
                    Origin::File | Origin::Environment => setting.variable(),
                };
                problems.push(format!("{place}: {problem}"));
            }
        },
        None => problems.push(format!(
            "unknown setting `{key}`{}",
            did_you_mean(key, keys())
        )),
    }
}

fn environment_values(
    environment: &[(String, String)],
    problems: &mut Vec<String>,
) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    for (name, text) in environment {
        if !name.starts_with(PREFIX) || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        match SETTINGS.iter().find(|setting| setting.variable() == *name) {
            Some(setting) => values.push((setting.key, text.clone())),
            None => {
                let known = SETTINGS.iter().map(Setting::variable);
                let known = known.chain(OTHER_VARIABLES.map(String::from));
                problems.push(format!(
                    "unknown environment variable `{name}`{}",
                    did_you_mean(name, known)
                ));
            }
        }
    }
    values
}

/// The master key, where it is set; an empty variable is none.
fn master_key(environment: &[(String, String)], problems: &mut Vec<String>) -> Option<MasterKey> {
    let (_, text) = environment
        .iter()
        .find(|(name, _)| name == MASTER_KEY_VARIABLE)?;
    if text.trim().is_empty() {
        return None;
    }
    match MasterKey::parse(text) {
        Ok(key) => Some(key),
        Err(error) => {
            problems.push(format!("{MASTER_KEY_VARIABLE}: {error}"));
            None
        }
    }
}

/// What no setting can say alone.
fn check_together(config: &Config, problems: &mut Vec<String>) {
    match (&config.tls_cert, &config.tls_key) {
        (Some(_), None) => problems.push("tls_cert is set without tls_key: give both".into()),
        (None, Some(_)) => problems.push("tls_key is set without tls_cert: give both".into()),
        (Some(_), Some(_)) | (None, None) => {}
    }
    match (&config.alerts.url, &config.alerts.secret) {
        (Some(_), None) => problems.push(
            "alert_url is set without alert_secret: give both, since alerts are signed".into(),
        ),
        (None, Some(_)) => problems.push("alert_secret is set without alert_url: give both".into()),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if config.sync_wait_ms > config.max_sync_wait_ms {
        problems.push(format!(
            "sync_wait_ms ({}) is more than max_sync_wait_ms ({})",
            config.sync_wait_ms, config.max_sync_wait_ms
        ));
    }
}

pub(super) fn keys() -> impl Iterator<Item = String> {
    SETTINGS.iter().map(|setting| setting.key.to_owned())
}

/// `; did you mean …?` with the known name that is most like `name`.
pub(super) fn did_you_mean(name: &str, known: impl Iterator<Item = String>) -> String {
    let start: String = name.chars().take(80).collect();
    known
        .min_by_key(|known| strsim::damerau_levenshtein(known, &start))
        .map_or_else(String::new, |nearest| {
            format!("; did you mean `{nearest}`?")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limit::Limit;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    fn problems(sources: &Sources) -> Vec<String> {
        load(sources).expect_err("a problem").problems
    }

    #[test]
    fn the_later_source_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().to_string_lossy().into_owned();
        let file = folder.path().join(FILE_NAME);
        std::fs::write(
            &file,
            "port = 4000\nhost = \"::1\"\nlimit_read = \"none\"\nlimit_write = 7\ntls_cert = \"c.pem\"\n\
             tls_key = \"/k.pem\"\ncors_origins = [\"https://a.example\", \"https://b.example\"]\n",
        )
        .expect("written");
        let mut sources = Sources {
            environment: variables(&[
                ("FLOWLATCH_PORT", "5000"),
                ("FLOWLATCH_DATA", &data),
                ("FLOWLATCH_ALLOWED_HOSTS", "a.example, b.example"),
                ("FLOWLATCH_API_KEY", "anything"),
                ("FLOWLATCH_URL", "anything"),
                ("PATH", "anything"),
            ]),
            ..Sources::default()
        };
        let config = load(&sources).expect("no problem");
        assert_eq!((config.port, config.host.as_str()), (5000, "::1"));
        let origins = ["host", "port", "limit_execute"].map(|key| config.origins.get(key));
        assert_eq!(
            origins,
            [Some(&Origin::File), Some(&Origin::Environment), None]
        );
        assert_eq!(config.limit_read, Limit::Unlimited);
        assert_eq!(config.limit_write, Limit::PerMinute(7));
        assert_eq!(config.limit_execute, Limit::PerMinute(500));
        assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
        assert_eq!(
            config.cors_origins,
            ["https://a.example", "https://b.example"]
        );
        assert_eq!(config.tls_cert, Some(folder.path().join("c.pem")));
        assert_eq!(config.tls_key, Some("/k.pem".into()));
        sources.flags = vec![("port", "6000".into())];
        assert_eq!(load(&sources).expect("no problem").port, 6000);
        sources.flags = vec![("data", "/nowhere".into())];
        let config = load(&sources).expect("no problem");
        assert_eq!(
            (config.data, config.host.as_str()),
            ("/nowhere".into(), "127.0.0.1")
        );
        sources.file = Some(file);
        sources.environment.clear();
        let config = load(&sources).expect("no problem");
        assert_eq!((config.data, config.port), ("/nowhere".into(), 4000));
    }

    #[test]
    fn the_master_key_comes_from_its_variable_and_is_never_shown() {
        let with = |text: &str| Sources {
            environment: variables(&[(MASTER_KEY_VARIABLE, text)]),
            flags: vec![("data", "/nowhere".into())],
            ..Sources::default()
        };
        let config = load(&with(&"7f".repeat(32))).expect("no problem");
        assert!(config.master_key.is_some() && !format!("{config:?}").contains("7f7f"));
        assert_eq!(load(&with(" ")).expect("no problem").master_key, None);
        let found = problems(&with("s3cret"));
        assert!(
            found.len() == 1
                && found[0].contains("FLOWLATCH_MASTER_KEY")
                && !found[0].contains("s3cret"),
            "{found:?}"
        );
    }

    #[test]
    fn an_unknown_name_is_an_error_that_names_the_nearest() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE_NAME), "prot = 1\ndata = \"x\"\n").expect("written");
        let sources = Sources {
            environment: variables(&[("FLOWLATCH_LIMIT_REED", "1"), ("FLOWLATCH_APIKEY", "x")]),
            flags: vec![("data", folder.path().to_string_lossy().into_owned())],
            ..Sources::default()
        };
        let found = problems(&sources).join("\n");
        for expected in [
            "unknown environment variable `FLOWLATCH_LIMIT_REED`; did you mean `FLOWLATCH_LIMIT_READ`?",
            "unknown environment variable `FLOWLATCH_APIKEY`; did you mean `FLOWLATCH_API_KEY`?",
            "unknown key `prot`; did you mean `port`?",
            "`data` cannot be set in the data folder's own file",
        ] {
            assert!(found.contains(expected), "{expected}\n{found}");
        }
    }

    #[test]
    fn all_problems_are_reported_at_once_with_their_places() {
        let sources = Sources {
            environment: variables(&[
                ("FLOWLATCH_PORT", "70000"),
                ("FLOWLATCH_TLS_CERT", "cert.pem"),
                ("FLOWLATCH_BASE_PATH", "/x/"),
                ("FLOWLATCH_CORS_ORIGINS", "app.example"),
                ("FLOWLATCH_OUTBOUND_ALLOW", "a,,b"),
                ("FLOWLATCH_SYNC_WAIT_MS", "400000"),
            ]),
            flags: vec![
                ("max-steps", "0".into()),
                ("max_steps", "0".into()),
                ("data", "/nowhere".into()),
            ],
            ..Sources::default()
        };
        let error = load(&sources).expect_err("problems");
        assert_eq!(
            error.problems,
            [
                "FLOWLATCH_PORT: `70000` is not a whole number from 0 to 65535",
                "FLOWLATCH_BASE_PATH: `/x/` is not a base path; write it as `/x` or `/x/y`, without a slash at the end",
                "FLOWLATCH_CORS_ORIGINS: `app.example` is not `scheme://host[:port]` with http or https, such as `https://app.example`",
                "FLOWLATCH_OUTBOUND_ALLOW: `a,,b` has an empty entry",
                "unknown setting `max-steps`; did you mean `max_steps`?",
                "--max-steps: `0` is not a whole number from 1 to 10000",
                "tls_cert is set without tls_key: give both",
                "sync_wait_ms (400000) is more than max_sync_wait_ms (300000)",
            ]
        );
        assert!(
            error
                .to_string()
                .starts_with("the configuration has 8 problems:\n")
        );
    }
}
