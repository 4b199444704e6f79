//! The fields of a form that was sent. May not know any form. Promise: the body is bounded, and a field that was not sent is
//! told from an empty one only where that says something.

use super::cookie::session_text;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::secret::SecretText;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Forms in which nothing long is written are so large at most.
const MAX_FIELDS: usize = 512;
/// What a byte of a text becomes at most where a form is sent: a line's end is `%0D%0A`.
const SENT_BYTES: usize = 6;
/// What stands around a text in its form.
const AROUND_BYTES: usize = 64 << 10;

/// The fields in their order; names may repeat.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads the body of a request.
    pub(super) async fn read(visit: &Visit) -> Result<Form, Problem> {
        Form::read_within(visit, visit.api.options.max_body_bytes).await
    }

    async fn read_within(visit: &Visit, max_bytes: usize) -> Result<Form, Problem> {
        let fields: Vec<(String, String)> = body::form(visit, max_bytes).await?;
        if fields.len() > MAX_FIELDS {
            return Err(Problem::invalid(format!(
                "The form has more than {MAX_FIELDS} fields."
            )));
        }
        let fields = fields.into_iter();
        Ok(Form(
            fields
                .map(|(name, value)| (name, Zeroizing::new(value)))
                .collect(),
        ))
    }

    /// Reads the body of a request of somebody whose session goes on also after its last byte: a body may take its time.
    pub(super) async fn read_of(ctx: &Ctx) -> Result<Form, Problem> {
        let form = Form::read(&ctx.visit).await?;
        form.of_who_goes_on(ctx)
    }

    /// The same, of a form with a text that may have so many bytes, however much larger they are when they are sent.
    pub(super) async fn read_with_text(ctx: &Ctx, max_bytes: usize) -> Result<Form, Problem> {
        let sent_bytes = max_bytes.saturating_mul(SENT_BYTES);
        let sent_bytes = sent_bytes.saturating_add(AROUND_BYTES);
        let sent_bytes = sent_bytes.max(ctx.api().options.max_body_bytes);
        let form = Form::read_within(&ctx.visit, sent_bytes).await?;
        form.of_who_goes_on(ctx)
    }

    fn of_who_goes_on(self, ctx: &Ctx) -> Result<Form, Problem> {
        let session = session_text(&ctx.visit);
        match session.is_some_and(|session| ctx.api().sign_in.goes_on(session)) {
            true => Ok(self),
            false => Err(Problem::NotSignedIn),
        }
    }

    /// What tells one form from others that look like it, as [`once`] made it; nothing where it is not of that kind.
    pub(super) fn once(&self) -> Option<String> {
        let text = self.text("once")?;
        text.parse::<Uuid>().ok().map(|once| once.to_string())
    }

    /// The text of a field without space around it; `None` where there is nothing in it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// A field as it was written, that must not be seen.
    pub(super) fn secret(&self, name: &str) -> SecretText {
        let found = self.0.iter().find(|(field, _)| field == name);
        SecretText::new(
            found
                .map(|(_, value)| value.to_string())
                .unwrap_or_default(),
        )
    }

    /// Every value of a field that may be sent several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(field, _)| field == name);
        of_name.map(|(_, value)| value.as_str())
    }
}

/// Sent along with a form, so that what is sent twice is done once.
pub(super) fn once() -> String {
    Uuid::now_v7().to_string()
}
