//! A server in a process of its own, which stops for ever at a commit that the test names, and is killed there.

use crate::support::Client;
use flowlatch::app::{App, Options};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::model::limit::Limit;
use flowlatch::secret::SecretText;
use flowlatch::store::CommitPoint;
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{mpsc, watch};

/// Says to the child that it is one, and where its data folder is.
const MARK: &str = "CRASH_TEST_DATA";
/// Says to the child where it stops before anybody can tell it.
const FIRST_STOP: &str = "CRASH_TEST_FIRST_STOP";
/// What a manual clock shows at the start, in milliseconds; without it the child has the machine's.
const CLOCK: &str = "CRASH_TEST_CLOCK";
/// Which limit lets one run go on at a time; without it the child has the usual ones.
const LIMIT: &str = "CRASH_TEST_LIMIT";
/// Who runs nodes of the types `generate:*`; without it nobody does.
const BACKEND: &str = "CRASH_TEST_BACKEND";
/// Where the models of flows are; without it they are nowhere.
const MODEL: &str = "CRASH_TEST_MODEL";
/// Where alerts are posted; without it they are told to nobody.
const ALERTS: &str = "CRASH_TEST_ALERTS";
/// How lines begin that are meant for the parent; the test harness prints lines too.
const PREFIX: &str = "crash-test: ";
/// How long the child may take for what must happen.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
/// How long it may take for what one move of its clock makes it do, before the clock is moved on.
const TICK: std::time::Duration = std::time::Duration::from_millis(50);

/// Where the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) point: CommitPoint,
    /// From 1, counted from when the server was told.
    pub(crate) commit: i64,
}

/// What lets one run go on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneRun {
    /// The setting `max_running_runs`.
    OfServer,
    /// The setting `max_running_runs_per_key`.
    OfKey,
}

/// What is special about a child.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setting {
    /// Where its clock stands until it is moved; without it the child has the machine's.
    pub(crate) clock_ms: Option<i64>,
    /// What lets one run go on at a time; without it the usual limits hold.
    pub(crate) one_run: Option<OneRun>,
    /// Who runs nodes of the types `generate:*`, at `/draw`; without it nobody does.
    pub(crate) backend: Option<SocketAddr>,
    /// Who is asked as a model, at `/v1`; without it the flows have none.
    pub(crate) model: Option<SocketAddr>,
    /// Who is told alerts, at `/alerts`; without it nobody is.
    pub(crate) alerts: Option<SocketAddr>,
}

/// A running child.
pub(crate) struct Server {
    pub(crate) client: Client,
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

/// Starts a server that stops before it listens, and kills it there. False when it listened first.
pub(crate) async fn killed_while_starting(data: &Path, stop: Stop) -> bool {
    let first = format!("stop {} {}", stop.point_word(), stop.commit);
    let mut server = Server::spawn(data, Setting::default(), Some(&first));
    let line = server.line().await;
    server.kill();
    line == "stopped"
}

impl Stop {
    fn point_word(self) -> &'static str {
        match self.point {
            CommitPoint::BeforeCommit => "before",
            CommitPoint::AfterCommit => "after",
        }
    }
}

impl Server {
    /// Starts a server on the folder. `key` gets the admin key if this is the folder's first start.
    pub(crate) async fn start(data: &Path, key: &mut String, setting: Setting) -> Server {
        let mut server = Server::spawn(data, setting, None);
        let ready = server.line().await;
        let mut words = ready.split(' ');
        assert_eq!(words.next(), Some("ready"));
        let url = words.next().expect("a URL").to_owned();
        if let Some(first) = words.next() {
            first.clone_into(key);
        }
        server.client = Client::new(&url, Some(key.clone()));
        server
    }

