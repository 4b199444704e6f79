//! How many calls of models and of other flows were made by the run of a flow and by the runs of the flows that it asks, all together.
//! May not know what is called. Promises: a call is on disk before it is made; there are never more than the bound.

use super::{Store, StoreError};
use crate::id::RunId;
use rusqlite::{Connection, OptionalExtension as _};

impl Store {
    /// Counts a call that this run is about to make, at the run that asks all of them. Gives that one's row number; `None`: there
    /// were as many as there may be.
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

    /// The run where the calls count that are made below this one; `None`: no flow has asked it. A point read.
    pub fn flow_root(&self, run: i64) -> Result<Option<i64>, StoreError> {
        self.read(|connection| {
            let root = connection
                .prepare_cached(ROOT)?
                .query_row([run], |row| row.get(0))
                .optional()?;
            Ok(root.flatten())
        })
    }
}

pub(super) const ROOT: &str = "SELECT root FROM flow_use WHERE run = ?1";

/// A run counts by itself that no flow has asked, or whose root is gone.
pub(super) const COUNT: &str = "
    INSERT INTO flow_use (run, calls)
    SELECT coalesce((SELECT t.sequence FROM flow_use u JOIN run t ON t.sequence = u.root WHERE u.run = r.sequence), r.sequence), 1
    FROM run r WHERE r.id = ?1
    ON CONFLICT (run) DO UPDATE SET calls = calls + 1 WHERE calls < ?2
    RETURNING run";

/// The calls of a run that has just been recorded count at this one.
pub(super) fn count_at(connection: &Connection, run: i64, root: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO flow_use (run, root, calls) VALUES (?1, ?2, 0)")?
        .execute((run, root))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::fixture::{Fixture, new_run};
    use super::super::{NewRun, Started};
    use super::*;

    #[tokio::test]
    async fn calls_of_flows_are_counted_at_the_run_that_asks_all_of_them() {
        let fixture = Fixture::new();
        let workflow = fixture.workflow("w").await;
        let (top, top_id) = fixture.run(&workflow, 2_000).await;
        let (other, other_id) = fixture.run(&workflow, 2_000).await;
        let below = NewRun {
            flow_root: Some(top),
            ..new_run(&workflow, 2_000)
        };
        let of_none = NewRun {
            flow_root: Some(1_000),
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
        assert_eq!(fixture.count("flow_use"), 4);
        let sequence = |id: &RunId| fixture.store.run(id).unwrap().unwrap().summary.sequence;
        let root = |run: i64| fixture.store.flow_root(run).unwrap();
        assert_eq!(root(sequence(&below_id)), Some(top));
        assert_eq!([root(top), root(other), root(1_000)], [None; 3]);
    }
}
