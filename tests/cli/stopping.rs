//! How a server ends: signals, with streams open and runs waiting; the end of stdin; the end of the parent.

use crate::support::{Folder, Server, open, wait};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::Read as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

const AT_MOST: Duration = Duration::from_secs(5);

fn active_workflow(server: &Server, steps: &Value) -> String {
    let body = json!({"name": "w", "trigger": {"type": "api"}, "steps": steps});
    let (status, created) = server.call("POST", "/api/v1/workflows", Some(&body));
    assert_eq!(status, 201, "{created}");
    let id = created["data"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}/activate");
    assert_eq!(server.call("POST", &path, None).0, 200);
    id
}

/// An event stream whose head has come.
fn event_stream(server: &Server, run: &str) -> TcpStream {
    let path = format!("/api/v1/runs/{run}/events");
    let mut stream = open(
        &server.url,
        "GET",
        &path,
        &[("x-api-key", server.admin_key())],
        "",
    );
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("event: ") {
        let mut some = [0_u8; 1024];
        let count = stream.read(&mut some).expect("readable");
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&some[..count]);
    }
    stream
}

#[test]
fn signals_end_it_within_five_seconds_with_a_stream_open_and_callers_waiting() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = Folder::new();
        let server = folder.serve();
        let waits =
            json!([{"id": "later", "type": "wait", "config": {"duration": 1, "unit": "hours"}}]);
        let id = active_workflow(&server, &waits);
        let path = format!("/api/v1/workflows/{id}/run");
        let (status, started) = server.call("POST", &path, Some(&json!({})));
        assert_eq!(status, 202, "{started}");
        let run = started["data"]["runId"].as_str().expect("an id").to_owned();
        let mut stream = event_stream(&server, &run);
        let headers = [
            ("x-api-key", server.admin_key()),
            ("content-type", "application/json"),
        ];
        let mut waiting = open(&server.url, "POST", &path, &headers, r#"{"mode":"sync"}"#);
        // Sent before the next request is answered, so that it is under way at the signal.
        let listed = format!("/api/v1/runs?workflowId={id}");
        while server.call("GET", &listed, None).1["data"]
            .as_array()
            .map(Vec::len)
            != Some(2)
        {}
        server.signal(signal);
        let (mut rest, mut answer) = (String::new(), String::new());
        stream.read_to_string(&mut rest).expect("it ends in order");
        assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
        waiting
            .read_to_string(&mut answer)
            .expect("it ends in order");
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        let ended = server.ended();
        assert!(ended.status.success() && ended.took < AT_MOST, "{ended:#?}");
        assert!(!folder.data.join("server.json").exists());
        assert!(!folder.data.join("control.sock").exists());
        // The run goes on with the next server.
        let shown = folder.run(&["runs", "show", &run, "--json"]).ok();
        assert_eq!(shown.json()["status"], "running");
    }
}

#[test]
fn a_run_in_the_middle_of_a_call_does_not_hold_it_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let folder = Folder::new();
    let server = folder.serve_with(&["--outbound-allow", &address]);
    let url = format!("http://{address}/");
    let call = json!([{"id": "call", "type": "action", "action": "api.request", "config": {"method": "GET", "url": url}}]);
    let id = active_workflow(&server, &call);
    let path = format!("/api/v1/workflows/{id}/run");
    assert_eq!(server.call("POST", &path, Some(&json!({}))).0, 202);
    let (_called, _) = silent.accept().expect("the step calls");
    let ended = server.stop();
    assert!(ended.took < AT_MOST, "{ended:#?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = Folder::new();
    let server = folder.serve();
    // A request whose body never comes holds the first stop up.
    let headers = [
        ("x-api-key", server.admin_key()),
        ("content-type", "application/json"),
        ("expect", "100-continue"),
    ];
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut slow = TcpStream::connect(&address).expect("it listens");
    let mut head =
        format!("POST /api/v1/workflows HTTP/1.1\r\nhost: {address}\r\ncontent-length: 10\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    std::io::Write::write_all(&mut slow, format!("{head}\r\n").as_bytes()).expect("it reads");
    let mut go_on = [0_u8; 12];
    slow.read_exact(&mut go_on).expect("it waits for the body");
    assert_eq!(&go_on, b"HTTP/1.1 100");
    server.signal(Signal::INT);
    // The second one counts only once the first was taken.
    while TcpStream::connect(&address).is_ok() {}
    server.signal(Signal::INT);
    let ended = server.ended();
    assert_eq!(ended.status.code(), Some(130), "{ended:#?}");
    drop(folder.serve());
}

#[test]
fn the_end_of_stdin_ends_it_when_that_is_asked_for() {
    let folder = Folder::new();
    let mut server = folder.serve();
    drop(server.stdin.take());
    assert_eq!(server.call("GET", "/api/health", None).0, 200);
    server.stop();

    let server = folder.serve_with(&["--exit-on-stdin-eof"]);
    assert_eq!(server.call("GET", "/api/health", None).0, 200);
    let ended = server.ended();
    assert!(ended.status.success() && ended.took < AT_MOST, "{ended:#?}");
    assert!(ended.stderr.contains("stdin has ended"), "{ended:#?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_the_parent_ends_it() {
    let mut parent = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("cat is everywhere");
    let pid = parent.id().to_string();
    let folder = Folder::new();
    let server = folder.serve_with(&["--parent-pid", &pid]);
    assert_eq!(server.call("GET", "/api/health", None).0, 200);
    drop(parent.stdin.take());
    wait(&mut parent);
    let ended = server.ended();
    assert!(ended.status.success() && ended.took < AT_MOST, "{ended:#?}");

    // The same parent is gone now: nothing is begun.
    let gone = folder
        .run(&["serve", "--port", "0", "--json-ready", "--parent-pid", &pid])
        .ok();
    assert_eq!(gone.stdout, "");
    assert!(gone.stderr.contains("already ended"), "{gone:#?}");
}
