//! Credits: what nodes cost, what an execution would cost, and whether the balance is enough for it.
//! May not know graphs, runs or how a balance is kept. Promise: of several prices for a node type the most exact one
//! holds, whatever their order.

use std::fmt;
use std::str::FromStr;

/// The most that one node may cost.
pub const MAX_NODE_CREDITS: u64 = 1_000_000;

/// What nodes cost, by their type. By default everything is free.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices(Vec<Price>);

/// `pattern=credits`: what nodes of some types cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The type, or its beginning.
    text: String,
    /// Whether the pattern ends with `*`.
    is_prefix: bool,
    credits: u64,
}

impl Price {
    fn covers(&self, node_type: &str) -> bool {
        if self.is_prefix {
            node_type.starts_with(&self.text)
        } else {
            node_type == self.text
        }
    }

    /// Whether two prices are for the very same pattern.
    fn has_pattern_of(&self, other: &Price) -> bool {
        self.text == other.text && self.is_prefix == other.is_prefix
    }
}

impl FromStr for Price {
    type Err = String;

    /// Reads `llm:*=2`: a node type, or its beginning and a `*`, and what each such node costs.
    fn from_str(text: &str) -> Result<Price, String> {
        let wrong = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            format!("`{shown}` {why}; write it as `llm:*=2`")
        };
        let (pattern, credits) = text
            .rsplit_once('=')
            .ok_or_else(|| wrong("is not a price"))?;
        let (pattern, credits) = (pattern.trim(), credits.trim());
        let credits: u64 = credits
            .parse()
            .ok()
            .filter(|credits| *credits <= MAX_NODE_CREDITS)
            .ok_or_else(|| wrong("does not name a whole number of credits from 0 to 1000000"))?;
        let (text, is_prefix) = match pattern.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (pattern, false),
        };
        let is_type = |text: &str| {
            text.len() <= 100
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b":._-/".contains(&byte))
        };
        if pattern.is_empty() || !is_type(text) {
            return Err(wrong(
                "does not begin with a node type, or the beginning of one and a `*`",
            ));
        }
        Ok(Price {
            text: text.to_owned(),
            is_prefix,
            credits,
        })
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.is_prefix { "*" } else { "" };
        write!(f, "{}{star}={}", self.text, self.credits)
    }
}

impl Prices {
    /// Every price.
    pub fn iter(&self) -> impl Iterator<Item = &Price> {
        self.0.iter()
    }

    /// Of these prices; two for the same pattern are an error.
    pub fn new(prices: Vec<Price>) -> Result<Prices, String> {
        for (index, price) in prices.iter().enumerate() {
            let mut others = prices.iter().skip(index + 1);
            if others.any(|other| price.has_pattern_of(other)) {
                let star = if price.is_prefix { "*" } else { "" };
                return Err(format!("`{}{star}` has two prices; give one", price.text));
            }
        }
        Ok(Prices(prices))
    }

    /// Whether everything is free.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a node of this type costs: as the longest pattern says that covers it, and of two as long the one without `*`.
    pub fn of(&self, node_type: &str) -> u64 {
        let covering = self.0.iter().filter(|price| price.covers(node_type));
        covering
            .max_by_key(|price| (price.text.len(), !price.is_prefix))
            .map_or(0, |price| price.credits)
    }

    /// What these nodes cost together, and which of them cost something, in their order.
    pub fn estimate(&self, nodes: &[PricedNode<'_>]) -> Estimate {
        let breakdown: Vec<NodeCost> = nodes
            .iter()
            .filter_map(|node| {
                let credits = self.of(node.node_type);
                (credits > 0).then(|| NodeCost {
                    id: node.id.to_owned(),
                    label: node.label.to_owned(),
                    credits,
                })
            })
            .collect();
        Estimate {
            credits: breakdown
                .iter()
                .fold(0, |sum, node| sum.saturating_add(node.credits)),
            breakdown,
        }
    }
}

/// A node of a graph that is about to be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedNode<'a> {
    /// Its id.
    pub id: &'a str,
    /// What people call it.
    pub label: &'a str,
    /// `llm:openai`, …
    pub node_type: &'a str,
}

/// A node that costs something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCost {
    /// The node's id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// How much, from 1.
    pub credits: u64,
}

/// What an execution costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Estimate {
    /// All nodes together.
    pub credits: u64,
    /// The nodes that cost something.
    pub breakdown: Vec<NodeCost>,
}

/// The balance of the whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What the operator has granted since ever; `None` is without end.
    pub granted: Option<u64>,
    /// What was spent since ever.
    pub spent: u64,
}

