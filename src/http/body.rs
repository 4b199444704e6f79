//! Bodies and query strings: read after the guard, within bounds of size, time and depth.
//! May not know what they mean. Promise: 415 for what is not JSON, 413 for what is too large (sent with or without a length),
//! 400 with the place for what does not parse.

use super::RequestBody;
use super::guard::Guard;
use super::problem::Problem;
use super::visit::{Ctx, Visit};
use crate::model::json::{MAX_DEPTH, depth};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, header};
use warp::{Filter, Rejection};

/// Of an unread body so much, for so long, is read and dropped, so that a plain client sees its answer.
const DROP_BYTES: usize = 8 << 20;
const DROP_TIME: Duration = Duration::from_secs(2);

/// After a guard: the body as JSON. No body is an empty object.
pub(super) fn json<T: DeserializeOwned + Send + 'static>(guard: Guard) -> BoxedFilter<(Ctx, T)> {
    json_up_to(usize::MAX, guard)
}

/// The same, of a body that is so many bytes at most, where that is less than what bodies may be anyway.
pub(super) fn json_up_to<T: DeserializeOwned + Send + 'static>(
    max_bytes: usize,
    guard: Guard,
) -> BoxedFilter<(Ctx, T)> {
    guard
        .and_then(move |ctx: Ctx| async move {
            match read_json(&ctx.visit, max_bytes).await {
                Ok(value) => Ok((ctx, value)),
                Err(problem) => Err(ctx.visit.refuse(problem)),
            }
        })
        .untuple_one()
        .boxed()
}

/// After a guard: the query string. Unknown and repeated parameters are refused by name.
pub(super) fn query<T: DeserializeOwned + Send + 'static>(guard: Guard) -> BoxedFilter<(Ctx, T)> {
    guard
        .and_then(|ctx: Ctx| async move {
            match read_query(&ctx.visit) {
                Ok(value) => Ok((ctx, value)),
                Err(problem) => Err::<_, Rejection>(ctx.visit.refuse(problem)),
            }
        })
        .untuple_one()
        .boxed()
}

/// After a guard: the query string and the body as JSON.
pub(super) fn query_and_json<Q, T>(guard: Guard) -> BoxedFilter<(Ctx, Q, T)>
where
    Q: DeserializeOwned + Send + 'static,
    T: DeserializeOwned + Send + 'static,
{
    guard
        .and_then(|ctx: Ctx| async move {
            let read = async {
                let query = read_query(&ctx.visit)?;
                Ok((query, read_json(&ctx.visit, usize::MAX).await?))
            };
            match read.await {
                Ok((query, value)) => Ok((ctx, query, value)),
                Err(problem) => Err(ctx.visit.refuse(problem)),
            }
        })
        .untuple_one()
        .boxed()
}

/// The query string. Unknown and repeated parameters are refused by name.
pub(super) fn read_query<T: DeserializeOwned>(visit: &Visit) -> Result<T, Problem> {
    serde_urlencoded::from_str(visit.query()).map_err(|error| bad_query::<T>(visit.query(), &error))
}

/// The body as JSON, at most so many bytes and as many as the setting allows. No body is an empty object.
pub(super) async fn read_json<T: DeserializeOwned>(
    visit: &Visit,
    max_bytes: usize,
) -> Result<T, Problem> {
    let max_bytes = max_bytes.min(visit.api.options.max_body_bytes);
    let bytes = read(visit, max_bytes, |_| Ok(())).await?;
    if bytes.is_empty() {
        return serde_json::from_slice(b"{}").map_err(|error| bad_json(&error));
    }
    if !is_of_type(&visit.headers, "application/json") {
        return Err(Problem::UnsupportedMediaType);
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        Problem::invalid(format!(
            "The body is not UTF-8 (byte {}).",
            error.valid_up_to()
        ))
    })?;
    if depth(text) > MAX_DEPTH {
        return Err(Problem::invalid(format!(
            "The body is nested more than {MAX_DEPTH} levels deep."
        )));
    }
    // To the parser a list would be an object whose fields come in order.
    if text.trim_start().starts_with('[') {
        return Err(Problem::invalid(
            "The body does not fit: it is a list; send an object.",
        ));
    }
    serde_json::from_str(text).map_err(|error| bad_json(&error))
}

