//! An endpoint is a value that cannot be built without naming its access; the table of endpoints is data.
//! May not know any particular endpoint. Promise: 404 and 405 (with `Allow`) are known from the table alone, and no request
//! wanders through a chain of routes.

use super::describe::Description;
use super::door::Door;
use super::guard::{Guard, guard};
use super::parameter::is_parameter;
use super::problem::Problem;
use super::visit::{MAX_PARAMETERS, MAX_SEGMENTS, Visit};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::Method;
use warp::reply::Response;
use warp::{Filter, Rejection};

/// Who may call an endpoint, and what it counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a key.
    Open,
    /// Any key in force.
    AnyKey(Category),
    /// A key with this permission.
    Needs(Permission, Category),
    /// A key with at least one of these permissions.
    NeedsOneOf(&'static [Permission], Category),
    /// A key with this permission, or nobody's where what the path names says that it is open. The handler asks.
    NeedsUnlessOpen(Permission, Category),
    /// Somebody who is signed in to the dashboard, whatever key there is.
    SignedIn,
}

impl Access {
    /// The permissions of which a key needs one; none where any key, or none, will do.
    pub fn permissions(&self) -> &[Permission] {
        match self {
            Access::Open | Access::AnyKey(_) | Access::SignedIn => &[],
            Access::Needs(permission, _) | Access::NeedsUnlessOpen(permission, _) => {
                std::slice::from_ref(permission)
            }
            Access::NeedsOneOf(permissions, _) => permissions,
        }
    }
}

/// One method on one path of one door.
pub struct Endpoint {
    /// In whose words it answers.
    pub door: Door,
    /// Its method; `HEAD` is served by `GET`.
    pub method: Method,
    /// Its path, parameters written `:id`.
    pub pattern: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it takes and gives, for the OpenAPI document. A test sees to it that every endpoint has one.
    pub description: Option<Description>,
    /// Whether its key may stand in the query string, as `apikey`.
    pub(super) takes_key_in_query: bool,
    segments: Vec<&'static str>,
    /// How many of the segments are no parameters.
    literals: usize,
    route: BoxedFilter<(Response,)>,
}

impl Endpoint {
    /// A guarded endpoint: its chain begins with the guard that its access asks for.
    pub fn new<F>(
        door: Door,
        method: Method,
        pattern: &'static str,
        access: Access,
        build: impl FnOnce(Guard) -> F,
    ) -> Endpoint
    where
        F: Filter<Extract = (Result<Response, Problem>,), Error = Rejection>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let segments = segments(pattern);
        Endpoint {
            door,
            method,
            pattern,
            access,
            description: None,
            takes_key_in_query: false,
            literals: literals(&segments),
            segments,
            route: build(guard(access)).map(answer).boxed(),
        }
    }

    /// An endpoint that anybody may call.
    pub fn open<F>(door: Door, method: Method, pattern: &'static str, build: F) -> Endpoint
    where
        F: Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static,
    {
        let segments = segments(pattern);
        let route = warp::any().and(build).boxed();
        Endpoint {
            door,
            method,
            pattern,
            access: Access::Open,
            description: None,
            takes_key_in_query: false,
            literals: literals(&segments),
            segments,
            route,
        }
    }

    /// An endpoint that anybody may call, and whose handler finds out by itself whether to believe the request.
    pub(super) fn unkeyed<H, F>(
        door: Door,
        method: Method,
        pattern: &'static str,
        handler: H,
    ) -> Endpoint
    where
        H: Fn(Arc<Visit>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let segments = segments(pattern);
        Endpoint {
            door,
            method,
            pattern,
            access: Access::Open,
            description: None,
            takes_key_in_query: false,
            literals: literals(&segments),
            segments,
            route: warp::ext::get::<Arc<Visit>>()
                .then(handler)
                .map(answer)
                .boxed(),
        }
    }

    /// An endpoint that needs a key with this permission unless what its path names is open: its handler asks
    /// [`admit`](super::guard::admit), or finds out that it need not.
    pub(super) fn unless_open<H, F>(
        door: Door,
        method: Method,
        pattern: &'static str,
        needs: (Permission, Category),
        handler: H,
    ) -> Endpoint
    where
        H: Fn(Arc<Visit>, Access) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let access = Access::NeedsUnlessOpen(needs.0, needs.1);
        Endpoint {
            access,
            ..Endpoint::unkeyed(door, method, pattern, move |visit| handler(visit, access))
        }
    }

    /// The endpoint with its description.
    #[must_use]
    pub fn described(mut self, description: Description) -> Endpoint {
        self.description = Some(description);
        self
    }

    /// The endpoint, to which a key may also be presented in the query string.
    #[must_use]
    pub(super) fn with_key_in_query(mut self) -> Endpoint {
        self.takes_key_in_query = true;
        self
    }

    /// The parts of its path, parameters written `:id`.
    pub(super) fn segments(&self) -> &[&'static str] {
        &self.segments
    }

    pub(super) fn route(&self) -> BoxedFilter<(Response,)> {
        self.route.clone()
    }

    /// Where the parameters of `path` stand, if it is a path of this endpoint.
    fn parameters(&self, path: &str, split: &[(u16, u16)]) -> Option<[(u16, u16); MAX_PARAMETERS]> {
        if split.len() != self.segments.len() {
            return None;
        }
        let (mut parameters, mut found) = ([(0, 0); MAX_PARAMETERS], 0);
        for (segment, &(from, to)) in self.segments.iter().zip(split) {
            let text = path.get(usize::from(from)..usize::from(to))?;
            if segment.starts_with(':') {
                if !is_parameter(segment, text) {
                    return None;
                }
                *parameters.get_mut(found)? = (from, to);
                found += 1;
            } else if *segment != text {
                return None;
            }
        }
        Some(parameters)
    }
}

