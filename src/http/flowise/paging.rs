//! Pages of lists, as Flowise's clients ask for them: by number. May not know what is listed.

use super::worded;
use crate::http::problem::Problem;
use warp::http::StatusCode;

/// Which part of a list is asked for.
pub(super) struct Paging {
    /// How many come before it.
    pub(super) skipped: usize,
    /// How many it has at most.
    pub(super) limit: usize,
}

impl Paging {
    /// `None`: all of it.
    pub(super) fn read(page: Option<i64>, limit: Option<i64>) -> Result<Option<Paging>, Problem> {
        for (name, number) in [("page", page), ("limit", limit)] {
            if number.is_some_and(|number| number < 0) {
                return Err(worded(
                    StatusCode::PRECONDITION_FAILED,
                    format!("Error: {name} cannot be negative!"),
                ));
            }
        }
        let from = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(match (page, limit) {
            (Some(page @ 1..), Some(limit @ 1..)) => Some(Paging {
                skipped: from(page - 1).saturating_mul(from(limit)),
                limit: from(limit),
            }),
            _ => None,
        })
    }

    /// The page, refused by name where it has more than a list may.
    pub(super) fn at_most(self, limit: usize) -> Result<Paging, Problem> {
        if self.limit > limit {
            return Err(Problem::invalid(format!(
                "`limit` is {}; it goes up to {limit}.",
                self.limit
            )));
        }
        Ok(self)
    }

    /// Those that are on the page.
    pub(super) fn of<'a, T>(&self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        all.iter().skip(self.skipped).take(self.limit)
    }

    /// Which page it is, from 1.
    pub(super) fn page(&self) -> usize {
        self.skipped / self.limit + 1
    }
}
