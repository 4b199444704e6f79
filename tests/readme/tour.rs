//! Plays the tour: every command of the section, in order, and every answer that it shows. The commands are read here and not
//! by a shell, and `curl` is played by this test's own client, so that nothing need be installed; an option that is not
//! known here fails the test.

use super::built::example;
use super::shown::Known;
use super::{root, section};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// An execution that goes on.
const RUNNING: &str = r#""status":"RUNNING""#;

/// Between the fields of a form.
const BOUNDARY: &str = "of-the-tour";

/// A fenced block, and the block with the answer that follows it.
struct Step {
    commands: String,
    answer: Option<(String, String)>,
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Tour {
    folder: TempDir,
    http: reqwest::Client,
    known: Known,
    variables: HashMap<String, String>,
    running: Vec<Running>,
}

#[tokio::test]
async fn the_tour_answers_what_the_readme_shows() {
    let mut tour = Tour::new();
    let steps = steps(&section("Five minutes"));
    assert!(steps.len() > 8, "the tour has {} steps", steps.len());
    tour.take(steps).await;
    assert_eq!(tour.running.len(), 2, "the tour starts a server and an API");
}

#[tokio::test]
async fn wireflows_clients_are_answered_as_the_readme_shows() {
    clients_are_answered("Wireflow's clients").await;
}

#[tokio::test]
async fn flowises_clients_are_answered_as_the_readme_shows() {
    clients_are_answered("Flowise's clients").await;
}

/// Plays a section that takes a running server for granted.
async fn clients_are_answered(title: &str) {
    let mut tour = Tour::new();
    for words in commands("cargo run --release --\n") {
        tour.play(&words).await;
    }
    let steps = steps(&section(title));
    let answered = steps.iter().filter(|step| step.answer.is_some()).count();
    assert!(answered > 3, "{answered} answers are shown");
    tour.take(steps).await;
}

impl Tour {
    fn new() -> Tour {
        drop(rustls::crypto::ring::default_provider().install_default());
        Tour {
            folder: tempfile::tempdir().expect("a folder"),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            known: Known::default(),
            variables: HashMap::new(),
            running: Vec::new(),
        }
    }

    /// Goes through the steps, and compares every shown answer.
    async fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            let mut last = String::new();
            for words in commands(&step.commands) {
                if let Some(output) = self.play(&words).await {
                    last = output;
                }
            }
            match step.answer {
                None => {}
                Some((kind, shown)) if kind == "json" => self.known.compare_json(&shown, &last),
                Some((_, shown)) => self.known.compare_text(shown.trim_end(), last.trim_end()),
            }
        }
    }

    /// Does what a command says; what it prints.
    async fn play(&mut self, words: &[Word]) -> Option<String> {
        let words: Vec<String> = words.iter().map(|word| self.expand(word)).collect();
        let first = words[0].as_str();
        if let Some((name, value)) = first.split_once('=').filter(|_| words.len() == 1) {
            self.variables.insert(name.to_owned(), value.to_owned());
            return None;
        }
        let rest = &words[1..];
        match first {
            "cargo" if rest.starts_with(&words_of("run --release --example orders")) => {
                let line = self.start(Command::new(example("orders")).arg("0"));
                let (_, address) = line.split_once("http://").expect("the address");
                self.known.learn("127.0.0.1:4000", address.trim());
                None
            }
            "cargo" if rest.starts_with(&words_of("run --release --")) => {
                let mut server = Command::new(env!("CARGO_BIN_EXE_flowlatch"));
                server
                    .args(&rest[3..])
                    .args(["--port", "0", "--json-ready"])
                    .env("FLOWLATCH_DATA", self.folder.path().join("data"))
                    .stderr(Stdio::null());
                let line = self.start(&mut server);
                let ready: serde_json::Value = serde_json::from_str(&line).expect("a ready line");
                let url = ready["url"].as_str().expect("its URL");
                let (_, address) = url.split_once("://").expect("a scheme");
                self.known.learn("127.0.0.1:3000", address);
                None
            }
            "target/release/flowlatch" => Some(self.flowlatch(rest)),
            "curl" => Some(self.ask(rest).await),
            other => panic!("the tour cannot play `{other}`"),
        }
    }

    /// A word as the shell would hand it on, with what is real in this run.
    fn expand(&self, word: &Word) -> String {
        let pieces = word.0.iter().map(|piece| match piece {
            Piece::Text(text) => self.known.real(text),
            Piece::Variable(name) => self
                .variables
                .get(name)
                .unwrap_or_else(|| panic!("${name} is not set"))
                .clone(),
        });
        pieces.collect()
    }

    /// Starts a program and gives the first line that it prints.
    fn start(&mut self, command: &mut Command) -> String {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("its output");
        self.running.push(Running(child));
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        line
    }

    fn flowlatch(&self, arguments: &[String]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_flowlatch"))
            .args(arguments)
            .env("FLOWLATCH_DATA", self.folder.path().join("data"))
            .output()
            .expect("it runs");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaints}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Asks; about an execution, as its reader would, until it has ended.
    async fn ask(&self, arguments: &[String]) -> String {
        for _ in 0..2_000 {
            let answer = self.curl(arguments).await;
            if !arguments.iter().any(|one| one.ends_with("/poll")) || !answer.contains(RUNNING) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("what {arguments:?} asks about does not end");
    }

    /// Plays `curl` with the options that the tour uses.
    async fn curl(&self, arguments: &[String]) -> String {
        let mut arguments = arguments.iter();
        let (mut method, mut url, mut body, mut shows_head) = (None, None, None, false);
        let mut headers = Vec::new();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value").clone();
            match argument.as_str() {
                "-s" => {}
                "-i" => shows_head = true,
                "-X" => method = Some(value()),
                "-d" => body = Some(value()),
                "-F" => {
                    body = Some(form(&value()));
                    headers.push(format!(
                        "content-type: multipart/form-data; boundary={BOUNDARY}"
                    ));
                }
                "-H" => headers.push(value()),
                option if option.starts_with('-') => panic!("the tour cannot play curl {option}"),
                address => url = Some(address.to_owned()),
            }
        }
        let default = if body.is_some() { "POST" } else { "GET" };
        let method = method.unwrap_or_else(|| default.to_owned());
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, url.expect("a URL"));
        for header in headers {
            let (name, value) = header.split_once(": ").expect("a header");
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.expect("an answer");
        let mut head = format!("{:?} {}\n", response.version(), response.status());
        for (name, value) in response.headers() {
            head.push_str(&format!("{name}: {}\n", value.to_str().expect("text")));
        }
        let text = response.text().await.expect("a body");
        if shows_head {
            format!("{head}\n{text}")
        } else {
            text
        }
    }
}

