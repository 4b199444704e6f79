//! Forms that carry files (`multipart/form-data`, RFC 7578), read piece by piece.
//! May not know what becomes of a file. Promises: no more than a piece of a form is in memory at once, whatever it says of
//! itself; its fields, their heads and its length have bounds, and what goes over one is refused by name.

use super::RequestBody;
use super::problem::Problem;
use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;
use multer::{Constraints, Error, Field, Multipart, SizeLimit};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use warp::http::{HeaderMap, header};

/// The most fields of a form.
const MAX_FIELDS: usize = 16;
/// So many bytes of a form that are no field's content (its beginning, or the head of a field) are read at most.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// The form is handed on in pieces of at most so many bytes.
const PIECE_BYTES: usize = 32 << 10;
/// So many bytes a form may have beside its file.
pub(super) const BESIDE_FILE_BYTES: u64 = 64 << 10;

/// A form that is coming in.
pub(super) struct Form<'a> {
    parts: Multipart<'a>,
    unused: Unused,
    fields: usize,
}

/// One field of a form. It has to be dropped before the next one is read.
pub(super) struct FormField<'a> {
    field: Field<'a>,
    unused: Unused,
}

/// Bytes that were handed on, of which nothing has come yet.
#[derive(Clone, Default)]
struct Unused(Arc<AtomicUsize>);

/// The boundary of a form; `None` where the body says that it is something else. The error is for who forgot it.
pub(super) fn boundary(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let text = content_type.and_then(|value| value.to_str().ok());
    match multer::parse_boundary(text.unwrap_or_default()) {
        Ok(boundary) => Ok(Some(boundary)),
        Err(Error::NoBoundary) => Err(Problem::invalid(
            "The `Content-Type` of the form has no `boundary`; let the client's library write it.",
        )),
        Err(_) => Ok(None),
    }
}

impl<'a> Form<'a> {
    /// The form in a body, of at most so many bytes.
    pub(super) fn new(body: &'a mut RequestBody, boundary: String, max_bytes: u64) -> Form<'a> {
        let unused = Unused::default();
        let pieces = Pieces {
            body,
            rest: Bytes::new(),
            unused: unused.clone(),
            has_given: false,
        };
        let size_limit = SizeLimit::new().whole_stream(max_bytes);
        let constraints = Constraints::new().size_limit(size_limit);
        Form {
            parts: Multipart::with_constraints(pieces, boundary, constraints),
            unused,
            fields: 0,
        }
    }

    /// The next field.
    pub(super) async fn next(&mut self) -> Result<Option<FormField<'a>>, FormProblem> {
        let Some(field) = self.parts.next_field().await? else {
            return Ok(None);
        };
        self.unused.forget();
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(FormProblem::Invalid(format!(
                "The form has more than {MAX_FIELDS} fields."
            )));
        }
        Ok(Some(FormField {
            field,
            unused: self.unused.clone(),
        }))
    }
}

impl FormField<'_> {
    /// What it is called.
    pub(super) fn name(&self) -> Option<&str> {
        self.field.name()
    }

    /// What the client calls the file in it.
    pub(super) fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// The media type that the client says.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.field
            .content_type()
            .map(|media_type| media_type.as_ref())
    }

    /// The next piece of its content.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, FormProblem> {
        let chunk = self.field.chunk().await?;
        self.unused.forget();
        Ok(chunk)
    }

    /// Reads over the rest of it.
    pub(super) async fn skip(mut self) -> Result<(), FormProblem> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }
}

/// Why a form could not be read.
#[derive(Debug)]
pub(super) enum FormProblem {
    /// It has more bytes than it may.
    TooLarge,
    /// It is no form, or not one of ours: why, in a sentence.
    Invalid(String),
}

impl From<Error> for FormProblem {
    fn from(error: Error) -> FormProblem {
        match error {
            Error::StreamSizeExceeded { .. } => FormProblem::TooLarge,
            Error::StreamReadFailed(cause) => FormProblem::Invalid(format!("{cause}.")),
            error => FormProblem::Invalid(format!("The form does not fit: {error}.")),
        }
    }
}

impl Unused {
    fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether more was handed on than the head of a field may have.
    fn add(&self, bytes: usize) -> bool {
        self.0.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_HEAD_BYTES + PIECE_BYTES
    }
}

/// The body in small pieces. The parser takes all that it is offered before it looks at it, so after each piece it is told once
/// that there is nothing more yet.
struct Pieces<'a> {
    body: &'a mut RequestBody,
    rest: Bytes,
    unused: Unused,
    has_given: bool,
}

/// Why the body ends here.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("The body ended early: {0}")]
    Early(String),
    #[error(
        "The form begins with, or has before a field's content, more than {MAX_HEAD_BYTES} bytes"
    )]
    LongHead,
}

impl Stream for Pieces<'_> {
    type Item = Result<Bytes, Broken>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let pieces = self.get_mut();
        if std::mem::take(&mut pieces.has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while pieces.rest.is_empty() {
            let frame = std::task::ready!(Pin::new(&mut *pieces.body).poll_frame(context));
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(Broken::Early(error.to_string()))));
                }
                // Trailers say nothing here.
                Some(Ok(frame)) => pieces.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let bytes = pieces.rest.len().min(PIECE_BYTES);
        if pieces.unused.add(bytes) {
            return Poll::Ready(Some(Err(Broken::LongHead)));
        }
        pieces.has_given = true;
        Poll::Ready(Some(Ok(pieces.rest.split_to(bytes))))
    }
}
