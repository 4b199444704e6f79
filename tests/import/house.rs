//! A Flowise database, a data folder beside it, the binary that brings the one into the other, and a server on the result.

use crate::cli::flowlatch;
use crate::flowise::Flowise;
use crate::support::{Answer, TestServer};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Two folders: Flowise's, with its database, and ours.
pub(crate) struct House {
    pub(crate) root: TempDir,
    pub(crate) database: PathBuf,
    pub(crate) data: PathBuf,
}

/// A command that has ended.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl House {
    /// With a database that `fill` has filled.
    pub(crate) fn new(fill: impl FnOnce(&Flowise)) -> House {
        let root = tempfile::tempdir().expect("a folder");
        let database = root.path().join("database.sqlite");
        fill(&Flowise::new(&database));
        let data = root.path().join("data");
        House {
            root,
            database,
            data,
        }
    }

    /// Flowise's database, to be changed.
    pub(crate) fn flowise(&self) -> Flowise {
        Flowise(rusqlite::Connection::open(&self.database).expect("it is there"))
    }

    /// The built binary on the data folder, in an environment in which nothing is set for it.
    pub(crate) fn binary(&self, words: &[&str]) -> Command {
        let mut command = flowlatch();
        command.arg("--data").arg(&self.data).args(words);
        command
    }

    pub(crate) fn command(&self, words: &[&str]) -> Done {
        Done::of(self.binary(words).output().expect("the binary starts"))
    }

    fn import_words(&self) -> Vec<&str> {
        vec!["import", "flowise", self.database.to_str().expect("UTF-8")]
    }

    /// `import flowise DATABASE` and these words.
    pub(crate) fn import(&self, more: &[&str]) -> Done {
        self.command(&[&self.import_words(), more].concat())
    }

    /// The same, done well, as JSON.
    pub(crate) fn report(&self, more: &[&str]) -> Value {
        let done = self.import(&[&["--json"], more].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        serde_json::from_str(&done.stdout).expect("JSON")
    }

    pub(crate) async fn serve(&self) -> TestServer {
        self.serve_with(|_| {}).await
    }

    pub(crate) async fn serve_with(&self, configure: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::open(&self.data, Clock::system(), configure).await
    }

    /// The text of a new key with these scopes, made while no server runs.
    pub(crate) fn new_key(&self, scopes: &str) -> String {
        let words = [
            "keys", "create", "--name", "own", "--scope", scopes, "--json",
        ];
        let done = self.command(&words);
        let key: Value = serde_json::from_str(&done.stdout).expect(&done.stderr);
        key["key"].as_str().expect("a text").to_owned()
    }

    /// Every file of the data folder: name and content. Without SQLite's index of its log, which is of no use to anybody else.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(&self.data)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| entry.path().is_file())
            .filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read(entry.path()).expect("readable"))
            })
            .collect();
        found.sort();
        found
    }
}

impl Done {
    fn of(output: Output) -> Done {
        Done {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Its one line of error, and its hint.
    pub(crate) fn refused(&self) -> (&str, &str) {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (1, ""),
            "{}",
            self.stderr
        );
        let lines: Vec<&str> = self.stderr.lines().collect();
        let [error, hint] = lines[..] else {
            panic!("not an error and a hint: {}", self.stderr);
        };
        let error = error.strip_prefix("error: ").expect("an error");
        (error, hint.strip_prefix("hint: ").expect("a hint"))
    }
}

/// Asks a flow with a key as a bearer.
pub(crate) async fn ask(server: &TestServer, flow: &str, key: Option<&str>) -> Answer {
    asked(server, flow, key, json!({ "question": "Hello" })).await
}

pub(crate) async fn asked(
    server: &TestServer,
    flow: &str,
    key: Option<&str>,
    body: Value,
) -> Answer {
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let client = server.client(key.map(str::to_owned)).bearer();
    client.send(Method::POST, &path, body).await
}

/// The counts of one kind: brought, unchanged, kept, skipped.
pub(crate) fn counts(report: &Value, of: &str) -> [u64; 4] {
    ["brought", "unchanged", "kept", "skipped"]
        .map(|name| report[of][name].as_u64().expect("a number"))
}

/// The reasons of the notes about one kind with one outcome.
pub(crate) fn reasons(report: &Value, of: &str, outcome: &str) -> Vec<String> {
    let notes = report["notes"].as_array().expect("a list");
    notes
        .iter()
        .filter(|note| note["thing"] == of && note["outcome"] == outcome)
        .map(|note| note["reason"].as_str().expect("a text").to_owned())
        .collect()
}