/// What curl makes of `file=@PATH;type=MEDIA/TYPE`.
fn form(field: &str) -> String {
    let (name, file) = field.split_once("=@").expect("a file");
    let (path, media_type) = file.split_once(";type=").expect("a media type");
    let content = std::fs::read_to_string(root().join(path)).expect("a file");
    let file_name = path.rsplit('/').next().expect("a name");
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
         Content-Type: {media_type}\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n"
    )
}

fn words_of(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// The blocks of commands, each with its answer.
fn steps(section: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fences = section.split("```").skip(1);
    // Every second piece stands between the blocks.
    while let Some(block) = fences.next() {
        fences.next();
        let (kind, text) = block.split_once('\n').expect("a block has lines");
        if kind == "sh" {
            let commands = text.to_owned();
            let answer = None;
            steps.push(Step { commands, answer });
        } else {
            let step = steps.last_mut().expect("an answer follows a command");
            assert!(step.answer.is_none(), "two answers to one command");
            step.answer = Some((kind.to_owned(), text.to_owned()));
        }
    }
    steps
}

/// A word of a command, as it is written.
#[derive(Default)]
struct Word(Vec<Piece>);

enum Piece {
    Text(String),
    Variable(String),
}

impl Word {
    fn push(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(letter),
            _ => self.0.push(Piece::Text(letter.into())),
        }
    }
}

/// Reads commands as a shell does: words, both kinds of quotes, variables, and a backslash at the end of a line.
fn commands(block: &str) -> Vec<Vec<Word>> {
    let mut commands = vec![Vec::new()];
    let (mut word, mut quote) = (None::<Word>, None);
    let mut letters = block.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if letter == open => quote = None,
            ('$', None | Some('"')) => {
                let mut name = String::new();
                while let Some(next) = letters.next_if(char::is_ascii_uppercase) {
                    name.push(next);
                }
                assert!(!name.is_empty(), "a `$` names a variable");
                word.get_or_insert_default().0.push(Piece::Variable(name));
            }
            ('\\', None) => assert_eq!(letters.next(), Some('\n'), "a backslash ends a line"),
            (' ' | '\n', None) => {
                let command = commands.last_mut().expect("the open command");
                command.extend(word.take());
                if letter == '\n' && !command.is_empty() {
                    commands.push(Vec::new());
                }
            }
            ('`' | '|' | '>' | '<' | '&' | ';' | '(' | '#', None) => {
                panic!("the tour cannot play `{letter}`")
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}
