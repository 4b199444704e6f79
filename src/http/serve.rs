//! The accept loop: ports, TLS, the control socket, limits on connections, and a stop that ends.
//! May not know doors or endpoints. Promise: a slow or silent client holds nothing but its own connection, and a stop is
//! over within the drain time, also with event streams open.

use super::connection::{Progress, Registry, Watched};
use super::front::Front;
use super::tls::Tls;
use super::visit::Peer;
use bytes::Bytes;
use http_body_util::Either;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use warp::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use warp::reply::Response;

/// How long to wait after an accept that failed (out of file descriptors, mostly).
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// The most bytes of one request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Something to accept connections on, and what those who come in are.
pub enum Listen {
    /// Clients with keys.
    Public(TcpListener, Option<Tls>),
    /// The owner of the data folder, by the folder's file modes.
    #[cfg(unix)]
    Control(tokio::net::UnixListener),
    /// The owner of the data folder, by a token that only the folder holds, on a loopback port.
    ControlPort(TcpListener, String),
}

/// Bounds of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Open connections at once.
    pub max_connections: u32,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// How long requests under way are given when the server stops.
    pub drain: Duration,
}

/// Serves until `stop` turns true, then drains.
pub async fn serve(
    front: Arc<Front>,
    listens: Vec<Listen>,
    options: ServeOptions,
    stop: watch::Receiver<bool>,
) {
    let registry = Registry::new(options.max_connections);
    let mut sweeper = JoinSet::new();
    sweeper.spawn(registry.clone().sweep(options.header_timeout));
    let mut accepting = JoinSet::new();
    for listen in listens {
        let loop_of = Loop {
            front: front.clone(),
            registry: registry.clone(),
            options,
            stop: stop.clone(),
        };
        accepting.spawn(loop_of.accept(Arc::new(listen)));
    }
    while accepting.join_next().await.is_some() {}
}

struct Loop {
    front: Arc<Front>,
    registry: Registry,
    options: ServeOptions,
    stop: watch::Receiver<bool>,
}

impl Loop {
    async fn accept(self, listen: Arc<Listen>) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = accept_one(&listen, &self.registry) => accepted,
            };
            match accepted {
                Ok((stream, address, progress)) => {
                    let (front, stop, listen) =
                        (self.front.clone(), self.stop.clone(), listen.clone());
                    connections.spawn(connection(
                        front,
                        listen,
                        stream,
                        address,
                        progress,
                        self.options,
                        stop,
                    ));
                }
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(listen);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.options.drain, drained)
            .await
            .is_err()
        {
            connections.shutdown().await;
        }
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

async fn accept_one(
    listen: &Listen,
    registry: &Registry,
) -> std::io::Result<(Stream, IpAddr, Arc<Progress>)> {
    let permit = registry
        .room()
        .await
        .ok_or_else(|| std::io::Error::other("the registry is closed"))?;
    let (stream, address) = match listen {
        Listen::Public(listener, _) | Listen::ControlPort(listener, _) => {
            let (stream, address) = listener.accept().await?;
            // Without this a small answer may wait for the client's acknowledgement; a socket that cannot is as good.
            drop(stream.set_nodelay(true));
            (Stream::Tcp(stream), address.ip())
        }
        #[cfg(unix)]
        Listen::Control(listener) => {
            let (stream, _) = listener.accept().await?;
            (Stream::Unix(stream), IpAddr::V4(Ipv4Addr::LOCALHOST))
        }
    };
    Ok((stream, address.to_canonical(), registry.enter(permit)))
}

async fn connection(
    front: Arc<Front>,
    listen: Arc<Listen>,
    stream: Stream,
    address: IpAddr,
    progress: Arc<Progress>,
    options: ServeOptions,
    stop: watch::Receiver<bool>,
) {
    let peer = Peer {
        address,
        control: !matches!(*listen, Listen::Public(..)),
    };
    match (stream, &*listen) {
        (Stream::Tcp(stream), Listen::Public(_, Some(tls))) => {
            match tokio::time::timeout(options.header_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => http1(front, stream, peer, None, progress, stop).await,
                Ok(Err(error)) => log::debug!("TLS handshake with {address} failed: {error}"),
                Err(_) => log::debug!("TLS handshake with {address} took too long"),
            }
        }
        (Stream::Tcp(stream), Listen::ControlPort(_, token)) => {
            http1(front, stream, peer, Some(token), progress, stop).await;
        }
        (Stream::Tcp(stream), _) => http1(front, stream, peer, None, progress, stop).await,
        #[cfg(unix)]
        (Stream::Unix(stream), _) => http1(front, stream, peer, None, progress, stop).await,
    }
}

async fn http1<S>(
    front: Arc<Front>,
    stream: S,
    peer: Peer,
    token: Option<&str>,
    progress: Arc<Progress>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        progress.request_began();
        let (front, progress) = (&front, &progress);
        async move {
            if token.is_some_and(|token| !presents(request.headers(), token)) {
                progress.request_ended();
                return Ok::<_, Infallible>(refused());
            }
            let response = front.serve(request.map(Either::Left), peer).await;
            if !is_event_stream(&response) {
                progress.request_ended();
            }
            Ok(response)
        }
    });
    let io = TokioIo::new(Watched {
        stream,
        progress: progress.clone(),
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.pipeline_flush(true).max_buf_size(MAX_HEAD_BYTES);
    let mut connection = std::pin::pin!(server.serve_connection(io, service));
    let mut draining = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    log::debug!("connection with {} ended: {error}", peer.address);
                }
                return;
            }
            () = progress.closing() => return,
            _ = stop.wait_for(|stop| *stop), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn is_event_stream(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "text/event-stream")
}

fn presents(headers: &HeaderMap, token: &str) -> bool {
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    presented.is_some_and(|presented| presented.ct_eq(token.as_bytes()).into())
}

fn refused() -> Response {
    let mut response =
        Response::new(Bytes::from_static(br#"{"error":"the control token is wrong"}"#).into());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