    fn spawn(data: &Path, setting: Setting, first_stop: Option<&str>) -> Server {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        if let Some(clock_ms) = setting.clock_ms {
            command.env(CLOCK, clock_ms.to_string());
        }
        if let Some(limit) = setting.one_run {
            command.env(LIMIT, format!("{limit:?}"));
        }
        if let Some(backend) = setting.backend {
            command.env(BACKEND, format!("http://{backend}/draw"));
        }
        if let Some(model) = setting.model {
            command.env(MODEL, format!("http://{model}/v1"));
        }
        if let Some(alerts) = setting.alerts {
            command.env(ALERTS, format!("http://{alerts}/alerts"));
        }
        let mut child = command
            .args([
                "server::child",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(MARK, data)
            .env(FIRST_STOP, first_stop.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let stdin = child.stdin.take().expect("its input");
        let stdout = child.stdout.take().expect("its output");
        let (send, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
            {
                if let Some((_, line)) = line.split_once(PREFIX) {
                    drop(send.send(line.to_owned()));
                }
            }
        });
        Server {
            client: Client::new("", None),
            child,
            stdin,
            lines,
        }
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        line.expect("the child answers").expect("the child lives")
    }

    /// From now on the server counts commits, and stops for ever where it is told to.
    pub(crate) async fn stop_at(&mut self, stop: Stop) {
        let (point, commit) = (stop.point_word(), stop.commit);
        writeln!(self.stdin, "stop {point} {commit}").expect("the child reads");
        assert_eq!(self.line().await, "told");
    }

    /// Moves a manual clock.
    pub(crate) fn advance(&mut self, by_ms: i64) {
        writeln!(self.stdin, "advance {by_ms}").expect("the child reads");
    }

    /// Moves a manual clock again and again until the server has stopped where it was told to; false where it never does.
    pub(crate) async fn advance_until_stopped(&mut self, by_ms: i64) -> bool {
        for _ in 0..200 {
            self.advance(by_ms);
            if let Ok(line) = tokio::time::timeout(TICK, self.lines.recv()).await {
                assert_eq!(line.as_deref(), Some("stopped"));
                return true;
            }
        }
        false
    }

    /// How many commits there were since it was told to count.
    pub(crate) async fn commits(&mut self) -> i64 {
        writeln!(self.stdin, "count").expect("the child reads");
        let line = self.line().await;
        line.parse().unwrap_or_else(|_| panic!("a number: {line}"))
    }

    /// Returns when the server has stopped where it was told to.
    pub(crate) async fn stopped(&mut self) {
        assert_eq!(self.line().await, "stopped");
    }

    /// SIGKILL. What the disk holds now is all that is left.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("the end of the child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Also when the test has failed; a second kill finds nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Counts commits down and stops for ever at the one that was named.
struct Brake {
    clock: Clock,
    before_left: AtomicI64,
    after_left: AtomicI64,
    commits: AtomicI64,
}

impl Brake {
    fn told(&self, words: &[&str]) {
        match words {
            ["advance", by_ms] => self.clock.advance_ms(by_ms.parse().expect("a number")),
            ["count"] => say(&self.commits.load(Ordering::SeqCst).to_string()),
            words => {
                self.set(words);
                say("told");
            }
        }
    }

    fn set(&self, words: &[&str]) {
        let ["stop", point, commit] = words else {
            panic!("{words:?} is nothing that a child is told");
        };
        let commit = commit.parse().expect("a number");
        let (before, after) = match *point {
            "before" => (commit, 0),
            _ => (0, commit),
        };
        self.commits.store(0, Ordering::SeqCst);
        self.before_left.store(before, Ordering::SeqCst);
        self.after_left.store(after, Ordering::SeqCst);
    }

    fn at(&self, point: CommitPoint) {
        let left = match point {
            CommitPoint::BeforeCommit => &self.before_left,
            CommitPoint::AfterCommit => {
                self.commits.fetch_add(1, Ordering::SeqCst);
                &self.after_left
            }
        };
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            say("stopped");
            loop {
                std::thread::park();
            }
        }
    }
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "\n{PREFIX}{line}").expect("the parent listens");
    stdout.flush().expect("the parent listens");
}

/// Not a test but the server; without the mark it returns at once.
#[test]
fn child() {
    let Some(data) = std::env::var_os(MARK).map(PathBuf::from) else {
        return;
    };
    let clock = std::env::var(CLOCK).map_or_else(
        |_| Clock::system(),
        |shown| Clock::manual(shown.parse().expect("a number")),
    );
    let brake = Arc::new(Brake {
        clock: clock.clone(),
        before_left: AtomicI64::new(0),
        after_left: AtomicI64::new(0),
        commits: AtomicI64::new(0),
    });
    if let Ok(first) = std::env::var(FIRST_STOP)
        && !first.is_empty()
    {
        brake.set(&first.split(' ').collect::<Vec<_>>());
    }
    let listening = brake.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            listening.told(&line.split(' ').collect::<Vec<_>>());
        }
        // The parent is gone: nobody would end this process otherwise.
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut config = Config::new(data);
        config.port = 0;
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        config.limit_read = Limit::Unlimited;
        config.limit_execute = Limit::Unlimited;
        match std::env::var(LIMIT).as_deref() {
            Ok("OfServer") => config.max_running_runs = 1,
            Ok("OfKey") => config.max_running_runs_per_key = 1,
            _ => {}
        }
        if let Ok(backend) = std::env::var(BACKEND) {
            config.node_backends = vec![("generate:*".to_owned(), backend)];
        }
        config.llm_base_url = std::env::var(MODEL).ok();
        if let Ok(alerts) = std::env::var(ALERTS) {
            config.alerts.url = Some(SecretText::new(alerts));
            config.alerts.secret = Some(SecretText::new("of the alerts".to_owned()));
        }
        let options = Options {
            clock,
            commit_hook: Some(Arc::new(move |point| brake.at(point))),
        };
        let app = App::open(config, options).await.expect("the app opens");
        let (_stop, stopped) = watch::channel(false);
        let ready = |bound: flowlatch::app::Bound| {
            let key = bound
                .first_key
                .map_or(String::new(), |key| format!(" {}", key.reveal()));
            say(&format!("ready {}{key}", bound.url));
        };
        app.serve(stopped, ready).await.expect("it serves");
    });
}
