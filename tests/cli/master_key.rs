//! The master key: where it comes from, what a start does without the right one, and `rekey`.

use crate::support::{Done, Folder, Server, http};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const VARIABLE: &str = "FLOWLATCH_MASTER_KEY";

fn key_file(folder: &Folder) -> PathBuf {
    folder.data.join("master.key")
}

fn key_text(folder: &Folder) -> String {
    fs::read_to_string(key_file(folder))
        .expect("a key")
        .trim()
        .to_owned()
}

/// A server with this key in its environment.
fn serve_with_key(folder: &Folder, key: &str) -> Server {
    let mut command = folder.command(&["serve", "--port", "0", "--json-ready"]);
    command.env(VARIABLE, key);
    Server::start(command)
}

fn start_with_key(folder: &Folder, key: Option<&str>) -> Done {
    let mut command = folder.command(&[
        "serve",
        "--port",
        "0",
        "--json-ready",
        "--exit-on-stdin-eof",
    ]);
    if let Some(key) = key {
        command.env(VARIABLE, key);
    }
    command.stdin(Stdio::null());
    Done::of(command)
}

fn doctor(folder: &Folder, key: Option<&str>) -> Done {
    let mut command = folder.command(&["doctor"]);
    if let Some(key) = key {
        command.env(VARIABLE, key);
    }
    Done::of(command)
}

/// Keeps a connection, through the running server.
fn keep_a_credential(server: &Server, token: &str) {
    let body = json!({ "name": "n", "provider": "crm", "type": "bearer", "credentials": { "token": token },
        "hosts": ["127.0.0.1"] });
    let (status, answer) = server.call("POST", "/api/v1/connections", Some(&body));
    assert_eq!(status, 201, "{answer}");
}

/// A stopped folder with one encrypted credential: its admin key.
fn with_a_credential(folder: &Folder) -> String {
    let server = folder.serve();
    keep_a_credential(&server, "planted-token");
    let key = server.admin_key().to_owned();
    let ended = server.stop();
    assert!(!ended.stderr.contains(&key_text(folder)), "{ended:#?}");
    key
}

#[test]
fn the_first_start_makes_a_key_and_no_later_one_does_beside_what_is_encrypted() {
    let folder = Folder::new();
    folder.serve().stop();
    let first = key_text(&folder);
    assert_eq!(first.len(), 44);
    // Nothing is encrypted yet: a lost key is no loss.
    fs::remove_file(key_file(&folder)).expect("removed");
    assert!(
        doctor(&folder, None)
            .ok()
            .stdout
            .contains("nothing is encrypted yet")
    );
    folder.serve().stop();
    let second = key_text(&folder);
    assert_ne!(first, second);
}

#[test]
fn no_server_starts_without_the_key_of_what_is_encrypted() {
    let again = Folder::new();
    with_a_credential(&again);
    let right = key_text(&again);
    assert!(
        doctor(&again, None)
            .ok()
            .stdout
            .contains("the file master.key fits; 1 encrypted values can be read")
    );
    fs::remove_file(key_file(&again)).expect("removed");
    let missing = start_with_key(&again, None);
    assert_eq!(missing.code, 1, "{missing:#?}");
    assert!(
        missing
            .stderr
            .contains("the master key is missing: 1 values in this data folder are encrypted"),
        "{missing:#?}"
    );
    assert!(
        missing
            .stderr
            .contains("hint: put the file `master.key` back"),
        "{missing:#?}"
    );
    assert!(!key_file(&again).exists(), "no key was made");
    assert_eq!(doctor(&again, None).code, 1);

    let first = "0d".repeat(32);
    fs::write(key_file(&again), &first).expect("written");
    let wrong = start_with_key(&again, None);
    assert_eq!(wrong.code, 1, "{wrong:#?}");
    assert!(
        wrong.stderr.contains("`master.key` does not fit"),
        "{wrong:#?}"
    );
    assert!(!wrong.stderr.contains(&first));
    let wrong = start_with_key(&again, Some(&first));
    assert!(
        wrong.code == 1 && wrong.stderr.contains("FLOWLATCH_MASTER_KEY does not fit"),
        "{wrong:#?}"
    );
    assert!(
        doctor(&again, Some(&first))
            .stdout
            .contains("no key fits the 1 encrypted values")
    );
    let malformed = start_with_key(&again, Some("not-a-key"));
    assert_eq!(malformed.code, 2, "{malformed:#?}");
    assert!(
        malformed
            .stderr
            .contains("FLOWLATCH_MASTER_KEY: it is not a master key"),
        "{malformed:#?}"
    );
    assert!(!malformed.stderr.contains("not-a-key"));
    // The right one in the environment wins over the wrong one in the file.
    serve_with_key(&again, &right).stop();
    let hexadecimal = doctor(&again, Some(&right)).ok();
    assert!(
        hexadecimal.stdout.contains("FLOWLATCH_MASTER_KEY fits"),
        "{hexadecimal:#?}"
    );
}

