//! One headless Chromium with an empty profile and the driver that steers it. Promise: both are gone with the test, also with
//! one that fails, and nothing outside of this machine is reached.

use crate::needed::{chromedriver, chromium};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use url::{ParseError, Url};

/// How long the driver may take to say where it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// How wide and high pages are shown, in CSS pixels.
const WINDOW: (u32, u32) = (1280, 800);

/// What keeps Chromium from doing anything of its own accord.
const FLAGS: [&str; 9] = [
    "--headless",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A running browser.
pub(crate) struct Chromium {
    pub(crate) client: Client,
    _driver: Driver,
    _profile: TempDir,
}

/// The driver's process, with the browser's in its group.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        if kill_process_group(Pid::from_child(&self.0), Signal::KILL).is_ok() {
            drop(self.0.wait());
        }
    }
}

impl Chromium {
    pub(crate) async fn start() -> Chromium {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(chromedriver());
        command
            .arg("--port=0")
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = Driver(command.process_group(0).spawn().expect("a driver"));
        let port = port(
            driver.0.stdout.take().expect("its standard output"),
            PATIENCE,
        );
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let Value::Object(wanted) = capabilities(&profile) else {
            unreachable!("written as an object");
        };
        let client = builder.capabilities(wanted);
        let client = client.connect(&format!("http://127.0.0.1:{port}")).await;
        let chromium = Chromium {
            client: client.expect("a Chromium that fits its driver"),
            _driver: driver,
            _profile: profile,
        };
        let (width, height) = WINDOW;
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        chromium
            .tell("Emulation.setDeviceMetricsOverride", size)
            .await;
        chromium
    }

    /// Tells the browser something that WebDriver has no word for.
    pub(crate) async fn tell(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        let path = "goog/cdp/execute";
        let told = self.client.issue_cmd(Extension { path, body }).await;
        told.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// What came into this log since it was last asked for.
    pub(crate) async fn log(&self, kind: &str) -> Vec<Value> {
        let body = json!({ "type": kind });
        let path = "se/log";
        let log = self.client.issue_cmd(Extension { path, body }).await;
        let log = log.unwrap_or_else(|error| panic!("the {kind} log: {error}"));
        log.as_array().expect("a list").clone()
    }
}

fn capabilities(profile: &TempDir) -> Value {
    let mut flags = FLAGS.map(str::to_owned).to_vec();
    flags.push(format!(
        "--user-data-dir={}",
        profile.path().join("profile").display()
    ));
    // Chromium has no sandbox for root; the pages are the tests' own.
    if rustix::process::geteuid().is_root() {
        flags.push("--no-sandbox".to_owned());
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": chromium(), "args": flags },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}

/// The port on which the driver says that it listens. What it says later is read and dropped. A driver that says nothing in time
/// is none.
fn port(output: impl Read + Send + 'static, patience: Duration) -> u16 {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once the port is known.
            drop(tell.send(line));
        }
    });
    let (begun, mut said) = (Instant::now(), String::new());
    while let Ok(line) = told.recv_timeout(patience.saturating_sub(begun.elapsed())) {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().expect("a port");
        }
        said.push_str(&line);
    }
    panic!("the driver ended, or said no port within {patience:?}: {said}");
}

#[test]
fn a_driver_that_tells_no_port_is_not_waited_for_for_ever() {
    let patience = Duration::from_millis(50);
    let (silent, _open) = std::io::pipe().expect("a pipe");
    assert!(std::panic::catch_unwind(|| port(silent, patience)).is_err());
    let said = &b"hello\nstarted successfully on port 4711.\nmore\n"[..];
    assert_eq!(port(said, PATIENCE), 4_711);
}

/// A command of Chromium's driver that is its own.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
