//! An engine with a model behind it, and flows as short texts.

pub(crate) use crate::drawing::{flow, inside, llm, node, reply, start};

use crate::model::Model;
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::engine::llm::{Llm, LlmOptions};
use flowlatch::engine::mail::Mailer;
use flowlatch::engine::outbound::{Lookup, Outbound, OutboundOptions};
use flowlatch::engine::prediction::{
    Executed, Prediction, PredictionEnd, PredictionEvent, PredictionRequest,
};
use flowlatch::engine::script::ScriptOptions;
use flowlatch::engine::step::{BackendOptions, Backends};
use flowlatch::engine::{
    CreditOptions, Editor, Engine, EngineError, EngineOptions, Messengers, Retention, StartTrigger,
    StartedBy, WorkflowProblem, Workflows,
};
use flowlatch::id::{ChatMessageId, RunId, WorkflowId};
use flowlatch::model::chatflow::{ChatBounds, ChatMessage, ChatRole, ChatType};
use flowlatch::model::flow::{FlowKind, PredictionInput, definition};
use flowlatch::model::plan::DefinitionLimits;
use flowlatch::model::run::Run;
use flowlatch::model::workflow::{Reach, WorkflowStatus};
use flowlatch::secret::{MasterKey, SecretText};
use flowlatch::store::{Store, StoreOptions, WorkflowDraft};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const OWNER: Editor<'_> = Editor {
    address: None,
    label: "control",
    reach: &Reach::All,
};

/// An engine on a database of its own.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) model: Model,
    _folder: Option<tempfile::TempDir>,
}

impl Bench {
    pub(crate) async fn start() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let model = Model::start().await;
        let (engine, store) = engine(&folder.path().join("db"), &model).await;
        Bench {
            engine,
            store,
            model,
            _folder: Some(folder),
        }
    }

    /// Over what is there already.
    pub(crate) fn over(engine: Engine, store: Store, model: Model) -> Bench {
        Bench {
            engine,
            store,
            model,
            _folder: None,
        }
    }

    /// Saves a flow that can be run: its id.
    pub(crate) async fn save(&self, kind: FlowKind, flow: &Value) -> WorkflowId {
        self.try_save(kind, &flow.to_string())
            .await
            .expect("it is a flow")
    }

    /// What is wrong with a flow.
    pub(crate) async fn mistakes(&self, kind: FlowKind, flow_data: &str) -> Vec<String> {
        match self.try_save(kind, flow_data).await {
            Err(WorkflowProblem::Invalid(problems)) => {
                let problems = problems.iter();
                problems
                    .map(|problem| format!("{}: {}", problem.place, problem.message))
                    .collect()
            }
            Ok(_) => Vec::new(),
            Err(other) => panic!("{other}"),
        }
    }

    async fn try_save(
        &self,
        kind: FlowKind,
        flow_data: &str,
    ) -> Result<WorkflowId, WorkflowProblem> {
        let draft = WorkflowDraft {
            status: Some(WorkflowStatus::Active),
            ..WorkflowDraft::new("flow".to_owned(), None, definition(kind, flow_data))
        };
        let made = self.engine.workflows().create(draft, OWNER).await?;
        let id = made.workflow.id.clone();
        if made.workflow.status != WorkflowStatus::Active {
            let workflows = self.engine.workflows();
            workflows
                .set_status(&id, WorkflowStatus::Active, OWNER)
                .await?;
        }
        Ok(id)
    }

    pub(crate) async fn predict(
        &self,
        flow: &WorkflowId,
        input: PredictionInput,
    ) -> Result<Prediction, EngineError> {
        self.begin(flow, input, None).await
    }

    /// What is heard of a prediction that follows another one in its session.
    pub(crate) async fn predict_after(
        &self,
        flow: &WorkflowId,
        input: PredictionInput,
        before: &Heard,
    ) -> Heard {
        let started = self.begin(flow, input, Some(before.run.clone())).await;
        Heard::all_of(started.expect("it starts")).await
    }

    async fn begin(
        &self,
        flow: &WorkflowId,
        input: PredictionInput,
        previous: Option<RunId>,
    ) -> Result<Prediction, EngineError> {
        let workflow = self
            .engine
            .workflows()
            .get(flow)
            .expect("read")
            .expect("there");
        let request = PredictionRequest {
            workflow,
            input: PredictionInput {
                chatflow_id: flow.as_str().to_owned(),
                ..input
            },
            previous,
            by: StartedBy {
                label: "test".to_owned(),
                account: None,
            },
            trigger: StartTrigger::API,
        };
        self.engine.predict(request).await
    }

    /// Asks, and waits for the end.
    pub(crate) async fn ask(&self, flow: &WorkflowId, question: &str) -> Heard {
        self.hear(flow, asked(question)).await
    }

    /// The same, with more than a question.
    pub(crate) async fn hear(&self, flow: &WorkflowId, input: PredictionInput) -> Heard {
        Heard::all_of(self.predict(flow, input).await.expect("it starts")).await
    }

    /// What the last node of a run has said.
    pub(crate) async fn answer(&self, run: &Run) -> String {
        let executed = self.engine.executed(run).await.expect("read");
        let last = &executed.nodes.last().expect("a node").data;
        last["output"]["content"].as_str().expect("a text").into()
    }

    /// A run when it has ended.
    pub(crate) async fn until_ended(&self, run: &RunId) -> Run {
        let read = || self.store.run(run).expect("read").expect("a run");
        let mut subscription = self.engine.subscribe(read().summary.sequence);
        loop {
            let run = read();
            if run.summary.status.is_final() {
                return run;
            }
            subscription.grown().await;
        }
    }

    /// The row number of a flow.
    pub(crate) fn sequence(&self, flow: &WorkflowId) -> i64 {
        let workflow = self.engine.workflows().get(flow).expect("read");
        workflow.expect("there").workflow.sequence
    }

    /// The user has said this to a flow, in the conversation `c`.
    pub(crate) async fn was_said(&self, flow: &WorkflowId, text: &str) {
        let message = ChatMessage {
            id: ChatMessageId::generate(),
            role: ChatRole::User,
            content: text.to_owned(),
            chat_type: ChatType::External,
            chat_id: "c".to_owned(),
            session_id: "c".to_owned(),
            execution: None,
            lead_email: None,
            more: serde_json::Map::new(),
            files: Vec::new(),
            created_at_ms: 0,
        };
        let kept =
            self.store
                .add_chat_messages(self.sequence(flow), vec![message], ChatBounds::DEFAULT);
        kept.await.expect("kept");
    }

    /// The run of a prediction, as it is stored.
    pub(crate) fn run(&self, heard: &Heard) -> Run {
        let run = self.store.run(&heard.run).expect("read");
        run.expect("the run is there")
    }
}

