//! `/agents`: language models with instructions: list, create, read, change, delete, ask. Agents belong to no workflow, so a
//! key that is bound to one sees none of them.

use super::{Answer, created, ok, page, page_request};
use crate::clock::iso_utc;
use crate::engine::connections::CONNECTION;
use crate::engine::{llm, outbound};
use crate::http::body::{json, query};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::AgentId;
use crate::model::agent::{Agent, AgentDraft, AgentFilter, AgentProvider, AgentStatus, AgentType};
use crate::model::limit::Category;
use crate::model::page::Page;
use crate::model::run::StepError;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use warp::Filter as _;
use warp::http::Method;

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
        }),
        Endpoint::new(door, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        }),
        Endpoint::new(door, Method::GET, ONE, read, |guard| guard.then(get)),
        Endpoint::new(door, Method::PUT, ONE, write, |guard| {
            json(guard).then(edit)
        }),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(remove)),
        Endpoint::new(door, Method::POST, EXECUTE, run, |guard| {
            json(guard).then(execute)
        }),
    ]
}

/// Which agents are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListQuery {
    /// Only of this type.
    #[serde(rename = "type")]
    agent_type: Option<AgentType>,
    /// Only in this status.
    status: Option<AgentStatus>,
    /// Only with this in the name, letter case aside.
    search: Option<String>,
    /// Whether those that came with the server are listed too, behind the others; true when it is not said.
    include_built_in: Option<bool>,
    /// 1 to 100, default 50.
    limit: Option<u32>,
    /// Where the former page ended.
    cursor: Option<String>,
}

/// A new agent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateBody {
    /// 1 to 255 characters.
    name: String,
    /// What it is for.
    #[serde(rename = "type")]
    agent_type: AgentType,
    /// The instructions, at most 64 KiB.
    system_prompt: String,
    /// For people, at most 4 KiB.
    description: Option<String>,
    /// Default `active`.
    status: Option<AgentStatus>,
    /// Default `openai`.
    provider: Option<AgentProvider>,
    /// As the provider calls it; default the setting `llm_model`.
    model: Option<String>,
    /// A JSON Schema that every answer must fit.
    output_schema: Option<Value>,
    /// 0 to 2.
    temperature: Option<f64>,
    /// The longest answer, 1 to 1,000,000 tokens.
    max_tokens: Option<u32>,
    /// The connection with the provider's key; default the provider's default one.
    connection_id: Option<String>,
}

/// What is to change; what is left out stays, and `null` takes away what an agent can be without.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EditBody {
    /// 1 to 255 characters.
    name: Option<String>,
    /// What it is for.
    #[serde(rename = "type")]
    agent_type: Option<AgentType>,
    /// The instructions, at most 64 KiB.
    system_prompt: Option<String>,
    /// For people, at most 4 KiB.
    #[serde(default, deserialize_with = "sent")]
    description: Option<Option<String>>,
    /// `active` or `deprecated`.
    status: Option<AgentStatus>,
    /// `openai` or `anthropic`.
    provider: Option<AgentProvider>,
    /// As the provider calls it.
    model: Option<String>,
    /// A JSON Schema that every answer must fit.
    #[serde(default, deserialize_with = "sent")]
    output_schema: Option<Option<Value>>,
    /// 0 to 2.
    #[serde(default, deserialize_with = "sent")]
    temperature: Option<Option<f64>>,
    /// The longest answer, 1 to 1,000,000 tokens.
    #[serde(default, deserialize_with = "sent")]
    max_tokens: Option<Option<u32>>,
    /// The connection with the provider's key.
    #[serde(default, deserialize_with = "sent")]
    connection_id: Option<Option<String>>,
}

/// Tells a field that was sent as `null` from one that was not sent.
fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A question for an agent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ExecuteBody {
    /// What it is about; shown to the model as JSON.
    input: Option<Value>,
    /// What the user says.
    user_message: Option<String>,
}

/// An agent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentView<'a> {
    /// `agent_` and a UUID, or a word for those that came with the server.
    id: &'a AgentId,
    /// What people call it.
    name: &'a str,
    /// For people.
    description: Option<&'a str>,
    /// What it is for.
    #[serde(rename = "type")]
    agent_type: AgentType,
    /// `active` or `deprecated`.
    status: AgentStatus,
    /// `global` for those that came with the server, else `company`.
    scope: &'static str,
    /// Whether it came with the server; such a one cannot be changed.
    is_built_in: bool,
    /// Who serves the model.
    provider: AgentProvider,
    /// As the provider calls it.
    model: &'a str,
    /// The instructions.
    system_prompt: &'a str,
    /// A JSON Schema that every answer must fit.
    output_schema: Option<&'a Value>,
    /// 0 to 2.
    temperature: Option<f64>,
    /// The longest answer.
    max_tokens: Option<u32>,
    /// The connection with the provider's key.
    connection_id: Option<&'a str>,
    /// `null` for those that came with the server.
    created_at: Option<String>,
    /// `null` for those that came with the server.
    updated_at: Option<String>,
}

/// What an agent answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecuteView {
    /// The value where the agent has an `outputSchema`, else the text.
    output: Value,
    /// The text as it came.
    text: String,
    /// The model that answered, as its provider says.
    model: String,
    /// Why the answer ended: `stop`, `length`, …
    finish_reason: Option<String>,
    /// How many tokens it took; what the provider does not say is `null`.
    usage: Value,
    /// How long it took, in milliseconds.
    latency_ms: u64,
    /// What it cost.
    cost: CostView,
}

/// What an answer cost.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CostView {
    /// Always `null`: the server knows no prices.
    total_cost: Option<f64>,
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

impl EditBody {
    fn put_into(&self, draft: &mut AgentDraft) {
        fn put<T: Clone>(new: Option<&T>, field: &mut T) {
            if let Some(new) = new {
                *field = new.clone();
            }
        }
        put(self.name.as_ref(), &mut draft.name);
        put(self.agent_type.as_ref(), &mut draft.agent_type);
        put(self.system_prompt.as_ref(), &mut draft.system_prompt);
        put(self.description.as_ref(), &mut draft.description);
        put(self.status.as_ref(), &mut draft.status);
        put(self.provider.as_ref(), &mut draft.provider);
        put(self.model.as_ref(), &mut draft.model);
        put(self.output_schema.as_ref(), &mut draft.output_schema);
        put(self.temperature.as_ref(), &mut draft.temperature);
        put(self.max_tokens.as_ref(), &mut draft.max_tokens);
        put(self.connection_id.as_ref(), &mut draft.connection_id);
    }
}

fn view(agent: &Agent) -> AgentView<'_> {
    let draft = &agent.draft;
    let moment = |at_ms| (!agent.is_built_in).then(|| iso_utc(at_ms));
    AgentView {
        id: &agent.id,
        name: &draft.name,
        description: draft.description.as_deref(),
        agent_type: draft.agent_type,
        status: draft.status,
        scope: if agent.is_built_in {
            "global"
        } else {
            "company"
        },
        is_built_in: agent.is_built_in,
        provider: draft.provider,
        model: &draft.model,
        system_prompt: &draft.system_prompt,
        output_schema: draft.output_schema.as_ref(),
        temperature: draft.temperature,
        max_tokens: draft.max_tokens,
        connection_id: draft.connection_id.as_deref(),
        created_at: moment(agent.created_at_ms),
        updated_at: moment(agent.updated_at_ms),
    }
}
