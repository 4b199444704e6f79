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
        let (page, limit) = (named("page", page)?, named("limit", limit)?);
        Ok(page
            .zip(limit)
            .map(|(page, limit)| Paging::numbered(page, limit)))
    }

    /// The first page where none is named, of `usual` entries where their number is not.
    pub(super) fn read_or_first(
        page: Option<i64>,
        limit: Option<i64>,
        usual: usize,
    ) -> Result<Paging, Problem> {
        let (page, limit) = (named("page", page)?, named("limit", limit)?);
        Ok(Paging::numbered(page.unwrap_or(1), limit.unwrap_or(usual)))
    }

    fn numbered(page: usize, limit: usize) -> Paging {
        Paging {
            skipped: page.saturating_sub(1).saturating_mul(limit),
            limit,
        }
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

/// A number that was sent; 0 is as none.
fn named(name: &str, number: Option<i64>) -> Result<Option<usize>, Problem> {
    let number = number.unwrap_or(0);
    if number < 0 {
        return Err(worded(
            StatusCode::PRECONDITION_FAILED,
            format!("Error: {name} cannot be negative!"),
        ));
    }
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    Ok((number > 0).then_some(number))
}
