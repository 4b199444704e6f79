//! Slips of the finger: exit code 2, and the nearest right word.

use crate::support::{Done, Folder, flowlatch};

#[test]
fn an_unknown_name_is_refused_with_the_nearest_known_one() {
    let folder = Folder::new();
    let mut command = folder.command(&["serve", "--port", "0"]);
    command.env("FLOWLATCH_PROT", "3000");
    let words = ["unknown environment variable `FLOWLATCH_PROT`; did you mean `FLOWLATCH_PORT`?"];
    Done::of(command).refused(2, &words, Some("serve --help"));

    let file = folder.file("my.toml", "alowed_hosts = [\"a\"]\n");
    let words = ["my.toml: unknown key `alowed_hosts`; did you mean `allowed_hosts`?"];
    for command in [&["serve"][..], &["keys", "list"]] {
        let done = folder.run(&[command, &["--config", &file]].concat());
        done.refused(2, &words, Some("serve --help"));
    }

    let flag = folder.run(&["serve", "--prot", "0"]);
    assert_eq!((flag.code, flag.stdout.as_str()), (2, ""), "{flag:#?}");
    assert!(flag.stderr.contains("'--port'"), "{flag:#?}");
    let word = folder.run(&["key", "list"]);
    assert_eq!((word.code, word.stdout.as_str()), (2, ""), "{word:#?}");
    assert!(word.stderr.contains("'keys'"), "{word:#?}");
    assert!(!folder.data.exists());
}

#[test]
fn every_problem_of_the_configuration_is_told_at_once() {
    let folder = Folder::new();
    let mut command = folder.command(&["serve", "--port", "70000", "--base-path", "x"]);
    command.env("FLOWLATCH_LIMIT_READ", "many");
    let done = Done::of(command);
    assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:#?}");
    for expected in [
        "3 problems",
        "--port: `70000`",
        "--base-path: `x`",
        "FLOWLATCH_LIMIT_READ: `many`",
    ] {
        assert!(done.stderr.contains(expected), "{expected}: {done:#?}");
    }
}

#[test]
fn the_clients_variables_never_keep_a_server_from_starting() {
    let folder = Folder::new();
    let mut command = folder.command(&["serve", "--port", "0", "--json-ready"]);
    command
        .env("FLOWLATCH_API_KEY", "x")
        .env("FLOWLATCH_URL", "y");
    crate::support::Server::start(command).stop();
}

#[test]
fn commands_that_make_no_sense_are_usage_errors() {
    let folder = Folder::new();
    for (arguments, words) in [
        (
            &["serve", "--url", "http://127.0.0.1:1"][..],
            "takes no --url",
        ),
        (&["doctor", "--url", "http://127.0.0.1:1"], "takes no --url"),
        (
            &["keys", "list", "--url", "http://127.0.0.1:1"],
            "two places",
        ),
    ] {
        let done = folder.run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:#?}");
        assert!(done.stderr.contains(words), "{done:#?}");
    }
    for arguments in [
        &["keys", "create", "--name", "n"][..],
        &[
            "keys",
            "create",
            "--name",
            "n",
            "--scope",
            "a",
            "--expires",
            "soon",
        ],
        &[
            "keys", "create", "--name", "n", "--scope", "a", "--limit", "all=1",
        ],
        &[
            "keys", "create", "--name", "n", "--scope", "a", "--format", "pem",
        ],
        &["keys", "show", "../../x"],
        &["keys", "rotate", "key_1", "--grace", "1"],
        &["workflows", "apply"],
        &["runs"],
        &["serve", "--parent-pid", "none"],
    ] {
        let done = folder.run(arguments);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {done:#?}"
        );
        assert!(
            done.stderr.starts_with("error: ") || done.stderr.contains("Usage:"),
            "{done:#?}"
        );
    }
    assert!(!folder.data.exists());
}

#[test]
fn a_folder_without_data_is_told_and_not_made() {
    let folder = Folder::new();
    for arguments in [
        &["keys", "list"][..],
        &["keys", "show", "key_1"],
        &["keys", "rotate", "key_1"],
        &["keys", "revoke", "key_1"],
        &["workflows", "list"],
        &["workflows", "run", "w"],
        &["workflows", "export", "w"],
        &["runs", "list"],
        &["runs", "show", "r"],
        &["runs", "watch", "r"],
        &["runs", "cancel", "r"],
        &["runs", "retry", "r"],
    ] {
        folder
            .run(arguments)
            .refused(1, &["there is no data in"], Some("flowlatch serve"));
    }
    assert!(!folder.data.exists());
}

#[test]
fn a_remote_server_needs_a_url_and_a_key() {
    let list = |url: &str, key: Option<&str>| {
        let mut command = flowlatch();
        command.args(["keys", "list", "--url", url]);
        command.envs(key.map(|key| ("FLOWLATCH_API_KEY", key)));
        Done::of(command)
    };
    list("http://127.0.0.1:1", None).refused(1, &["no API key"], Some("FLOWLATCH_API_KEY"));
    list("flow.example", Some("k")).refused(1, &["is not the URL of a server"], Some("https://"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", closed.local_addr().expect("bound"));
    drop(closed);
    list(&url, Some("k")).refused(1, &["cannot reach", &url], Some("is it running?"));
}
