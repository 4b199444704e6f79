//! Everything that can keep a request from its answer, before a door has put it into its own words.
//! May not know how any door words it. Promise: what a problem holds may be told to the client; inner detail is logged where
//! it happens and never kept here.

use crate::auth::{KeyError, Refusal};
use crate::engine::agents::AgentProblem;
use crate::engine::connections::ConnectionError;
use crate::engine::media::MediaError;
use crate::engine::secrets::SecretError;
use crate::engine::{EngineError, WebhookError, WorkflowProblem};
use crate::model::credit::Shortfall;
use crate::model::graph::{Lint, refusal::Refusal as NoGraph};
use crate::model::limit::LimitState;
use crate::model::plan::{DefinitionProblem, in_words};
use crate::store::StoreError;
use std::io::ErrorKind;
use warp::http::StatusCode;

/// Why a request was refused or failed.
#[derive(Debug, Clone)]
pub enum Problem {
    /// 401: nobody is let in.
    Unauthorized(Refusal),
    /// 401: the key is good, and what is asked for is bound to another.
    OtherKey,
    /// 401: a webhook's signature is missing, wrong or old.
    Disbelieved,
    /// 303: nobody is signed in to the dashboard.
    NotSignedIn,
    /// 403: a form of the dashboard that was not sent from a page of it.
    OtherSite,
    /// 402: the balance is not enough for what was asked for.
    InsufficientCredits(Shortfall),
    /// 403: the key lacks these scopes.
    Forbidden(Vec<String>),
    /// 403: the key would hand on more than it holds.
    NotHeld(String),
    /// 404: what was not found, in words.
    NotFound(&'static str),
    /// 405: the path is known, the method is not.
    MethodNotAllowed,
    /// 409: the state does not allow it.
    Conflict(String),
    /// 400: a sentence, and where there are several mistakes each with its place.
    Invalid(String, Vec<DefinitionProblem>),
    /// 409: what was to be changed was changed meanwhile, by somebody else.
    StaleWrite {
        /// When it was changed last, as it is sent.
        current: String,
        /// What the caller took for that.
        yours: String,
    },
    /// 400: the body is no graph at all.
    NoGraph(NoGraph),
    /// 400: one field may not be written, or not with this value.
    InvalidField {
        /// The field; empty for the body as a whole.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// 422: a graph that breaks the rules of graphs; every violation and warning.
    InvalidGraph(Box<Lint>),
    /// 413: the body is larger than so many bytes.
    TooLarge(usize),
    /// 413: an uploaded file is larger than so many bytes.
    FileTooLarge(u64),
    /// 507: there is no room for what was to be kept; why, in a sentence.
    NoRoom(String),
    /// 410: it was there once; what it was, in a sentence.
    Gone(&'static str),
    /// 415: the body is not JSON.
    UnsupportedMediaType,
    /// 408: the body took too long.
    BodyTimeout,
    /// 421: the `Host` is not one of ours.
    Misdirected,
    /// 429: over the key's or the address's limit.
    Limited {
        /// The limit, and when there is room again.
        state: LimitState,
        /// Whether it is the limit of executions.
        of_executions: bool,
    },
    /// 429: the key has as many event streams open as it may.
    TooManyStreams(u32),
    /// 502: a service that the answer needs did not do its part; why, in words.
    Upstream(String),
    /// 503: nothing was written, and it may work again soon.
    Unavailable(String),
    /// A refusal in the very words by which a door's clients know it.
    Worded(StatusCode, String),
    /// 500: the log has the cause under the request's id.
    Internal,
}

impl Problem {
    /// A 400 with one sentence.
    pub fn invalid(message: impl Into<String>) -> Problem {
        Problem::Invalid(message.into(), Vec::new())
    }

    /// A 500 whose cause goes to the log.
    pub fn internal(cause: &dyn std::fmt::Display) -> Problem {
        log::error!("internal error: {cause}");
        Problem::Internal
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::NotCommitted(_) | StoreError::Closed => {
                log::warn!("{error}");
                Problem::Unavailable(format!(
                    "Nothing was written: {error}. Try again in a moment."
                ))
            }
            other => Problem::internal(&other),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Problem {
        match error {
            KeyError::Invalid { .. } => Problem::invalid(error.to_string()),
            KeyError::NotHeld(message) => Problem::NotHeld(message),
            KeyError::NotFound => Problem::NotFound("API key"),
            KeyError::Conflict(message) => Problem::Conflict(message),
            KeyError::Store(error) => error.into(),
        }
    }
}

impl From<AgentProblem> for Problem {
    fn from(problem: AgentProblem) -> Problem {
        match problem {
            AgentProblem::Invalid(details) => Problem::Invalid("Invalid agent".to_owned(), details),
            AgentProblem::NotFound => Problem::NotFound("agent"),
            AgentProblem::Conflict(message) => Problem::Conflict(message),
            AgentProblem::Store(error) => error.into(),
        }
    }
}

impl From<WorkflowProblem> for Problem {
    fn from(problem: WorkflowProblem) -> Problem {
        match problem {
            WorkflowProblem::Invalid(details) => {
                Problem::Invalid("Invalid workflow configuration".to_owned(), details)
            }
            WorkflowProblem::NotFound => Problem::NotFound("workflow"),
            WorkflowProblem::Conflict(message) => Problem::Conflict(message),
            WorkflowProblem::Store(error) => error.into(),
        }
    }
}

impl From<ConnectionError> for Problem {
    fn from(error: ConnectionError) -> Problem {
        match error {
            ConnectionError::Invalid(details) => Problem::Invalid(in_words(&details), details),
            ConnectionError::NotFound => Problem::NotFound("connection"),
            ConnectionError::Conflict(message) => Problem::Conflict(message),
            ConnectionError::Store(error) => error.into(),
            ConnectionError::Internal(cause) => Problem::internal(&cause),
        }
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Problem {
        match error {
            SecretError::Invalid(message) => Problem::invalid(message),
            SecretError::NotFound => Problem::NotFound("secret"),
            SecretError::Conflict(message) => Problem::Conflict(message),
            SecretError::Store(error) => error.into(),
            SecretError::Internal(cause) => Problem::internal(&cause),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Problem {
        match error {
            EngineError::NotActive(_)
            | EngineError::MissingSecrets(_)
            | EngineError::OtherRequest
            | EngineError::TooManyBelow(_)
            | EngineError::Conflict(_) => Problem::Conflict(error.to_string()),
            EngineError::BadInput(problems) => Problem::Invalid(
                format!("The input does not fit: {}", in_words(&problems)),
                problems,
            ),
            EngineError::InsufficientCredits(shortfall) => Problem::InsufficientCredits(shortfall),
            EngineError::NoWorkflow => Problem::NotFound("workflow"),
            EngineError::NotFound => Problem::NotFound("run"),
            EngineError::Stopping | EngineError::WorkflowChanged => {
                Problem::Unavailable(error.to_string())
            }
            EngineError::Store(error) => error.into(),
            EngineError::Internal(cause) => Problem::internal(&cause),
        }
    }
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Problem {
        match error {
            MediaError::TooLarge(max_bytes) => Problem::FileTooLarge(max_bytes),
            MediaError::NoRoom(message) => Problem::NoRoom(message),
            MediaError::Invalid(message) => Problem::invalid(message),
            MediaError::Upstream(message) => Problem::Upstream(message),
            MediaError::NotFound => Problem::NotFound("file"),
            MediaError::Expired => Problem::Gone("This link has expired; ask for a new one."),
            MediaError::Folder(error) if error.kind() == ErrorKind::StorageFull => {
                log::warn!("{error}");
                Problem::Unavailable("Nothing was written: the disk is full.".to_owned())
            }
            MediaError::Folder(error) => Problem::internal(&error),
            MediaError::Store(error) => error.into(),
        }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Problem {
        match error {
            WebhookError::NotFound => Problem::NotFound("webhook"),
            WebhookError::Disbelieved(_) => Problem::Disbelieved,
            WebhookError::BadBody(message) => Problem::invalid(message),
            WebhookError::Conflict(message) => Problem::Conflict(message),
            WebhookError::Engine(error) => error.into(),
        }
    }
}
