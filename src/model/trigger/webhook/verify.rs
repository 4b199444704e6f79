//! Whether a request was made by somebody who holds the secret, and made lately. A function of the request's bytes, the
//! secret and the moment. May not know workflows. Promise: whatever was signed is covered bit by bit, digests are compared
//! in constant time, and nothing of the request stands in a refusal.

use super::provider::{Algorithm, Encoding, TimestampFormat};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// How far in the future a request may be dated: clocks differ.
pub(super) const MAX_FUTURE_SECONDS: i64 = 60;
/// How many signatures of one request are looked at: senders give one for each of their secrets while they change them.
const MAX_SIGNATURES: usize = 8;

/// A request as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The URL that the sender called.
    pub url: &'a str,
    /// Names in lower case; a header that was sent twice stands here twice.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, byte by byte.
    pub body: &'a [u8],
}

/// How requests are signed.
#[derive(Debug, Clone, PartialEq)]
pub struct SignatureRule {
    /// The header with the signature, in lower case.
    pub header: String,
    /// The digest.
    pub algorithm: Algorithm,
    /// How the digest is written.
    pub encoding: Encoding,
    /// What stands before it.
    pub prefix: String,
    /// The header is a list such as `t=1,v1=a,v1=b`: the names of the moment and of the signatures in it.
    pub fields: Option<(String, String)>,
    /// The header with the moment, in lower case.
    pub timestamp_header: Option<String>,
    /// How the moment is written.
    pub timestamp_format: TimestampFormat,
    /// How old a request may be.
    pub tolerance_seconds: i64,
    /// What is signed, in pieces.
    pub signed: Vec<Piece>,
}

/// A piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// The moment, as it was sent.
    Timestamp,
    /// The body.
    Body,
    /// The method.
    Method,
    /// The URL.
    Url,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disbelief {
    /// There is no secret, or no signature or moment where they belong, or there are two.
    Unsigned,
    /// It was not signed with this secret, or was changed on its way.
    WrongSignature,
    /// Signed well, too long ago or in the future.
    WrongTime,
}

/// What is known of a request that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// For requests with a moment: a digest of what was signed. The same request sent again has the same.
    pub fingerprint: Option<String>,
}

impl SignatureRule {
    /// Whether the holder of `secret` has signed this request, not too long before `now_ms`.
    pub fn check(
        &self,
        received: &Received<'_>,
        secret: &[u8],
        now_ms: i64,
    ) -> Result<Believed, Disbelief> {
        let header = only_header(received, &self.header).ok_or(Disbelief::Unsigned)?;
        let (timestamp, signatures) = self.parts(received, header)?;
        let signatures: Vec<Vec<u8>> = signatures
            .into_iter()
            .filter_map(|text| self.decode(text.strip_prefix(self.prefix.as_str())?))
            .collect();
        // An empty key would be everybody's.
        if secret.is_empty() || signatures.is_empty() {
            return Err(Disbelief::Unsigned);
        }
        let covered = self.covered(received, timestamp.unwrap_or_default());
        let signed = match self.algorithm {
            Algorithm::Sha1 => is_signed::<Hmac<Sha1>>(secret, &covered, &signatures),
            Algorithm::Sha256 => is_signed::<Hmac<Sha256>>(secret, &covered, &signatures),
            Algorithm::Sha512 => is_signed::<Hmac<Sha512>>(secret, &covered, &signatures),
        };
        if !signed.unwrap_or(false) {
            return Err(Disbelief::WrongSignature);
        }
        if let Some(text) = timestamp {
            let sent_ms = self.moment_ms(text).ok_or(Disbelief::WrongTime)?;
            let age_ms = now_ms.saturating_sub(sent_ms);
            if !(-MAX_FUTURE_SECONDS * 1_000..=self.tolerance_seconds * 1_000).contains(&age_ms) {
                return Err(Disbelief::WrongTime);
            }
        }
        let fingerprint = timestamp.map(|_| {
            let mut hasher = blake3::Hasher::new();
            covered.iter().for_each(|piece| {
                hasher.update(piece);
            });
            hasher.finalize().to_hex().to_string()
        });
        Ok(Believed { fingerprint })
    }

    /// The moment and the signatures, as they were sent.
    fn parts<'a>(
        &self,
        received: &Received<'a>,
        header: &'a str,
    ) -> Result<(Option<&'a str>, Vec<&'a str>), Disbelief> {
        let Some((moment, signature)) = &self.fields else {
            let timestamp = match &self.timestamp_header {
                Some(name) => Some(only_header(received, name).ok_or(Disbelief::Unsigned)?),
                None => None,
            };
            return Ok((timestamp, vec![header]));
        };
        let named = |name: &str| -> Vec<&'a str> {
            header
                .split(',')
                .filter_map(|field| field.trim().split_once('='))
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| value)
                .take(MAX_SIGNATURES)
                .collect()
        };
        match named(moment).as_slice() {
            [timestamp] => Ok((Some(timestamp), named(signature))),
            _ => Err(Disbelief::Unsigned),
        }
    }

    fn decode(&self, text: &str) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Hex => hex::decode(text).ok(),
            Encoding::Base64 => BASE64_STANDARD.decode(text).ok(),
        }
    }

    fn covered<'a>(&'a self, received: &Received<'a>, timestamp: &'a str) -> Vec<&'a [u8]> {
        self.signed
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Timestamp => timestamp.as_bytes(),
                Piece::Body => received.body,
                Piece::Method => received.method.as_bytes(),
                Piece::Url => received.url.as_bytes(),
            })
            .collect()
    }

    fn moment_ms(&self, text: &str) -> Option<i64> {
        let whole = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<i64>().ok()).flatten()
        };
        match self.timestamp_format {
            TimestampFormat::Seconds => whole(text)?.checked_mul(1_000),
            TimestampFormat::Milliseconds => whole(text),
            TimestampFormat::Rfc3339 => {
                let moment = chrono::DateTime::parse_from_rfc3339(text).ok()?;
                Some(moment.timestamp_millis())
            }
        }
    }
}

/// Whether one of the signatures is that of the pieces. `verify_slice` compares in constant time.
fn is_signed<M: Mac + KeyInit + Clone>(
    secret: &[u8],
    covered: &[&[u8]],
    signatures: &[Vec<u8>],
) -> Result<bool, InvalidLength> {
    let mut mac = <M as KeyInit>::new_from_slice(secret)?;
    covered.iter().for_each(|piece| mac.update(piece));
    Ok(signatures
        .iter()
        .any(|signature| mac.clone().verify_slice(signature).is_ok()))
}

/// The text of a header that was sent exactly once.
fn only_header<'a>(received: &Received<'a>, name: &str) -> Option<&'a str> {
    let mut values = received.headers.iter().filter(|(known, _)| *known == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => std::str::from_utf8(value).ok().map(str::trim),
        _ => None,
    }
}
