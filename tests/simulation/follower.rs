//! One run in a server, followed by the stream of its events: it knows when the run has nothing to do but to wait for time,
//! answers what is asked, and compares the end with the model's.

use crate::definition::{Outside, definition};
use crate::house::made;
use crate::model::{End, Fates, World};
use crate::support::Client;
use crate::tree::Tree;
use crate::upstream::Upstream;
use flowlatch::clock::parse_iso;
use flowlatch::engine::step;
use flowlatch::model::plan::steps::compile;
use flowlatch::model::plan::{Next, Plan, RunState, Task, WaitsFor, next};
use flowlatch::model::run::{Event, RunStatus};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How long a test waits for what must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Follower {
    fates: Fates,
    expected: End,
    plan: Plan,
    run: String,
    stream: Option<Stream>,
    state: RunState,
    /// How many attempts of each step are recorded.
    started: BTreeMap<String, usize>,
    /// How many attempts have an outcome that nobody knew.
    pub(crate) lost: u64,
    /// Who was answered, by attempt.
    answered: BTreeSet<(String, u32)>,
    is_cancelled: bool,
}

/// What was read of a server's events.
struct Stream {
    response: Response,
    read: String,
}

impl Follower {
    pub(crate) async fn start(
        client: &Client,
        seed: u64,
        [child, stuck_child]: &[String; 2],
        upstream: &Upstream,
    ) -> Follower {
        let tree = Tree::grow(&mut crate::chance::Chance::new(seed));
        let outside = Outside {
            url: upstream.url(""),
            child: child.clone(),
            stuck_child: stuck_child.clone(),
            seed,
            may_fail_on_unknown: false,
        };
        let definition = definition(&tree, &outside);
        let plan = compile(&definition, step::rules(), &crate::LIMITS).expect("a plan");
        let workflow = made(client, definition).await;
        let path = format!("/api/v1/workflows/{workflow}/run");
        let started = client.post(&path, json!({})).await;
        assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
        let fates = Fates {
            seed,
            world: World::Server,
        };
        Follower {
            fates,
            expected: fates.end(&tree),
            run: started.data()["runId"].as_str().expect("an id").to_owned(),
            stream: None,
            state: RunState::new(&plan),
            plan,
            started: BTreeMap::new(),
            lost: 0,
            answered: BTreeSet::new(),
            is_cancelled: false,
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.fates.seed
    }

    /// Another server tells its journal from the beginning.
    pub(crate) fn begin_anew(&mut self) {
        self.state = RunState::new(&self.plan);
        self.started.clear();
        self.lost = 0;
        self.stream = None;
    }

    pub(crate) async fn cancel(&mut self, client: &Client) {
        if self.state.status().is_final() {
            return;
        }
        let path = format!("/api/v1/runs/{}/cancel", self.run);
        let answer = client.post(&path, Value::Null).await;
        self.is_cancelled |= answer.status == StatusCode::OK;
        assert!(
            self.is_cancelled || answer.status == StatusCode::CONFLICT,
            "{}",
            answer.text
        );
    }

    /// Follows the run until somebody is called, or there is nothing to do for it now.
    pub(crate) async fn go_to_next_call(&mut self, client: &Client, now_ms: i64) {
        while self.state.under_way().next().is_none() {
            let rests = self.waits_until(now_ms).is_some() && !self.answer(client).await;
            if rests || !self.follow(client).await {
                return;
            }
        }
    }

    /// Follows the run until it has ended, or waits for a moment: that moment.
    pub(crate) async fn settle(&mut self, client: &Client, now_ms: i64) -> Option<i64> {
        loop {
            if let Some(due_ms) = self.waits_until(now_ms)
                && !self.answer(client).await
            {
                return Some(due_ms);
            }
            if !self.follow(client).await {
                return None;
            }
        }
    }

    /// The moment that the run waits for, when there is nothing else that it waits for.
    fn waits_until(&self, now_ms: i64) -> Option<i64> {
        let tasks = match next(&self.plan, &self.state) {
            Next::Do(tasks) => tasks,
            Next::Wait => Vec::new(),
            Next::Finish(_) | Next::Ended => return None,
        };
        let is_waiting = self.state.status() == RunStatus::Running
            && !self.is_cancelled
            && self.state.under_way().next().is_none()
            && tasks.iter().all(|task| task.due_ms() > Some(now_ms))
            && !self.awaits_run();
        // Whoever waits for an answer alone has no moment, and is given the answer.
        is_waiting.then(|| {
            tasks
                .iter()
                .filter_map(Task::due_ms)
                .min()
                .unwrap_or(i64::MAX)
        })
    }

    /// Whether another run will end by itself.
    fn awaits_run(&self) -> bool {
        self.state.waiting().any(|step| {
            let record = self.state.record(&self.plan, step).expect("a record");
            let kind = &self.plan.nodes[step.node].config;
            record.waits_for == Some(WaitsFor::Run) && ends(kind.source())
        })
    }

    /// Answers everything that waits for an answer and is to get one: whether there was any.
    async fn answer(&mut self, client: &Client) -> bool {
        let mut wanted = Vec::new();
        for step in self.state.waiting() {
            let record = self.state.record(&self.plan, step).expect("a record");
            let name = self.state.name_of(&self.plan, step);
            let is_answered = match record.waits_for {
                Some(WaitsFor::Answer) => self.fates.answers(&name),
                Some(WaitsFor::Outcome) => true,
                _ => false,
            };
            if is_answered {
                let attempt = match record.waits_for {
                    Some(WaitsFor::Outcome) => record.attempts,
                    _ => 0,
                };
                wanted.push((name, attempt));
            }
        }
        let is_any = !wanted.is_empty();
        for (name, attempt) in wanted {
            if self.answered.insert((name.clone(), attempt)) {
                let id = name.rsplit('.').next().expect("an id").to_owned();
                let path = format!("/api/v1/runs/{}/approvals/{id}", self.run);
                let body = json!({ "approved": true, "step": name, "comment": id });
                let answer = client.post(&path, body).await;
                assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text);
            }
        }
        is_any
    }