/// The body as the fields of a page's form, at most so many bytes.
pub(super) async fn form<T: DeserializeOwned>(
    visit: &Visit,
    max_bytes: usize,
) -> Result<T, Problem> {
    let bytes = read(visit, max_bytes, |_| Ok(())).await?;
    if !is_of_type(&visit.headers, "application/x-www-form-urlencoded") {
        return Err(Problem::UnsupportedMediaType);
    }
    serde_urlencoded::from_bytes(&bytes)
        .map_err(|error| Problem::invalid(format!("The form does not fit: {error}.")))
}

/// The whole body, at most so many bytes; `hold` is shown each piece of it before that is taken into memory.
pub(super) async fn read(
    visit: &Visit,
    max_bytes: usize,
    hold: impl FnMut(&[u8]) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let Some(mut body) = visit.take_body() else {
        return Ok(Bytes::new());
    };
    let too_large = announced_bytes(&visit.headers).is_some_and(|length| length > max_bytes as u64);
    if too_large && visit.headers.contains_key(header::EXPECT) {
        // It was not told to go on, and will not send anything.
        return Err(Problem::TooLarge(max_bytes));
    }
    let timeout = Duration::from_millis(visit.api.options.body_timeout_ms);
    let result = if too_large {
        Err(Problem::TooLarge(max_bytes))
    } else {
        let read = tokio::time::timeout(timeout, collect(&mut body, max_bytes, hold));
        read.await.unwrap_or(Err(Problem::BodyTimeout))
    };
    if matches!(result, Err(Problem::TooLarge(_) | Problem::Unavailable(_))) {
        drop_unread(body).await;
    }
    result
}

/// How long the body is, if its head says so.
pub(super) fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

async fn collect(
    body: &mut RequestBody,
    max_bytes: usize,
    mut hold: impl FnMut(&[u8]) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Problem::invalid(format!("The body ended early: {error}.")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len() + data.len() > max_bytes {
            return Err(Problem::TooLarge(max_bytes));
        }
        hold(&data)?;
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// Reads and drops what a refused request still sends, within bounds.
pub(super) async fn drop_unread(mut body: RequestBody) {
    let reading = async {
        let mut dropped = 0;
        while dropped < DROP_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            dropped += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // Out of time is as good as done: the answer follows either way.
    drop(tokio::time::timeout(DROP_TIME, reading).await);
}

/// For a field: tells one that was sent as `null` from one that was not sent.
pub(super) fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For a field: an object, or null. To a derived reader a list would be an object whose fields come in order.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_none<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Option<T>, D::Error> {
            some.deserialize_map(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(fields)).map(Some)
        }
    }

    deserializer.deserialize_option(Fields(PhantomData))
}

fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let essence = content_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(media_type)
}

fn bad_json(error: &serde_json::Error) -> Problem {
    let mut sentence: String = error.to_string().chars().take(300).collect();
    for width in ["u32", "u64", "i64"] {
        sentence = sentence.replace(
            &format!("expected {width}"),
            "expected a whole number in range",
        );
    }
    Problem::invalid(format!("The body does not fit: {sentence}."))
}

/// Names the parameter that does not fit on its own: the parser's own error does not.
fn bad_query<T: DeserializeOwned>(query: &str, error: &serde_urlencoded::de::Error) -> Problem {
    let name = query
        .split('&')
        .find(|pair| serde_urlencoded::from_str::<T>(pair).is_err())
        .and_then(|pair| pair.split('=').next());
    let error = match error.to_string() {
        what if what.contains("digit") => "it is not a whole number".to_owned(),
        what if what.contains("was not `true` or `false`") => "it is `true` or `false`".to_owned(),
        what => what,
    };
    match name {
        Some(name) => {
            let name: String = name.chars().take(40).collect();
            Problem::invalid(format!("`{name}` in the query string: {error}."))
        }
        None => Problem::invalid(format!("In the query string: {error}.")),
    }
}
