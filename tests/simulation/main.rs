//! Ten thousand generated workflows with loops, branches, parallel steps, other runs, questions, waits, failures, time limits,
//! cancels and restarts, run by a process that dies whenever chance wants it, and checked against a model that knows nothing
//! of plans. Some hundred of the same workflows are run by a real server (see `house`).
//!
//! A failure prints its seed; `SIMULATION_SEED=17 cargo test --test simulation` runs that one alone,
//! `SIMULATION_SEEDS=1000000` more of them.

// JSON literals are handed over whole; a failed expectation is what a test is for.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    missing_docs
)]

mod chance;
mod definition;
mod follower;
mod happenings;
mod house;
mod model;
mod process;
#[path = "../api/support.rs"]
mod support;
mod tree;
#[path = "../api/upstream.rs"]
mod upstream;

use chance::Chance;
use definition::{Outside, definition};
use flowlatch::engine::step;
use flowlatch::id::WorkflowId;
use flowlatch::model::plan::steps::{DefinitionLimits, compile};
use flowlatch::model::plan::{Outcome, Plan, settled_events};
use flowlatch::model::run::{Event, Recorded, RunStatus};
use model::{Fates, World};
use process::Process;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tree::Tree;

const LIMITS: DefinitionLimits = DefinitionLimits::of_new(500);

/// What happens in so many runs at all; a generator that has lost some of it would show nothing.
const MET: [&str; 11] = [
    "a loop or parallel step took too long",
    "a run took too long",
    "a timeout has approved",
    "another run took too long",
    "another run was started",
    "came after the cancel",
    "nobody answered",
    "told that it failed",
    "told that it took effect",
    "told to try again",
    "two moments passed at once",
];

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn generated_workflows_do_what_the_model_says() {
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(10_000),
    };
    let are_many = seeds.end - seeds.start >= 10_000;
    let mut met = BTreeMap::new();
    for seed in seeds {
        let simulated = catch_unwind(AssertUnwindSafe(|| simulate(seed, &mut met)));
        assert!(simulated.is_ok(), "the seed is {seed}");
    }
    for what in MET {
        let times = met.get(what).copied().unwrap_or_default();
        assert!(!are_many || times >= 100, "{what}: {times} times");
    }
}

fn simulate(seed: u64, met: &mut BTreeMap<&'static str, u64>) {
    let mut chance = Chance::new(seed);
    let tree = Tree::grow(&mut chance);
    let outside = Outside {
        url: "http://localhost:1".into(),
        child: WorkflowId::generate().to_string(),
        stuck_child: WorkflowId::generate().to_string(),
        seed,
        may_fail_on_unknown: true,
    };
    let definition = definition(&tree, &outside);
    let plan = compile(&definition, step::rules(), &LIMITS)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{definition:#}"));
    let fates = Fates {
        seed,
        world: World::Plan,
    };
    let expected = fates.end(&tree);

    let mut process = Process::new(&plan, &tree, fates, &[]);
    process.run(&mut chance, u64::MAX);
    let journal = process.journal.clone();
    check_end(&process, &expected);

    // Another process that finds a part of the journal comes to the same end, and does nothing again that is recorded.
    let cut = chance.below(journal.len() as u64 + 1) as usize;
    let done: BTreeSet<String> = completed(&journal[..cut]);
    let is_lost = Process::at(&plan, &tree, fates, &journal[..cut]).would_lose_an_outcome();
    let mut restarted = Process::new(&plan, &tree, fates, &journal[..cut]);
    restarted.run(&mut chance, u64::MAX);
    if is_lost {
        assert!(restarted.is_at_rest());
    } else {
        check_end(&restarted, &expected);
    }
    let again = restarted.started.iter().find(|name| done.contains(*name));
    assert_eq!(again, None, "it was recorded and has begun again");

    // Cancelled anywhere, it stays so, and nothing starts any more.
    let mut cancelled = Process::new(&plan, &tree, fates, &[]);
    cancelled.run(&mut chance, cut as u64);
    if !cancelled.state.status().is_final() {
        cancelled.cancel();
        let (started, recorded) = (cancelled.started.len(), cancelled.journal.len());
        cancelled.run(&mut chance, u64::MAX);
        assert_eq!(cancelled.state.status(), RunStatus::Cancelled);
        assert_eq!(
            (cancelled.started.len(), cancelled.journal.len()),
            (started, recorded)
        );
    }
    assert!(cancelled.is_at_rest());

    retried(&plan, &tree, fates, &journal, &expected, &mut chance);
    for (what, times) in process.met.into_iter().chain(cancelled.met) {
        *met.entry(what).or_default() += times;
    }
}

/// A retry begins with what ended well, and comes to the same end when the same things fail again.
fn retried(
    plan: &Plan,
    tree: &Tree,
    fates: Fates,
    journal: &[(i64, Event)],
    expected: &model::End,
    chance: &mut Chance,
) {
    if expected.is_ok() {
        return;
    }
    let recorded: Vec<Recorded> = (0..)
        .zip(journal)
        .map(|(sequence, (at_ms, event))| Recorded {
            sequence,
            at_ms: *at_ms,
            event: event.clone(),
        })
        .collect();
    let mut copied = vec![(0, Event::RunStarted)];
    copied.extend(
        settled_events(plan, &recorded, 0)
            .into_iter()
            .map(|event| (0, event)),
    );
    let done = completed(&copied);
    let mut process = Process::new(plan, tree, fates, &copied);
    process.run(chance, u64::MAX);
    check_end(&process, expected);
    let again = process.started.iter().find(|name| done.contains(*name));
    assert_eq!(again, None, "it was copied and has begun again");
}

fn completed(journal: &[(i64, Event)]) -> BTreeSet<String> {
    journal
        .iter()
        .filter_map(|(_, event)| match event {
            Event::StepCompleted { step, .. } => Some(step.clone()),
            _ => None,
        })
        .collect()
}

fn check_end(process: &Process<'_>, expected: &model::End) {
    let found = match process.state.outcome() {
        Some(Outcome::Completed(output)) => Ok((**output).clone()),
        Some(Outcome::Failed(error)) => Err(error.step_id.clone().unwrap_or_default()),
        None => panic!("it has not ended"),
    };
    assert_eq!(&found, expected);
    assert!(process.is_at_rest());
    assert_eq!(
        process.folded_again(),
        process.state,
        "the same journal, the same state"
    );
}