/// A question in the conversation `c`.
pub(crate) fn asked(question: &str) -> PredictionInput {
    PredictionInput {
        question: question.to_owned(),
        chat_id: "c".to_owned(),
        session_id: "c".to_owned(),
        ..PredictionInput::default()
    }
}

/// Everything that was heard of a prediction.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) run: flowlatch::id::RunId,
    pub(crate) events: Vec<PredictionEvent>,
    pub(crate) executed: Executed,
    pub(crate) end: PredictionEnd,
}

impl Heard {
    pub(crate) async fn all_of(mut prediction: Prediction) -> Heard {
        let run = prediction.run().clone();
        let mut executed = prediction.earlier().clone();
        let mut events = Vec::new();
        while let Some(event) = prediction.next().await {
            if let PredictionEvent::NodeEnded(node) = &event {
                executed.push(node.clone());
            }
            events.push(event);
        }
        let Some(PredictionEvent::Ended(end)) = events.last() else {
            panic!("the last event is the end: {events:?}");
        };
        Heard {
            run,
            end: end.clone(),
            executed,
            events,
        }
    }

    /// The text of a prediction that ended well.
    pub(crate) fn text(&self) -> &str {
        match &self.end {
            PredictionEnd::Completed { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    /// Why it failed.
    pub(crate) fn failure(&self) -> &str {
        match &self.end {
            PredictionEnd::Failed(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// The pieces of the answer, put together.
    pub(crate) fn told(&self) -> String {
        self.events
            .iter()
            .filter_map(|event| match event {
                PredictionEvent::Token(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The nodes that ended, by id and status.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let nodes = self.executed.nodes.iter();
        nodes
            .map(|node| format!("{} {}", node.node_id, node.status.as_str()))
            .collect()
    }

    /// What the last visit of a node came to.
    pub(crate) fn output(&self, id: &str) -> Value {
        let mut nodes = self.executed.nodes.iter().rev();
        let node = nodes
            .find(|node| node.node_id == id)
            .expect("the node has run");
        node.data["output"].clone()
    }
}

pub(crate) async fn engine(database: &Path, model: &Model) -> (Engine, Store) {
    let clock = Clock::system();
    let options = StoreOptions {
        readers: 2,
        commit_hook: None,
    };
    let store = Store::open(database, options).expect("a store");
    drop(rustls::crypto::ring::default_provider().install_default());
    let outbound = Outbound::new(OutboundOptions {
        allow: vec!["127.0.0.1".to_owned()],
        max_response_bytes: 1 << 22,
        timeout_ms: 10_000,
        lookup: Lookup::system(),
    })
    .expect("a client");
    let limits = DefinitionLimits::of_new(100);
    let workflows = Workflows::new(store.clone(), clock.clone(), limits, 1 << 20);
    let backends = BackendOptions {
        urls: Vec::new(),
        timeout_ms: 1_000,
    };
    let llm = LlmOptions {
        base_url: Some(model.base_url()),
        api_key: Some(SecretText::new("model-key".to_owned())),
        models: vec![("mapped".to_owned(), "big".to_owned())],
        timeout_ms: 10_000,
    };
    let messengers = Messengers {
        mailer: Mailer::new(outbound.clone(), Vec::new(), 1_000),
        backends: Backends::new(&outbound, backends).expect("no URL"),
        llm: Llm::new(&outbound, llm).expect("a URL"),
        llm_model: "default-model".to_owned(),
    };
    let engine = Engine::new(
        store.clone(),
        clock,
        workflows,
        outbound,
        MasterKey::generate().expect("randomness"),
        messengers,
        engine_options(),
    );
    engine.resume().await.expect("resumed");
    (engine, store)
}

fn engine_options() -> EngineOptions {
    EngineOptions {
        max_running_runs: 50,
        max_running_runs_per_key: None,
        retention: Retention::default(),
        credits: CreditOptions::default(),
        max_output_bytes: 1 << 20,
        max_run_output_bytes: 1 << 24,
        max_iterations: 1_000,
        max_depth: 4,
        max_runs_below: 1_000,
        max_flow_calls: 1_000,
        link_key: [7; 32],
        max_input_bytes: 1 << 20,
        environment: BTreeMap::new(),
        scripts: ScriptOptions {
            program: Some(env!("CARGO_BIN_EXE_flowlatch").into()),
            max_running: 2,
            timeout_ms: 5_000,
            memory_bytes: 1 << 26,
            max_result_bytes: 1 << 20,
        },
        table_limits: Config::new("").tables,
    }
}
