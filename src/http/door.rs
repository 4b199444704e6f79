//! Doors: the APIs that are served from one house. Which door a request comes through is known by its path and the kind of
//! its credential, before anything else. May not know endpoints.

use super::visit::Credential;
use std::borrow::Cow;
use warp::http::{HeaderMap, HeaderName, HeaderValue, header};

/// In whose words a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The Workflows API: `x-api-key: wfk_…`, envelope `{"success":…}`.
    Native,
    /// Wireflow's API: `Authorization: Bearer sk-…`, bare answers, `{"error":"…"}`.
    Wireflow,
    /// Flowise's API: `Authorization: Bearer …` or, to ask a flow, `?apikey=`; bare answers.
    Flowise,
    /// Webhooks of other services: no key, bare answers.
    Webhook,
    /// What people open through links: no key, HTML, and files.
    Page,
    /// The dashboard: a session, HTML.
    Dashboard,
}

/// The doors that are served side by side on `/api/v1`, each with the prefix under which it is served alone.
const APIS: [(Door, &str); 3] = [
    (Door::Native, "/native"),
    (Door::Wireflow, "/wireflow"),
    (Door::Flowise, "/flowise"),
];

/// Where the native door's clients put their key.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where the paths begin that the doors share.
const SHARED: &str = "/api/v1/";

/// Where the paths of webhooks begin.
const WEBHOOKS: &str = "/webhooks/";

/// Where the links of approvals begin.
const APPROVALS: &str = "/approvals/";

/// Where the links of uploaded files begin.
const MEDIA: &str = "/media/";

/// Where the dashboard's paths begin.
const DASHBOARD: &str = "/dashboard";

/// A path without its base path and door prefix.
pub(super) struct Place<'a> {
    /// Whose the path is; where it is shared, whom the credential speaks to.
    pub(super) door: Door,
    /// Whether a door that alone has the path may take it.
    pub(super) is_shared: bool,
    pub(super) path: &'a str,
}

/// A path without the server's base path. A proxy may keep it or take it off, so a path that does not begin with it stands as
/// it is.
pub(super) fn without_base<'a>(path: &'a str, base_path: &str) -> &'a str {
    let rest = path.strip_prefix(base_path);
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

fn is_dashboard(path: &str) -> bool {
    let below = path.strip_prefix(DASHBOARD);
    path == "/" || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Door {
    /// Takes a door's own prefix off a path: `/native/api/v1/runs` is `/api/v1/runs` of the native door alone. Without one
    /// the kind of credential decides, and `default` where there is none.
    pub(super) fn locate<'a>(path: &'a str, headers: &HeaderMap, default: Door) -> Place<'a> {
        let alone = |door, path| Place {
            door,
            is_shared: false,
            path,
        };
        if path.starts_with("/api/") {
            if path.strip_prefix(SHARED).is_some_and(is_flowise) {
                return alone(Door::Flowise, path);
            }
            return Place {
                door: by_credential(headers).unwrap_or(default),
                is_shared: true,
                path,
            };
        }
        for (door, prefix) in APIS {
            match path.strip_prefix(prefix) {
                Some(rest) if rest.starts_with("/api/v1/") => return alone(door, rest),
                _ => {}
            }
        }
        if path.starts_with(WEBHOOKS) {
            alone(Door::Webhook, path)
        } else if path.starts_with(APPROVALS) || path.starts_with(MEDIA) {
            alone(Door::Page, path)
        } else if is_dashboard(path) {
            alone(Door::Dashboard, path)
        } else {
            alone(default, path)
        }
    }

    /// The other doors that may have a shared path.
    pub(super) fn others(self) -> impl Iterator<Item = Door> {
        let doors = APIS.into_iter().map(|(door, _)| door);
        doors.filter(move |door| *door != self)
    }

    /// The prefix under which the door is served alone; none of doors whose paths nobody shares.
    pub fn prefix(self) -> &'static str {
        let mut apis = APIS.iter();
        apis.find(|(door, _)| *door == self)
            .map_or("", |(_, prefix)| prefix)
    }

    /// The credential that this door looks at. The native door: `x-api-key`, or `Authorization: Bearer wfk_…`. Wireflow's:
    /// `Authorization`, where anything but a bearer is a malformed key. Flowise's: the same, and a bare key. A header that stands there twice is no credential
    /// that could be good, so the first is taken and the text made bad.
    pub(super) fn credential(self, headers: &HeaderMap) -> Option<Credential> {
        match self {
            Door::Native => match once(headers, &X_API_KEY) {
                Some((header, true)) => Some(text_of(header, 0)),
                Some((header, false)) => Some(text_of(header, header.len())),
                None => native_bearer(headers),
            },
            Door::Wireflow | Door::Flowise => {
                let (header, is_alone) = once(headers, &header::AUTHORIZATION)?;
                let from = if is_alone {
                    bearer_from(header).unwrap_or(0)
                } else {
                    header.len()
                };
                Some(text_of(header, from))
            }
            Door::Webhook | Door::Page | Door::Dashboard => None,
        }
    }
}

/// Whether a path (what comes after `/api/v1/`) is Flowise's by its first segment, whatever the credential.
fn is_flowise(path: &str) -> bool {
    matches!(
        path.split('/').next().unwrap_or_default(),
        "apikey"
            | "attachments"
            | "chatflows"
            | "chatflows-streaming"
            | "chatflows-uploads"
            | "chatmessage"
            | "executions"
            | "feedback"
            | "flow-config"
            | "get-upload-file"
            | "internal-prediction"
            | "ip"
            | "leads"
            | "marketplaces"
            | "node-icon"
            | "ping"
            | "prediction"
            | "public-chatbotConfig"
            | "public-chatflows"
            | "public-executions"
            | "settings"
            | "stats"
            | "text-to-speech"
            | "variables"
            | "vector"
            | "verify"
            | "version"
            | "webhook"
    )
}

/// The key in a query string, as Flowise's clients may send it: the first `apikey`.
pub(super) fn key_in_query(query: &str) -> Option<Credential> {
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = serde_urlencoded::from_str(query).ok()?;
    let (_, text) = pairs.into_iter().find(|(name, _)| name == "apikey")?;
    // What cannot stand in a header is no key: the text is bad, not missing.
    let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    Some(text_of(&header, 0))
}

/// To whom a credential speaks: `x-api-key` and `Bearer wfk_…` to the native door, any other `Authorization` to Wireflow's.
fn by_credential(headers: &HeaderMap) -> Option<Door> {
    if headers.contains_key(X_API_KEY) || native_bearer(headers).is_some() {
        Some(Door::Native)
    } else {
        headers
            .contains_key(header::AUTHORIZATION)
            .then_some(Door::Wireflow)
    }
}

/// A header's first value, and whether it is the only one.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<(&'a HeaderValue, bool)> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some((first, values.next().is_none()))
}

fn text_of(header: &HeaderValue, text_from: usize) -> Credential {
    Credential {
        header: header.clone(),
        text_from,
    }
}

fn native_bearer(headers: &HeaderMap) -> Option<Credential> {
    let header = headers.get(header::AUTHORIZATION)?;
    let from = bearer_from(header)?;
    let text = header.as_bytes().get(from..)?;
    text.starts_with(b"wfk_").then(|| text_of(header, from))
}

/// Where the text of a bearer begins.
fn bearer_from(header: &HeaderValue) -> Option<usize> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, _) = header.as_bytes().split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(SCHEME.len())
}
