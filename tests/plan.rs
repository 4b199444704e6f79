//! Plans and journals with generated definitions: an interpreter loop around `next`, crashes at every event, and a naive
//! model that knows nothing of plans; the same with generated graphs and
//! flows.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use flowlatch::model::plan::steps::{DefinitionLimits, compile};
use flowlatch::model::plan::{Kind, Outcome, Plan, RunState, StepRule, StepStatus, settled_events};
use flowlatch::model::run::{Event, Recorded};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

#[path = "plan/driver.rs"]
mod driver;
#[path = "plan/flows.rs"]
mod flows;
#[path = "plan/generated.rs"]
mod generated;
#[path = "plan/generated_graphs.rs"]
mod generated_graphs;
#[path = "plan/graphs.rs"]
mod graphs;
#[path = "plan/iterations.rs"]
mod iterations;
#[path = "plan/journals.rs"]
mod journals;
#[path = "plan/net_driver.rs"]
mod net_driver;

use driver::Driver;
use generated::{Result, Spec, definition, output, result_of, specs};

fn rules() -> [StepRule; 4] {
    let rule = |name, kind| StepRule {
        name,
        description: "",
        kind,
        raw: &[],
        lists: &[],
        check: |_, _| {},
        untimed: |_| None,
    };
    [
        rule("set", Kind::Pure),
        rule("api.request", Kind::Effect),
        rule("wait", Kind::Wait),
        rule("condition", Kind::Branch),
    ]
}

const LIMITS: DefinitionLimits = DefinitionLimits::of_new(500);

fn fold(plan: &Plan, journal: &[(i64, Event)]) -> RunState {
    let mut state = RunState::new(plan);
    for (at_ms, event) in journal {
        state.apply(plan, *at_ms, event).unwrap();
    }
    state
}

/// The same definitions by the plainest means: which steps are started, and how the run ends.
fn model(specs: &[Spec], crashing: bool) -> (Vec<usize>, std::result::Result<Value, usize>) {
    let mut started = Vec::new();
    let mut ways: HashMap<usize, u32> = HashMap::new();
    let mut last = Value::Null;
    for (at, spec) in specs.iter().enumerate() {
        let mut owned = false;
        let mut wanted = false;
        for (branch, owner) in specs
            .iter()
            .enumerate()
            .filter(|(_, s)| s.kind == Kind::Branch)
        {
            for (way, targets) in [(0, &owner.then), (1, &owner.otherwise)] {
                if targets.contains(&at) {
                    owned = true;
                    wanted |= ways.get(&branch) == Some(&way);
                }
            }
        }
        if owned && !wanted {
            continue;
        }
        let mut good = false;
        let crashed = crashing && spec.crashes && spec.kind == Kind::Effect;
        if crashed {
            started.push(at);
        }
        if !(crashed && spec.fails_on_unknown) {
            for failures in 0..spec.max_attempts as usize {
                started.push(at);
                match result_of(spec, failures) {
                    Result::Good { way } => {
                        good = true;
                        if spec.kind == Kind::Branch {
                            ways.insert(at, way);
                        }
                        break;
                    }
                    Result::Transient => {}
                    Result::Fatal => break,
                }
            }
        }
        if good {
            last = output(at);
        } else if spec.continues {
            last = json!(format!("fallback of {at}"));
        } else {
            return (started, Err(at));
        }
    }
    (started, Ok(last))
}

fn ending(state: &RunState) -> std::result::Result<Value, usize> {
    match state.outcome().unwrap() {
        Outcome::Completed(output) => Ok((**output).clone()),
        Outcome::Failed(error) => {
            assert_eq!(error.code, "STEP_ERROR");
            Err(error
                .step_id
                .as_ref()
                .unwrap()
                .trim_start_matches("step-")
                .parse()
                .unwrap())
        }
    }
}

