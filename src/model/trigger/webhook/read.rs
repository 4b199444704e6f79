//! Reads a webhook trigger out of a definition: what the provider brings, and what the definition says above it. May not know
//! requests. Promise: every mistake at once with its place; a setting that would not protect what it seems to is a mistake.

use super::provider::{Algorithm, Encoding, PROVIDERS, Provider, TimestampFormat};
use super::reader::{Reader, is_header_name};
use super::verify::{Piece, SignatureRule};
use super::{EventNames, NEVER, Signature, WebhookTrigger};
use crate::id::is_id;
use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem::{self, hint, shown};
use crate::model::secret::SecretName;
use serde_json::{Map, Value};

const FIELDS: [&str; 7] = [
    "type",
    "provider",
    "events",
    "path",
    "verifySignature",
    "verify",
    "headers",
];
const VERIFY_FIELDS: [&str; 15] = [
    "secret",
    "header",
    "algorithm",
    "encoding",
    "prefix",
    "signatureField",
    "timestampField",
    "timestampHeader",
    "timestampFormat",
    "toleranceSeconds",
    "signedPayload",
    "eventIdHeader",
    "eventIdPath",
    "eventTypeHeader",
    "eventTypePath",
];
const MAX_EVENTS: usize = 100;
const MAX_HEADERS: usize = 20;
const MAX_TOLERANCE_SECONDS: i64 = 86_400;
const DEFAULT_TOLERANCE_SECONDS: i64 = 300;

impl WebhookTrigger {
    pub(in crate::model::trigger) fn read(
        fields: &Map<String, Value>,
        found: &mut Vec<DefinitionProblem>,
    ) -> Option<WebhookTrigger> {
        let before = found.len();
        let mut trigger = Reader {
            fields,
            place: "trigger",
            found,
        };
        trigger.near_misses(&FIELDS);
        let provider = trigger.provider();
        let path = trigger.path();
        let events = trigger.list("events", MAX_EVENTS);
        let headers = trigger.headers();
        let explicit = trigger.flag("verifySignature");
        // What the rest means depends on it.
        let provider = provider?;
        let nothing = Map::new();
        let given = trigger.object("verify");
        let mut verify = Reader {
            fields: given.unwrap_or(&nothing),
            place: "trigger.verify",
            found,
        };
        verify.only(&VERIFY_FIELDS);
        let names = verify.names(provider);
        let (signature, speaks_of_one) = verify.signature(provider);
        if !events.is_empty() && names.type_header.is_none() && names.type_paths.is_empty() {
            let name = provider.name;
            let message = format!(
                "requests of `{name}` do not say which event they are, so none would ever match; add \
                 `verify.eventTypeHeader` or `verify.eventTypePath`"
            );
            problem::add(found, "trigger.events", message);
        }
        (found.len() == before).then(|| WebhookTrigger {
            provider,
            path,
            events,
            must_be_signed: explicit.unwrap_or(provider.header.is_some() || speaks_of_one),
            signature,
            names,
            headers,
        })
    }
}

