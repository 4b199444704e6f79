//! Credits: what nodes cost by the operator's prices, and the balance that starts spend.
//! May not know graphs. Promise: two starts never spend the same credits, and what is refused costs nothing.

use super::{Engine, EngineError, Shared};
use crate::model::credit::{Balance, Estimate, PricedNode, Prices};
use crate::store::Charge;

/// What the operator has set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreditOptions {
    /// What nodes cost.
    pub prices: Prices,
    /// What was granted since ever; `None` is without end.
    pub granted: Option<u64>,
}

impl Engine {
    /// What an execution of these nodes costs.
    pub fn estimate(&self, nodes: &[PricedNode<'_>]) -> Estimate {
        self.0.options.credits.prices.estimate(nodes)
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

    /// What a start is charged: nothing where nothing costs anything. One that the balance is not enough for is refused
    /// here already; the job that records it looks again.
    pub(super) fn charge(
        &self,
        estimate: Option<&Estimate>,
    ) -> Result<Option<Charge>, EngineError> {
        let Some(estimate) = estimate.filter(|estimate| estimate.credits > 0) else {
            return Ok(None);
        };
        let balance = self.balance()?;
        balance
            .covers(estimate)
            .map_err(EngineError::InsufficientCredits)?;
        Ok(Some(Charge {
            estimate: estimate.clone(),
            granted: balance.granted,
        }))
    }
}
