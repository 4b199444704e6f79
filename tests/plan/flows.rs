//! Generated agentflows: the order in which their nodes run is that of a naive queue which knows nothing of plans, and every
//! beginning of a journal folds to where the run then stood.

use super::{LIMITS, fold};
use flowlatch::model::flow::{FlowKind, definition};
use flowlatch::model::plan::{Next, Outcome, Plan, RunState, Task, compile, next};
use flowlatch::model::run::{Event, RunStatus};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How often a loop runs.
const CAP: usize = 3;

/// One node. Only earlier nodes lead to it.
#[derive(Debug, Clone)]
struct Spec {
    kind: What,
    /// The nodes that lead to it, each with the way that it is on where that node decides.
    from: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Reply,
    Decision,
    /// Goes back to this node.
    Loop(usize),
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    let node = (
        0..4_usize,
        any::<usize>(),
        prop::collection::vec((any::<usize>(), 0..2_usize), 1..3),
    );
    prop::collection::vec(node, 1..9).prop_map(|drawn| {
        let mut specs = vec![Spec {
            kind: What::Reply,
            from: Vec::new(),
        }];
        for (kind, target, from) in drawn {
            // Nothing follows a loop.
            let open: Vec<usize> = (0..specs.len())
                .filter(|at| !matches!(specs[*at].kind, What::Loop(_)))
                .collect();
            let from: BTreeMap<usize, usize> = from
                .into_iter()
                .map(|(at, way)| (open[at % open.len()], way))
                .collect();
            let kind = match kind {
                0 => What::Decision,
                1 => What::Loop(target % specs.len()),
                _ => What::Reply,
            };
            specs.push(Spec {
                kind,
                from: from.into_iter().collect(),
            });
        }
        specs
    })
}

fn id(node: usize) -> String {
    format!("n{node}")
}

fn drawing(specs: &[Spec]) -> Value {
    let nodes: Vec<Value> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| {
            let (name, inputs) = match (index, spec.kind) {
                (0, _) => ("startAgentflow", json!({ "startInputType": "chatInput" })),
                (_, What::Reply) => ("directReplyAgentflow", json!({})),
                (_, What::Decision) => ("conditionAgentflow", json!({})),
                (_, What::Loop(to)) => ("loopAgentflow", json!({ "loopBackToNode": id(to) })),
            };
            json!({ "id": id(index), "data": { "name": name, "inputs": inputs } })
        })
        .collect();
    let mut edges = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        for (from, way) in &spec.from {
            edges.push(json!({ "source": id(*from), "target": id(index),
                "sourceHandle": format!("{}-output-{way}", id(*from)) }));
        }
    }
    json!({ "nodes": nodes, "edges": edges })
}

/// Which way a node takes the next time.
fn way(spec: &Spec, visits: usize, choices: &[u32], at: usize) -> Option<u32> {
    match spec.kind {
        What::Reply => None,
        What::Decision => Some(choices[at % choices.len()]),
        What::Loop(_) => Some(u32::from(visits + 1 >= CAP)),
    }
}

/// The decision that a node comes from, up its first edges.
fn decision_of(specs: &[Spec], node: usize) -> Option<usize> {
    let mut at = node;
    loop {
        if specs[at].kind == What::Decision {
            return Some(at);
        }
        at = specs[at].from.first()?.0;
    }
}

/// The nodes in the order in which a queue runs them.
fn expected(specs: &[Spec], choices: &[u32]) -> Vec<usize> {
    let (mut queue, mut order) = (VecDeque::from([0]), Vec::new());
    let mut arrived: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut visits = vec![0; specs.len()];
    while let Some(node) = queue.pop_front() {
        let taken = way(&specs[node], visits[node], choices, order.len());
        order.push(node);
        visits[node] += 1;
        for (to, spec) in specs.iter().enumerate() {
            for (from, on) in &spec.from {
                let is_taken =
                    specs[node].kind != What::Decision || taken == u32::try_from(*on).ok();
                if *from != node || !is_taken {
                    continue;
                }
                let here = arrived.entry(to).or_default();
                here.insert(node);
                let is_there = |from: &usize| here.contains(from);
                let all = spec
                    .from
                    .iter()
                    .all(|(from, _)| match decision_of(specs, *from) {
                        None => is_there(from),
                        Some(decision) => spec.from.iter().any(|(other, _)| {
                            decision_of(specs, *other) == Some(decision) && is_there(other)
                        }),
                    });
                if all {
                    arrived.remove(&to);
                    queue.push_back(to);
                }
            }
        }
        if let (What::Loop(to), Some(0)) = (specs[node].kind, taken) {
            queue.push_back(to);
        }
    }
    order
}

/// Runs the plan; gives its journal, and the nodes in the order in which they ran.
fn run(plan: &Plan, specs: &[Spec], choices: &[u32]) -> (Vec<(i64, Event)>, Vec<usize>) {
    let mut state = RunState::new(plan);
    let (mut journal, mut order) = (Vec::new(), Vec::new());
    let mut record = |state: &mut RunState, event: Event| {
        state.apply(plan, 1, &event).unwrap();
        journal.push((1, event));
    };
    record(&mut state, Event::RunStarted);
    loop {
        let task = match next(plan, &state) {
            Next::Do(tasks) => tasks[0].clone(),
            Next::Finish(Outcome::Completed(output)) => {
                record(&mut state, Event::RunCompleted { output });
                assert_eq!(state.status(), RunStatus::Completed);
                return (journal, order);
            }
            other => panic!("{other:?}"),
        };
        let Task::Attempt { step, .. } = task else {
            panic!("{task:?}");
        };
        let visits = usize::try_from(state.visits(plan, step)).unwrap();
        let taken = way(&specs[step.node], visits, choices, order.len());
        let name = state.name_of(plan, step);
        assert_eq!(
            state.activation(plan, &name),
            Some(step),
            "a name leads back to its step"
        );
        order.push(step.node);
        record(
            &mut state,
            Event::StepCompleted {
                step: name,
                output: Arc::new(json!({ "output": { "content": order.len().to_string() } })),
                way: taken,
                logs: None,
                reused: false,
            },
        );
    }
}

proptest! {
    #[test]
    fn nodes_run_in_the_order_of_a_naive_queue(
        specs in specs(), choices in prop::collection::vec(0..2_u32, 1..6)
    ) {
        let definition = definition(FlowKind::Agentflow, &drawing(&specs).to_string());
        let plan = compile(&definition, &[], &LIMITS).unwrap();
        let (journal, order) = run(&plan, &specs, &choices);
        prop_assert_eq!(&order, &expected(&specs, &choices));
        let names: BTreeSet<String> = journal.iter().filter_map(|(_, event)| match event {
            Event::StepCompleted { step, .. } => Some(step.clone()),
            _ => None,
        }).collect();
        prop_assert_eq!(names.len(), order.len(), "every visit has a name of its own");
        for end in 0..=journal.len() {
            let state = fold(&plan, &journal[..end]);
            prop_assert_eq!(state.trail().len(), end.saturating_sub(1).min(order.len()));
            if (1..=order.len()).contains(&end) {
                let Next::Do(tasks) = next(&plan, &state) else {
                    return Err(TestCaseError::fail("there is a next step"));
                };
                prop_assert_eq!(tasks[0].step().map(|step| step.node), Some(order[end - 1]));
            }
        }
    }
}
