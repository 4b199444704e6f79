//! The dashboard's pages over many workflows and a long history: how long each takes to answer somebody who is signed in, and
//! how large it is. Which pages there are is known from the endpoint table; where a page leads to a next one, that is
//! measured too.

use crate::client::{Load, Measured};
use crate::servers::{self, Server};
use crate::table::Table;
use crate::{Result, Size};
use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use flowlatch::http::{Door, whole_table};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const PASSWORD: &str = "three small boats";
/// How many runs there are for each workflow.
const RUNS_PER_WORKFLOW: usize = 100;
/// Every so many workflows one has a schedule, and one names a connection.
const SCHEDULED_EVERY: usize = 10;
/// How many there are of what people make by hand.
const FEW: usize = 50;
const AT_ONCE: usize = 100;
/// So many seconds each page is asked for at most.
const MAX_SECONDS: f64 = 1.0;
/// A page that has not answered by then is an error.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_PAGE_BYTES: usize = 100_000;

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let data = folder.join("pages");
    let workflows = size.many_runs / RUNS_PER_WORKFLOW;
    let made = crate::client::runtime()?.block_on(Made::make(&data, workflows))?;
    servers::run_to_end(&["seed", &data.to_string_lossy(), &size.many_runs.to_string()])?;
    let server = Server::flowlatch(&data, &[])?;
    let visitor = Visitor::sign_in(&server, made)?;
    let whole = whole_table(true);
    let pages = whole.endpoints().iter().filter(|page| {
        let is_page = page.door == Door::Dashboard && page.method == "GET";
        // What is downloaded or followed is no page.
        let is_file = [
            "/config",
            "/events",
            "/data/:part",
            "/journal/:number/:part",
        ]
        .iter()
        .any(|ending| {
            page.pattern.starts_with("/dashboard/runs/") && page.pattern.ends_with(ending)
        });
        is_page && !is_file && !page.pattern.starts_with("/dashboard/set-up/")
    });
    for page in pages {
        let path = visitor.made.path(page.pattern)?;
        let Some(first) = visitor.page(&path)? else {
            continue;
        };
        visitor.time(page.pattern, &path, &first, size, table)?;
        if let Some(query) = next_page(&first) {
            let path = format!("{path}{query}");
            let next = visitor.page(&path)?.ok_or("the next page is none")?;
            let what = format!("{}, the next page", page.pattern);
            visitor.time(&what, &path, &next, size, table)?;
        }
    }
    table.row(
        "memory after the pages",
        &format!("{:.1} MB", server.resident_mb()?),
        "≤ 120 MB",
    );
    Ok(())
}

/// Where the page says that the next one is: a query string.
fn next_page(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("rel=\"next\" href=\"")?;
    let query = rest.split('"').next()?.replace("&#38;", "&");
    query.starts_with('?').then_some(query)
}

/// What was made, one of each kind.
struct Made {
    workflow: String,
    scheduled: String,
    run: String,
    key: String,
    connection: String,
    variable: String,
}

impl Made {
    /// Fills a folder with so many workflows, and with some of everything else. The runs come later.
    async fn make(data: &Path, workflows: usize) -> Result<Made> {
        let app = App::open(Config::new(data), Options::default()).await?;
        let password = json!({ "password": PASSWORD });
        ask(&app, "PUT", "/api/v1/dashboard/password", password).await?;
        let mut scheduled = String::new();
        for from in (0..workflows).step_by(AT_ONCE) {
            let numbers = from..workflows.min(from + AT_ONCE);
            let making = numbers.map(|number| one_workflow(&app, number));
            let ids = futures_util::future::try_join_all(making).await?;
            if scheduled.is_empty() {
                scheduled = ids.first().cloned().unwrap_or_default();
            }
        }
        let (mut key, mut connection, mut variable) = Default::default();
        for number in 0..FEW {
            let body = json!({ "name": format!("key {number}"), "scopes": ["runs:read"] });
            key = id_of(&ask(&app, "POST", "/api/v1/auth/api-keys", body).await?["data"])?;
            let body = json!({ "name": format!("connection {number}"), "provider": "crm", "type": "bearer",
                "credentials": { "token": "no token at all" }, "hosts": ["api.example.com"] });
            connection = id_of(&ask(&app, "POST", "/api/v1/connections", body).await?["data"])?;
            let body =
                json!({ "name": format!("variable {number}"), "value": "x", "type": "static" });
            variable = id_of(&ask(&app, "POST", "/flowise/api/v1/variables", body).await?)?;
        }
        // The newest workflow is the one that the history is of.
        let steps =
            json!([{ "id": "s0", "type": "transform", "config": { "sourceData": "{{input}}" } }]);
        let body =
            json!({ "name": "with a history", "trigger": { "type": "api" }, "steps": steps });
        let workflow = id_of(&ask(&app, "POST", "/api/v1/workflows", body).await?["data"])?;
        for (path, body) in [
            (
                "secrets",
                json!({ "key": "TOKEN", "value": "no token at all" }),
            ),
            ("activate", json!({})),
        ] {
            let path = format!("/api/v1/workflows/{workflow}/{path}");
            ask(&app, "POST", &path, body).await?;
        }
        let path = format!("/api/v1/workflows/{workflow}/run");
        let run = ask(&app, "POST", &path, json!({ "mode": "sync" })).await?;
        let run = run["data"]["runId"].as_str().ok_or("no run")?.to_owned();
        app.close().await;
        Ok(Made {
            workflow,
            scheduled,
            run,
            key,
            connection,
            variable,
        })
    }

