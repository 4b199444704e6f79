//! Credits: what nodes and steps cost by the operator's prices, and the balance that starts spend.
//! May not know who starts a run: whatever starts one is charged. Promise: two starts never spend the same credits, and what is refused costs nothing.

use super::{Engine, EngineError, Shared};
use crate::model::credit::{Balance, Estimate, PricedNode, Prices};
use crate::model::plan::{Node, Plan};
use crate::model::run::Event;
use crate::store::Charge;
use serde_json::Value;
use std::collections::HashSet;

/// What the operator has set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreditOptions {
    /// What nodes cost.
    pub prices: Prices,
    /// What was granted since ever; `None` is without end.
    pub granted: Option<u64>,
}

impl Engine {
    /// What a run of this plan costs.
    pub fn estimate(&self, plan: &Plan) -> Estimate {
        self.0.estimate(plan, &[])
    }

    /// The balance as it is now. A point read.
    pub fn balance(&self) -> Result<Balance, EngineError> {
        self.0.balance()
    }
}

impl Shared {
    fn balance(&self) -> Result<Balance, EngineError> {
        Ok(Balance {
            granted: self.options.credits.granted,
            spent: self.store.spent_credits()?,
        })
    }

    /// What a run of this plan costs that begins with these events: what it has the results of, it does not run.
    fn estimate(&self, plan: &Plan, finished: &[Event]) -> Estimate {
        let prices = &self.options.credits.prices;
        if prices.is_empty() {
            return Estimate::default();
        }
        let reused: HashSet<&str> = finished
            .iter()
            .filter_map(|event| match event {
                Event::StepCompleted { step, .. } => Some(step.as_str()),
                _ => None,
            })
            .collect();
        let to_run = plan.nodes.iter();
        let to_run = to_run.filter(|node| !reused.contains(node.id.as_str()));
        let nodes: Vec<PricedNode<'_>> = to_run.map(priced).collect();
        prices.estimate(&nodes)
    }

    /// What a start is charged that begins with these events: nothing where nothing costs anything. One that the balance is
    /// not enough for is refused here already; the job that records it looks again.
    pub(super) fn charge(
        &self,
        plan: &Plan,
        finished: &[Event],
    ) -> Result<Option<Charge>, EngineError> {
        let estimate = self.estimate(plan, finished);
        if estimate.credits == 0 {
            return Ok(None);
        }
        let balance = self.balance()?;
        balance
            .covers(&estimate)
            .map_err(EngineError::InsufficientCredits)?;
        Ok(Some(Charge {
            granted: balance.granted,
            estimate,
        }))
    }

    /// What a start is charged that is never refused for want of credits: it may spend more than there is, and then whatever
    /// can be refused is.
    pub(super) fn charge_regardless(&self, plan: &Plan) -> Option<Charge> {
        let estimate = self.estimate(plan, &[]);
        (estimate.credits > 0).then_some(Charge {
            granted: None,
            estimate,
        })
    }
}

/// A step is priced by its type; a node of a graph by the type that it was given.
fn priced(node: &Node) -> PricedNode<'_> {
    let own_type = node.wiring.as_ref().and_then(|_| {
        let config = node.config.source();
        config.get("nodeType").and_then(Value::as_str)
    });
    PricedNode {
        id: &node.id,
        label: node.name.as_deref().unwrap_or(&node.id),
        node_type: own_type.unwrap_or(node.step_type),
    }
}
