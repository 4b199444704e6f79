//! Where a host is: the machine's own resolver, or answers that are handed in.
//! May not know which addresses may be reached. Promise: nothing else in the client resolves names, so that a test can say
//! what every question is answered, and how often there was one.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Who is asked for the addresses of a host; clones share it.
#[derive(Clone)]
pub struct Lookup(Source);

/// Says where a host is.
type Answer = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

#[derive(Clone)]
enum Source {
    System,
    Given(Arc<Answer>),
}

impl Lookup {
    /// The machine's resolver.
    pub fn system() -> Lookup {
        Lookup(Source::System)
    }

    /// Asks `answer` for the addresses of every host that is not an address itself.
    pub fn given(answer: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Lookup {
        Lookup(Source::Given(Arc::new(answer)))
    }

    /// The addresses of `host` now, in the order in which they are to be tried.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Source::System => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
            Source::Given(answer) => {
                let addresses = answer(host).into_iter();
                Ok(addresses
                    .map(|address| SocketAddr::new(address, port))
                    .collect())
            }
        }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Source::System => "Lookup::system",
            Source::Given(_) => "Lookup::given",
        })
    }
}
