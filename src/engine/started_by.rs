//! Who starts a run. May not know keys.

use crate::model::run::Run;
use crate::model::usage;

/// Who starts a run: what the run shows, and whom it is counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedBy {
    /// A key's public id, or a word like `control` or `schedule`.
    pub label: String,
    /// Whom its usage is counted for: a key's id, or the same word. The id survives the key's texts.
    pub account: Option<String>,
}

impl StartedBy {
    /// An event of another service, whose sender has no key.
    pub fn webhook() -> StartedBy {
        StartedBy::nobody_with_a_key(usage::WEBHOOK)
    }

    /// Somebody without a key who asks what is open to everybody.
    pub fn visitor() -> StartedBy {
        StartedBy::nobody_with_a_key(usage::VISITOR)
    }

    /// The clock.
    pub(super) fn schedule() -> StartedBy {
        StartedBy::nobody_with_a_key(usage::SCHEDULE)
    }

    fn nobody_with_a_key(word: &str) -> StartedBy {
        StartedBy {
            label: word.to_owned(),
            account: Some(word.to_owned()),
        }
    }

    /// Whoever started this run: the runs that it starts are counted for the same.
    pub(super) fn starter_of(run: &Run) -> StartedBy {
        StartedBy {
            label: run.started_by.clone().unwrap_or_default(),
            account: run.account.clone(),
        }
    }
}
