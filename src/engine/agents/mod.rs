//! Agents: those that came with the server and those that clients made, and asking them.
//! May not know HTTP, steps or journals. Promise: what is stored here can be asked: its schema compiles, its fields are in range.

mod built_in;

use crate::clock::Clock;
use crate::engine::connections::Connections;
use crate::engine::llm::{Answer, Chat, ChatAnswer, Llm, Question};
use crate::engine::prediction::Hearing;
use crate::engine::redact::Redactor;
use crate::engine::schema::Schema;
use crate::id::AgentId;
use crate::model::agent::{Agent, AgentDraft, AgentFilter, AgentProvider};
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::plan::DefinitionProblem;
use crate::model::run::StepError;
use crate::store::{Edit, MAX_AGENTS, Store, StoreError};
use serde_json::Value;
use std::sync::Arc;

/// There is no such agent.
pub const AGENT_NOT_FOUND: &str = "AGENT_NOT_FOUND";

/// Why an agent could not be kept or changed.
#[derive(Debug, thiserror::Error)]
pub enum AgentProblem {
    /// Every mistake with its place.
    #[error("the agent cannot be kept as it is")]
    Invalid(Vec<DefinitionProblem>),
    /// No such agent.
    #[error("no such agent")]
    NotFound,
    /// It came with the server, or there are too many.
    #[error("{0}")]
    Conflict(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A handle to the agents; clones share it.
#[derive(Clone)]
pub struct Agents(Arc<Parts>);

struct Parts {
    store: Store,
    clock: Clock,
    llm: Llm,
    connections: Connections,
    default_model: String,
}

impl Agents {
    /// `default_model` is the setting `llm_model`.
    pub fn new(
        store: Store,
        clock: Clock,
        llm: Llm,
        connections: Connections,
        default_model: String,
    ) -> Agents {
        Agents(Arc::new(Parts {
            store,
            clock,
            llm,
            connections,
            default_model,
        }))
    }

    /// The model of an agent or a step that names none.
    pub fn default_model(&self) -> &str {
        &self.0.default_model
    }

    /// The agent with this id. A point read.
    pub fn get(&self, id: &AgentId) -> Result<Option<Agent>, StoreError> {
        match self.built_in().find(|agent| agent.id == *id) {
            Some(agent) => Ok(Some(agent)),
            None => self.0.store.agent(id),
        }
    }

    /// A page of agents: those that clients made, newest first, then (where wanted) those that came with the server.
    pub async fn list(
        &self,
        filter: AgentFilter,
        with_built_in: bool,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let after_built_in = page.after.as_ref().and_then(|cursor| {
            self.built_in()
                .position(|agent| agent.id.as_str() == cursor.id)
        });
        let mut found = match after_built_in {
            None => self.0.store.list_agents(filter.clone(), page).await?,
            Some(_) => Page {
                items: Vec::new(),
                next: None,
            },
        };
        if !with_built_in || found.next.is_some() {
            return Ok(found);
        }
        let skipped = after_built_in.map_or(0, |position| position + 1);
        for agent in self
            .built_in()
            .skip(skipped)
            .filter(|agent| filter.wants(&agent.draft))
        {
            if found.items.len() == limit {
                found.next = found.items.last().map(|last| Cursor {
                    ts: last.created_at_ms,
                    id: last.id.as_str().to_owned(),
                });
                break;
            }
            found.items.push(agent);
        }
        Ok(found)
    }

    /// Keeps a new agent.
    pub async fn create(&self, draft: AgentDraft) -> Result<Agent, AgentProblem> {
        require_sound(&draft)?;
        let now_ms = self.0.clock.now_ms();
        let agent = Agent {
            id: AgentId::generate(),
            draft,
            is_built_in: false,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        };
        if self.0.store.insert_agent(agent.clone()).await? {
            Ok(agent)
        } else {
            Err(AgentProblem::Conflict(format!(
                "There are {MAX_AGENTS} agents, the most that are kept; delete some first."
            )))
        }
    }

    /// Changes an agent. `change` is called with the agent as it is now, and again should somebody else have changed it
    /// meanwhile.
    pub async fn edit(
        &self,
        id: &AgentId,
        change: impl Fn(&mut AgentDraft),
    ) -> Result<Agent, AgentProblem> {
        loop {
            let now = self.own(id)?;
            let mut draft = now.draft.clone();
            change(&mut draft);
            require_sound(&draft)?;
            let now_ms = self.0.clock.now_ms();
            match self
                .0
                .store
                .replace_agent(id.clone(), now.draft, draft, now_ms)
                .await?
            {
                Edit::Done(agent) => return Ok(agent),
                Edit::NotFound => return Err(AgentProblem::NotFound),
                Edit::Conflict(_) => {}
            }
        }
    }

    /// Removes an agent. Steps that name it fail from then on.
    pub async fn remove(&self, id: &AgentId) -> Result<Agent, AgentProblem> {
        let agent = self.own(id)?;
        if self.0.store.delete_agent(id.clone()).await? {
            Ok(agent)
        } else {
            Err(AgentProblem::NotFound)
        }
    }

    /// Asks a stored agent. `message` is what the user says, `input` what it is about.
    pub async fn execute(
        &self,
        agent: &Agent,
        message: Option<String>,
        input: Option<Value>,
        idempotency_key: String,
    ) -> Result<Answer, StepError> {
        let draft = &agent.draft;
        let question = Question {
            provider: draft.provider,
            model: draft.model.clone(),
            system: Some(draft.system_prompt.clone()),
            prompt: message.unwrap_or_default(),
            input,
            images: Vec::new(),
            schema: draft.output_schema.clone(),
            temperature: draft.temperature,
            max_tokens: draft.max_tokens,
            timeout_ms: None,
            idempotency_key,
            now_ms: self.0.clock.now_ms(),
        };
        let redactor = Redactor::default();
        let connections = self.0.connections.for_attempt(None, redactor.clone());
        let reference = draft.connection_id.as_deref();
        match self
            .ask(&question, reference, &connections, &redactor)
            .await
        {
            Ok(answer) => Ok(answer.redacted(&redactor).await),
            Err(error) => Err(redactor.error(error)),
        }
    }

    /// Asks a model, with the key of the connection that is named, or of the provider's default one. Where `llm_base_url` is
    /// set, no key is sent that is not named.
    pub async fn ask(
        &self,
        question: &Question,
        connection: Option<&str>,
        connections: &Connections,
        redactor: &Redactor,
    ) -> Result<Answer, StepError> {
        let reference = match connection {
            Some(named) => Some(named),
            None if self.0.llm.has_base_url() => None,
            None => Some(question.provider.as_str()),
        };
        let opened = match reference {
            Some(reference) => Some(connections.open(reference)?),
            None => None,
        };
        self.0.llm.ask(question, opened.as_ref(), redactor).await
    }

    /// Talks with a model: with the setting `llm_base_url` where it is set, else with OpenAI and the key of its connection.
    pub async fn chat(
        &self,
        chat: &Chat,
        connections: &Connections,
        redactor: &Redactor,
        hearing: Option<&Hearing>,
    ) -> Result<ChatAnswer, StepError> {
        let opened = match self.0.llm.has_base_url() {
            true => None,
            false => Some(connections.open(AgentProvider::OpenAi.as_str())?),
        };
        let llm = &self.0.llm;
        llm.chat(chat, opened.as_ref(), redactor, hearing).await
    }

    fn built_in(&self) -> impl Iterator<Item = Agent> {
        built_in::all(&self.0.default_model)
    }

    /// An agent that may be changed.
    fn own(&self, id: &AgentId) -> Result<Agent, AgentProblem> {
        let agent = self.get(id)?.ok_or(AgentProblem::NotFound)?;
        if agent.is_built_in {
            return Err(AgentProblem::Conflict(format!(
                "{id} came with the server and stays as it is; create an agent of your own."
            )));
        }
        Ok(agent)
    }
}

fn require_sound(draft: &AgentDraft) -> Result<(), AgentProblem> {
    let mut problems = draft.problems();
    if let Some(Err(message)) = draft.output_schema.as_ref().map(Schema::compile) {
        problems.push(DefinitionProblem {
            place: "outputSchema".to_owned(),
            message,
        });
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(AgentProblem::Invalid(problems))
    }
}
