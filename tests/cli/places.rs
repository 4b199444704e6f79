//! Where commands act: on the files, through the running server, or on a remote one; each the same to its user.

use crate::support::{Done, Folder, Server, flowlatch, http};
use rustix::process::Signal;
use serde_json::Value;

/// Somewhere that commands can act on.
pub(crate) struct Place {
    pub(crate) folder: Folder,
    server: Option<Server>,
    remote_key: Option<String>,
}

impl Place {
    /// A folder that nobody holds; a server was there once.
    fn files() -> Place {
        let folder = Folder::new();
        folder.serve().stop();
        Place {
            folder,
            server: None,
            remote_key: None,
        }
    }

    /// A folder that a server holds.
    fn held() -> Place {
        let folder = Folder::new();
        Place {
            server: Some(folder.serve()),
            folder,
            remote_key: None,
        }
    }

    /// A server of which only its URL and a key are known.
    fn remote() -> Place {
        let place = Place::held();
        let key = place
            .server
            .as_ref()
            .map(|server| server.admin_key().to_owned());
        Place {
            remote_key: key,
            ..place
        }
    }

    pub(crate) fn is_files(&self) -> bool {
        self.server.is_none()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        match (&self.remote_key, &self.server) {
            (Some(key), Some(server)) => {
                let mut command = flowlatch();
                command.args(arguments).args(["--url", &server.url]);
                command.env("FLOWLATCH_API_KEY", key);
                command
            }
            _ => self.folder.command(arguments),
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments))
    }

    /// What a good command with `--json` prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat()).ok();
        done.json()
    }

    /// The id of the sample workflow.
    pub(crate) fn hello(&self) -> String {
        let listed = self.json(&["workflows", "list", "--search", "hello"]);
        listed[0]["id"].as_str().expect("the sample").to_owned()
    }
}

/// Runs a test in every place.
pub(crate) fn everywhere(test: impl Fn(&Place)) {
    for place in [Place::files(), Place::held(), Place::remote()] {
        test(&place);
        if let Some(server) = place.server {
            let ended = server.stop();
            assert_eq!(ended.stdout, "");
        }
    }
}

#[test]
fn data_stands_anywhere_and_the_environment_may_name_it() {
    let folder = Folder::new();
    folder.serve().stop();
    let data = folder.data.to_str().expect("UTF-8");
    let joined = format!("--data={data}");
    for arguments in [
        &["--data", data, "workflows", "list"][..],
        &["workflows", "--data", data, "list"],
        &["workflows", "list", "--data", data],
        &[&joined, "workflows", "list"],
    ] {
        let mut command = flowlatch();
        command.args(arguments);
        assert!(
            Done::of(command).ok().stdout.contains("hello"),
            "{arguments:?}"
        );
    }
    let mut command = flowlatch();
    command
        .args(["workflows", "list"])
        .env("FLOWLATCH_DATA", data);
    assert!(Done::of(command).ok().stdout.contains("hello"));
    let mut serve = flowlatch();
    serve.args(["--data", data, "--port", "0", "--json-ready"]);
    Server::start(serve).stop();
}

#[test]
fn the_environment_may_name_the_remote_server() {
    let folder = Folder::new();
    let server = folder.serve_with(&["--base-path", "/flows"]);
    for url in ["/flows", "/flows/", "/flows/api/v1"] {
        let mut command = flowlatch();
        command.args(["workflows", "list"]);
        command.env("FLOWLATCH_URL", format!("{}{url}", server.url));
        command.env("FLOWLATCH_API_KEY", server.admin_key());
        assert!(Done::of(command).ok().stdout.contains("hello"), "{url}");
    }
    let list = |url: &str, key: &str| {
        let mut command = flowlatch();
        command
            .args(["workflows", "list", "--url", url])
            .env("FLOWLATCH_API_KEY", key);
        Done::of(command)
    };
    let url = format!("{}/flows", server.url);
    list(&url, "wfk_wrong").refused(
        1,
        &["Invalid or missing API key"],
        Some("FLOWLATCH_API_KEY"),
    );
    let elsewhere = format!("{}/other", server.url);
    list(&elsewhere, server.admin_key()).refused(1, &["no such path"], None);
    let narrow = folder.run(&[
        "keys",
        "create",
        "--name",
        "n",
        "--scope",
        "runs:read",
        "--json",
    ]);
    let narrow = narrow.ok().json()["key"]
        .as_str()
        .expect("a key")
        .to_owned();
    list(&url, &narrow).refused(1, &["Insufficient permissions"], Some("workflows:read"));
    // `--data` beats the variable.
    let mut command = folder.command(&["keys", "list"]);
    command.env("FLOWLATCH_URL", "http://127.0.0.1:1");
    assert!(Done::of(command).ok().stdout.contains("admin"));
    server.stop();
}

#[test]
fn a_long_path_has_a_port_and_a_token_instead_of_a_socket() {
    let mut folder = Folder::new();
    folder.data = folder.root().join("x".repeat(110));
    let server = folder.serve();
    assert!(!folder.data.join("control.sock").exists());
    let text = std::fs::read_to_string(folder.data.join("server.json")).expect("there");
    let named: Value = serde_json::from_str(&text).expect("JSON");
    let url = named["control"]["url"].as_str().expect("a URL");
    let token = named["control"]["token"].as_str().expect("a token");
    assert!(
        url.starts_with("http://127.0.0.1:") && token.len() >= 32,
        "{text}"
    );
    assert!(folder.run(&["keys", "list"]).ok().stdout.contains("admin"));

    let other = if token.ends_with('0') { '1' } else { '0' };
    let wrong = format!("Bearer {}{other}", &token[..token.len() - 1]);
    let right = format!("Bearer {token}");
    for (value, expected) in [
        (right.as_str(), "HTTP/1.1 200"),
        (&wrong, "HTTP/1.1 401"),
        ("Bearer ", "HTTP/1.1 401"),
        (token, "HTTP/1.1 401"),
    ] {
        let headers = [("authorization", value), ("connection", "close")];
        let mut answer = String::new();
        let mut stream = crate::support::open(url, "GET", "/api/v1/auth/api-keys", &headers, "");
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
        assert!(answer.starts_with(expected), "{value}: {answer}");
    }
    // Neither the key of a client nor no credential opens the owner's port, and the token opens no other.
    let key = Some(server.admin_key());
    assert_eq!(http(url, "GET", "/api/v1/auth/api-keys", key, None).0, 401);
    assert_eq!(http(url, "GET", "/api/health", None, None).0, 401);
    let ended = server.stop();
    assert!(!ended.stderr.contains(token), "{ended:#?}");
}

#[test]
fn a_server_that_hangs_is_told_apart_from_none() {
    let folder = Folder::new();
    let server = folder.serve();
    // Held by a process that is at work on something else: a second server does not push in.
    server.signal(Signal::STOP);
    let pid = format!("pid {}", server.ready["pid"]);
    folder
        .run(&["serve", "--port", "0"])
        .refused(1, &[&pid], Some("stop that server"));
    server.signal(Signal::CONT);
    assert!(
        folder
            .run(&["workflows", "list"])
            .ok()
            .stdout
            .contains("hello")
    );
    server.stop();
}