fn settled(plan: &Plan, state: &RunState) -> BTreeSet<usize> {
    let records = state.top_records(plan);
    records
        .filter(|(_, record)| record.status.is_settled())
        .map(|(at, _)| at)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn runs_do_what_the_model_says(specs in specs(), crashing: bool) {
        let plan = compile(&definition(&specs), &rules(), &LIMITS).unwrap();
        let done = Driver::new(&specs, &plan, &[], crashing).run();
        let (started, end) = model(&specs, crashing);
        prop_assert_eq!(&done.started, &started);
        prop_assert_eq!(ending(&done.state), end);
        for (at, record) in done.state.top_records(&plan) {
            let skipped = record.status == StepStatus::Skipped;
            prop_assert!(!(skipped && started.contains(&at)));
            prop_assert_eq!(skipped || record.status == StepStatus::Pending, !started.contains(&at));
        }
        prop_assert_eq!(done.state.next_sequence(), done.journal.len() as u64);
    }

    #[test]
    fn a_crash_at_any_event_changes_nothing_recorded(specs in specs(), crashing: bool) {
        let plan = compile(&definition(&specs), &rules(), &LIMITS).unwrap();
        let done = Driver::new(&specs, &plan, &[], crashing).run();
        for cut in 0..=done.journal.len() {
            let (before, after) = done.journal.split_at(cut);
            let mut state = fold(&plan, before);
            let recorded = settled(&plan, &state);
            let lost: Vec<usize> = state.under_way().map(|step| step.node).collect();
            // The rest of the journal leads to the same end …
            for (at_ms, event) in after {
                state.apply(&plan, *at_ms, event).unwrap();
            }
            prop_assert_eq!(&state, &done.state);
            // … and so does another process, unless the lost attempt is a failure by definition.
            let again = Driver::new(&specs, &plan, before, crashing).run();
            prop_assert!(again.started.iter().all(|at| !recorded.contains(at)));
            prop_assert!(again.state.status().is_final());
            if !lost.iter().any(|at| specs[*at].fails_on_unknown) {
                prop_assert_eq!(ending(&again.state), ending(&done.state));
            }
        }
    }

    #[test]
    fn a_retry_starts_where_the_run_failed(specs in specs()) {
        let plan = compile(&definition(&specs), &rules(), &LIMITS).unwrap();
        let done = Driver::new(&specs, &plan, &[], false).run();
        let mut copied = vec![(0, Event::RunStarted)];
        let journal: Vec<Recorded> = (0..)
            .zip(&done.journal)
            .map(|(sequence, (at_ms, event))| Recorded { sequence, at_ms: *at_ms, event: event.clone() })
            .collect();
        copied.extend(settled_events(&plan, &journal, 0).into_iter().map(|event| (0, event)));
        let state = fold(&plan, &copied);
        for ((_, new), (_, old)) in state.top_records(&plan).zip(done.state.top_records(&plan)) {
            if new.status != StepStatus::Pending {
                prop_assert_eq!((new.status, &new.output, new.way), (old.status, &old.output, old.way));
            }
        }
        let again = Driver::new(&specs, &plan, &copied, false).run();
        let (_, end) = model(&specs, false);
        let expected: BTreeSet<usize> = end.clone().err().into_iter().collect();
        prop_assert_eq!(again.started.iter().copied().collect::<BTreeSet<_>>(), expected);
        prop_assert_eq!(ending(&again.state), end);
    }

    #[test]
    fn an_event_out_of_place_is_an_error_and_changes_nothing(specs in specs(), cut: prop::sample::Index, other: prop::sample::Index) {
        let plan = compile(&definition(&specs), &rules(), &LIMITS).unwrap();
        let done = Driver::new(&specs, &plan, &[], true).run();
        let mut state = fold(&plan, &done.journal[..cut.index(done.journal.len())]);
        let before = state.clone();
        let (at_ms, event) = other.get(&done.journal);
        if state.apply(&plan, *at_ms, event).is_err() {
            prop_assert_eq!(&state, &before);
        }
        let mut ended = done.state.clone();
        prop_assert!(ended.apply(&plan, 0, event).is_err());
        prop_assert_eq!(&ended, &done.state);
        let strange = Event::StepStarted { step: "strange".into(), attempt: 1 };
        prop_assert!(state.apply(&plan, 0, &strange).is_err());
    }
}
