//! What lies in a data folder: modes, and what a killed server leaves behind.

use crate::support::{Done, Folder};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn nobody_else_can_open_anything() {
    let folder = Folder::new();
    let mut command = folder.command(&["keys", "create", "--name", "n", "--scope", "runs:read"]);
    // With the widest umask the modes are what the program asks for.
    command = {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]);
        shell.arg(command.get_program()).args(command.get_args());
        shell
    };
    Done::of(command).ok();
    assert_eq!(mode(&folder.data), 0o700);
    assert_eq!(mode(&folder.data.join("flowlatch.db")), 0o600);
    let server = folder.serve();
    assert_eq!(server.call("GET", "/api/health", None).0, 200);
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(&folder.data).expect("readable") {
        let entry = entry.expect("readable");
        let private = if entry.path().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&entry.path()), private, "{:?}", entry.file_name());
        seen.push(entry.file_name().into_string().expect("UTF-8"));
    }
    seen.sort();
    let expected = [
        "control.sock",
        "flowlatch.db",
        "flowlatch.db-shm",
        "flowlatch.db-wal",
        "lock",
        "master.key",
        "media",
        "server.json",
    ];
    assert_eq!(seen, expected);
    server.stop();
}

#[test]
fn server_json_names_the_holder() {
    let folder = Folder::new();
    let server = folder.serve_with(&["--base-path", "/f"]);
    let text = std::fs::read_to_string(folder.data.join("server.json")).expect("there");
    let named: Value = serde_json::from_str(&text).expect("JSON");
    for field in ["url", "basePath", "pid", "instance"] {
        assert_eq!(named[field], server.ready[field], "{field}");
    }
    let socket = folder.data.join("control.sock");
    assert_eq!(named["control"], json!({"socket": socket}));
    assert!(!text.contains(server.admin_key()));
    server.stop();
}

#[test]
fn what_a_killed_server_left_is_replaced() {
    let folder = Folder::new();
    let server = folder.serve();
    let pid = server.ready["pid"].clone();
    server.kill();
    let left = [
        folder.data.join("server.json"),
        folder.data.join("control.sock"),
    ];
    assert!(left.iter().all(|path| path.exists()));
    // Commands are not fooled by it: nobody holds the folder, so they act on the files.
    let doctor = folder.run(&["doctor"]).ok();
    assert!(
        doctor.stdout.contains("did not end in order"),
        "{doctor:#?}"
    );
    folder.run(&["workflows", "list"]).ok();

    let killed_again = folder.serve();
    killed_again.kill();
    let server = folder.serve();
    let text = std::fs::read_to_string(&left[0]).expect("there");
    assert!(!text.contains(&pid.to_string()), "{text}");
    assert!(text.contains(&server.ready["pid"].to_string()), "{text}");
    let listed = folder.run(&["workflows", "list"]).ok();
    assert!(listed.stdout.contains("hello"), "{listed:#?}");
    server.stop();
    assert!(left.iter().all(|path| !path.exists()));
}
