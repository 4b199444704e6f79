//! Which addresses an outgoing call may reach.
//! May not know HTTP. Promise: what is not plainly a public unicast address is refused unless the operator allowed it, in
//! whatever notation it comes; the server's own port is refused even then.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, PoisonError, RwLock},
};

/// IPv4 ranges that are not public unicast, and what they are (IANA special-purpose registry, multicast, reserved).
const SPECIAL_V4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// IPv6 ranges with a name of their own; what is outside `2000::/3` is refused in any case.
const SPECIAL_V6: [(Ipv6Net, &str); 9] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local NAT64"),
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        "protocol assignments",
    ),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique-local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// Where servers of one's own stand.
const LOCAL_KINDS: [&str; 4] = ["loopback", "private", "unique-local", "carrier-grade NAT"];

const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = s;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The address is not public, and nobody allowed it.
    #[error(
        "`{entry}` is at {address}, a {kind} address, which outgoing calls may not reach; if it is meant, add `{entry}` to the setting `outbound_allow`",
        entry = entry(.host, *.port)
    )]
    NotPublic {
        /// The host as the URL names it.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// The port that was to be called.
        port: u16,
        /// `private`, `loopback`, …
        kind: &'static str,
    },
    /// The server would call itself.
    #[error(
        "`{}` is at {address}, and port {port} there is this server's own, which outgoing calls never reach, whatever the setting `outbound_allow` says",
        entry(.host, *.port)
    )]
    OwnPort {
        /// The host as the URL names it.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// The server's port.
        port: u16,
    },
}

/// The entry of `outbound_allow` that allows `port` of `host`.
fn entry(host: &str, port: u16) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}

/// Whom an entry of `outbound_allow` means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// A name, lower case, without trailing dot: allows whatever it resolves to.
    Host(String),
    /// An address or a range of them: allowed under any name.
    Range(IpNet),
}

/// What outgoing calls may reach.
#[derive(Debug)]
pub struct Policy {
    allowed: Vec<(Target, Option<u16>)>,
    /// Shared with the policies made from this one.
    own_ports: Arc<RwLock<Vec<u16>>>,
}

