//! Generated definitions, and everything that will happen in their runs.

use flowlatch::model::plan::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What one attempt comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Result {
    Good { way: u32 },
    Transient,
    Fatal,
}

/// A step and everything that will happen to it.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    /// For branches: which later steps each way names.
    pub(crate) then: Vec<usize>,
    pub(crate) otherwise: Vec<usize>,
    pub(crate) continues: bool,
    pub(crate) fails_on_unknown: bool,
    pub(crate) max_attempts: u32,
    /// One after the other; the last one stays.
    pub(crate) results: Vec<Result>,
    /// Whether the process dies during the first attempt.
    pub(crate) crashes: bool,
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let kind = prop_oneof![
        Just(Kind::Pure),
        Just(Kind::Effect),
        Just(Kind::Wait),
        Just(Kind::Branch),
        Just(Kind::Branch)
    ];
    let result = prop_oneof![
        6 => (0..2_u32).prop_map(|way| Result::Good { way }),
        2 => Just(Result::Transient),
        1 => Just(Result::Fatal),
    ];
    (
        kind,
        prop::collection::btree_set(1..6_usize, 0..3),
        prop::collection::btree_set(1..6_usize, 0..3),
        any::<bool>(),
        prop::bool::weighted(0.3),
        1..4_u32,
        prop::collection::vec(result, 1..4),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(
                kind,
                then,
                otherwise,
                continues,
                fails_on_unknown,
                max_attempts,
                results,
                crashes,
            )| Spec {
                kind,
                otherwise: otherwise.difference(&then).copied().collect(),
                then: then.into_iter().collect(),
                continues,
                fails_on_unknown,
                max_attempts,
                results,
                crashes,
            },
        )
}

/// Distances to later steps become steps; those beyond the end are dropped.
pub(crate) fn specs() -> impl Strategy<Value = Vec<Spec>> {
    prop::collection::vec(spec(), 0..10).prop_map(|mut specs| {
        let count = specs.len();
        for (at, spec) in specs.iter_mut().enumerate() {
            for targets in [&mut spec.then, &mut spec.otherwise] {
                *targets = targets
                    .iter()
                    .map(|d| at + d)
                    .filter(|to| *to < count)
                    .collect();
            }
        }
        specs
    })
}

pub(crate) fn id(at: usize) -> String {
    format!("step-{at}")
}

pub(crate) fn definition(specs: &[Spec]) -> Value {
    let ids = |targets: &[usize]| targets.iter().map(|to| id(*to)).collect::<Vec<_>>();
    let step = |(at, spec): (usize, &Spec)| {
        let mut step = json!({
            "id": id(at),
            "retryConfig": {"maxAttempts": spec.max_attempts, "initialDelayMs": 100},
            "onUnknown": if spec.fails_on_unknown { "fail" } else { "retry" },
        });
        match spec.kind {
            Kind::Pure => step["type"] = json!("set"),
            Kind::Effect => {
                step["type"] = json!("action");
                step["action"] = json!("api.request");
            }
            Kind::Wait => step["type"] = json!("wait"),
            Kind::Branch => {
                step["type"] = json!("condition");
                step["config"] = json!({"then": ids(&spec.then), "else": ids(&spec.otherwise)});
            }
            other => panic!("no spec is {other:?}"),
        }
        if spec.continues {
            step["errorHandling"] =
                json!({"strategy": "continue", "fallback": format!("fallback of {at}")});
        }
        step
    };
    let steps: Vec<Value> = specs.iter().enumerate().map(step).collect();
    json!({"trigger": {"type": "api"}, "steps": steps})
}

pub(crate) fn output(at: usize) -> Value {
    json!({ "output of": at })
}

pub(crate) fn result_of(spec: &Spec, failures: usize) -> Result {
    spec.results[failures.min(spec.results.len() - 1)]
}
