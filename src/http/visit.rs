//! One request on its way: what is known of it before its handler runs, and what was found out on the way.
//! May not know any endpoint. Promise: a refusal is written here once, and the one exit reads it from here.

use super::connection::Progress;
use super::door::Door;
use super::problem::Problem;
use super::{Api, RequestBody};
use crate::auth::KeyEntry;
use crate::engine::{Editor, StartedBy};
use crate::id::{BadId, is_id};
use crate::model::audit::ChangedBy;
use crate::model::limit::LimitState;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use warp::http::{HeaderMap, HeaderValue, Method, Uri};

/// The most segments that a path of ours has, and of those the most that are parameters.
pub(super) const MAX_SEGMENTS: usize = 9;
pub(super) const MAX_PARAMETERS: usize = 3;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client's address; behind a trusted proxy what that says.
    pub address: IpAddr,
    /// Whether the request came over the data folder's control socket.
    pub control: bool,
}

/// The text of a key as it was presented: a header and where in it the text begins.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) header: HeaderValue,
    pub(super) text_from: usize,
}

impl Credential {
    pub(super) fn text(&self) -> &[u8] {
        self.header
            .as_bytes()
            .get(self.text_from..)
            .unwrap_or_default()
    }
}

/// One request.
pub(super) struct Visit {
    /// The server's parts.
    pub(super) api: Arc<Api>,
    /// In whose words it is answered.
    pub(super) door: Door,
    /// From where it came.
    pub(super) peer: Peer,
    /// The connection on which it came; none where it came out of this process.
    pub(super) connection: Option<Arc<Progress>>,
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) credential: Option<Credential>,
    pub(super) parameters: [(u16, u16); MAX_PARAMETERS],
    pub(super) allow: super::endpoint::Methods,
    pub(super) body: Mutex<Option<RequestBody>>,
    pub(super) who: OnceLock<Arc<KeyEntry>>,
    pub(super) limit: OnceLock<Option<LimitState>>,
    /// The state of the limit that a flow has of its own.
    pub(super) flow_limit: OnceLock<LimitState>,
    pub(super) problem: OnceLock<Problem>,
}

impl Visit {
    /// Says why the request stops here. The rejection itself only means "stop".
    pub(super) fn refuse(&self, problem: Problem) -> warp::Rejection {
        drop(self.problem.set(problem));
        warp::reject::not_found()
    }

    /// The body, for the one filter that reads it.
    pub(super) fn take_body(&self) -> Option<RequestBody> {
        self.body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Returns when the client sends no more: no further request, and it may have gone. For answers that cost too much to be made
    /// for nobody.
    pub(super) async fn client_gone(&self) {
        match &self.connection {
            Some(connection) => connection.client_gone().await,
            None => std::future::pending().await,
        }
    }

    /// The query string, empty where there is none.
    pub(super) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// A path parameter by its place: an id by its form.
    pub(super) fn parameter(&self, index: usize) -> &str {
        let (from, to) = self.parameters.get(index).copied().unwrap_or_default();
        self.uri
            .path()
            .get(usize::from(from)..usize::from(to))
            .unwrap_or_default()
    }
}

/// A request whose key was found good, within its limit and permitted: what every handler gets. Only `guard` makes one.
#[derive(Clone)]
pub struct Ctx {
    pub(super) visit: Arc<Visit>,
    pub(super) key: Arc<KeyEntry>,
}

impl Ctx {
    /// The server's parts.
    pub fn api(&self) -> &Api {
        &self.visit.api
    }

    /// The key that was let in.
    pub fn key(&self) -> &Arc<KeyEntry> {
        &self.key
    }

    /// Who changes workflows.
    pub fn editor(&self) -> Editor<'_> {
        Editor {
            label: self.key.label(),
            address: (!self.visit.peer.control).then_some(self.visit.peer.address),
            reach: self.key.reach(),
        }
    }

    /// Who changes something, for the audit log.
    pub fn changed_by(&self) -> ChangedBy {
        ChangedBy {
            actor: self.key.label().to_owned(),
            address: self.address(),
        }
    }

    /// Who starts a run.
    pub fn started_by(&self) -> StartedBy {
        StartedBy {
            label: self.key.label().to_owned(),
            account: Some(self.key.id().to_string()),
        }
    }

    /// From where the request came, for the audit log.
    pub fn address(&self) -> String {
        if self.visit.peer.control {
            "control".to_owned()
        } else {
            self.visit.peer.address.to_string()
        }
    }

    /// A header's text, `None` where it was not sent.
    pub fn header(&self, name: &str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.visit.headers.get(name) else {
            return Ok(None);
        };
        let text = value.to_str();
        text.map(Some).map_err(|_| {
            Problem::invalid(format!(
                "The header `{name}` holds bytes that are not visible ASCII."
            ))
        })
    }

    /// A path parameter by its place, as an id. What is not an id is 404: `what` was not found.
    pub fn id<T: FromStr<Err = BadId>>(
        &self,
        index: usize,
        what: &'static str,
    ) -> Result<T, Problem> {
        self.visit
            .parameter(index)
            .parse()
            .map_err(|_| Problem::NotFound(what))
    }

    /// A path parameter by its place, as it stands: 1 to 64 characters out of `A-Za-z0-9_-`.
    pub fn text(&self, index: usize) -> &str {
        self.visit.parameter(index)
    }

    /// A path parameter by its place, as a whole number from 1.
    pub fn number(&self, index: usize, what: &'static str) -> Result<i64, Problem> {
        let text = self.visit.parameter(index);
        let number = text
            .parse()
            .ok()
            .filter(|number: &i64| *number > 0 && is_id(text));
        number.ok_or(Problem::NotFound(what))
    }
}
