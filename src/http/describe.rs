//! What an endpoint takes and gives, as data beside it: the OpenAPI document is made from this and the table, and from
//! nothing else. May not know any endpoint. Promise: schemas are those of the very types that are read and written.
//!
//! ```text
//! Endpoint::new(Door::Native, Method::POST, "/api/v1/things/:id", access, |guard| json(guard).then(change)).described(
//!     about("Things", "Change a thing")
//!         .path::<ThingId>()                          // one for each `:parameter`, in order
//!         .body::<ChangeBody>(json!({"name": "b"}))   // the type that `json(guard)` reads, and an example of it
//!         .gives::<ThingView<'_>>(200)                // the type that `ok(&view)` writes, without its envelope
//!         .may(409, "The thing is in use."),          // what the access and the form of the request do not already mean
//! )
//! ```
//!
//! 400, 401, 403, 404, 408, 413, 415, 421, 429, 500 and 503 need no mention: they follow from the access, the path and the
//! body. Types derive `schemars::JsonSchema`; their doc comments are the document's texts. Dates that are kept as strings
//! have `#[schemars(extend("format" = "date-time"))]`; a name that another type has too is changed with
//! `#[schemars(rename = "…")]`.

use crate::id::ID_PATTERN;
use crate::model::key::FOREIGN_CHARS;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use std::borrow::Cow;

/// Gives a type's schema, as a reference where the type has a name.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an endpoint takes and gives.
pub struct Description {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) text: Option<&'static str>,
    /// Of each path parameter, in order.
    pub(super) path: Vec<SchemaOf>,
    pub(super) query: Option<SchemaOf>,
    pub(super) request_headers: Vec<HeaderDescription>,
    pub(super) body: Option<BodyDescription>,
    /// The type of a form's fields.
    pub(super) form: Option<SchemaOf>,
    /// The type of the fields of a form with files, which is taken in place of JSON.
    pub(super) multipart: Option<SchemaOf>,
    /// What a body that is no JSON of the server's own is.
    pub(super) foreign_body: Option<&'static str>,
    pub(super) answers: Vec<AnswerDescription>,
    /// The type of the events that may come in place of what 200 gives.
    pub(super) stream: Option<SchemaOf>,
    /// Headers of its own that a good answer may have.
    pub(super) answer_headers: Vec<(&'static str, &'static str)>,
    pub(super) refusals: Vec<(u16, &'static str)>,
    /// What its refusals look like, where it is not the native envelope.
    pub(super) refusal_shape: Option<RefusalShape>,
    /// Whether callers without a key have a limit by their address, and are shown it.
    pub(super) has_address_limit: bool,
}

/// A request header.
pub(super) struct HeaderDescription {
    pub(super) name: &'static str,
    pub(super) what_for: &'static str,
    /// What its text is like, a regular expression; `None` where every text has a meaning.
    pub(super) pattern: Option<&'static str>,
}

/// A request body.
pub(super) struct BodyDescription {
    pub(super) schema: SchemaOf,
    pub(super) example: Value,
}

/// What the refusals of a door without an envelope look like.
#[derive(Clone, Copy)]
pub(super) enum RefusalShape {
    /// JSON of this type.
    Json {
        schema: SchemaOf,
        /// An example out of code and message.
        example: fn(&str, &str) -> Value,
    },
    /// A page for people.
    Html,
}

/// A good answer.
pub(super) struct AnswerDescription {
    pub(super) status: u16,
    pub(super) shape: Shape,
}

