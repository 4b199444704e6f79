//! Doors: the APIs that are served from one house. Which door a request comes through is known by its path and the kind of
//! its credential, before anything else. May not know endpoints.

use super::visit::Credential;
use warp::http::{HeaderMap, header};

/// In whose words a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The Workflows API: `x-api-key: wfk_…`, envelope `{"success":…}`.
    Native,
    /// Webhooks of other services: no key, bare answers.
    Webhook,
    /// Pages for people: no key, HTML.
    Page,
}

/// Where the paths of webhooks begin.
const WEBHOOKS: &str = "/webhooks/";

/// Where the links of approvals begin.
const APPROVALS: &str = "/approvals/";

/// A path without its base path and door prefix.
pub(super) struct Place<'a> {
    pub(super) door: Door,
    pub(super) path: &'a str,
}

impl Door {
    /// Takes a door's own prefix off a path: `/native/api/v1/runs` is `/api/v1/runs` of the native door.
    pub(super) fn locate(path: &str) -> Place<'_> {
        match path.strip_prefix("/native") {
            Some(rest) if rest.starts_with("/api/v1/") => Place {
                door: Door::Native,
                path: rest,
            },
            _ if path.starts_with(WEBHOOKS) => Place {
                door: Door::Webhook,
                path,
            },
            _ if path.starts_with(APPROVALS) => Place {
                door: Door::Page,
                path,
            },
            _ => Place {
                door: Door::Native,
                path,
            },
        }
    }

    /// The credential that this door looks at: `x-api-key`, or `Authorization: Bearer wfk_…`.
    /// A header that stands there twice is no credential that could be good, so the first is taken and the text made bad.
    pub(super) fn credential(self, headers: &HeaderMap) -> Option<Credential> {
        match self {
            Door::Native => {
                let mut values = headers.get_all("x-api-key").iter();
                match (values.next(), values.next()) {
                    (Some(header), None) => Some(Credential {
                        header: header.clone(),
                        text_from: 0,
                    }),
                    (Some(header), Some(_)) => Some(Credential {
                        header: header.clone(),
                        text_from: header.len(),
                    }),
                    (None, _) => bearer(headers),
                }
            }
            Door::Webhook | Door::Page => None,
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Credential> {
    const SCHEME: &[u8] = b"Bearer ";
    let header = headers.get(header::AUTHORIZATION)?;
    let (scheme, text) = header.as_bytes().split_at_checked(SCHEME.len())?;
    (scheme.eq_ignore_ascii_case(SCHEME) && text.starts_with(b"wfk_")).then(|| Credential {
        header: header.clone(),
        text_from: SCHEME.len(),
    })
}
