//! `doctor`: every check is shown, and one that fails makes the exit code 1. It changes nothing.

use crate::support::{Done, Folder, open};
use serde_json::Value;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

const DATABASE: &str = "flowlatch.db";

fn wrong(done: &Done) -> Vec<String> {
    let checks = done.json();
    let checks = checks.as_array().expect("a list").iter();
    let wrong = checks.filter(|check| check["ok"] != true);
    wrong
        .map(|check| check["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn examine(folder: &Folder, code: i32) -> Done {
    let done = folder.run(&["doctor", "--json"]);
    assert_eq!(done.code, code, "{done:#?}");
    done
}

#[test]
fn a_good_folder_is_well_held_or_not() {
    let folder = Folder::new();
    let server = folder.serve();
    let held = examine(&folder, 0);
    assert!(
        held.stdout.contains(&format!(
            "held by the server with pid {}",
            server.ready["pid"]
        )),
        "{held:#?}"
    );
    assert!(
        wrong(&held).is_empty() && held.stderr.is_empty(),
        "{held:#?}"
    );
    server.stop();
    let free = folder.run(&["doctor"]).ok();
    for check in [
        "folder",
        "modes",
        "lock",
        "sqlite version",
        "schema",
        "auto_vacuum",
        "journal mode",
        "integrity",
        "audit chain",
        "master key",
        "uploaded files",
    ] {
        assert!(
            free.stdout.contains(&format!("ok  {check}")),
            "{check}: {free:#?}"
        );
    }
}

#[test]
fn what_is_wrong_is_named_and_left_as_it_is() {
    let folder = Folder::new();
    folder.serve().stop();
    let database = folder.data.join(DATABASE);
    let set_mode = |mode| {
        std::fs::set_permissions(&database, std::fs::Permissions::from_mode(mode))
            .expect("changed");
    };
    set_mode(0o644);
    let open = examine(&folder, 1);
    assert!(wrong(&open).contains(&"modes".to_owned()), "{open:#?}");
    assert!(
        open.stdout.contains("chmod 600") && open.stderr.contains("checks found something wrong"),
        "{open:#?}"
    );
    let mode = std::fs::metadata(&database)
        .expect("there")
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o644, "it only looks");
    // The next start closes what was open.
    folder.serve().stop();
    examine(&folder, 0);

    let good = std::fs::read(&database).expect("readable");
    let mut damaged = good.clone();
    // The middle of the file, past the header and the schema.
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8192].fill(0xa5);
    std::fs::write(&database, &damaged).expect("written");
    let corrupt = examine(&folder, 1);
    assert!(
        wrong(&corrupt).contains(&"integrity".to_owned()),
        "{corrupt:#?}"
    );
    assert_eq!(std::fs::read(&database).expect("readable"), damaged);

    std::fs::write(
        &database,
        "this is no database, but long enough to be taken for one".repeat(100),
    )
    .expect("written");
    let no_database = folder.run(&["doctor"]);
    assert_eq!(no_database.code, 1, "{no_database:#?}");
    assert!(no_database.stderr.contains("error: "), "{no_database:#?}");

    std::fs::remove_file(&database).expect("removed");
    let missing = examine(&folder, 1);
    assert_eq!(wrong(&missing), ["database"]);
    assert!(!database.exists());
}

#[test]
fn a_folder_that_is_not_there_is_wrong_and_not_made() {
    let folder = Folder::new();
    let done = examine(&folder, 1);
    assert_eq!(wrong(&done), ["folder"]);
    assert_eq!(done.json()[0]["ok"], Value::Bool(false));
    assert!(!folder.data.exists());
}

#[test]
fn an_uploaded_file_that_is_gone_or_cut_is_named() {
    let folder = Folder::new();
    let server = folder.serve();
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nsome text\r\n--b--\r\n";
    let bearer = format!("Bearer {}", server.admin_key());
    let headers = [
        ("connection", "close"),
        ("content-type", "multipart/form-data; boundary=b"),
        ("authorization", bearer.as_str()),
    ];
    let mut answer = String::new();
    let path = "/wireflow/api/v1/media/upload";
    open(&server.url, "POST", path, &headers, form)
        .read_to_string(&mut answer)
        .expect("an answer");
    server.stop();
    let at = answer.find("media_").expect("an id");
    let id: String = answer[at..]
        .chars()
        .take_while(|letter| *letter != '"')
        .collect();
    examine(&folder, 0);
    let file = folder.data.join("media").join(&id);
    let told = |expected: &str| {
        let done = examine(&folder, 1);
        assert_eq!(wrong(&done), ["uploaded files"], "{done:#?}");
        assert!(
            done.stdout.contains(expected) && done.stdout.contains(&id),
            "{done:#?}"
        );
    };
    std::fs::write(&file, "some").expect("cut");
    told("1 of 1 are gone or not whole");
    std::fs::remove_file(&file).expect("gone");
    told("1 of 1 are gone or not whole");
}
