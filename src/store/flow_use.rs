//! How many calls of models and of other flows were made by a run and the runs below it, all together.
//! May not know what is called. Promises: a call is on disk before it is made; there are never more than the bound.

use super::{Store, StoreError};
use crate::id::RunId;
use rusqlite::OptionalExtension as _;

impl Store {
    /// Counts a call that this run is about to make, at the run at the top of it. Gives that one's row number; `None`: there were as
    /// many as there may be.
    pub async fn count_flow_call(
        &self,
        run: RunId,
        max_calls: u32,
    ) -> Result<Option<i64>, StoreError> {
        self.write(move |connection| {
            Ok(connection
                .prepare_cached(COUNT)?
                .query_row((run.as_str(), max_calls), |row| row.get(0))
                .optional()?)
        })
        .await
    }
}

/// A run whose top is gone counts by itself.
pub(super) const COUNT: &str = "
    INSERT INTO flow_use (run, calls)
    SELECT coalesce((SELECT t.sequence FROM run t WHERE t.sequence = r.top), r.sequence), 1 FROM run r WHERE r.id = ?1
    ON CONFLICT (run) DO UPDATE SET calls = calls + 1 WHERE calls < ?2
    RETURNING run";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::fixture::{Fixture, new_run};
    use super::super::{NewRun, Started};
    use super::*;

    #[tokio::test]
    async fn calls_of_flows_are_counted_at_the_run_at_the_top() {
        let fixture = Fixture::new();
        let workflow = fixture.workflow("w").await;
        let (top, top_id) = fixture.run(&workflow, 2_000).await;
        let (other, other_id) = fixture.run(&workflow, 2_000).await;
        let below = NewRun {
            top_sequence: Some(top),
            ..new_run(&workflow, 2_000)
        };
        let of_none = NewRun {
            top_sequence: Some(1_000),
            ..new_run(&workflow, 2_000)
        };
        let (below_id, of_none_id) = (below.id.clone(), of_none.id.clone());
        for run in [below, of_none] {
            assert!(matches!(
                fixture.store.start_run(run).await,
                Ok(Started::New(_))
            ));
        }
        let count = async |id: &RunId, max| {
            fixture
                .store
                .count_flow_call(id.clone(), max)
                .await
                .unwrap()
        };
        assert_eq!(count(&top_id, 2).await, Some(top));
        assert_eq!(count(&below_id, 2).await, Some(top));
        assert_eq!(count(&below_id, 2).await, None);
        assert_eq!(count(&top_id, 2).await, None);
        assert_eq!(count(&top_id, 3).await, Some(top));
        assert_eq!(count(&other_id, 2).await, Some(other));
        let own = count(&of_none_id, 2).await;
        assert!(own.is_some_and(|own| own > other), "{own:?}");
        assert_eq!(fixture.count("flow_use"), 3);
    }
}
