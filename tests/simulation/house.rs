//! Some hundred of the generated workflows in a real server: a real database, real calls, a clock that only this test moves.
//! The server is stopped in the middle of whatever it does and opened again, runs are cancelled, and every run comes to what
//! the model says.
//!
//! A failure prints its seeds; `SIMULATION_SEED=17 cargo test --test simulation` runs that one alone.

use crate::chance::{Chance, fate};
use crate::follower::Follower;
use crate::model::{Attempt, Fates, World};
use crate::support::{Client, MONDAY_MS, TestServer};
use crate::upstream::{Reply, Upstream};
use flowlatch::app::Options;
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use flowlatch::store::{CommitHook, CommitPoint};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// So many workflows are run by one server after the other.
const SEEDS: u64 = 200;
/// So many of them at once.
const AT_ONCE: u64 = 25;
/// How long a server may take to go.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most by which the clock passes the moment that was waited for, in milliseconds.
const MAX_OVERSHOOT_MS: u64 = 50;

#[test]
fn generated_workflows_do_in_a_server_what_the_model_says() {
    let seeds = match crate::number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    };
    let (mut killed, mut lost) = (0, 0);
    for from in seeds.clone().step_by(AT_ONCE as usize) {
        let some = from..(from + AT_ONCE).min(seeds.end);
        let played = catch_unwind(AssertUnwindSafe(|| play(some.clone())));
        let played = played.unwrap_or_else(|_| panic!("the seeds are {some:?}"));
        killed += played.0;
        lost += played.1;
    }
    let are_all = seeds.end - seeds.start >= SEEDS;
    assert!(
        !are_all || (killed >= 15 && lost >= 20),
        "{killed} kills, {lost} lost attempts"
    );
}

/// One process after the other on one folder.
struct House {
    data: tempfile::TempDir,
    clock: Clock,
    key: String,
    running: Option<Process>,
}

struct Process {
    runtime: Runtime,
    server: TestServer,
    /// Lives as long as the thread that writes.
    writing: Weak<dyn Fn(CommitPoint) + Send + Sync>,
}

impl House {
    fn new() -> House {
        let mut house = House {
            data: tempfile::tempdir().expect("a folder"),
            clock: Clock::manual(MONDAY_MS),
            key: String::new(),
            running: None,
        };
        house.open();
        house
    }

    fn open(&mut self) {
        let runtime = Runtime::new().expect("a runtime");
        let hook: CommitHook = Arc::new(|_| {});
        let writing = Arc::downgrade(&hook);
        let options = Options {
            clock: self.clock.clone(),
            commit_hook: Some(hook),
        };
        let data: &Path = self.data.path();
        let server = runtime.block_on(TestServer::open_with(data, options, |config| {
            config.outbound_allow = vec!["127.0.0.1".to_owned()];
            config.limit_read = Limit::Unlimited;
            config.limit_write = Limit::Unlimited;
            config.limit_execute = Limit::Unlimited;
        }));
        if !server.admin_key.is_empty() {
            self.key.clone_from(&server.admin_key);
        }
        self.running = Some(Process {
            runtime,
            server,
            writing,
        });
    }

    /// Drops the server, whatever it is doing.
    fn kill(&mut self) {
        let process = self.running.take().expect("a server");
        drop(process.server);
        process.runtime.shutdown_timeout(PATIENCE);
        // What was handed to the thread that writes is written; the next server must not come before that.
        let begun = Instant::now();
        while process.writing.strong_count() > 0 {
            assert!(begun.elapsed() < PATIENCE, "somebody still has the store");
            std::thread::yield_now();
        }
    }

    fn client(&self) -> Client {
        let process = self.running.as_ref().expect("a server");
        process.server.client(Some(self.key.clone()))
    }

    /// Waits for something that happens in the server.
    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        let process = self.running.as_ref().expect("a server");
        process.runtime.block_on(what)
    }
}

