//! The accept loop: ports, TLS, the control socket, limits on connections, and a stop that ends.
//! May not know doors or endpoints. Promise: a slow or silent client holds nothing but its own connection, clients never
//! crowd out the folder's owner, and a stop is over within the drain time, also with event streams open.
//! A client that closes its sending half has still its answer: a request that came whole is answered whole, unless its endpoint
//! takes a client that sends no more for one that has gone.

use super::connection::{Answering, Progress, Registry, Told, Watched};
use super::front::Front;
use super::tls::Tls;
use super::visit::Peer;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Either, ready};
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
/// Open connections of the folder's owner: few, and beside those of the clients.
const OWNERS_CONNECTIONS: u32 = 64;
/// The most bytes of one request's head; what comes in one piece with them may make it a little more.
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
    /// How long a client may take nothing of what it is sent.
    pub write_timeout: Duration,
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
    let clients = Registry::new(options.max_connections);
    let owners = Registry::new(OWNERS_CONNECTIONS);
    let mut sweepers = JoinSet::new();
    for registry in [&clients, &owners] {
        sweepers.spawn(
            registry
                .clone()
                .sweep(options.header_timeout, options.write_timeout),
        );
    }
    let mut accepting = JoinSet::new();
    for listen in listens {
        let is_public = matches!(listen, Listen::Public(..));
        let registry = if is_public { &clients } else { &owners };
        let loop_of = Loop {
            front: front.clone(),
            registry: registry.clone(),
            entrance: Arc::new(Entrance::of(&listen)),
            options,
            stop: stop.clone(),
        };
        accepting.spawn(loop_of.accept(listen));
    }
    while accepting.join_next().await.is_some() {}
}

/// What those who come in by one listener are, without the listener.
struct Entrance {
    control: bool,
    tls: Option<Tls>,
    token: Option<String>,
}

impl Entrance {
    fn of(listen: &Listen) -> Entrance {
        let (control, tls, token) = match listen {
            Listen::Public(_, tls) => (false, tls.clone(), None),
            #[cfg(unix)]
            Listen::Control(_) => (true, None, None),
            Listen::ControlPort(_, token) => (true, None, Some(token.clone())),
        };
        Entrance {
            control,
            tls,
            token,
        }
    }
}

struct Loop {
    front: Arc<Front>,
    registry: Registry,
    entrance: Arc<Entrance>,
    options: ServeOptions,
    stop: watch::Receiver<bool>,
}

impl Loop {
    async fn accept(self, listen: Listen) {
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
                    let connection = Connection {
                        front: self.front.clone(),
                        peer: Peer {
                            address,
                            control: self.entrance.control,
                        },
                        entrance: self.entrance.clone(),
                        progress,
                    };
                    connections.spawn(connection.serve(stream, self.options.header_timeout));
                }
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    self.registry.close_longest_idle();
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        // Whoever comes now is told at once that nobody is here.
        drop(listen);
        self.registry.drain();
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
    let progress = registry
        .enter()
        .await
        .ok_or_else(|| std::io::Error::other("the registry is closed"))?;
    Ok((stream, address.to_canonical(), progress))
}

/// One connection, let in.
struct Connection {
    front: Arc<Front>,
    peer: Peer,
    entrance: Arc<Entrance>,
    progress: Arc<Progress>,
}

impl Connection {
    async fn serve(self, stream: Stream, handshake_timeout: Duration) {
        let stream = match stream {
            #[cfg(unix)]
            Stream::Unix(stream) => return self.http1(stream).await,
            Stream::Tcp(stream) => stream,
        };
        let Some(tls) = &self.entrance.tls else {
            return self.http1(stream).await;
        };
        let address = self.peer.address;
        // In boxes: what TLS takes, connections without it need not have room for.
        let accepting = Box::pin(tls.accept(stream));
        match tokio::time::timeout(handshake_timeout, accepting).await {
            Ok(Ok(stream)) => Box::pin(self.http1(stream)).await,
            Ok(Err(error)) => log::debug!("TLS handshake with {address} failed: {error}"),
            Err(_) => log::debug!("TLS handshake with {address} took too long"),
        }
    }

    async fn http1<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (front, peer, progress) = (&self.front, self.peer, &self.progress);
        let token = self.entrance.token.as_deref();
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            progress.request_began();
            let is_stranger = token.is_some_and(|token| !presents(request.headers(), token));
            // Matched here and now, so that the future does not carry the request around, nor the answer's own future twice.
            let answer = if is_stranger {
                Either::Right(ready(refused()))
            } else {
                let request = request.map(http_body_util::Either::Left);
                Either::Left(front.serve(request, peer, Some(progress.clone())))
            };
            answer.map(|response| {
                let progress = progress.clone();
                Ok::<_, Infallible>(response.map(|body| Answering { body, progress }))
            })
        });
        let io = TokioIo::new(Watched::new(stream, progress.clone()));
        let mut server = hyper::server::conn::http1::Builder::new();
        // Not `pipeline_flush`: with it hyper takes answers of whoever does not read them into memory without an end.
        server.half_close(true).max_buf_size(MAX_HEAD_BYTES);
        let mut connection = std::pin::pin!(server.serve_connection(io, service));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        log::debug!("connection with {} ended: {error}", peer.address);
                    }
                    return;
                }
                told = progress.told() => match told {
                    Told::Drain => connection.as_mut().graceful_shutdown(),
                    Told::Close => return,
                }
            }
        }
    }
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
