//! Conversions between a text and its codes.
//!
//! | name | a value becomes |
//! |---|---|
//! | `json` | text is read as JSON; anything else is written as JSON |
//! | `jsonparse`, `jsonstringify` | one way only |
//! | `base64encode`, `base64decode` | text in base64 and back (the URL-safe letters are read too) |
//! | `urlencode`, `urldecode` | text as it stands in a URL and back |
//! | `sha256` (`hash`) | 64 hexadecimal digits |

use super::super::super::field::{self, Fields};
use super::{Conversion, MAX_MADE_BYTES, made, plain, text_of, too_long};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Reads base64 with and without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) const CONVERSIONS: &[Conversion] = &[
    plain(&["json", "tojson"], |value, options| match value {
        Value::String(_) => parse(value, options),
        other => stringify(other, options),
    }),
    plain(&["jsonparse", "parsejson"], parse),
    plain(&["jsonstringify", "stringify"], stringify),
    plain(&["base64encode", "base64"], |value, _| {
        made(STANDARD.encode(text_of(value)?))
    }),
    plain(&["base64decode", "frombase64"], |value, _| {
        let text = text_of(value)?;
        let letters = text.split_whitespace().collect::<String>();
        let letters = letters.replace('-', "+").replace('_', "/");
        let bytes = LENIENT.decode(letters);
        let decoded = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        decoded
            .map(Value::from)
            .ok_or_else(|| format!("{} is not the base64 of a text", field::shown(value)))
    }),
    plain(&["urlencode", "encodeuricomponent"], |value, _| {
        made(url_encoded(&text_of(value)?)?)
    }),
    plain(&["urldecode", "decodeuricomponent"], |value, _| {
        url_decoded(&text_of(value)?)
            .map(Value::from)
            .ok_or_else(|| format!("{} is not the URL form of a text", field::shown(value)))
    }),
    plain(&["sha256", "hash"], |value, _| {
        text_of(value).map(|text| hex::encode(Sha256::digest(text.as_bytes())).into())
    }),
];

fn parse(value: &Value, _: &Fields) -> Result<Value, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("{} is not a text", field::shown(value)))?;
    serde_json::from_str(text)
        .map_err(|error| format!("{} is not JSON: {error}", field::shown(value)))
}

fn stringify(value: &Value, _: &Fields) -> Result<Value, String> {
    made(value.to_string())
}

/// What RFC 3986 does not call unreserved is written in percent signs, as `encodeURIComponent` nearly does.
fn url_encoded(text: &str) -> Result<String, String> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        if encoded.len() > MAX_MADE_BYTES {
            return Err(too_long());
        }
    }
    Ok(encoded)
}

fn url_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).ok()?;
                bytes.push(byte[0]);
                rest = after;
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}
