//! What the newest runs of a workflow come to: the last, the rate of success, the median of their times. May not know how
//! runs are found. Promise: cancelled runs and those that go on are neither success nor failure.

use super::super::moment;
use crate::clock::iso_utc;
use crate::model::run::RunStatus;
use crate::store::RunGlance;

/// So many of the newest runs are counted.
pub(super) const COUNTED_RUNS: u32 = 50;

/// A run in one line.
pub(super) struct RunLine {
    pub(super) id: String,
    pub(super) status: &'static str,
    /// When it was asked for.
    pub(super) at: String,
}

/// What is said of the newest runs.
pub(super) struct Figures {
    pub(super) last: Option<RunLine>,
    /// `98 %`; `–` where none has ended well or badly.
    pub(super) success: String,
    /// `1.2 s`; `–` as well.
    pub(super) median: String,
}

/// A run in one line.
pub(super) fn line(run: &RunGlance) -> RunLine {
    RunLine {
        id: run.id.to_string(),
        status: run.status.as_str(),
        at: iso_utc(run.created_at_ms),
    }
}

/// The figures of these runs, the newest first.
pub(super) fn figures(runs: &[RunGlance]) -> Figures {
    let has = |status: RunStatus| runs.iter().filter(|run| run.status == status).count();
    let (completed, failed) = (has(RunStatus::Completed), has(RunStatus::Failed));
    let mut times_ms: Vec<i64> = runs
        .iter()
        .filter(|run| matches!(run.status, RunStatus::Completed | RunStatus::Failed))
        .filter_map(|run| {
            Some(run.finished_at_ms? - run.started_at_ms.unwrap_or(run.created_at_ms))
        })
        .collect();
    times_ms.sort_unstable();
    let none = || "–".to_owned();
    let median_ms = times_ms.get(times_ms.len().saturating_sub(1) / 2);
    Figures {
        last: runs.first().map(line),
        success: match completed + failed {
            0 => none(),
            // Down, so that 100 % is said of nothing less.
            ended => format!("{} %", completed * 100 / ended),
        },
        median: median_ms.map_or_else(none, |median_ms| moment::duration(*median_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;

    #[test]
    fn figures_count_what_has_ended_well_or_badly() {
        use RunStatus::{Cancelled, Completed, Failed, Running};
        let run = |(status, ms): &(RunStatus, i64)| RunGlance {
            id: RunId::generate(),
            status: *status,
            created_at_ms: 0,
            started_at_ms: Some(5),
            finished_at_ms: (*status != Running).then_some(5 + ms),
        };
        for (runs, success, median) in [
            (vec![], "–", "–"),
            (vec![(Running, 0), (Cancelled, 9)], "–", "–"),
            (vec![(Completed, 10), (Cancelled, 9_000)], "100 %", "10 ms"),
            (
                vec![(Completed, 1_250), (Failed, 70_000), (Failed, 90_000)],
                "33 %",
                "1 min 10 s",
            ),
            (vec![(Completed, 7_200_000)], "100 %", "2 h 0 min"),
            (vec![(Completed, 1), (Completed, 1_250)], "100 %", "1 ms"),
        ] {
            let runs: Vec<RunGlance> = runs.iter().map(run).collect();
            let found = figures(&runs);
            assert_eq!(
                (found.success.as_str(), found.median.as_str()),
                (success, median)
            );
            assert_eq!(found.last.is_some(), !runs.is_empty());
        }
    }
}