impl Balance {
    /// What is left; `None` is without end. Where less was granted than is spent already, nothing is left.
    pub fn available(&self) -> Option<u64> {
        let granted = self.granted?;
        Some(granted.saturating_sub(self.spent))
    }

    /// Whether the balance is enough for an execution.
    pub fn covers(&self, estimate: &Estimate) -> Result<(), Shortfall> {
        match self.available() {
            Some(available) if available < estimate.credits => Err(Shortfall {
                required: estimate.credits,
                available,
                breakdown: estimate.breakdown.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// What an execution would have cost, and the balance that was not enough for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Insufficient credits. Required: {required}, Available: {available}")]
pub struct Shortfall {
    /// What it costs.
    pub required: u64,
    /// What is left.
    pub available: u64,
    /// The nodes that cost something.
    pub breakdown: Vec<NodeCost>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn prices(texts: &[&str]) -> Prices {
        let prices = texts.iter().map(|text| text.parse().expect("a price"));
        Prices::new(prices.collect()).expect("no two for one pattern")
    }

    #[test]
    fn the_longest_pattern_wins_in_any_order_and_an_exact_one_over_its_beginning() {
        let mut texts = ["*=1", "llm:*=2", "llm:openai*=3", "llm:openai=4", "note=0"];
        for _ in 0..texts.len() {
            texts.rotate_left(1);
            let prices = prices(&texts);
            for (node_type, credits) in [
                ("video:make", 1),
                ("llm:other", 2),
                ("llm:openai:mini", 3),
                ("llm:openai", 4),
                ("llm:open", 2),
                ("llm", 1),
                ("note", 0),
                ("notes", 1),
                ("", 1),
            ] {
                assert_eq!(prices.of(node_type), credits, "{node_type} in {texts:?}");
            }
        }
        assert_eq!(Prices::default().of("llm:openai"), 0);
    }

    #[test]
    fn what_is_no_price_is_refused_with_what_is_wrong() {
        for (bad, why) in [
            ("llm:*", "is not a price"),
            ("llm:*=", "a whole number of credits"),
            ("llm:*=-1", "a whole number of credits"),
            ("llm:*=0.5", "a whole number of credits"),
            ("llm:*=1000001", "a whole number of credits"),
            ("=1", "a node type"),
            ("l*m=1", "a node type"),
            ("**=1", "a node type"),
            ("a b=1", "a node type"),
            ("ü=1", "a node type"),
        ] {
            let error = bad.parse::<Price>().expect_err(bad);
            assert!(error.contains(why), "{bad}: {error}");
        }
        let twice = ["a=1", "a*=2", "a=3"].map(|text| text.parse().expect("a price"));
        let error = Prices::new(twice.to_vec()).expect_err("two prices");
        assert_eq!(error, "`a` has two prices; give one");
    }

    #[test]
    fn an_estimate_names_the_nodes_that_cost_and_no_others() {
        let nodes = [
            ("n1", "Text", "input:text"),
            ("n2", "Ask", "llm:a"),
            ("n3", "Ask again", "llm:a"),
        ];
        let nodes = nodes.map(|(id, label, node_type)| PricedNode {
            id,
            label,
            node_type,
        });
        let estimate = prices(&["llm:*=2"]).estimate(&nodes);
        let costs = |id: &str, label: &str| NodeCost {
            id: id.to_owned(),
            label: label.to_owned(),
            credits: 2,
        };
        assert_eq!(estimate.credits, 4);
        assert_eq!(
            estimate.breakdown,
            [costs("n2", "Ask"), costs("n3", "Ask again")]
        );
        assert_eq!(Prices::default().estimate(&nodes), Estimate::default());
    }

    #[test]
    fn a_balance_covers_up_to_its_last_credit() {
        let estimate = prices(&["*=5"]).estimate(&[PricedNode {
            id: "n",
            label: "N",
            node_type: "t",
        }]);
        for (granted, spent, left) in [
            (None, u64::MAX, None),
            (Some(10), 5, None),
            (Some(10), 6, Some(4)),
            (Some(10), 11, Some(0)),
            (Some(0), 0, Some(0)),
        ] {
            let short = Balance { granted, spent }.covers(&estimate).err();
            let (required, available) = (5, short.as_ref().map(|short| short.available));
            assert_eq!(available, left, "{granted:?} {spent}");
            if let Some(short) = short {
                assert_eq!((short.required, short.breakdown.len()), (required, 1));
                assert_eq!(
                    short.to_string(),
                    format!(
                        "Insufficient credits. Required: 5, Available: {}",
                        short.available
                    )
                );
            }
        }
        assert!(
            Balance {
                granted: Some(0),
                spent: 9
            }
            .covers(&Estimate::default())
            .is_ok()
        );
    }
}