impl<'a> Reader<'a, '_> {
    fn provider(&mut self) -> Option<&'static Provider> {
        let names = || PROVIDERS.iter().map(|provider| provider.name);
        let Some(value) = self.get("provider") else {
            return Provider::named("custom");
        };
        let known = value.as_str().and_then(Provider::named);
        if known.is_none() {
            let message = format!(
                "it is {}{}; use {}",
                shown(value),
                hint(value.as_str().unwrap_or_default(), names()),
                names().collect::<Vec<_>>().join(", ")
            );
            self.add("provider", message);
        }
        known
    }

    /// One segment of a URL; templates write it with a leading slash.
    fn path(&mut self) -> Option<String> {
        let value = self.get("path")?;
        let segment = value
            .as_str()
            .map(|text| text.strip_prefix('/').unwrap_or(text));
        let segment = segment.map(|text| text.strip_suffix('/').unwrap_or(text));
        let good = segment.filter(|segment| is_id(segment)).map(str::to_owned);
        if good.is_none() {
            let message = format!(
                "it is {}; it must be one segment of a URL: 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`",
                shown(value)
            );
            self.add("path", message);
        }
        good
    }

    fn headers(&mut self) -> Vec<String> {
        let names = self.list("headers", MAX_HEADERS);
        let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        for name in &names {
            if !is_header_name(name) {
                self.add("headers", format!("`{name}` is not the name of a header"));
            } else if NEVER.contains(&name.as_str()) {
                self.add(
                    "headers",
                    format!("`{name}` is never handed on: it holds a secret"),
                );
            }
        }
        names
    }

    fn names(&mut self, provider: &Provider) -> EventNames {
        let or = |own: Option<String>, preset: Option<&str>| own.or(preset.map(str::to_owned));
        let (id_header, id_path) = (self.header("eventIdHeader"), self.text("eventIdPath"));
        let (type_header, type_path) = (self.header("eventTypeHeader"), self.text("eventTypePath"));
        // Whoever says where the id or the type is means that place, and no other one of the provider's.
        let own_id = id_header.is_some() || id_path.is_some();
        let own_type = type_header.is_some() || type_path.is_some();
        EventNames {
            id_header: or(id_header, provider.event_id_header.filter(|_| !own_id)),
            id_path: or(
                id_path.map(str::to_owned),
                provider.event_id_path.filter(|_| !own_id),
            ),
            type_header: or(
                type_header,
                provider.event_type_header.filter(|_| !own_type),
            ),
            type_paths: match type_path {
                Some(path) => vec![path.to_owned()],
                None if own_type => Vec::new(),
                None => provider
                    .event_type_paths
                    .iter()
                    .map(|path| (*path).to_owned())
                    .collect(),
            },
        }
    }

    /// The signature, where there is a secret and nothing is wrong; and whether the definition speaks of one at all.
    fn signature(&mut self, provider: &Provider) -> (Option<Signature>, bool) {
        let speaks_of_one = self.get("secret").is_some() || self.get("header").is_some();
        let secret = self.secret();
        let rule = self.rule(provider);
        if speaks_of_one && rule.header.is_empty() {
            self.add(
                "header",
                "name the header that holds the signature, such as `X-Signature`",
            );
        }
        let signature = secret
            .filter(|_| !rule.header.is_empty())
            .map(|secret| Signature { secret, rule });
        (signature, speaks_of_one)
    }

    fn rule(&mut self, provider: &Provider) -> SignatureRule {
        let own = |text: &str| text.to_owned();
        let header = self.header("header").or(provider.header.map(own));
        let prefix = self.text("prefix").unwrap_or(provider.prefix).to_owned();
        let algorithms = [
            ("sha256", Algorithm::Sha256),
            ("sha1", Algorithm::Sha1),
            ("sha512", Algorithm::Sha512),
        ];
        let algorithm = self.choice("algorithm", provider.algorithm, &algorithms);
        let encodings = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];
        let encoding = self.choice("encoding", provider.encoding, &encodings);
        let timestamp_header = self
            .header("timestampHeader")
            .or(provider.timestamp_header.map(own));
        let formats = [
            ("seconds", TimestampFormat::Seconds),
            ("milliseconds", TimestampFormat::Milliseconds),
            ("rfc3339", TimestampFormat::Rfc3339),
        ];
        let timestamp_format = self.choice("timestampFormat", provider.timestamp_format, &formats);
        let fields = self.fields(provider);
        let dated = timestamp_header.is_some() || fields.is_some();
        SignatureRule {
            header: header.unwrap_or_default(),
            algorithm,
            encoding,
            prefix,
            timestamp_format,
            tolerance_seconds: self.tolerance(dated),
            signed: self.signed(provider, dated),
            fields,
            timestamp_header,
        }
    }

    /// The name alone: a secret that stood in the definition would be shown to whoever may read it.
    fn secret(&mut self) -> Option<SecretName> {
        let value = self.get("secret")?;
        let name = value
            .as_str()
            .and_then(|text| text.trim().strip_prefix("{{")?.strip_suffix("}}"))
            .and_then(|inside| inside.trim().strip_prefix("secrets."))
            .and_then(|name| name.parse::<SecretName>().ok());
        if name.is_none() {
            self.add(
                "secret",
                "it must be `{{secrets.NAME}}`: the secret itself is set beside the workflow and never stands in it",
            );
        }
        name
    }

    /// The names in a header that is a list.
    fn fields(&mut self, provider: &Provider) -> Option<(String, String)> {
        let (moment, signature) = (self.text("timestampField"), self.text("signatureField"));
        let preset = provider.fields;
        match (
            moment.or(preset.map(|of| of.0)),
            signature.or(preset.map(|of| of.1)),
        ) {
            (Some(moment), Some(signature)) => Some((moment.to_owned(), signature.to_owned())),
            (None, None) => None,
            _ => {
                let message =
                    "a header that is a list has both a `timestampField` and a `signatureField`";
                self.add("signatureField", message);
                None
            }
        }
    }

    fn tolerance(&mut self, dated: bool) -> i64 {
        let Some(value) = self.get("toleranceSeconds") else {
            return DEFAULT_TOLERANCE_SECONDS;
        };
        let seconds = value
            .as_i64()
            .filter(|seconds| (1..=MAX_TOLERANCE_SECONDS).contains(seconds));
        if seconds.is_none() {
            let message = format!(
                "it is {}; it must be a whole number from 1 to {MAX_TOLERANCE_SECONDS}",
                shown(value)
            );
            self.add("toleranceSeconds", message);
        } else if !dated {
            self.add(
                "toleranceSeconds",
                "requests have no moment without a `timestampHeader`",
            );
        }
        seconds.unwrap_or(DEFAULT_TOLERANCE_SECONDS)
    }

    fn signed(&mut self, provider: &Provider, dated: bool) -> Vec<Piece> {
        // A moment of one's own beside a provider's (or nobody's) signature of the body alone.
        let preset = match provider.signed_payload {
            "{body}" if dated => "{timestamp}.{body}",
            preset => preset,
        };
        let given = self.text("signedPayload");
        let pieces = match pieces(given.unwrap_or(preset)) {
            Ok(pieces) => pieces,
            Err(message) => {
                self.add("signedPayload", message);
                return Vec::new();
            }
        };
        if !pieces.contains(&Piece::Body) {
            self.add(
                "signedPayload",
                "it must hold `{body}`, or anybody could change the body",
            );
        }
        match (dated, pieces.contains(&Piece::Timestamp)) {
            (true, false) => self.add(
                "signedPayload",
                "it must hold `{timestamp}`, or anybody could change the moment",
            ),
            (false, true) => self.add(
                "timestampHeader",
                "`signedPayload` holds `{timestamp}`: name the header that it comes from",
            ),
            _ => {}
        }
        pieces
    }
}

/// `v0:{timestamp}:{body}` in pieces.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        pieces.push(match name {
            "timestamp" => Piece::Timestamp,
            "body" => Piece::Body,
            "method" => Piece::Method,
            "url" => Piece::Url,
            other => {
                return Err(format!(
                    "there is no `{{{}}}`; use {{timestamp}}, {{body}}, {{method}}, {{url}}",
                    problem::short(other)
                ));
            }
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}
