//! Calls of the native door's API, wherever the data is: on a remote server, on the server that holds the data folder, or
//! on the files themselves when nobody holds it.
//! May not know what is called. Promise: a command does not see the difference, and a server's refusal becomes an error
//! that says what to do.

use super::args::Global;
use super::{Failure, local_config, output};
use crate::app::{App, Options};
use crate::clock::Clock;
use crate::config::Config;
use crate::data_folder::{Control, DATABASE, ServerFile, is_held};
use crate::error::{Error, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A way to call the API.
pub(super) struct Client(Target);

enum Target {
    /// A server, over HTTP.
    Server {
        http: reqwest::Client,
        base: String,
        is_remote: bool,
    },
    /// The files: the server's own code in this process, without a port.
    Files(App),
}

impl Client {
    /// Finds out where to call. `may_create`: a folder that holds nothing yet is no mistake.
    pub(super) async fn connect(
        global: &Global,
        may_create: bool,
    ) -> std::result::Result<Client, Failure> {
        if global.url.is_some() && global.data.is_some() {
            return Err(Failure::Usage(
                Error::new("--url and --data name two places").hint("give one of them"),
            ));
        }
        let from_environment = || {
            let url = std::env::var("FLOWLATCH_URL").ok();
            url.filter(|url| !url.is_empty() && global.data.is_none())
        };
        match global.url.clone().or_else(from_environment) {
            Some(url) => Ok(remote(&url)?),
            None => Ok(local(local_config(global)?, may_create).await?),
        }
    }

    /// Whether runs move only while this command is at work.
    pub(super) fn is_in_process(&self) -> bool {
        matches!(self.0, Target::Files(_))
    }

    /// Makes one call; any status is an answer. `path` starts with `/api/v1` and may carry a query.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value)> {
        match &self.0 {
            Target::Files(app) => app.control(method, path, body).await,
            Target::Server { http, base, .. } => {
                let failed = |error: reqwest::Error| {
                    Error::caused_by(format!("cannot reach {base}"), error.without_url())
                };
                let method = reqwest::Method::from_bytes(method.as_bytes())
                    .map_err(|error| Error::caused_by("not an HTTP method", error))?;
                let mut request = http.request(method, format!("{base}{path}"));
                if let Some(body) = &body {
                    request = request.json(body);
                }
                let answer = request.send().await.map_err(|error| {
                    failed(error).hint(
                        "is it running? `--url` names another server, `--data` another folder",
                    )
                })?;
                let status = answer.status().as_u16();
                let bytes = answer.bytes().await.map_err(failed)?;
                let body = serde_json::from_slice(&bytes).map_err(|error| {
                    Error::caused_by(
                        format!("{base} answered {status}, but not as a Flowlatch server does"),
                        error,
                    )
                    .hint("the URL must be the server's own, with its base path if it has one")
                })?;
                Ok((status, body))
            }
        }
    }

    /// Makes one call and gives the answer as a whole; a refusal is an error.
    pub(super) async fn answer(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        if (200..300).contains(&status) {
            Ok(answer)
        } else {
            Err(refusal(
                status,
                &answer,
                matches!(
                    self.0,
                    Target::Server {
                        is_remote: true,
                        ..
                    }
                ),
            ))
        }
    }

    /// Makes one call and gives the `data` of the answer; a refusal is an error.
    pub(super) async fn data(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let mut answer = self.answer(method, path, body).await?;
        Ok(answer.get_mut("data").map_or(Value::Null, Value::take))
    }

    /// Up to `wanted` items of a list, page after page. Of `query` those count that have a value.
    pub(super) async fn list(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
        wanted: usize,
    ) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        while items.len() < wanted {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            let given = query.iter();
            pairs.extend_pairs(given.filter_map(|(name, value)| Some((*name, value.as_ref()?))));
            pairs.append_pair("limit", &(wanted - items.len()).min(100).to_string());
            if let Some(cursor) = &cursor {
                pairs.append_pair("cursor", cursor);
            }
            let mut answer = self
                .answer("GET", &format!("{path}?{}", pairs.finish()), None)
                .await?;
            if let Some(Value::Array(page)) = answer.get_mut("data").map(Value::take) {
                items.extend(page);
            }
            let meta = &answer["meta"];
            cursor = meta["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || meta["hasMore"] != true {
                break;
            }
        }
        items.truncate(wanted);
        Ok(items)
    }

    /// Ends the way; what was done on the files is closed in order.
    pub(super) async fn close(self) {
        if let Target::Files(app) = self.0 {
            app.close().await;
        }
    }
}

fn remote(url: &str) -> Result<Client> {
    let parsed = url::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            Error::new(format!("`{url}` is not the URL of a server"))
                .hint("write it with its scheme, such as https://flow.example")
        })?;
    let key = std::env::var("FLOWLATCH_API_KEY").map_err(|_| {
        Error::new("there is no API key for a remote server")
            .hint("put a key of that server into the environment variable FLOWLATCH_API_KEY")
    })?;
    let is_loopback = match parsed.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if parsed.scheme() == "http" && !is_loopback {
        output::note(
            "warning: the key and all answers travel unencrypted; use https where others can listen",
        );
    }
    let base = url
        .trim_end_matches('/')
        .trim_end_matches("/api/v1")
        .to_owned();
    let http = http_client(
        Some((HeaderName::from_static("x-api-key"), key.trim().to_owned())),
        None,
    )?;
    Ok(Client(Target::Server {
        http,
        base,
        is_remote: true,
    }))
}

