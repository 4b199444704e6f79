//! The variables that all flows share: their names, a new one, the end of one. May not know flows.
//! Promise: a value stands on no page: flows are told to keep tokens in variables.

use super::form::Form;
use super::frame::Frame;
use super::{go_to, page, signed_in};
use crate::clock::iso_utc;
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::flowise::{NewVariable, keep_variable, remove_variable};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::chatflow::{VariableKind, VariableName};
use askama::Template;
use serde::Deserialize;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is: a page beside those of connections.
const PART: &str = "connections";
const ROWS: usize = 50;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ALL: &str = "/dashboard/variables";
    const DELETE: &str = "/dashboard/variables/:id/delete";
    vec![
        signed_in(Method::GET, ALL, list),
        signed_in(Method::POST, ALL, create),
        signed_in(Method::GET, DELETE, ask_to_delete),
        signed_in(Method::POST, DELETE, delete),
    ]
}

/// One variable.
struct VariableRow {
    id: String,
    name: String,
    /// Whether its value comes from the server's environment.
    is_runtime: bool,
    updated: String,
}

/// What was typed, but for the value.
#[derive(Default)]
struct Typed {
    name: String,
    is_runtime: bool,
}

#[derive(Template)]
#[template(
    path = "variables/variables.html",
    config = "src/http/dashboard/askama.toml"
)]
struct VariablesPage {
    frame: Frame,
    variables: Vec<VariableRow>,
    next: Option<String>,
    typed: Typed,
    refusal: Option<String>,
}

#[derive(Template)]
#[template(
    path = "variables/variable_delete.html",
    config = "src/http/dashboard/askama.toml"
)]
struct DeletePage {
    frame: Frame,
    variable: VariableRow,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The name with which the page before ended.
    after: Option<String>,
}

async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let asked: ListQuery = read_query(&ctx.visit)?;
    variables_page(&ctx, StatusCode::OK, &asked, Typed::default(), None)
}

fn variables_page(
    ctx: &Ctx,
    status: StatusCode,
    asked: &ListQuery,
    typed: Typed,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    let after = asked.after.as_deref().unwrap_or_default();
    let known = ctx.api().store.variable_names(after, ROWS + 1)?;
    let variables: Vec<VariableRow> = known.iter().take(ROWS).map(row).collect();
    let last = variables.last().filter(|_| known.len() > ROWS);
    let list = VariablesPage {
        frame: Frame::of(&ctx.visit, PART),
        next: last.map(|last| last.name.clone()),
        variables,
        typed,
        refusal,
    };
    page(status, &list)
}

fn row(variable: &VariableName) -> VariableRow {
    VariableRow {
        id: variable.id.to_string(),
        name: variable.name.clone(),
        is_runtime: variable.kind == VariableKind::Runtime,
        updated: iso_utc(variable.updated_at_ms),
    }
}

async fn create(ctx: Ctx) -> Result<Response, Problem> {
    let form = Form::read_of(&ctx).await?;
    let kind = form.text("kind").and_then(VariableKind::parse);
    let kind = kind.unwrap_or(VariableKind::Static);
    let name = form.text("name").unwrap_or_default().to_owned();
    let new = NewVariable {
        name: name.clone(),
        value: form.secret("value").expose().to_owned(),
        kind,
    };
    let (status, refusal) = match keep_variable(&ctx, new).await {
        Ok(_) => return Ok(go_to(&ctx.visit, "variables")),
        Err(Problem::Invalid(message, _)) => (StatusCode::BAD_REQUEST, message),
        Err(Problem::Conflict(message)) => (StatusCode::CONFLICT, message),
        Err(problem) => return Err(problem),
    };
    let typed = Typed {
        name,
        is_runtime: kind == VariableKind::Runtime,
    };
    variables_page(&ctx, status, &ListQuery::default(), typed, Some(refusal))
}

async fn ask_to_delete(ctx: Ctx) -> Result<Response, Problem> {
    let found = ctx.api().store.variable_name(ctx.text(0))?;
    let question = DeletePage {
        frame: Frame::of(&ctx.visit, PART),
        variable: row(&found.ok_or(Problem::NotFound("variable"))?),
    };
    page(StatusCode::OK, &question)
}

async fn delete(ctx: Ctx) -> Result<Response, Problem> {
    match remove_variable(&ctx, ctx.text(0)).await? {
        true => Ok(go_to(&ctx.visit, "variables")),
        false => Err(Problem::NotFound("variable")),
    }
}
