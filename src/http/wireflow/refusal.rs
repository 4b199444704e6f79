//! Problems in the words of Wireflow's door: `{"error":"<sentence>"}`, with fields beside it that help programs.
//! The sentences are Wireflow's where it has one, and the native door's elsewhere.

use super::json;
use crate::auth::Refusal;
use crate::http::native;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::model::credit::Shortfall;
use crate::model::graph::{Finding, refusal::Refusal as NoGraph};
use crate::model::plan::DefinitionProblem;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use warp::http::StatusCode;
use warp::reply::Response;

/// Why a request was refused or failed.
#[derive(Serialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowRefusal")]
pub(super) struct ErrorView<'a> {
    /// One sentence for people.
    pub(super) error: &'a str,
    /// One word for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<Cow<'a, str>>,
    /// `invalid_request_error`, `conflict_error` or `api_error`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    /// Of a 403: the scopes that the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Vec<&'a str>>,
    /// Of a 400: every mistake with its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a [DefinitionProblem]>,
    /// Of a 422: what has to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<&'a [Finding]>,
    /// Of a 422: what should be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<&'a [Finding]>,
    /// Of a 422: what the server has mended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    migrations: Option<&'a [Finding]>,
    /// Of a stale write: when the workflow was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_updated_at: Option<&'a str>,
    /// Of a stale write: what was sent for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    your_base_updated_at: Option<&'a str>,
    /// Of a 402: that it is one, what the execution costs, what is left, and which nodes cost something.
    #[serde(flatten)]
    shortfall: Option<ShortfallView<'a>>,
    /// Of a 429: when the next request will be accepted, in seconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// Of a 500: what the server's log names the request by.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// What an execution costs, and what is left.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "InsufficientCredits")]
struct ShortfallView<'a> {
    /// Always `true`.
    insufficient_credits: bool,
    /// What the execution costs.
    required_credits: u64,
    /// What is left.
    available_credits: u64,
    /// The nodes that cost something.
    breakdown: Vec<NodeCostView<'a>>,
}

/// What one node costs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NodeCost")]
struct NodeCostView<'a> {
    /// The node.
    node_id: &'a str,
    /// For people.
    node_label: &'a str,
    /// What it costs.
    credits: u64,
}

impl<'a> ShortfallView<'a> {
    fn of(shortfall: &'a Shortfall) -> ShortfallView<'a> {
        let nodes = shortfall.breakdown.iter();
        ShortfallView {
            insufficient_credits: true,
            required_credits: shortfall.required,
            available_credits: shortfall.available,
            breakdown: nodes
                .map(|node| NodeCostView {
                    node_id: &node.id,
                    node_label: &node.label,
                    credits: node.credits,
                })
                .collect(),
        }
    }
}

/// The answer to a request that was refused or failed.
pub(in crate::http) fn render(problem: &Problem, visit: &Visit) -> Response {
    if let Problem::Unauthorized(refusal) = problem
        && let Some(body) = prebuilt(*refusal)
    {
        return json(
            StatusCode::UNAUTHORIZED,
            Bytes::from_static(body.as_bytes()),
        );
    }
    let (status, code) = native::status_and_code(problem);
    let sentence = sentence(problem, visit);
    let mut view = ErrorView {
        error: &sentence,
        ..ErrorView::default()
    };
    match problem {
        Problem::Forbidden(required) => {
            view.required = Some(required.iter().map(|word| own_word(word)).collect());
        }
        Problem::Limited { state, .. } => view.retry_after = Some(state.reset_unix_s),
        Problem::Unauthorized(Refusal::Throttled { retry_after_s }) => {
            let now_s = visit.api.clock.now_ms() / 1_000;
            view.retry_after = u64::try_from(now_s + i64::from(*retry_after_s)).ok();
        }
        Problem::NotFound(_) => {}
        Problem::InsufficientCredits(shortfall) => {
            view.shortfall = Some(ShortfallView::of(shortfall));
        }
        Problem::Internal => view.request_id = Some(crate::http::finish::request_id(visit)),
        _ => {
            view.kind = Some(kind_of(status));
            view.code = Some(
                own_code(problem)
                    .map_or_else(|| Cow::Owned(code.to_ascii_lowercase()), Cow::Borrowed),
            );
        }
    }
    match problem {
        Problem::Invalid(_, details) if !details.is_empty() => view.details = Some(details),
        Problem::InvalidGraph(lint) => {
            view.violations = Some(&lint.violations);
            view.warnings = Some(&lint.warnings);
            view.migrations = Some(&[]);
        }
        Problem::StaleWrite { current, yours } => {
            view.current_updated_at = Some(current);
            view.your_base_updated_at = Some(yours);
        }
        _ => {}
    }
    // What is built of texts alone always becomes JSON.
    let body = serde_json::to_vec(&view).unwrap_or_default();
    json(status, body.into())
}

/// The word that Wireflow has for a problem, where it has one.
fn own_code(problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::NoGraph(NoGraph::MissingSaved | NoGraph::MissingExecuted) => {
            Some("missing_fields")
        }
        Problem::NoGraph(_) | Problem::InvalidField { .. } => Some("invalid_field"),
        Problem::InvalidGraph(_) => Some("invalid_graph"),
        Problem::StaleWrite { .. } => Some("stale_write"),
        _ => None,
    }
}

fn kind_of(status: StatusCode) -> &'static str {
    if status == StatusCode::CONFLICT {
        "conflict_error"
    } else if status.is_client_error() {
        "invalid_request_error"
    } else {
        "api_error"
    }
}

/// A flood of bad keys is the cheapest request there is: these bodies are ready.
fn prebuilt(refusal: Refusal) -> Option<&'static str> {
    macro_rules! body {
        ($error:literal, $code:literal) => {
            concat!(r#"{"error":""#, $error, r#"","code":""#, $code, r#""}"#)
        };
        ($code:literal) => {
            body!("Invalid API key format. Expected: Bearer sk-...", $code)
        };
    }
    Some(match refusal {
        Refusal::Missing => body!("missing"),
        Refusal::Malformed => body!("malformed"),
        Refusal::Unknown => body!("unknown"),
        Refusal::Expired => body!("API key has expired", "expired"),
        Refusal::Revoked => body!("API key has been revoked", "revoked"),
        Refusal::Disabled => body!("API key is disabled", "disabled"),
        Refusal::Throttled { .. } => return None,
    })
}

/// The one of Wireflow's scopes that gives a permission, where it has one.
pub(in crate::http) fn own_word(word: &str) -> &str {
    match word {
        "runs:read" => "executions:read",
        word => native::native_word(word),
    }
}

fn sentence(problem: &Problem, visit: &Visit) -> String {
    let fixed = match problem {
        Problem::Forbidden(_) => "Forbidden",
        Problem::InsufficientCredits(shortfall) => return shortfall.to_string(),
        Problem::NotFound("workflow") => "Workflow not found",
        Problem::NotFound("node") => "Node not found",
        Problem::NotFound("app") => "App not found",
        Problem::NotFound("run") => "Execution not found",
        Problem::NotFound("path") => "Not found",
        Problem::NotFound(what) => return format!("There is no such {what}."),
        Problem::Limited {
            of_executions: true,
            ..
        } => "Too many workflow executions. Please try again later.",
        Problem::Limited { .. } => "Too many requests. Please try again later.",
        problem => return native::message(problem, visit),
    };
    fixed.to_owned()
}