/// The other side: what a call comes to is in its query and its key. It answers nobody while it is silent.
fn answer_calls(upstream: &Upstream, is_silent: &Arc<AtomicBool>) {
    let is_silent = is_silent.clone();
    upstream.answer("/effect", move |call, times| {
        if is_silent.load(Ordering::SeqCst) {
            return Reply::text(200, "too late").gated().0;
        }
        let number = |name: &str| parameter(&call.target, name).parse().expect("a number");
        let fates = Fates {
            seed: number("seed"),
            world: World::Server,
        };
        let (_, name) = call.key().split_once(':').expect("a run and a step");
        let before = u32::try_from(times - 1).expect("few calls");
        let id = parameter(&call.target, "id");
        match fates.effect(name, before, number("attempts") as u32) {
            Attempt::Good => Reply::json(200, &json!({ "output of": id })),
            Attempt::Transient => Reply::text(503, "later"),
            Attempt::Fatal => Reply::text(404, "never"),
        }
    });
    upstream.answer("/child", |call, _| {
        let seed = parameter(&call.target, "seed").parse().expect("a number");
        let id = parameter(&call.target, "id");
        let fates = Fates {
            seed,
            world: World::Server,
        };
        if fates.child_fails(id) {
            Reply::text(404, "never")
        } else {
            Reply::json(200, &json!({ "output of": id }))
        }
    });
}

fn parameter<'a>(target: &'a str, name: &str) -> &'a str {
    let query = target.split_once('?').expect("a query").1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).expect(name).1
}

/// A new active workflow: its id.
pub(crate) async fn made(client: &Client, definition: Value) -> String {
    let created = client.post("/api/v1/workflows", definition).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}/activate");
    let activated = client.post(&path, Value::Null).await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
    id
}

/// The workflows that others start: one that ends by itself, and one that does not.
async fn children(client: &Client, upstream: &Upstream) -> [String; 2] {
    let url = upstream.url("/child?seed={{input.seed}}&id={{input.id}}");
    let call =
        json!({ "id": "c", "type": "action", "action": "api.request", "config": { "url": url } });
    let ask = json!({ "id": "ask", "type": "approval", "config": { "approvers": [], "timeout": "366d" } });
    let definition =
        |step: Value| json!({ "name": "child", "trigger": { "type": "api" }, "steps": [step] });
    [
        made(client, definition(call)).await,
        made(client, definition(ask)).await,
    ]
}

/// Runs the workflows of these seeds side by side. Gives how often the server was killed, and how many attempts were lost.
fn play(seeds: Range<u64>) -> (u64, u64) {
    let others = Runtime::new().expect("a runtime");
    let upstream = others.block_on(Upstream::start());
    let is_silent = Arc::new(AtomicBool::new(false));
    answer_calls(&upstream, &is_silent);
    let mut house = House::new();
    let mut chance = Chance::new(seeds.start ^ 0x5EED);
    let children = house.wait(children(&house.client(), &upstream));
    let mut followers: Vec<Follower> = seeds
        .map(|seed| house.wait(Follower::start(&house.client(), seed, &children, &upstream)))
        .collect();
    let mut killed = 0;
    for round in 0.. {
        assert!(round < 5_000, "the runs do not end");
        if chance.one_in(3) {
            // Whoever has somebody to call is killed in the middle of it, the others while they wait.
            is_silent.store(true, Ordering::SeqCst);
            let (client, now_ms) = (house.client(), house.clock.now_ms());
            for follower in &mut followers {
                house.wait(follower.go_to_next_call(&client, now_ms));
            }
            house.kill();
            is_silent.store(false, Ordering::SeqCst);
            house.open();
            followers.iter_mut().for_each(Follower::begin_anew);
            killed += 1;
        }
        let client = house.client();
        let now_ms = house.clock.now_ms();
        let mut due_ms: Option<i64> = None;
        for follower in &mut followers {
            let cancels = fate(follower.seed(), "", "cancel", 0).is_multiple_of(8);
            if cancels && chance.one_in(3) {
                house.wait(follower.cancel(&client));
            }
            let next_ms = house.wait(follower.settle(&client, now_ms));
            due_ms = [due_ms, next_ms].into_iter().flatten().min();
        }
        let Some(due_ms) = due_ms else { break };
        let past_ms = chance.below(MAX_OVERSHOOT_MS);
        let by_ms = u64::try_from(due_ms - now_ms).expect("a moment to come");
        house.clock.advance_ms(by_ms + past_ms);
    }
    let calls = upstream.calls_by_key();
    for follower in &followers {
        house.wait(follower.check(&house.client(), &calls));
    }
    house.running.take().expect("a server").stop();
    (killed, followers.iter().map(|follower| follower.lost).sum())
}

impl Process {
    /// Ends it as a signal would.
    fn stop(self) {
        self.runtime.block_on(self.server.stop());
    }
}
