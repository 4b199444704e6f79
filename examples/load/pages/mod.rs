//! The dashboard's pages over many workflows and a long history: how long each takes to answer somebody who is signed in, and
//! how large it is. Which pages there are is known from the endpoint table; where a page leads to a next one, that is
//! measured too.

mod made;

use crate::client::{Load, Measured};
use crate::servers::{self, Server};
use crate::table::Table;
use crate::{Result, Size};
use flowlatch::http::{Door, whole_table};
use made::Made;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const PASSWORD: &str = "three small boats";
/// How many runs there are for each workflow.
const RUNS_PER_WORKFLOW: usize = 100;
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
        visitor.measure(page.pattern, &path, size, table)?;
    }
    for (what, path) in visitor.made.hard() {
        visitor.measure(what, &path, size, table)?;
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
    let (_, rest) = html.split_once("rel=\"next\"")?;
    let (_, rest) = rest.split_once("href=\"")?;
    let link = rest.split('"').next()?;
    let query = link.replace("&#38;", "&").replace("&amp;", "&");
    query.starts_with('?').then_some(query)
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

    /// Measures a page, and the one that follows it.
    fn measure(&self, what: &str, path: &str, size: Size, table: &mut Table) -> Result<()> {
        let Some(first) = self.page(path)? else {
            return Ok(());
        };
        self.time(what, path, &first, size, table)?;
        if let Some(query) = next_page(&first) {
            let base = path.split('?').next().unwrap_or(path);
            let path = format!("{base}{query}");
            let next = self.page(&path)?.ok_or("the next page is none")?;
            self.time(&format!("{what}, the next page"), &path, &next, size, table)?;
        }
        Ok(())
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