fn segments(pattern: &'static str) -> Vec<&'static str> {
    pattern.split('/').skip(1).collect()
}

fn literals(segments: &[&str]) -> usize {
    let is_literal = |segment: &&&str| !segment.starts_with(':');
    segments.iter().filter(is_literal).count()
}

/// A handler's problem travels to the one exit in the response's extensions.
fn answer(result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(|problem| {
        let mut response = Response::default();
        response.extensions_mut().insert(problem);
        response
    })
}

/// A set of methods, for `Allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Methods(u8);

const METHODS: [(Method, &str); 5] = [
    (Method::GET, "GET, HEAD"),
    (Method::POST, "POST"),
    (Method::PUT, "PUT"),
    (Method::PATCH, "PATCH"),
    (Method::DELETE, "DELETE"),
];

impl Methods {
    fn add(&mut self, method: &Method) {
        if let Some(bit) = METHODS.iter().position(|(known, _)| known == method) {
            self.0 |= 1 << bit;
        }
    }

    pub(super) fn list(self) -> String {
        let names: Vec<&str> = METHODS
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, (_, name))| *name)
            .collect();
        names.join(", ")
    }
}

/// The endpoints, found by door, number of segments, first word and pattern; literal segments beat parameters.
pub struct Table {
    endpoints: Vec<Endpoint>,
    by_word: HashMap<(Door, usize, &'static str), Vec<usize>>,
}

/// What the table says of a path and a method.
pub(super) enum Match<'a> {
    Found {
        endpoint: &'a Endpoint,
        parameters: [(u16, u16); MAX_PARAMETERS],
    },
    OtherMethod(Methods),
    Nothing,
}

impl Table {
    /// Of these endpoints.
    pub fn new(mut endpoints: Vec<Endpoint>) -> Table {
        endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.literals));
        let mut by_word: HashMap<(Door, usize, &'static str), Vec<usize>> = HashMap::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let word = word_at(&endpoint.segments, |segment| *segment == API)
                .and_then(|at| endpoint.segments.get(at))
                .copied()
                .unwrap_or_default();
            by_word
                .entry((endpoint.door, endpoint.segments.len(), word))
                .or_default()
                .push(index);
        }
        Table { endpoints, by_word }
    }

    /// Every endpoint.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Finds the endpoint of a path that begins at byte `from` of `path`. One trailing slash is the same path.
    pub(super) fn find(&self, door: Door, method: &Method, path: &str, from: usize) -> Match<'_> {
        let mut segments = [(0_u16, 0_u16); MAX_SEGMENTS];
        let Some(count) = split(path, from, &mut segments) else {
            return Match::Nothing;
        };
        let segments = segments.get(..count).unwrap_or_default();
        let text = |(from, to): (u16, u16)| path.get(usize::from(from)..usize::from(to));
        let Some(word) = word_at(segments, |segment| text(*segment) == Some(API))
            .and_then(|at| segments.get(at).copied())
            .and_then(text)
        else {
            return Match::Nothing;
        };
        let wanted = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let mut allow = Methods::default();
        // A path that is written out is that one alone, also for the methods that it lacks.
        let mut nearest = None;
        for endpoint in self
            .by_word
            .get(&(door, count, word))
            .into_iter()
            .flatten()
            .filter_map(|i| self.endpoints.get(*i))
        {
            if let Some(parameters) = endpoint.parameters(path, segments) {
                if *nearest.get_or_insert(endpoint.literals) > endpoint.literals {
                    break;
                }
                if endpoint.method == *wanted {
                    return Match::Found {
                        endpoint,
                        parameters,
                    };
                }
                allow.add(&endpoint.method);
            }
        }
        if allow == Methods::default() {
            Match::Nothing
        } else {
            Match::OtherMethod(allow)
        }
    }
}

/// Where most paths begin.
const API: &str = "api";

/// Which segment an endpoint is found by: what comes after `/api/v1/` or `/api/`, else the first.
fn word_at<T>(segments: &[T], is_api: impl Fn(&T) -> bool) -> Option<usize> {
    match segments {
        [first, ..] if !is_api(first) => Some(0),
        [_, _, _, ..] => Some(2),
        [_, _] => Some(1),
        _ => None,
    }
}

/// Where the segments of `path` stand; `None` when it has too many or is too long.
fn split(path: &str, from: usize, segments: &mut [(u16, u16); MAX_SEGMENTS]) -> Option<usize> {
    let path_end = path.strip_suffix('/').unwrap_or(path).len();
    let (mut count, mut start) = (0, from + 1);
    if start > path_end {
        // The root has one segment, which is empty.
        let root = u16::try_from(path.len()).ok()?;
        *segments.get_mut(0)? = (root, root);
        return (start == path.len()).then_some(1);
    }
    loop {
        let rest = path.get(start..path_end)?;
        let end = rest.find('/').map_or(path_end, |at| start + at);
        *segments.get_mut(count)? = (u16::try_from(start).ok()?, u16::try_from(end).ok()?);
        count += 1;
        if end == path_end {
            return Some(count);
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests;
