//! Folders, servers and commands for one test. A server that a test leaves behind is killed when it is dropped.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A data folder that does not exist yet, in a temporary folder of its own.
pub(crate) struct Folder {
    root: TempDir,
    pub(crate) data: PathBuf,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `flowlatch serve --json-ready`, ready.
pub(crate) struct Server {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) ready: Value,
    pub(crate) url: String,
    more_stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// A server that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
    /// What stood on stdout after the ready line.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary in an environment in which nothing is set for it.
pub(crate) fn flowlatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowlatch"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("FLOWLATCH_") || text == "RUST_LOG" || text == "XDG_DATA_HOME" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

impl Folder {
    pub(crate) fn new() -> Folder {
        let root = tempfile::tempdir().expect("a temporary folder");
        let data = root.path().join("data");
        Folder { root, data }
    }

    /// The folder in which the data folder lies, for other files.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.root().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// A command on this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = flowlatch();
        command.arg("--data").arg(&self.data).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments))
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--port", "0", "--json-ready"]);
        command.args(arguments);
        Server::start(command)
    }
}

impl Done {
    pub(crate) fn of(mut command: Command) -> Done {
        let output = command.output().expect("the binary starts");
        Done {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// With this on stdin.
    pub(crate) fn fed(mut command: Command, input: &str) -> Done {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Done {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Demands exit code 0.
    pub(crate) fn ok(self) -> Done {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Demands this exit code, nothing on stdout, one line of error with these words in it, and a hint if `hint` is one.
    pub(crate) fn refused(self, code: i32, words: &[&str], hint: Option<&str>) -> Done {
        assert_eq!(self.code, code, "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        let first = self.stderr.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: "), "{self:#?}");
        for word in words {
            assert!(first.contains(word), "no `{word}` in {self:#?}");
        }
        let hints: Vec<&str> = self
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("hint: "))
            .collect();
        match hint {
            None => assert_eq!(hints.len(), 0, "{self:#?}"),
            Some(part) => {
                assert!(hints.len() == 1 && hints[0].contains(part), "{self:#?}");
                assert_eq!(self.stderr.lines().count(), 2, "{self:#?}");
            }
        }
        self
    }

    /// Demands this exit code and an error with these words, after whatever was printed.
    pub(crate) fn refused_with_output(self, code: i32, words: &str) -> Done {
        assert_eq!(self.code, code, "{self:#?}");
        let error = self.stderr.lines().find(|line| line.starts_with("error: "));
        assert!(error.is_some_and(|line| line.contains(words)), "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl Server {
    /// Starts a `serve --json-ready` and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Server {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = collected(child.stderr.take().expect("a pipe"));
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("readable");
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            drop(child.kill());
            panic!("not ready: {line:?}, {}", stderr.recv().expect("stderr"));
        };
        Server {
            stdin: child.stdin.take(),
            url: ready["url"].as_str().expect("a URL").to_owned(),
            more_stdout: collected(stdout),
            ready,
            stderr,
            child,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn admin_key(&self) -> &str {
        self.ready["adminKey"].as_str().expect("a first start")
    }

    /// One request of the admin's: status and JSON.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let key = self.ready["adminKey"].as_str();
        http(&self.url, method, path, key, body)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there");
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let began = Instant::now();
        drop(self.stdin.take());
        let status = wait(&mut self.child);
        Ended {
            status,
            took: began.elapsed(),
            stdout: self.more_stdout.recv_timeout(PATIENCE).expect("stdout"),
            stderr: self.stderr.recv_timeout(PATIENCE).expect("stderr"),
        }
    }

    /// Asks it to stop, and demands that it ends well.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.ended();
        assert!(ended.status.success(), "{ended:#?}");
        ended
    }

    pub(crate) fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.ended()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Most have ended by now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for a child, but not for ever.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let (ended, over) = channel::<()>();
    let pid = Pid::from_child(child);
    let watchdog = thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            kill_process(pid, Signal::KILL).expect("it has not been waited for");
        }
    });
    let status = child.wait().expect("a child");
    drop(ended);
    watchdog.join().expect("no panic");
    status
}

fn collected(mut stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (text_is, text) = channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        drop(stream.read_to_end(&mut all));
        drop(text_is.send(String::from_utf8_lossy(&all).into_owned()));
    });
    text
}

/// A request on a connection of its own, sent, its answer unread.
pub(crate) fn open(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time limit");
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(head.as_bytes()).expect("it reads");
    stream
}

/// One request on a connection of its own: status and JSON.
pub(crate) fn http(
    url: &str,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let body = body.map_or(String::new(), Value::to_string);
    let mut headers = vec![
        ("connection", "close"),
        ("content-type", "application/json"),
    ];
    headers.extend(key.map(|key| ("x-api-key", key)));
    let mut answer = String::new();
    open(url, method, path, &headers, &body)
        .read_to_string(&mut answer)
        .expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (
        status.parse().expect("a number"),
        serde_json::from_str(body).expect("JSON"),
    )
}
