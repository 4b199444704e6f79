//! Kills at random commits under concurrent starts. The seed is printed; `CRASH_SOAK_SEED` gives it back, and
//! `CRASH_SOAK_KILLS=1000` makes it long.

use crate::every_commit::{NEEDED, expected_output, steps};
use crate::examine::{Scene, effects_fit, nothing_is_stuck, start, workflow};
use crate::server::{Server, Stop};
use flowlatch::store::CommitPoint;
use reqwest::StatusCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

const KILLS: u64 = 20;
const CONCURRENT: usize = 8;

/// The runs whose start was answered, by idempotency key.
type Acknowledged = Arc<Mutex<HashMap<String, String>>>;

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// SplitMix64: enough chance for choosing commits.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Starts runs and follows them until the server stops or all of them have ended. Notes which were acknowledged.
async fn round(server: &mut Server, workflow: &str, keys: &[String], acknowledged: &Acknowledged) {
    let mut runs = JoinSet::new();
    for key in keys {
        let (client, workflow, key) = (server.client.clone(), workflow.to_owned(), key.clone());
        let acknowledged = acknowledged.clone();
        runs.spawn(async move {
            if let Some(answer) = start(&client, &workflow, &key, "async").await {
                assert!(answer.status.is_success(), "{}", answer.text);
                let run = answer.data()["runId"].as_str().expect("an id").to_owned();
                acknowledged
                    .lock()
                    .expect("no panic")
                    .insert(key.clone(), run);
                start(&client, &workflow, &key, "sync").await;
            }
        });
    }
    let all = async {
        while let Some(run) = runs.join_next().await {
            run.expect("no panic");
        }
    };
    tokio::select! {
        () = server.stopped() => {}
        () = all => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_kills_under_concurrent_starts_lose_and_repeat_nothing() {
    let seed = given("CRASH_SOAK_SEED").unwrap_or_else(|| getrandom::u64().expect("chance"));
    let kills = given("CRASH_SOAK_KILLS").unwrap_or(KILLS);
    println!("CRASH_SOAK_SEED={seed} CRASH_SOAK_KILLS={kills}");
    let mut chance = Chance(seed);
    let mut unknown = 0;
    // A fresh folder now and then: a long soak is about kills, not about a large database.
    for first in (0..kills).step_by(20) {
        unknown += folder_killed(&mut chance, 20.min(kills - first)).await;
        println!("{} of {kills} kills", kills.min(first + 20));
    }
    println!("{unknown} attempts were under way at a kill");
}

/// A server on a fresh folder, killed so often. Gives how many attempts were under way at a kill.
async fn folder_killed(chance: &mut Chance, kills: u64) -> u64 {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let workflow = workflow(&server.client, steps(&scene.upstream)).await;
    let acknowledged = Acknowledged::default();
    let mut keys = Vec::new();
    for kill in 0..kills {
        let new: Vec<String> = (0..CONCURRENT).map(|n| format!("{kill}-{n}")).collect();
        let point = match chance.below(2) {
            0 => CommitPoint::BeforeCommit,
            _ => CommitPoint::AfterCommit,
        };
        let commit = 1 + i64::try_from(chance.below(30)).expect("small");
        server.stop_at(Stop { point, commit }).await;
        round(&mut server, &workflow, &new, &acknowledged).await;
        server.kill();
        keys.extend(new);
        server = scene.restarted().await;
    }
    let acknowledged = acknowledged.lock().expect("no panic").clone();
    let mut unknown = 0;
    for key in &keys {
        let done = start(&server.client, &workflow, key, "sync").await;
        let done = done.expect("an answer");
        assert_eq!(done.status, StatusCode::OK, "{key}: {}", done.text);
        let data = done.data();
        assert_eq!(data["output"], expected_output(key), "{data}");
        let run = data["runId"].as_str().expect("an id");
        if let Some(promised) = acknowledged.get(key) {
            assert_eq!(promised, run, "{key}: an acknowledged run is never lost");
        }
        unknown += effects_fit(&server.client, &scene.upstream, run, run, &NEEDED).await;
    }
    nothing_is_stuck(&server.client).await;
    unknown
}