#[test]
fn a_key_from_the_environment_is_written_nowhere() {
    let folder = Folder::new();
    let key = "7f".repeat(32);
    let server = serve_with_key(&folder, &key);
    keep_a_credential(&server, "planted-token");
    let ended = server.stop();
    assert!(!key_file(&folder).exists());
    assert!(!ended.stderr.contains(&key) && !ended.stdout.contains(&key));
    for entry in fs::read_dir(&folder.data).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let bytes = fs::read(path).expect("readable");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&key) && !text.contains("planted"));
    }
    assert_eq!(start_with_key(&folder, None).code, 1);
    // Templates cannot see it, whatever is allowed to them.
    let mut command = folder.command(&["serve", "--port", "0", "--template-env", VARIABLE]);
    command.env(VARIABLE, &key);
    let refused = Done::of(command);
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(
        refused.stderr.contains("never shown to templates"),
        "{refused:#?}"
    );
}

#[test]
fn rekey_changes_the_key_of_a_folder_that_nobody_holds() {
    let folder = Folder::new();
    let admin = with_a_credential(&folder);
    let before = key_text(&folder);
    let database = || fs::read(folder.data.join("flowlatch.db")).expect("a database");
    let sealed_before = database();
    let server = folder.serve();
    let held = folder.run(&["rekey"]);
    assert_eq!(held.code, 1, "{held:#?}");
    assert!(
        held.stderr.contains("is held by the server with pid"),
        "{held:#?}"
    );
    server.stop();
    let done = folder.run(&["rekey"]).ok();
    assert!(
        done.stdout
            .contains("1 values are encrypted with the new master key"),
        "{done:#?}"
    );
    let after = key_text(&folder);
    assert_ne!(before, after);
    assert!(!done.stdout.contains(&after) && !done.stderr.contains(&after));
    assert!(!folder.data.join("master.key.next").exists());
    assert_ne!(database(), sealed_before);
    assert!(
        start_with_key(&folder, Some(&before))
            .stderr
            .contains("does not fit")
    );
    assert!(
        doctor(&folder, None)
            .ok()
            .stdout
            .contains("1 encrypted values can be read")
    );
    let server = folder.serve();
    let path = "/api/v1/audit?action=master_key.changed";
    let (_, audit) = http(&server.url, "GET", path, Some(&admin), None);
    assert_eq!(audit["data"][0]["actor"], "control", "{audit}");
    server.stop();

    let own = "0d".repeat(32);
    let given = Done::fed(
        folder.command(&["rekey", "--new-key-stdin", "--json"]),
        &own,
    )
    .ok();
    let told: Value = serde_json::from_str(&given.stdout).expect("JSON");
    assert_eq!(told, json!({ "values": 1, "setVariable": false }));
    assert!(
        doctor(&folder, Some(&own))
            .ok()
            .stdout
            .contains("FLOWLATCH_MASTER_KEY fits")
    );
    let same = Done::fed(folder.command(&["rekey", "--new-key-stdin"]), &own);
    assert!(
        same.code == 1 && same.stderr.contains("is the one that is in force already"),
        "{same:#?}"
    );
}

#[test]
fn rekey_of_a_key_from_the_environment_wants_the_new_one() {
    let folder = Folder::new();
    let (old, new) = ("7f".repeat(32), "80".repeat(32));
    let server = serve_with_key(&folder, &old);
    keep_a_credential(&server, "planted-token");
    server.stop();
    let rekey = |arguments: &[&str]| -> Command {
        let mut command = folder.command(&["rekey"]);
        command.args(arguments).env(VARIABLE, &old);
        command
    };
    let refused = Done::of(rekey(&[]));
    assert!(
        refused.code == 1
            && refused
                .stderr
                .contains("give the new one with --new-key-stdin"),
        "{refused:#?}"
    );
    let malformed = Done::fed(rekey(&["--new-key-stdin"]), "short");
    assert!(
        malformed.code == 1 && !malformed.stderr.contains("short"),
        "{malformed:#?}"
    );
    let done = Done::fed(rekey(&["--new-key-stdin"]), &new).ok();
    assert!(
        done.stdout
            .contains("set FLOWLATCH_MASTER_KEY to the new key"),
        "{done:#?}"
    );
    assert!(!key_file(&folder).exists() && !folder.data.join("master.key.next").exists());
    assert_eq!(start_with_key(&folder, Some(&old)).code, 1);
    serve_with_key(&folder, &new).stop();

    let nowhere = Folder::new();
    let missing = nowhere.run(&["rekey"]);
    assert!(
        missing.code == 1 && missing.stderr.contains("there is no database"),
        "{missing:#?}"
    );
    assert!(!nowhere.data.exists());
    let remote = folder.run(&["rekey", "--url", "http://127.0.0.1:1"]);
    assert!(
        remote.code == 2 && remote.stderr.contains("takes no --url"),
        "{remote:#?}"
    );
}