    /// A path of this pattern, with what was made in the place of its parameters.
    fn path(&self, pattern: &str) -> Result<String> {
        let mut filled: Vec<&str> = Vec::new();
        for segment in pattern.split('/') {
            let before = filled.last().copied().unwrap_or_default();
            filled.push(match (segment.starts_with(':'), before) {
                (false, _) => segment,
                (true, "workflows") => &self.workflow,
                (true, "schedules") => &self.scheduled,
                (true, "runs") => &self.run,
                (true, "keys") => &self.key,
                (true, "connections") => &self.connection,
                (true, "variables") => &self.variable,
                (true, "secrets") => "TOKEN",
                (true, "versions") => "1",
                (true, "steps") => "s0",
                (true, other) => {
                    return Err(
                        format!("{pattern}: nothing was made for {segment} after {other}").into(),
                    );
                }
            });
        }
        Ok(filled.join("/"))
    }
}

/// One workflow like many; every so many have a schedule, and name a connection.
async fn one_workflow(app: &App, number: usize) -> Result<String> {
    let is_scheduled = number.is_multiple_of(SCHEDULED_EVERY);
    let (trigger, step) = if is_scheduled {
        (
            json!({ "type": "schedule", "cron": format!("{} 4 1 1 *", number % 60) }),
            json!({ "id": "call", "type": "action", "action": "api.request",
                "config": { "url": "https://api.example.com/", "connection": "crm" } }),
        )
    } else {
        (
            json!({ "type": "api" }),
            json!({ "id": "set", "type": "transform", "config": { "sourceData": number } }),
        )
    };
    let body = json!({ "name": format!("workflow {number}"), "description": "one of very many",
        "trigger": trigger, "steps": [step] });
    let id = id_of(&ask(app, "POST", "/api/v1/workflows", body).await?["data"])?;
    if is_scheduled {
        let path = format!("/api/v1/workflows/{id}/activate");
        ask(app, "POST", &path, json!({})).await?;
    }
    Ok(id)
}

async fn ask(app: &App, method: &str, path: &str, body: Value) -> Result<Value> {
    let (status, answer) = app.control(method, path, Some(body)).await?;
    if (200..300).contains(&status) {
        Ok(answer)
    } else {
        Err(format!("{method} {path}: {status} {answer}").into())
    }
}

fn id_of(answer: &Value) -> Result<String> {
    let id = answer["id"].as_str();
    Ok(id.ok_or_else(|| format!("no id: {answer}"))?.to_owned())
}

/// Somebody who is signed in.
struct Visitor<'a> {
    server: &'a Server,
    made: Made,
    cookie: String,
}

impl Visitor<'_> {
    fn sign_in(server: &Server, made: Made) -> Result<Visitor<'_>> {
        let form = serde_urlencoded::to_string([("password", PASSWORD)])?;
        let length = form.len();
        let (head, _) = answer(
            server,
            &format!(
                "POST /dashboard/sign-in HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{form}"
            ),
        )?;
        let mut lines = head.lines();
        let set = lines.find_map(|line| line.strip_prefix("set-cookie: "));
        let set = set.ok_or_else(|| format!("nobody is signed in: {head}"))?;
        Ok(Visitor {
            server,
            made,
            cookie: set.split(';').next().unwrap_or_default().to_owned(),
        })
    }

    fn head(&self, path: &str) -> String {
        let cookie = &self.cookie;
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n")
    }

    /// A page; `None` of what only leads to another one, or is none.
    fn page(&self, path: &str) -> Result<Option<String>> {
        let head = self.head(path);
        let (head, body) = answer(self.server, &format!("{head}connection: close\r\n\r\n"))?;
        if head.starts_with("HTTP/1.1 303") {
            return Ok(None);
        }
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("{path}: {head}").into());
        }
        Ok(head.contains("content-type: text/html").then_some(body))
    }

    /// Asks for a page again and again.
    fn time(
        &self,
        what: &str,
        path: &str,
        html: &str,
        size: Size,
        table: &mut Table,
    ) -> Result<()> {
        let request = format!("{}\r\n", self.head(path)).into_bytes();
        let load = Load::each(self.server, move |_| request.clone());
        let Measured {
            median_ms, p99_ms, ..
        } = load.measure(1, size.seconds.min(MAX_SECONDS))?;
        let kilobytes = html.len() as f64 / 1e3;
        let max = MAX_PAGE_BYTES / 1_000;
        table.row(
            &format!("{what}: median, 99th percentile, size"),
            &format!("{median_ms:.2} ms, {p99_ms:.2} ms, {kilobytes:.1} kB"),
            &format!("≤ 10 ms, ≤ {max} kB"),
        );
        Ok(())
    }
}

/// Sends one request on a connection that ends with its answer: head and body.
fn answer(server: &Server, request: &str) -> Result<(String, String)> {
    let mut stream = TcpStream::connect(&server.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut whole = String::new();
    stream.read_to_string(&mut whole)?;
    let (head, body) = whole.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok((head.to_owned(), body.to_owned()))
}
