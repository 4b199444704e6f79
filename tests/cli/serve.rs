//! `serve`: what it says on stdout and stderr, and how it refuses to start.

use crate::support::{Done, Folder, flowlatch};
use rustix::process::Signal;
use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn with_json_ready_stdout_has_one_line_and_nothing_else_ever() {
    let folder = Folder::new();
    let server = folder.serve();
    let ready = server.ready.as_object().expect("an object");
    let mut names: Vec<&str> = ready.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["adminKey", "basePath", "instance", "pid", "setupUrl", "url"]
    );
    assert_eq!(ready["pid"], server.pid().as_raw_nonzero().get());
    assert_eq!(ready["basePath"], "");
    let port = server
        .url
        .strip_prefix("http://127.0.0.1:")
        .expect("no path");
    assert!(port.parse::<u16>().is_ok_and(|port| port != 0), "{port}");
    let admin_key = server.admin_key().to_owned();
    let instance = ready["instance"].clone();
    assert_eq!(server.call("GET", "/api/v1/workflows", None).0, 200);
    assert_eq!(server.call("GET", "/api/v1/nowhere", None).0, 404);
    let ended = server.stop();
    assert_eq!(ended.stdout, "");
    assert!(
        ended.stderr.contains("listening on http://127.0.0.1:"),
        "{ended:#?}"
    );
    assert!(!ended.stderr.contains(&admin_key), "{ended:#?}");
    assert!(!ended.stderr.contains(&admin_key[12..]), "{ended:#?}");

    let second = folder.serve_with(&["--base-path", "/flows"]);
    assert!(second.ready.get("adminKey").is_none(), "{}", second.ready);
    assert_eq!(second.ready["instance"], instance);
    assert_eq!(second.ready["basePath"], "/flows");
    assert!(!second.url.ends_with('/'), "{}", second.url);
    assert_eq!(second.call("GET", "/flows/api/health", None).0, 200);
    assert_eq!(second.stop().stdout, "");
}

#[test]
fn without_a_terminal_and_json_ready_nothing_stands_on_stdout() {
    let folder = Folder::new();
    let mut child = folder
        .command(&["serve", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It listens once `keys list` is answered through it: on the files there would be no admin key.
    let mut stderr = child.stderr.take().expect("a pipe");
    let mut said = String::new();
    while !said.contains("keys create") {
        let mut some = [0_u8; 4096];
        let count = stderr.read(&mut some).expect("readable");
        assert_ne!(count, 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    assert!(said.contains("nobody has seen its first key"), "{said}");
    assert!(!said.contains("wfk_"), "{said}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM)
        .expect("there");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_second_server_on_the_folder_is_told_who_holds_it() {
    let folder = Folder::new();
    let server = folder.serve();
    let pid = format!("pid {}", server.ready["pid"]);
    folder
        .run(&["serve", "--port", "0", "--json-ready"])
        .refused(
            1,
            &["is held by the server with", &pid, &server.url],
            Some("stop that server"),
        );
    assert_eq!(server.call("GET", "/api/v1/workflows", None).0, 200);
    server.stop();
}

#[test]
fn a_taken_port_is_an_error_that_makes_no_key() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    folder
        .run(&["serve", "--port", &port, "--json-ready"])
        .refused(
            1,
            &["cannot listen on 127.0.0.1:", &port, "in use"],
            Some("`--port 0`"),
        );
    drop(taken);
    // The key was not used up by the start that came to nothing.
    let server = folder.serve();
    assert!(server.admin_key().starts_with("wfk_"));
    server.stop();
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = Folder::new();
    let file = folder.file("a-file", "");
    let mut command = flowlatch();
    command.args(["serve", "--port", "0", "--data", &format!("{file}/data")]);
    Done::of(command).refused(1, &["cannot create the data folder", &file], None);
    assert!(!folder.data.exists());
}

#[test]
fn a_configuration_file_is_read_from_the_folder_and_its_tls_paths_are_checked() {
    let folder = Folder::new();
    std::fs::create_dir(&folder.data).expect("made");
    let file = folder.data.join("flowlatch.toml");
    std::fs::write(&file, "base_path = \"/from-file\"\n").expect("written");
    let server = folder.serve();
    assert_eq!(server.ready["basePath"], "/from-file");
    server.stop();
    std::fs::write(&file, "tls_cert = \"no.pem\"\ntls_key = \"no.pem\"\n").expect("written");
    folder.run(&["serve", "--port", "0"]).refused(
        1,
        &["cannot use the TLS certificate", "no.pem"],
        Some("PEM"),
    );
}
