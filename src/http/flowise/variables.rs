//! `/variables`: the variables that all flows share.

use super::{Answer, RemovedView, about, ok, worded};
use crate::clock::iso_utc;
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::VariableId;
use crate::model::chatflow::{FlowVariable, VariableKind};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use crate::store::{Edit, VariableChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json as object;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const TAG: &str = "Flowise: variables";

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Access::Needs;
    use Category::{Read, Write};
    use Permission::{VariablesCreate, VariablesDelete, VariablesUpdate, VariablesView};
    const ALL: &str = "/api/v1/variables";
    const ONE: &str = "/api/v1/variables/:id";
    let door = Door::Flowise;
    let body = object!({ "name": "tone", "value": "kind", "type": "static" });
    vec![
        Endpoint::new(
            door,
            Method::GET,
            ALL,
            Needs(VariablesView, Read),
            |guard| guard.then(list),
        )
        .described(
            about(TAG, "List variables")
                .says("By name.")
                .gives_bare::<Vec<VariableView>>(200),
        ),
        Endpoint::new(
            door,
            Method::POST,
            ALL,
            Needs(VariablesCreate, Write),
            |guard| json(guard).then(create),
        )
        .described(
            about(TAG, "Make a variable")
                .says("Flows read it as `{{$vars.name}}`. There are 1,000 at most, each with 64 KiB at most.")
                .body::<VariableBody>(body.clone())
                .gives_bare::<VariableView>(200)
                .may(409, "Another variable has this name, or there are 1,000."),
        ),
        Endpoint::new(
            door,
            Method::PUT,
            ONE,
            Needs(VariablesUpdate, Write),
            |guard| json(guard).then(update),
        )
        .described(
            about(TAG, "Change a variable")
                .says("What is left out stays.")
                .path::<VariableId>()
                .body::<VariableBody>(body)
                .gives_bare::<VariableView>(200)
                .may(409, "Another variable has this name."),
        ),
        Endpoint::new(
            door,
            Method::DELETE,
            ONE,
            Needs(VariablesDelete, Write),
            |guard| guard.then(delete),
        )
        .described(
            about(TAG, "Delete a variable")
                .path::<VariableId>()
                .gives_bare::<RemovedView>(200),
        ),
    ]
}

/// A variable to save.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "FlowVariableBody")]
struct VariableBody {
    /// By what flows call it.
    name: Option<String>,
    /// Its value: 64 KiB at most.
    value: Option<String>,
    /// `static`, or `runtime`: from the server's environment, as far as the setting `template_env` names it.
    r#type: Option<VariableKind>,
}

/// A variable.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FlowVariable")]
struct VariableView {
    /// A UUID.
    id: VariableId,
    /// By what flows call it.
    name: String,
    /// Its value; not looked at where that comes from the environment.
    value: String,
    /// Where its value comes from.
    r#type: VariableKind,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_date: String,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    updated_date: String,
    /// Always `default`.
    workspace_id: &'static str,
}

fn view(variable: FlowVariable) -> VariableView {
    VariableView {
        id: variable.id,
        name: variable.name,
        value: variable.value,
        r#type: variable.kind,
        created_date: iso_utc(variable.created_at_ms),
        updated_date: iso_utc(variable.updated_at_ms),
        workspace_id: super::WORKSPACE,
    }
}

/// Every flow reads them, so a key that is bound to some flows has none to see or change.
fn known(ctx: &Ctx) -> Result<Vec<FlowVariable>, Problem> {
    match ctx.key().reach() {
        Reach::All => Ok(ctx.api().store.flow_variables()?),
        _ => Ok(Vec::new()),
    }
}

async fn list(ctx: Ctx) -> Answer {
    let known = known(&ctx)?;
    ok(&known.into_iter().map(view).collect::<Vec<_>>())
}

fn named(ctx: &Ctx) -> Result<FlowVariable, Problem> {
    let mut known = known(ctx)?.into_iter();
    let found = known.find(|variable| variable.id.as_str() == ctx.text(0));
    found.ok_or_else(|| not_found(ctx))
}