impl Policy {
    /// Reads the entries of `outbound_allow`: `host`, `host:port`, address, `address:port`, `[v6]:port`, range. The error
    /// names the entry.
    pub fn parse(allow: &[String]) -> Result<Policy, String> {
        let allowed = allow
            .iter()
            .map(|entry| parse_entry(entry.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Policy {
            allowed,
            own_ports: Arc::default(),
        })
    }

    /// This policy, with further entries. What the server's own ports are, both are told at once.
    pub fn allowing(&self, more: &[String]) -> Result<Policy, String> {
        let mut policy = Policy::parse(more)?;
        policy.allowed.extend(self.allowed.iter().cloned());
        policy.own_ports = Arc::clone(&self.own_ports);
        Ok(policy)
    }

    /// As [`Policy::check`], for a host that was named for one use, such as a mail server: it may also be on this machine or
    /// in its network. What nobody serves mail from (metadata, multicast, reserved) stays refused.
    pub fn check_named(&self, host: &str, address: IpAddr, port: u16) -> Result<(), Refused> {
        match self.check(host, address, port) {
            Err(Refused::NotPublic { kind, .. }) if LOCAL_KINDS.contains(&kind) => Ok(()),
            checked => checked,
        }
    }

    /// The ports that the server listens on.
    pub fn set_own_ports(&self, ports: &[u16]) {
        *self
            .own_ports
            .write()
            .unwrap_or_else(PoisonError::into_inner) = ports.to_vec();
    }

    /// Whether `port` at `address`, reached by the name `host`, may be called.
    pub fn check(&self, host: &str, address: IpAddr, port: u16) -> Result<(), Refused> {
        if self.is_own_port(port) && is_own_address(address) {
            return Err(Refused::OwnPort {
                host: host.to_owned(),
                address,
                port,
            });
        }
        match special_kind(address) {
            Some(kind) if !self.allows(host, address, port) => Err(Refused::NotPublic {
                host: host.to_owned(),
                address,
                port,
                kind,
            }),
            _ => Ok(()),
        }
    }

    /// The addresses of `host` that may be called; an error when none may.
    pub fn permitted(
        &self,
        host: &str,
        addresses: impl Iterator<Item = SocketAddr>,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Refused> {
        let mut permitted = Vec::new();
        let mut refused = None;
        for address in addresses {
            match self.check(host, address.ip(), port) {
                Ok(()) => permitted.push(address),
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        match refused {
            Some(reason) if permitted.is_empty() => Err(reason),
            _ => Ok(permitted),
        }
    }

    fn is_own_port(&self, port: u16) -> bool {
        self.own_ports
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&port)
    }

    fn allows(&self, host: &str, address: IpAddr, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.allowed.iter().any(|(target, allowed_port)| {
            let port_fits = allowed_port.is_none_or(|allowed| allowed == port);
            port_fits
                && match target {
                    Target::Host(name) => *name == host,
                    Target::Range(range) => range.contains(&address.to_canonical()),
                }
        })
    }
}

fn parse_entry(entry: &str) -> Result<(Target, Option<u16>), String> {
    let wrong = || {
        format!(
            "`{entry}` in `outbound_allow` is not a host, host:port, address, [address]:port or address range such as 10.0.0.0/8"
        )
    };
    if let Ok(range) = entry.parse::<IpNet>() {
        return Ok((Target::Range(range.trunc()), None));
    }
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok((Target::Range(address.to_canonical().into()), None));
    }
    if let Ok(socket) = entry.parse::<SocketAddr>() {
        let range = socket.ip().to_canonical().into();
        return Ok((Target::Range(range), Some(socket.port())));
    }
    let has_only_host_letters = entry.chars().all(|letter| {
        letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']')
    });
    if entry.is_empty() || !has_only_host_letters {
        return Err(wrong());
    }
    // The port is taken off by hand, because a URL forgets a port that is its scheme's default.
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !entry.ends_with(']') => {
            (host, Some(port.parse::<u16>().map_err(|_| wrong())?))
        }
        _ => (entry, None),
    };
    // The same reading as that of a call's URL: letter case, IDNA and odd ways to write an address come out alike.
    let host = super::url::host_of(&format!("http://{host}/")).map_err(|_| wrong())?;
    let target = match host.parse::<IpAddr>() {
        Ok(address) => Target::Range(address.to_canonical().into()),
        Err(_) => Target::Host(host.trim_end_matches('.').to_owned()),
    };
    Ok((target, port))
}

/// What kind of address this is when it is not a public unicast one. IPv6 notations that carry an IPv4 address are what
/// that address is.
fn special_kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_kind_v4(address),
        IpAddr::V6(address) => {
            if let Some((_, kind)) = SPECIAL_V6.iter().find(|(net, _)| net.contains(&address)) {
                return Some(kind);
            }
            match embedded_v4(address) {
                Some(inner) => special_kind_v4(inner),
                None if GLOBAL_UNICAST_V6.contains(&address) => None,
                None => Some("reserved"),
            }
        }
    }
}

fn special_kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    SPECIAL_V4
        .iter()
        .find(|(net, _)| net.contains(&address))
        .map(|(_, kind)| *kind)
}

/// The IPv4 address inside an IPv4-mapped, IPv4-compatible, NAT64 or 6to4 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if SIX_TO_FOUR.contains(&address) {
        let [_, _, a, b, c, d, ..] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    let [.., a, b, c, d] = address.octets();
    let is_carrier = NAT64.contains(&address) || address.to_ipv4().is_some();
    is_carrier.then_some(Ipv4Addr::new(a, b, c, d))
}

/// Whether `address` is this machine's or of a network that only its own people reach.
pub fn is_local(address: IpAddr) -> bool {
    special_kind(address).is_some_and(|kind| LOCAL_KINDS.contains(&kind))
}

/// Whether `address` is this machine: loopback, unspecified, or one of its interfaces (only to a local address can a
/// socket be bound).
fn is_own_address(address: IpAddr) -> bool {
    let plain = match address {
        IpAddr::V6(address) => embedded_v4(address).map_or(address.into(), IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    [address, plain].into_iter().any(|address| {
        address.is_loopback()
            || address.is_unspecified()
            || UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
    })
}

#[cfg(test)]
mod tests;
