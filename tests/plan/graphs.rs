//! Graphs: generated ones compile or are refused with violations; every one that compiles ends, whatever fails, crashes or is
//! cancelled, and does what a naive model says.

use super::generated_graphs::{Generated, TYPES, body, generated, near_graph, sound, world};
use super::net_driver::{NetDriver, World};
use super::{LIMITS, fold};
use flowlatch::model::graph::{self, GraphLimits, lint};
use flowlatch::model::plan::{
    Kind, Next, Outcome, Plan, RunState, StepStatus, compile, next, settled_events,
};
use flowlatch::model::run::{Event, Recorded, RunStatus};
use flowlatch::model::workflow::{Definition, DefinitionFormat};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) fn plan_of(body: &Value) -> Result<Plan, Vec<String>> {
    let definition = Definition {
        format: DefinitionFormat::Graph,
        body: body.clone(),
    };
    compile(&definition, &[], &LIMITS).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    })
}

fn statuses(plan: &Plan, state: &RunState) -> BTreeMap<String, StepStatus> {
    let records = state.top_records(plan);
    records
        .map(|(node, record)| (plan.nodes[node].id.clone(), record.status))
        .collect()
}

/// What becomes of each node, by the plainest means. Not of graphs with iterators, or of runs that were cancelled.
fn model(body: &Value, plan: &Plan, world: &World) -> BTreeMap<String, StepStatus> {
    let mut found: BTreeMap<String, StepStatus> = BTreeMap::new();
    let edges = body["edges"].as_array().unwrap();
    while found.len() < plan.nodes.len() {
        for node in &plan.nodes {
            let sources = edges
                .iter()
                .filter(|edge| edge["target"] == node.id.as_str());
            let sources: Vec<Option<StepStatus>> = sources
                .map(|edge| found.get(edge["source"].as_str().unwrap()).copied())
                .collect();
            if sources.contains(&None) {
                continue;
            }
            let status = if sources
                .iter()
                .any(|status| *status != Some(StepStatus::Completed))
            {
                StepStatus::Skipped
            } else if world.failing.contains(&node.id) {
                StepStatus::Failed
            } else {
                StepStatus::Completed
            };
            found.insert(node.id.clone(), status);
        }
    }
    found
}

/// What a run came to, whatever the order in which things happened.
fn ending(done: &NetDriver<'_>) -> (BTreeMap<String, StepStatus>, Option<Value>) {
    let output = match done.state.outcome() {
        Some(Outcome::Completed(output)) => Some((**output).clone()),
        _ => None,
    };
    (statuses(done.plan, &done.state), output)
}

