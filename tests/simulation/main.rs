//! Ten thousand generated workflows with loops, branches, parallel steps, questions, waits, failures, cancels and restarts,
//! run by a process that dies whenever chance wants it, and checked against a model that knows nothing of plans.
//!
//! A failure prints its seed; `SIMULATION_SEED=17 cargo test --test simulation` runs that one alone,
//! `SIMULATION_SEEDS=1000000` more of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chance;
mod model;
mod process;
mod tree;

use chance::Chance;
use flowlatch::model::graph::GraphLimits;
use flowlatch::model::plan::steps::{DefinitionLimits, compile};
use flowlatch::model::plan::{Kind, Outcome, Plan, StepRule, settled_events};
use flowlatch::model::run::{Event, Recorded, RunStatus};
use process::Process;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tree::Tree;

const LIMITS: DefinitionLimits = DefinitionLimits {
    max_steps: 500,
    graph: GraphLimits::DEFAULT,
};

fn rules() -> [StepRule; 8] {
    let rule = |name, kind| StepRule {
        name,
        description: "",
        kind,
        raw: &["breakCondition", "whileCondition"],
        check: |_, _| {},
        untimed: |_| None,
    };
    [
        rule("set", Kind::Pure),
        rule("api.request", Kind::Effect),
        rule("wait", Kind::Wait),
        rule("condition", Kind::Branch),
        rule("approval", Kind::Ask),
        rule("subworkflow", Kind::Child),
        rule("loop", Kind::Loop),
        rule("parallel", Kind::Parallel),
    ]
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn generated_workflows_do_what_the_model_says() {
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(10_000),
    };
    for seed in seeds {
        let simulated = catch_unwind(AssertUnwindSafe(|| simulate(seed)));
        assert!(simulated.is_ok(), "the seed is {seed}");
    }
}

fn simulate(seed: u64) {
    let mut chance = Chance::new(seed);
    let tree = Tree::grow(&mut chance);
    let definition = tree.definition();
    let plan = compile(&definition, &rules(), &LIMITS)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{definition:#}"));
    let expected = model::run(&tree, seed);

    let mut process = Process::new(&plan, &tree, seed, &[]);
    process.run(&mut chance, u64::MAX);
    let journal = process.journal.clone();
    check_end(&process, &expected);

    // Another process that finds a part of the journal comes to the same end, and does nothing again that is recorded.
    let cut = chance.below(journal.len() as u64 + 1) as usize;
    let done: BTreeSet<String> = completed(&journal[..cut]);
    let is_lost = Process::at(&plan, &tree, seed, &journal[..cut]).would_lose_an_outcome();
    let mut restarted = Process::new(&plan, &tree, seed, &journal[..cut]);
    restarted.run(&mut chance, u64::MAX);
    if is_lost {
        assert!(restarted.is_at_rest());
    } else {
        check_end(&restarted, &expected);
    }
    let again = restarted.started.iter().find(|name| done.contains(*name));
    assert_eq!(again, None, "it was recorded and has begun again");

    // Cancelled anywhere, it stays so.
    let mut cancelled = Process::new(&plan, &tree, seed, &[]);
    cancelled.run(&mut chance, cut as u64);
    if !cancelled.state.status().is_final() {
        cancelled.record(Event::RunCancelled { by: "test".into() });
        assert_eq!(cancelled.state.status(), RunStatus::Cancelled);
    }
    assert!(cancelled.is_at_rest());

    retried(&plan, &tree, seed, &journal, &expected, &mut chance);
}

/// A retry begins with what ended well, and comes to the same end when the same things fail again.
fn retried(
    plan: &Plan,
    tree: &Tree,
    seed: u64,
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
        settled_events(plan, &recorded)
            .into_iter()
            .map(|event| (0, event)),
    );
    let done = completed(&copied);
    let mut process = Process::new(plan, tree, seed, &copied);
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