    /// Reads the next event; false at the end of the run.
    async fn follow(&mut self, client: &Client) -> bool {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => self.stream.insert(Stream::open(client, &self.run).await),
        };
        let next_event = stream.next().await.unwrap_or_else(|_| {
            panic!(
                "seed {}: {} waits in vain: {:?}",
                self.fates.seed,
                self.run,
                next(&self.plan, &self.state)
            )
        });
        let Some((at_ms, event)) = next_event else {
            assert!(self.state.status().is_final(), "{} ended early", self.run);
            return false;
        };
        if let Event::StepStarted { step, .. } = &event {
            *self.started.entry(step.clone()).or_default() += 1;
        }
        self.lost += u64::from(matches!(event, Event::StepUnknown { .. }));
        let applied = self.state.apply(&self.plan, at_ms, &event);
        applied.unwrap_or_else(|error| panic!("{}: {error}: {event:?}", self.run));
        true
    }

    /// The run has come to what the model says, and nobody was called without a record of it.
    pub(crate) async fn check(&self, client: &Client, calls: &HashMap<String, usize>) {
        let run = client
            .get(&format!("/api/v1/runs/{}", self.run))
            .await
            .data();
        let seed = self.seed();
        let found = match self.state.status() {
            RunStatus::Cancelled => {
                assert!(self.is_cancelled, "nobody has cancelled seed {seed}: {run}");
                None
            }
            RunStatus::Completed => Some(Ok(plain(&run["output"]))),
            RunStatus::Failed => {
                let step = run["error"]["stepId"].as_str();
                Some(Err(step.unwrap_or_default().to_owned()))
            }
            other => panic!("seed {seed} is {other:?}: {run}"),
        };
        assert!(
            found.is_none() || !self.is_cancelled,
            "the cancel of seed {seed} is lost"
        );
        if let Some(found) = found {
            assert_eq!(found, self.expected, "seed {seed}: {run}");
        }
        let prefix = format!("{}:", self.run);
        for (key, times) in calls {
            if let Some(name) = key.strip_prefix(&prefix) {
                let started = self.started.get(name).copied().unwrap_or_default();
                assert!(
                    *times <= started,
                    "seed {seed}: {name} was called {times} times and recorded {started} times"
                );
            }
        }
    }
}

/// Whether the run that a step starts ends by itself: only of others is there a limit.
fn ends(config: &Value) -> bool {
    config["inputMapping"]["ends"] == true
}

impl Stream {
    async fn open(client: &Client, run: &str) -> Stream {
        let request = client.request(Method::GET, &format!("/api/v1/runs/{run}/events"));
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        Stream {
            response,
            read: String::new(),
        }
    }

    /// The next event as the journal has it, with its moment; `None` at the end of the stream.
    async fn next(&mut self) -> Result<Option<(i64, Event)>, tokio::time::error::Elapsed> {
        loop {
            while let Some((block, rest)) = self.read.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                let event = data.map(recorded);
                self.read = rest.to_owned();
                if event.is_some() {
                    return Ok(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await?;
            let Some(chunk) = chunk.expect("a stream") else {
                return Ok(None);
            };
            self.read
                .push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}

/// An event as it was recorded: what is told has dates for the journal's milliseconds.
fn recorded(data: &str) -> (i64, Event) {
    let mut data: Value = serde_json::from_str(data).expect("JSON");
    let moment = |date: &Value| date.as_str().and_then(parse_iso);
    for (told, stored) in [("waitingUntil", "until_ms"), ("retryAt", "retry_at_ms")] {
        if let Some(at_ms) = moment(&data[told]) {
            data[stored] = json!(at_ms);
        }
    }
    let at_ms = moment(&data["at"]).expect("a date");
    (at_ms, serde_json::from_value(data).expect("an event"))
}

/// An output in the model's words: what real steps say beyond it is left out.
fn plain(output: &Value) -> Value {
    match output {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => {
            let has = |name: &str| fields.contains_key(name);
            if has("headers") {
                output["data"].clone()
            } else if has("reusedExistingRun") {
                plain(&output["result"])
            } else if output["approvedBy"] == "timeout" {
                json!("too late")
            } else if has("approvedBy") {
                json!({ "output of": output["comment"] })
            } else if has("waited") {
                json!("waited")
            } else if has("true") {
                json!({ "way": u32::from(output["result"] == false) })
            } else {
                let fields = fields.iter();
                let mut plain: Value = fields
                    .map(|(name, value)| (name.clone(), plain(value)))
                    .collect();
                crate::process::order_errors(&mut plain);
                plain
            }
        }
        other => other.clone(),
    }
}
