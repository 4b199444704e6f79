//! JavaScript with the real binary: it starts itself once more for scripts, and nothing of that outlives it.

use crate::places::everywhere;
use serde_json::json;

#[test]
fn scripts_run_wherever_workflows_do() {
    everywhere(|place| {
        let script = json!({
            "name": "script",
            "status": "active",
            "trigger": {"type": "api"},
            "steps": [{"id": "s", "type": "transform", "config": {"script": "return {sum: input.a + 1}", "input": "{{input}}"}}],
        });
        let file = place.folder.file("script.json", &script.to_string());
        place.run(&["workflows", "apply", &file]).ok();
        let listed = place.json(&["workflows", "list", "--search", "script"]);
        let id = listed[0]["id"].as_str().expect("an id");
        let run = ["workflows", "run", id, "--input", r#"{"a": 41}"#, "--watch"];
        assert_eq!(place.json(&run)["output"], json!({"sum": 42}));
    });
}

#[cfg(target_os = "linux")]
mod processes {
    use crate::support::{Folder, PATIENCE, Server, flowlatch};
    use rustix::process::{Pid, Signal, kill_process};
    use serde_json::{Value, json};
    use std::io::Write as _;
    use std::process::Stdio;
    use std::time::Instant;

    /// The script processes of a server.
    fn workers_of(server: &Server) -> Vec<i32> {
        let parent = server.pid().as_raw_nonzero().get();
        let processes = std::fs::read_dir("/proc").expect("/proc");
        let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| stat(*pid).is_some_and(|(state, of)| of == parent && state != "Z"))
            .collect()
    }

    /// The state of a process and its parent.
    fn stat(pid: i32) -> Option<(String, i32)> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, after_name) = stat.rsplit_once(") ")?;
        let mut fields = after_name.split(' ');
        let state = fields.next()?.to_owned();
        Some((state, fields.next()?.parse().ok()?))
    }

    fn until(what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "{what}");
            std::thread::yield_now();
        }
    }

    fn is_gone(pid: i32) -> bool {
        stat(pid).is_none_or(|(state, _)| state == "Z")
    }

    /// An active workflow that runs this code.
    fn workflow(server: &Server, code: &str) -> String {
        let step = json!({"id": "s", "type": "code", "config": {"code": code, "timeout": 30_000}});
        let body = json!({"name": "w", "trigger": {"type": "api"}, "steps": [step]});
        let (status, created) = server.call("POST", "/api/v1/workflows", Some(&body));
        assert_eq!(status, 201, "{created}");
        let id = created["data"]["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/workflows/{id}/activate");
        assert_eq!(server.call("POST", &path, None).0, 200);
        format!("/api/v1/workflows/{id}/run")
    }

    fn result(server: &Server, run: &str) -> Value {
        let (_, done) = server.call("POST", run, Some(&json!({"mode": "sync"})));
        done["data"]["output"]["result"].clone()
    }

    #[test]
    fn a_script_ends_with_the_server_that_is_killed() {
        let folder = Folder::new();
        for code in [
            "for (;;);",
            "return 'a'.repeat(1e7).indexOf('a'.repeat(4e6) + 'b')",
        ] {
            let server = folder.serve();
            if server.ready["adminKey"].is_null() {
                // The run of the server before goes on here, in a process that ends with this one.
                until("a worker", || !workers_of(&server).is_empty());
            } else {
                let run = workflow(&server, code);
                assert_eq!(server.call("POST", &run, Some(&json!({}))).0, 202);
            }
            until("a worker", || workers_of(&server).len() == 1);
            let worker = workers_of(&server)[0];
            server.kill();
            until("the worker's end", || is_gone(worker));
        }
    }

    #[test]
    fn a_worker_that_was_killed_while_it_waited_is_replaced_unseen() {
        let folder = Folder::new();
        let server = folder.serve();
        let run = workflow(&server, "return 1");
        assert_eq!(result(&server, &run), 1);
        let workers = workers_of(&server);
        assert_eq!(workers.len(), 1);
        let pid = Pid::from_raw(workers[0]).expect("a process");
        kill_process(pid, Signal::KILL).expect("it is there");
        until("the worker's end", || is_gone(workers[0]));
        assert_eq!(result(&server, &run), 1);
        assert_ne!(workers_of(&server), workers);
        server.stop();
    }

    #[test]
    fn a_worker_has_no_environment_and_no_file_of_the_server() {
        let folder = Folder::new();
        let server = folder.serve();
        let run = workflow(&server, "return 1");
        assert_eq!(result(&server, &run), 1);
        let worker = workers_of(&server)[0];
        let environment = std::fs::read(format!("/proc/{worker}/environ")).expect("readable");
        assert!(environment.is_empty());
        // What the test itself was started with may be there too, but nothing that the server has opened.
        for entry in std::fs::read_dir(format!("/proc/{worker}/fd")).expect("readable") {
            let link = std::fs::read_link(entry.expect("an entry").path()).expect("a link");
            let link = link.display().to_string();
            assert!(
                link.starts_with("pipe:") || link.starts_with("/dev/"),
                "{link}"
            );
        }
        let limits = std::fs::read_to_string(format!("/proc/{worker}/limits")).expect("readable");
        let limit = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name));
            let soft = line.and_then(|line| line.split_whitespace().next());
            soft.expect(name).to_owned()
        };
        assert_eq!(limit("Max core file size"), "0");
        assert_eq!(limit("Max file size"), "0");
        assert_ne!(limit("Max address space"), "unlimited");
        server.stop();
    }

    #[test]
    fn a_worker_that_is_asked_for_nonsense_ends() {
        for (asked, code) in [("", 0), ("nonsense\n", 1), ("{}\n", 1)] {
            let mut child = flowlatch()
                .arg("script-worker")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the binary starts");
            let mut stdin = child.stdin.take().expect("a pipe");
            stdin.write_all(asked.as_bytes()).expect("it reads");
            // Open until it ends by itself, where it shall.
            let kept = (code != 0).then_some(stdin);
            let output = child.wait_with_output().expect("it ends");
            drop(kept);
            assert_eq!(output.status.code(), Some(code), "{asked}");
            assert!(output.stdout.is_empty());
        }
    }
}