/// What the body of a good answer is.
pub(super) enum Shape {
    /// Data in the door's envelope.
    Data(SchemaOf),
    /// Data in the door's envelope, with something about it.
    DataWith(SchemaOf, SchemaOf),
    /// A list in the door's envelope, with the place of its next page.
    Page(SchemaOf),
    /// JSON without an envelope.
    Bare(SchemaOf),
    /// Server-sent events.
    Events,
    /// Text of this media type.
    Text(&'static str),
    /// Bytes of any media type, and what they are.
    Bytes(&'static str),
    /// No body.
    Nothing(&'static str),
}

/// What a name is like: one line of text, and not only white space.
pub(super) const NAME_PATTERN: &str =
    r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// What a text is like that is not only white space.
pub(super) const FILLED_PATTERN: &str = r"\S";

/// The media type of pages.
pub(super) const HTML: &str = "text/html";

/// Begins a description: the group it belongs to, and in a few words what it does.
pub(super) fn about(tag: &'static str, summary: &'static str) -> Description {
    Description {
        tag,
        summary,
        text: None,
        path: Vec::new(),
        query: None,
        request_headers: Vec::new(),
        body: None,
        form: None,
        multipart: None,
        foreign_body: None,
        answers: Vec::new(),
        stream: None,
        answer_headers: Vec::new(),
        refusals: Vec::new(),
        refusal_shape: None,
        has_address_limit: false,
    }
}

impl Description {
    /// What else there is to say.
    pub(super) fn says(mut self, text: &'static str) -> Description {
        self.text = Some(text);
        self
    }

    /// The type of the next path parameter.
    pub(super) fn path<T: JsonSchema>(mut self) -> Description {
        self.path.push(named::<T>);
        self
    }

    /// The type that the query string is read into.
    pub(super) fn query<T: JsonSchema>(mut self) -> Description {
        self.query = Some(T::json_schema);
        self
    }

    /// A request header that it heeds, what for, and what its text is like.
    pub(super) fn heeds(
        mut self,
        name: &'static str,
        what_for: &'static str,
        pattern: Option<&'static str>,
    ) -> Description {
        self.request_headers.push(HeaderDescription {
            name,
            what_for,
            pattern,
        });
        self
    }

    /// The type that the body is read into, with an example.
    pub(super) fn body<T: JsonSchema>(mut self, example: Value) -> Description {
        self.body = Some(BodyDescription {
            schema: named::<T>,
            example,
        });
        self
    }

    /// The type that a form is read into.
    pub(super) fn form<T: JsonSchema>(mut self) -> Description {
        self.form = Some(named::<T>);
        self
    }

    /// The type of the fields of a form with files, which may be sent in place of JSON.
    pub(super) fn or_multipart<T: JsonSchema>(mut self) -> Description {
        self.multipart = Some(named::<T>);
        self
    }

    /// A body of any media type, and what it is.
    pub(super) fn takes(mut self, what: &'static str) -> Description {
        self.foreign_body = Some(what);
        self
    }

    /// Data in the door's envelope, with this status.
    pub(super) fn gives<T: JsonSchema>(self, status: u16) -> Description {
        self.answers(status, Shape::Data(named::<T>))
    }

    /// The same, with `meta` of this type beside it.
    pub(super) fn gives_with<T: JsonSchema, M: JsonSchema>(self, status: u16) -> Description {
        self.answers(status, Shape::DataWith(named::<T>, named::<M>))
    }

    /// 200 with a page of such items.
    pub(super) fn lists<T: JsonSchema>(self) -> Description {
        self.answers(200, Shape::Page(named::<T>))
    }

    /// JSON without an envelope, with this status.
    pub(super) fn gives_bare<T: JsonSchema>(self, status: u16) -> Description {
        self.answers(status, Shape::Bare(named::<T>))
    }

    /// 200 with server-sent events.
    pub(super) fn gives_events(self) -> Description {
        self.answers(200, Shape::Events)
    }

    /// Server-sent events, whose `data` is JSON of this type, in place of what 200 gives.
    pub(super) fn or_streams<T: JsonSchema>(mut self) -> Description {
        self.stream = Some(named::<T>);
        self
    }

    /// A page for people, with this status.
    pub(super) fn gives_html(self, status: u16) -> Description {
        self.gives_text(status, HTML)
    }

    /// Text of this media type, with this status.
    pub(super) fn gives_text(self, status: u16, media_type: &'static str) -> Description {
        self.answers(status, Shape::Text(media_type))
    }

    /// 200 with bytes of any media type, and what they are.
    pub(super) fn gives_bytes(self, what: &'static str) -> Description {
        self.answers(200, Shape::Bytes(what))
    }

    /// A status without a body, and what it means.
    pub(super) fn gives_nothing(self, status: u16, meaning: &'static str) -> Description {
        self.answers(status, Shape::Nothing(meaning))
    }

    fn answers(mut self, status: u16, shape: Shape) -> Description {
        self.answers.push(AnswerDescription { status, shape });
        self
    }

    /// A header of its own that a good answer may have.
    pub(super) fn with_header(
        mut self,
        header: &'static str,
        meaning: &'static str,
    ) -> Description {
        self.answer_headers.push((header, meaning));
        self
    }

    /// A refusal of its own, and when it comes.
    pub(super) fn may(mut self, status: u16, when: &'static str) -> Description {
        self.refusals.push((status, when));
        self
    }

    /// An address may call it so often, and when is it too often: 429 and the headers of limits.
    pub(super) fn limits_addresses(mut self, when: &'static str) -> Description {
        self.has_address_limit = true;
        self.may(429, when)
    }

    /// The type that its refusals are written from, with an example out of code and message.
    pub(super) fn refuses_with<T: JsonSchema>(
        mut self,
        example: fn(&str, &str) -> Value,
    ) -> Description {
        self.refusal_shape = Some(RefusalShape::Json {
            schema: named::<T>,
            example,
        });
        self
    }

    /// Its refusals are pages for people.
    pub(super) fn refuses_in_html(mut self) -> Description {
        self.refusal_shape = Some(RefusalShape::Html);
        self
    }
}

/// A path parameter that is a word of the server's own, like a block's type: any id's form, and 404 where it is unknown.
pub(super) enum Word {}

impl JsonSchema for Word {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": ID_PATTERN })
    }
}

/// A path parameter that is the text of a key, percent-encoded where a path cannot carry it as it is.
pub(super) enum KeyText {}

impl JsonSchema for KeyText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeyText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": *FOREIGN_CHARS.end() })
    }
}

fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