async fn local(config: Config, may_create: bool) -> Result<Client> {
    if let Some(client) = running_server(&config.data)? {
        return Ok(client);
    }
    let database = config.data.join(DATABASE);
    let is_empty = std::fs::metadata(database).map_or(0, |file| file.len()) == 0;
    if is_empty && !may_create {
        return Err(Error::new(format!("there is no data in {}", config.data.display()))
            .hint("`flowlatch serve` fills a folder; `--data DIR` names another one, `--url` a remote server"));
    }
    let data = config.data.clone();
    let options = Options {
        clock: Clock::system(),
        commit_hook: None,
    };
    let app = match App::open(config, options).await {
        Ok(app) => app,
        // A server may have taken the folder in the meantime.
        Err(error) => return running_server(&data)?.ok_or(error),
    };
    Ok(Client(Target::Files(app)))
}

/// The way to the server that holds the folder; `None` when there is none.
fn running_server(folder: &Path) -> Result<Option<Client>> {
    let Some(server) = ServerFile::read(folder).filter(|_| is_held(folder)) else {
        return Ok(None);
    };
    let (http, base) = match &server.control {
        Control::Socket { socket } => (
            http_client(None, Some(socket))?,
            format!("http://localhost{}", server.base_path),
        ),
        Control::Loopback { url, token } => {
            let header = (reqwest::header::AUTHORIZATION, format!("Bearer {token}"));
            let base = format!("{url}{}", server.base_path);
            (http_client(Some(header), None)?, base)
        }
    };
    Ok(Some(Client(Target::Server {
        http,
        base,
        is_remote: false,
    })))
}

fn http_client(
    secret: Option<(HeaderName, String)>,
    socket: Option<&Path>,
) -> Result<reqwest::Client> {
    let failed = || "cannot set up HTTP";
    let mut headers = HeaderMap::new();
    if let Some((name, text)) = secret {
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::new("the API key has characters that no key has"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::caused_by(failed(), error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A redirect could carry the key to another server.
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT);
    #[cfg(unix)]
    if let Some(socket) = socket {
        builder = builder.unix_socket(socket).no_proxy();
    }
    #[cfg(not(unix))]
    if let Some(socket) = socket {
        return Err(Error::new(format!(
            "{} cannot be opened on this platform",
            socket.display()
        )));
    }
    builder
        .build()
        .map_err(|error| Error::caused_by(failed(), error))
}

/// A refusal as an error: the server's sentence, every single problem that it lists, and what to do.
fn refusal(status: u16, answer: &Value, is_remote: bool) -> Error {
    let problem = &answer["error"];
    let mut message = problem["message"]
        .as_str()
        .or(problem.as_str())
        .map_or_else(|| format!("the server answered {status}"), str::to_owned);
    let listed = ["problems", "details"]
        .iter()
        .find_map(|field| problem[*field].as_array());
    for entry in listed.into_iter().flatten() {
        match (entry["place"].as_str(), entry["message"].as_str()) {
            (Some(place), Some(text)) => message.push_str(&format!("\n  {place}: {text}")),
            _ => message.push_str(&format!("\n  {entry}")),
        }
    }
    let error = Error::new(message);
    match status {
        401 if is_remote => {
            error.hint("FLOWLATCH_API_KEY must hold a key of that server that is in force")
        }
        403 => match problem["required"].as_array() {
            Some(scopes) => {
                let words: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
                error.hint(format!("the key needs the scope {}", words.join(", ")))
            }
            None => error,
        },
        429 => error.hint("wait a minute, or give the key a higher limit"),
        503 => error.hint("nothing was changed; try again in a moment"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_says_what_to_do() {
        let forbidden = json!({"success": false, "error": {"code": "FORBIDDEN",
            "message": "Insufficient permissions for this operation", "required": ["runs:read"]}});
        let error = refusal(403, &forbidden, true);
        assert_eq!(
            error.to_string(),
            "Insufficient permissions for this operation"
        );
        assert_eq!(error.hint_text(), Some("the key needs the scope runs:read"));
        let invalid = json!({"error": {"message": "Invalid workflow", "problems": [
            {"place": "steps[0].type", "message": "unknown"}]}});
        assert_eq!(
            refusal(400, &invalid, false).to_string(),
            "Invalid workflow\n  steps[0].type: unknown"
        );
        assert_eq!(
            refusal(502, &json!(null), false).to_string(),
            "the server answered 502"
        );
    }

    #[test]
    fn a_url_without_scheme_is_refused_before_anything_is_sent() {
        for bad in ["flow.example", "ftp://flow.example", "http://", ""] {
            let error = remote(bad).err().expect(bad);
            assert!(
                error.to_string().contains("is not the URL of a server"),
                "{bad}: {error}"
            );
        }
    }
}
