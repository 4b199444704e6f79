//! Where every request comes in and every answer goes out: host, preflight, door, endpoint, and then that endpoint's own
//! warp chain. May not know any endpoint. Promise: a panic in one request is its own 500 and nobody else's.

use super::connection::Progress;
use super::cors::Cors;
use super::door::{Door, Place, key_in_query, without_base};
use super::endpoint::{Match, Methods, Table};
use super::finish::finish;
use super::flowise;
use super::guard::{category_of, who};
use super::host::Hosts;
use super::problem::Problem;
use super::visit::{MAX_PARAMETERS, Peer, Visit};
use super::{Api, RequestBody, body};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Either, Empty, Full};
use ipnet::IpNet;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use tower_service::Service as _;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, Request, header};
use warp::reply::Response;

/// The server as a function from request to response.
pub struct Front {
    api: Arc<Api>,
    table: Table,
    hosts: Hosts,
    cors: Cors,
    base_path: String,
    trusted_proxies: Vec<IpNet>,
}

impl Front {
    /// Puts the front together. `base_path` is empty or starts with a slash and ends without one.
    pub fn new(
        api: Arc<Api>,
        table: Table,
        hosts: Hosts,
        cors_origins: Vec<String>,
        base_path: String,
        trusted_proxies: Vec<IpNet>,
    ) -> Front {
        Front {
            api,
            table,
            hosts,
            cors: Cors::new(cors_origins),
            base_path,
            trusted_proxies,
        }
    }

    /// Answers one request that came over a connection, or out of this process. Everything that needs no waiting is done
    /// before the future is made, so that it carries no request around.
    pub(super) fn serve(
        &self,
        request: Request<RequestBody>,
        mut peer: Peer,
        connection: Option<Arc<Progress>>,
    ) -> impl Future<Output = Response> + Send + '_ {
        if !peer.control && !self.trusted_proxies.is_empty() {
            peer.address = self.client_address(peer.address, request.headers());
        }
        let stranger = (!peer.control)
            .then(|| self.hosts.check(request.uri(), request.headers()).err())
            .flatten();
        let mut origin = self.cors.origin(request.headers());
        let (mut visit, from, is_shared) = self.visit(request, peer, connection);
        if origin.is_none() && stranger.is_none() {
            origin = visit
                .uri
                .path()
                .get(from..)
                .and_then(|path| flowise::page_origin(&visit, path));
        }
        let mut preflight = self
            .cors
            .preflight(&visit.method, &visit.headers, origin.as_ref());
        // Webhooks come from servers, and a link is opened by itself: no other site's page has business there.
        if matches!(visit.door, Door::Webhook | Door::Page | Door::Dashboard) {
            (origin, preflight) = (None, None);
        }
        let found = match (stranger, preflight) {
            (Some(problem), _) => Found::Nothing(problem),
            (None, Some(response)) => Found::Preflight(response),
            (None, None) => self
                .find(&mut visit, from, is_shared)
                .map_or_else(Found::Nothing, Found::Route),
        };
        answer(visit, found).map(move |mut response| {
            self.cors.mark(&mut response, origin);
            response
        })
    }

    /// Answers a request of this process's own, without a port: status and JSON body.
    pub async fn serve_own(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        peer: Peer,
    ) -> Result<(u16, Value), String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, json_type())
            .body(Either::Right(Full::new(Bytes::from(
                body.unwrap_or_default(),
            ))))
            .map_err(|error| error.to_string())?;
        let (parts, body) = self.serve(request, peer, None).await.into_parts();
        let bytes = body
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        let value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        Ok((parts.status.as_u16(), value))
    }

    /// What is known of a request at once, at which byte of its path the endpoint's path begins, and whether doors share it.
    fn visit(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
        connection: Option<Arc<Progress>>,
    ) -> (Visit, usize, bool) {
        let (parts, body) = request.into_parts();
        let whole = parts.uri.path();
        let own = without_base(whole, &self.base_path);
        let default_door = self.api.options.default_door;
        let Place {
            door,
            is_shared,
            path,
        } = Door::locate(own, &parts.headers, default_door);
        let from = whole.len() - path.len();
        let visit = Visit {
            api: self.api.clone(),
            door,
            peer,
            connection,
            number: self.api.requests.fetch_add(1, Ordering::Relaxed),
            credential: None,
            parameters: [(0, 0); MAX_PARAMETERS],
            allow: Methods::default(),
            body: Mutex::new(Some(body)),
            who: OnceLock::new(),
            limit: OnceLock::new(),
            flow_limit: OnceLock::new(),
            problem: OnceLock::new(),
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
        };
        (visit, from, is_shared)
    }

    /// The chain that answers the request, or why there is none. A path that only one of the doors has is that door's,
    /// whatever the credential speaks to.
    fn find(
        &self,
        visit: &mut Visit,
        from: usize,
        is_shared: bool,
    ) -> Result<BoxedFilter<(Response,)>, Problem> {
        let found = self.find_at(visit, from, is_shared);
        visit.credential = visit.door.credential(&visit.headers);
        match found {
            Match::Found {
                endpoint,
                parameters,
            } => {
                visit.parameters = parameters;
                if endpoint.takes_key_in_query && visit.credential.is_none() {
                    visit.credential = key_in_query(visit.query());
                }
                Ok(endpoint.route())
            }
            Match::OtherMethod(allow) => {
                visit.allow = allow;
                Err(Problem::MethodNotAllowed)
            }
            Match::Nothing => Err(Problem::NotFound("path")),
        }
    }

    fn find_at(&self, visit: &mut Visit, from: usize, is_shared: bool) -> Match<'_> {
        let at = |door| self.table.find(door, &visit.method, visit.uri.path(), from);
        let first = at(visit.door);
        if !is_shared || !matches!(first, Match::Nothing) {
            return first;
        }
        let mut others = visit.door.others().map(|door| (door, at(door)));
        match others.find(|(_, found)| !matches!(found, Match::Nothing)) {
            Some((door, found)) => {
                visit.door = door;
                found
            }
            None => Match::Nothing,
        }
    }

    /// The right-most address of `X-Forwarded-For` that is no trusted proxy, when the peer itself is one. What is no
    /// address ends the search: nobody that is trusted has vouched for what stands before it.
    fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted =
            |address: &IpAddr| self.trusted_proxies.iter().any(|net| net.contains(address));
        let mut address = peer;
        let hops = headers
            .get_all("x-forwarded-for")
            .iter()
            .rev()
            .map(|value| value.to_str().unwrap_or_default());
        for hop in hops.flat_map(|value| value.rsplit(',')) {
            match address_of(hop.trim()) {
                Some(next) if trusted(&address) => address = next,
                _ => break,
            }
        }
        address
    }
}