fn not_found(ctx: &Ctx) -> Problem {
    let message = format!("Variable {} not found", ctx.text(0));
    worded(StatusCode::NOT_FOUND, message)
}

/// A variable to be made.
pub(in crate::http) struct NewVariable {
    /// By what flows call it.
    pub(in crate::http) name: String,
    /// Its value; not looked at where that comes from the environment.
    pub(in crate::http) value: String,
    /// Where its value comes from.
    pub(in crate::http) kind: VariableKind,
}

/// Makes a variable, if the key may and the name is free.
pub(in crate::http) async fn keep_variable(
    ctx: &Ctx,
    new: NewVariable,
) -> Result<FlowVariable, Problem> {
    if *ctx.key().reach() != Reach::All {
        return Err(Problem::NotHeld(
            "This key is bound to some flows, and variables belong to all of them.".to_owned(),
        ));
    }
    let now_ms = ctx.api().clock.now_ms();
    let variable = FlowVariable {
        id: VariableId::generate(),
        name: new.name,
        value: new.value,
        kind: new.kind,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
    };
    check(Some(&variable.name), Some(&variable.value))?;
    let detail = object!({ "name": variable.name });
    let by = ctx.changed_by();
    let entry = by.entry(now_ms, "variable.created", variable.id.as_str(), detail);
    let store = &ctx.api().store;
    match store.add_flow_variable(variable.clone(), entry).await? {
        Edit::Conflict(message) => Err(Problem::Conflict(message)),
        Edit::Done(()) | Edit::NotFound => Ok(variable),
    }
}

async fn create(ctx: Ctx, body: VariableBody) -> Answer {
    let new = NewVariable {
        name: body.name.unwrap_or_default(),
        value: body.value.unwrap_or_default(),
        kind: body.r#type.unwrap_or(VariableKind::Static),
    };
    ok(&view(keep_variable(&ctx, new).await?))
}

async fn update(ctx: Ctx, body: VariableBody) -> Answer {
    let id = named(&ctx)?.id;
    check(body.name.as_deref(), body.value.as_deref())?;
    let change = VariableChange {
        name: body.name,
        value: body.value,
        kind: body.r#type,
    };
    let (api, by) = (ctx.api(), ctx.changed_by());
    let changed = api
        .store
        .change_flow_variable(id, change, by, api.clock.now_ms());
    match changed.await? {
        Edit::Done(variable) => ok(&view(variable)),
        Edit::Conflict(message) => Err(Problem::Conflict(message)),
        Edit::NotFound => Err(not_found(&ctx)),
    }
}

/// Whether a variable may have this name and this value.
fn check(name: Option<&str>, value: Option<&str>) -> Result<(), Problem> {
    if name.is_some_and(|name| !FlowVariable::is_name(name)) {
        return Err(Problem::invalid(format!(
            "`name`: {}.",
            FlowVariable::NAME_RULE
        )));
    }
    match value {
        Some(value) if value.len() > FlowVariable::MAX_VALUE_BYTES => {
            Err(Problem::invalid(format!(
                "`value` has {} bytes; it may have {}.",
                value.len(),
                FlowVariable::MAX_VALUE_BYTES
            )))
        }
        _ => Ok(()),
    }
}

async fn delete(ctx: Ctx) -> Answer {
    let id = named(&ctx)?.id;
    match remove_variable(&ctx, id.as_str()).await? {
        true => ok(&RemovedView::of(1)),
        false => Err(not_found(&ctx)),
    }
}

/// Removes a variable; whether there was one.
pub(in crate::http) async fn remove_variable(ctx: &Ctx, id: &str) -> Result<bool, Problem> {
    let (api, by) = (ctx.api(), ctx.changed_by());
    let removed = api
        .store
        .remove_flow_variable(id.to_owned(), by, api.clock.now_ms());
    Ok(removed.await?)
}
