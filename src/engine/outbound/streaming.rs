//! The body of an answer: read whole within its bound, or handed on as it comes.
//! May not know redirects or addresses. Promise: no more is read than may be, and no longer.

use super::{CONNECTION_LOST, OutboundResponse, RESPONSE_TOO_LARGE, TIMEOUT};
use crate::model::run::StepError;
use bytes::Bytes;
use reqwest::Response;
use reqwest::header::HeaderMap;
use std::error::Error;
use std::pin::Pin;
use tokio::time::Sleep;

/// An answer whose body is read piece by piece.
pub struct Streaming {
    response: Response,
    /// Taken out of the response, whose own ones would hold on to all that was read with them.
    headers: Vec<(String, String)>,
    /// What errors may show of its URL.
    from: String,
    read_bytes: usize,
    max_bytes: usize,
    deadline: Pin<Box<Sleep>>,
    late: String,
}

impl Streaming {
    pub(super) fn new(
        mut response: Response,
        from: String,
        max_bytes: usize,
        deadline: Pin<Box<Sleep>>,
        late: String,
    ) -> Streaming {
        let headers = joined(&std::mem::take(response.headers_mut()));
        Streaming {
            response,
            headers,
            from,
            read_bytes: 0,
            max_bytes,
            deadline,
            late,
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The value of the header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, StepError> {
        let chunk = tokio::select! {
            chunk = self.response.chunk() => chunk.map_err(|error| broke_off(&self.from, &error))?,
            () = &mut self.deadline => return Err(StepError::transient(TIMEOUT, self.late.clone())),
        };
        if let Some(chunk) = &chunk {
            self.read_bytes = self.read_bytes.saturating_add(chunk.len());
            if self.read_bytes > self.max_bytes {
                return Err(too_large(&self.from, self.max_bytes));
            }
        }
        Ok(chunk)
    }

    /// All of it, where nothing was read before.
    pub async fn whole(mut self) -> Result<OutboundResponse, StepError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(OutboundResponse {
            status: self.status(),
            headers: self.headers,
            body,
        })
    }
}

fn broke_off(from: &str, error: &reqwest::Error) -> StepError {
    let cause = innermost(error);
    let message = format!("the answer of {from} broke off: {cause}");
    StepError::transient(CONNECTION_LOST, message)
}

fn too_large(from: &str, max_bytes: usize) -> StepError {
    StepError::fatal(
        RESPONSE_TOO_LARGE,
        format!(
            "the answer of {from} is larger than {max_bytes} bytes; ask for less, or raise the setting `max_response_bytes`"
        ),
    )
}

/// Reads the body, no further than `max_bytes`.
pub(super) async fn answer(
    mut response: Response,
    from: &str,
    max_bytes: usize,
) -> Result<OutboundResponse, StepError> {
    let status = response.status().as_u16();
    let headers = joined(response.headers());
    let mut body = Vec::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| broke_off(from, &error))?;
        let Some(chunk) = chunk else { break };
        if body.len() + chunk.len() > max_bytes {
            return Err(too_large(from, max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(OutboundResponse {
        status,
        headers,
        body,
    })
}

fn joined(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .keys()
        .map(|name| {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            (name.as_str().to_owned(), values.join(", "))
        })
        .collect()
}

/// The cause at the bottom of an error, whose own text may hold the URL with its query.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