/// A hop as proxies write it: an address, some with a port, IPv6 then in brackets.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(hop);
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// What a request's path, method and origin led to.
enum Found {
    Preflight(Response),
    Route(BoxedFilter<(Response,)>),
    Nothing(Problem),
}

/// Blocks that move what they were given, here and below: an `async fn` would have room for it twice, and the whole is copied
/// once for each request.
fn answer(visit: Visit, found: Found) -> impl Future<Output = Response> + Send {
    let visit = Arc::new(visit);
    async move {
        let outcome = match found {
            Found::Preflight(response) => return response,
            Found::Route(route) => run(&visit, route).await,
            Found::Nothing(problem) => {
                // In a box of its own: it is rare, and would make every request's future larger.
                Box::pin(missed(&visit, &problem)).await;
                Err(problem)
            }
        };
        if let Some(unread) = visit.take_body()
            && !unread.is_end_stream()
            && !visit.headers.contains_key(header::EXPECT)
        {
            Box::pin(body::drop_unread(unread)).await;
        }
        finish(&visit, outcome)
    }
}

/// Runs an endpoint's chain. What stopped it stands in the visit or in the response's extensions.
fn run(
    visit: &Arc<Visit>,
    route: BoxedFilter<(Response,)>,
) -> impl Future<Output = Result<Response, Problem>> + Send + '_ {
    let chain = async move { warp::service(route).call(request_with(visit)).await };
    AssertUnwindSafe(chain)
        .catch_unwind()
        .map(|called| match called {
            Err(_) => {
                log::error!("request {} panicked", super::finish::request_id(visit));
                Err(Problem::Internal)
            }
            Ok(Ok(mut response)) => {
                let problem = visit.problem.get().cloned();
                match problem.or_else(|| response.extensions_mut().remove()) {
                    Some(problem) => Err(problem),
                    None => Ok(response),
                }
            }
            Ok(Err(never)) => match never {},
        })
}

/// The request that an endpoint's chain sees: all that is known of it stands in the visit.
fn request_with(visit: &Arc<Visit>) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    request.extensions_mut().insert(visit.clone());
    request
}

/// A known caller who asks for something that is not there is shown its limit all the same; nothing is counted.
async fn missed(visit: &Arc<Visit>, problem: &Problem) {
    let asked_for_nothing = matches!(problem, Problem::NotFound(_) | Problem::MethodNotAllowed);
    if asked_for_nothing
        && visit.credential.is_some()
        && let Ok(key) = who(visit).await
    {
        let state = key.peek(category_of(&visit.method), &visit.api.clock);
        visit.limit.get_or_init(|| state);
    }
}

/// JSON is the only thing that the doors speak.
pub(super) fn json_type() -> HeaderValue {
    HeaderValue::from_static("application/json")
}