/// Steps whose end is recorded, and steps that were started since.
fn check_journal(journal: &[(i64, Event)]) {
    let mut ended = BTreeSet::new();
    for (_, event) in journal {
        match event {
            Event::StepCompleted { step, .. } | Event::StepFailed { step, .. } => {
                assert!(ended.insert(step.clone()), "{step} ended twice");
            }
            Event::StepStarted { step, .. } | Event::StepIterating { step, .. } => {
                assert!(!ended.contains(step), "{step} was started again");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_graph_compiles_or_is_refused_with_violations(generated in generated(TYPES.len())) {
        let body = body(&generated);
        let lint = lint(&body, &GraphLimits::DEFAULT);
        match plan_of(&body) {
            Ok(plan) => {
                let notes = generated.types.iter().filter(|of| TYPES[**of].0 == "utility:sticky_note").count();
                prop_assert_eq!(plan.nodes.len(), generated.types.len() - notes);
            }
            Err(problems) => prop_assert!(!problems.is_empty() && !lint.is_ok()),
        }
        prop_assert_eq!(&lint, &graph::lint(&body, &GraphLimits::DEFAULT));
    }

    #[test]
    fn graphs_without_iterators_do_what_the_model_says(generated in sound(5), world in world()) {
        let body = body(&generated);
        let Ok(plan) = plan_of(&body) else { return Ok(()) };
        let world = World { cancels_after: None, ..world };
        let done = NetDriver::new(&plan, &world, &[]).run();
        check_journal(&done.journal);
        let expected = model(&body, &plan, &world);
        prop_assert_eq!(statuses(&plan, &done.state), expected.clone());
        let failed = expected.values().any(|status| *status == StepStatus::Failed);
        prop_assert_eq!(done.state.status() == RunStatus::Failed, failed);
        // Each edge brings what its source gave.
        for (name, handed) in &done.handed {
            let mut inputs: HashMap<&str, Vec<String>> = HashMap::new();
            for edge in body["edges"].as_array().unwrap().iter().filter(|edge| edge["target"] == name.as_str()) {
                let out = edge["sourceHandle"].as_str().unwrap().trim_start_matches("out-");
                let into = edge["targetHandle"].as_str().unwrap().trim_start_matches("in-");
                inputs.entry(into).or_default().push(format!("{}.{out}", edge["source"].as_str().unwrap()));
            }
            let inputs = inputs.into_iter().map(|(port, mut values)| {
                let value = if values.len() == 1 { json!(values.remove(0)) } else { json!(values) };
                (port.to_owned(), value)
            });
            // A text port has the JSON of a list.
            let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let inputs: BTreeMap<String, String> = inputs.map(|(port, value)| (port, shown(&value))).collect();
            let seen: BTreeMap<String, String> = handed["inputs"].as_object().unwrap().iter()
                .map(|(port, value)| (port.clone(), shown(value))).collect();
            prop_assert_eq!(seen, inputs, "{}", name);
        }
        if !failed {
            let sinks: BTreeSet<String> = ending(&done).1.unwrap().as_object().unwrap().keys().cloned().collect();
            let sources: BTreeSet<&str> = body["edges"].as_array().unwrap().iter().map(|edge| edge["source"].as_str().unwrap()).collect();
            let expected: BTreeSet<String> = expected.into_keys().filter(|id| !sources.contains(id.as_str())).collect();
            prop_assert_eq!(sinks, expected);
        }
    }

    #[test]
    fn every_graph_ends_and_every_prefix_leads_to_the_same_end(generated in sound(TYPES.len()), world in world()) {
        let body = body(&generated);
        let Ok(plan) = plan_of(&body) else { return Ok(()) };
        let done = NetDriver::new(&plan, &world, &[]).run();
        check_journal(&done.journal);
        prop_assert!(done.state.status().is_final() && done.widest <= 10);
        let has_failed = done.journal.iter().any(|(_, event)| matches!(event, Event::StepFailed { .. }));
        if done.state.status() != RunStatus::Cancelled {
            prop_assert_eq!(done.state.status() == RunStatus::Failed, has_failed);
        }
        for cut in (0..=done.journal.len()).step_by(7) {
            let (before, after) = done.journal.split_at(cut);
            let mut state = fold(&plan, before);
            for (at_ms, event) in after {
                state.apply(&plan, *at_ms, event).unwrap();
            }
            prop_assert_eq!(&state, &done.state);
            // Another process, for which everything happens in another order.
            let other = World { choices: world.choices.iter().rev().map(|choice| choice + 1).collect(), ..world.clone() };
            let again = NetDriver::new(&plan, &other, before).run();
            check_journal(&again.journal);
            if done.state.status() != RunStatus::Cancelled && again.state.status() != RunStatus::Cancelled {
                prop_assert_eq!(ending(&again), ending(&done));
            }
        }
    }

    #[test]
    fn a_retry_of_a_graph_does_again_what_had_failed_and_nothing_else(generated in sound(TYPES.len()), world in world()) {
        let body = body(&generated);
        let Ok(plan) = plan_of(&body) else { return Ok(()) };
        let done = NetDriver::new(&plan, &world, &[]).run();
        let journal: Vec<Recorded> = (0..).zip(&done.journal)
            .map(|(sequence, (at_ms, event))| Recorded { sequence, at_ms: *at_ms, event: event.clone() })
            .collect();
        let completed: BTreeSet<&str> = journal.iter().filter_map(|recorded| match &recorded.event {
            Event::StepCompleted { step, .. } => Some(step.as_str()),
            _ => None,
        }).collect();
        let mut copied = vec![(0, Event::RunStarted)];
        copied.extend(settled_events(&plan, &journal, 0).into_iter().map(|event| (0, event)));
        let good = World { failing: Default::default(), cancels_after: None, ..world.clone() };
        let again = NetDriver::new(&plan, &good, &copied).run();
        prop_assert_eq!(again.state.status(), RunStatus::Completed);
        for name in again.handed.keys() {
            prop_assert!(!completed.contains(name.as_str()), "{}", name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_json_makes_a_reader_panic(nodes in prop::collection::vec(near_graph(), 0..6), edges in prop::collection::vec(near_graph(), 0..6), any in near_graph(), is_whole: bool) {
        let body = if is_whole { any.clone() } else { json!({ "nodes": nodes, "edges": edges, "exposedInputs": any }) };
        let lint = lint(&body, &GraphLimits::DEFAULT);
        prop_assert!(plan_of(&body).is_ok() || !lint.is_ok() || body.get("trigger").is_some() || body.get("settings").is_some());
        for refused in [graph::refusal::of_saved(&body), graph::refusal::of_executed(&body)] {
            drop(refused);
        }
        let inputs = graph::inputs::describe(&body);
        prop_assert!(graph::inputs::example(&inputs).is_object());
        let given = any.as_object().cloned().unwrap_or_default();
        graph::inputs::problems(&inputs, &given);
        if let Ok((patched, _)) = graph::patch::apply(&body, "a", &any) {
            prop_assert!(patched.is_object());
        }
        prop_assert!(graph::difference::is_same(&body, &graph::outputs::without(&body)) || body.get("nodes").is_none());
        if let Some(selected) = graph::target::select(&body, "a", is_whole, Some(&any)) {
            prop_assert!(!lint.is_ok() || plan_of(&selected.graph).is_ok());
        }
    }
}

#[test]
fn no_more_than_ten_nodes_are_under_way_at_once() {
    let generated = Generated {
        types: vec![2; 25],
        edges: vec![],
    };
    let plan = plan_of(&body(&generated)).unwrap();
    assert!(plan.nodes.iter().all(|node| node.kind == Kind::Effect));
    let mut state = fold(&plan, &[(0, Event::RunStarted)]);
    let (mut widest, mut begun) = (0, 0);
    loop {
        let event = match next(&plan, &state) {
            Next::Do(tasks) => {
                let step = tasks[0].step().unwrap();
                begun += 1;
                Event::StepStarted {
                    step: state.name_of(&plan, step),
                    attempt: 1,
                }
            }
            Next::Wait => {
                widest = widest.max(state.under_way().count());
                let step = state.under_way().last().unwrap();
                Event::StepCompleted {
                    step: state.name_of(&plan, step),
                    output: Default::default(),
                    way: None,
                    logs: None,
                    reused: false,
                }
            }
            Next::Finish(_) => break,
            Next::Ended => panic!("nobody has ended it"),
        };
        state.apply(&plan, 0, &event).unwrap();
    }
    assert_eq!((widest, begun), (10, 25));
}
