//! `/agents`: language models with instructions: list, create, read, change, delete, ask. Agents belong to no workflow, so a
//! key that is bound to one sees none of them.

use super::agent_view::{
    AgentView, CostView, CreateBody, EditBody, ExecuteBody, ExecuteView, ListQuery, view,
};
use super::{Answer, created, ok, page, page_request};
use crate::engine::connections::CONNECTION;
use crate::engine::{llm, outbound};
use crate::http::body::{json, query};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::AgentId;
use crate::model::agent::{Agent, AgentDraft, AgentFilter, AgentProvider, AgentStatus};
use crate::model::limit::Category;
use crate::model::page::Page;
use crate::model::run::StepError;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde_json::{Value, json as example};
use warp::Filter as _;
use warp::http::Method;

const BUILT_IN: &str = "The agent came with the server and stays as it is.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/agents";
    const ONE: &str = "/api/v1/agents/:id";
    const EXECUTE: &str = "/api/v1/agents/:id/execute";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    let run = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    let door = Door::Native;
    vec![
        Endpoint::new(door, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Agents", "List agents")
                .says("Newest first, behind them those that came with the server. A key that is bound to workflows sees none.")
                .query::<ListQuery>()
                .lists::<AgentView<'_>>(),
        ),
        Endpoint::new(door, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        })
        .described(
            about("Agents", "Create an agent")
                .body::<CreateBody>(example!({
                    "name": "Names", "type": "extraction", "systemPrompt": "Give the names of the people in the text.",
                }))
                .gives::<AgentView<'_>>(201)
                .may(409, "There are as many agents as are kept."),
        ),
        Endpoint::new(door, Method::GET, ONE, read, |guard| guard.then(get)).described(
            about("Agents", "Read an agent").path::<AgentId>().gives::<AgentView<'_>>(200),
        ),
        Endpoint::new(door, Method::PUT, ONE, write, |guard| {
            json(guard).then(edit)
        })
        .described(
            about("Agents", "Change an agent")
                .says("What is left out stays, and `null` takes away what an agent can be without.")
                .path::<AgentId>()
                .body::<EditBody>(example!({ "temperature": 0.2, "maxTokens": null }))
                .gives::<AgentView<'_>>(200)
                .may(409, BUILT_IN),
        ),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(remove)).described(
            about("Agents", "Delete an agent")
                .says("The answer shows it as it was.")
                .path::<AgentId>()
                .gives::<AgentView<'_>>(200)
                .may(409, BUILT_IN),
        ),
        Endpoint::new(door, Method::POST, EXECUTE, run, |guard| {
            json(guard).then(execute)
        })
        .described(
            about("Agents", "Ask an agent")
                .says("Send `input`, `userMessage` or both. The answer waits for the model.")
                .path::<AgentId>()
                .body::<ExecuteBody>(example!({ "userMessage": "Who wrote this?", "input": { "mail": "Yours, Ada" } }))
                .gives::<ExecuteView>(200)
                .may(502, "The model was not reached, or gave no usable answer."),
        ),
    ]
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let filter = AgentFilter {
        agent_type: asked.agent_type,
        status: asked.status,
        search: asked.search,
    };
    let with_built_in = asked.include_built_in.unwrap_or(true);
    let found = if is_free(&ctx) {
        let agents = ctx.api().engine.agents();
        agents.list(filter, with_built_in, request).await?
    } else {
        Page {
            items: Vec::new(),
            next: None,
        }
    };
    let views: Vec<AgentView<'_>> = found.items.iter().map(view).collect();
    page(&views, found.next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    ok(&view(&reachable(&ctx)?))
}

async fn create(ctx: Ctx, body: CreateBody) -> Answer {
    if !is_free(&ctx) {
        return Err(Problem::NotHeld(
            "This key is bound to workflows, and agents belong to none; create it with another key.".to_owned(),
        ));
    }
    let agents = ctx.api().engine.agents();
    let draft = AgentDraft {
        name: body.name,
        description: body.description,
        agent_type: body.agent_type,
        status: body.status.unwrap_or(AgentStatus::Active),
        provider: body.provider.unwrap_or(AgentProvider::OpenAi),
        model: body
            .model
            .unwrap_or_else(|| agents.default_model().to_owned()),
        system_prompt: body.system_prompt,
        output_schema: body.output_schema,
        temperature: body.temperature,
        max_tokens: body.max_tokens,
        connection_id: body.connection_id,
    };
    created(&view(&agents.create(draft).await?))
}

async fn edit(ctx: Ctx, body: EditBody) -> Answer {
    let id = reachable(&ctx)?.id;
    let agents = ctx.api().engine.agents();
    let edited = agents.edit(&id, |draft| body.put_into(draft)).await?;
    ok(&view(&edited))
}

async fn remove(ctx: Ctx) -> Answer {
    let id = reachable(&ctx)?.id;
    ok(&view(&ctx.api().engine.agents().remove(&id).await?))
}

async fn execute(ctx: Ctx, body: ExecuteBody) -> Answer {
    let agent = reachable(&ctx)?;
    let is_blank = |message: &String| message.trim().is_empty();
    if body.input.as_ref().is_none_or(Value::is_null)
        && body.user_message.as_ref().is_none_or(is_blank)
    {
        return Err(Problem::invalid(
            "Send `input`, `userMessage` or both: there is nothing to answer.",
        ));
    }
    let clock = &ctx.api().clock;
    let began_ms = clock.monotonic_ms();
    let agents = ctx.api().engine.agents();
    let key = crate::id::RunId::generate();
    let answer = agents
        .execute(
            &agent,
            body.user_message,
            body.input,
            key.as_str().to_owned(),
        )
        .await
        .map_err(|error| problem(&error))?;
    ok(&ExecuteView {
        output: answer.result,
        text: answer.text,
        model: answer.model,
        finish_reason: answer.finish_reason,
        usage: answer.usage,
        latency_ms: clock.monotonic_ms().saturating_sub(began_ms),
        cost: CostView { total_cost: None },
    })
}

/// What went wrong on this side is a 400; the rest is the other side's.
fn problem(error: &StepError) -> Problem {
    match error.code.as_str() {
        CONNECTION | outbound::CONFIG => {
            Problem::invalid(format!("The agent cannot be asked: {}.", error.message))
        }
        llm::OUTPUT_SCHEMA | llm::LLM_ANSWER => Problem::Upstream(format!(
            "The model gave no usable answer: {}.",
            error.message
        )),
        _ => Problem::Upstream(format!("The model was not reached: {}.", error.message)),
    }
}

/// Whether the key is bound to no workflow.
fn is_free(ctx: &Ctx) -> bool {
    matches!(ctx.key().reach(), Reach::All)
}

/// The agent that the path names, if the key reaches it.
fn reachable(ctx: &Ctx) -> Result<Agent, Problem> {
    let id: AgentId = ctx.id(0, "agent")?;
    let found = if is_free(ctx) {
        ctx.api().engine.agents().get(&id)?
    } else {
        None
    };
    found.ok_or(Problem::NotFound("agent"))
}
