//! What a key may be, and what one key may give to or do with another: pure rules.
//! May not know the ring, the store or time (a moment is handed in). Promise: nobody gives more than it holds, in
//! permissions, reach, time or rate; a refusal names the first thing that is too much.

use super::KeyError;
use crate::clock::iso_utc;
use crate::model::key::{KeyRecord, MAX_GRACE_SECONDS, PublicId};
use crate::model::limit::{Category, KeyLimits, Limit};
use crate::model::scope::{PermissionSet, UnknownScope, parse_scope};
use crate::model::workflow::Reach;

const MAX_NAME_CHARS: usize = 255;
const MAX_SCOPES: usize = 64;
/// Ten years, leap days included.
const MAX_LIFE_MS: i64 = 3_653 * 86_400_000;
/// A window keeps four bytes for each request that it has accepted, so a limit is a limit on memory, too.
const MAX_LIMIT: u32 = 1_000_000;

/// What a key holds, and so the most that it can give.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holding {
    /// What it may do.
    pub(super) permissions: PermissionSet,
    /// Which workflows it reaches.
    pub(super) reach: Reach,
    /// When it ends.
    pub(super) expires_at_ms: Option<i64>,
    /// The limits in force for it, in the order of [`Category::ALL`].
    pub(super) limits: [Limit; 3],
}

impl Holding {
    /// What the key of this record holds.
    pub(super) fn of(record: &KeyRecord, defaults: &[Limit; 3]) -> Holding {
        Holding {
            permissions: record.permissions,
            reach: record.reach.clone(),
            expires_at_ms: record.expires_at_ms,
            limits: record.limits.over(defaults),
        }
    }

    /// Whether `other` does and reaches no more than this: such keys it may see and manage.
    pub(super) fn covers(&self, other: &Holding) -> bool {
        self.permissions.includes(other.permissions) && self.reach.includes(&other.reach)
    }

    /// Whether this holder may give all of `given`, whose scope words are `words`.
    pub(super) fn may_give(&self, words: &[String], given: &Holding) -> Result<(), KeyError> {
        self.may_give_words(words)?;
        if !self.reach.includes(&given.reach) {
            return Err(not_held(format!(
                "the new key would reach more workflows than yours: bind it to {}",
                described(&self.reach)
            )));
        }
        self.may_give_time(given.expires_at_ms)?;
        Category::ALL
            .iter()
            .zip(self.limits.iter().zip(&given.limits))
            .try_for_each(|(category, (own, given))| may_give_limit(*category, *own, *given))
    }

    /// Whether this holder may turn what a key holds into `after`. What was wider before may stay as it is, not grow.
    pub(super) fn may_turn(
        &self,
        before: &Holding,
        words: &[String],
        after: &Holding,
    ) -> Result<(), KeyError> {
        self.may_give_words(words)?;
        if outlives(after.expires_at_ms, before.expires_at_ms) {
            self.may_give_time(after.expires_at_ms)?;
        }
        for (index, category) in Category::ALL.iter().enumerate() {
            let limits = (
                self.limits.get(index),
                before.limits.get(index),
                after.limits.get(index),
            );
            if let (Some(own), Some(before), Some(after)) = limits
                && after.exceeds(*before)
            {
                may_give_limit(*category, *own, *after)?;
            }
        }
        Ok(())
    }

    fn may_give_words(&self, words: &[String]) -> Result<(), KeyError> {
        for word in words {
            if !self
                .permissions
                .includes(parse_scope(word).map_err(|error| unknown_scope(&error))?)
            {
                return Err(not_held(format!(
                    "your key does not hold `{word}`, so it cannot give it"
                )));
            }
        }
        Ok(())
    }

    fn may_give_time(&self, expires_at_ms: Option<i64>) -> Result<(), KeyError> {
        match self.expires_at_ms {
            Some(own_ms) if outlives(expires_at_ms, Some(own_ms)) => Err(not_held(format!(
                "the key would outlive yours: let it end at {} or before",
                iso_utc(own_ms)
            ))),
            _ => Ok(()),
        }
    }
}

/// Whether what ends at `this` is still there when `other` has ended; `None` is never.
fn outlives(this: Option<i64>, other: Option<i64>) -> bool {
    match (this, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(this), Some(other)) => this > other,
    }
}

fn may_give_limit(category: Category, own: Limit, given: Limit) -> Result<(), KeyError> {
    match own {
        Limit::PerMinute(own) if given.exceeds(Limit::PerMinute(own)) => Err(not_held(format!(
            "the key's {} limit would be higher than yours: set it to {own} a minute or less",
            category.as_str()
        ))),
        _ => Ok(()),
    }
}

fn described(reach: &Reach) -> String {
    match reach {
        Reach::All => "any workflow".to_owned(),
        Reach::Workflow(id) => format!("workflow `{id}`"),
        Reach::Prefix(prefix) => format!("workflow names that begin with `{prefix}`"),
    }
}

/// The scope words, each once, and what they permit together.
pub(super) fn read_scopes(words: Vec<String>) -> Result<(Vec<String>, PermissionSet), KeyError> {
    if !(1..=MAX_SCOPES).contains(&words.len()) {
        return Err(invalid(
            "scopes",
            format!("give 1 to {MAX_SCOPES} scope words, not {}", words.len()),
        ));
    }
    let mut each_once: Vec<String> = Vec::with_capacity(words.len());
    let mut permissions = PermissionSet::NONE;
    for word in words {
        permissions = permissions.with(parse_scope(&word).map_err(|error| unknown_scope(&error))?);
        if !each_once.contains(&word) {
            each_once.push(word);
        }
    }
    Ok((each_once, permissions))
}

/// 1 to 255 characters, not only white space, no control characters.
pub(super) fn check_name(name: &str) -> Result<(), KeyError> {
    check_text("name", name, "name")
}

/// A prefix of workflow names obeys the rules of names.
pub(super) fn check_reach(reach: &Reach) -> Result<(), KeyError> {
    match reach {
        Reach::All | Reach::Workflow(_) => Ok(()),
        Reach::Prefix(prefix) => check_text("workflowPrefix", prefix, "prefix"),
    }
}

/// In the future, at most ten years from now.
pub(super) fn check_expiry(expires_at_ms: Option<i64>, now_ms: i64) -> Result<(), KeyError> {
    match expires_at_ms {
        Some(end_ms) if end_ms <= now_ms => Err(invalid(
            "expiresAt",
            format!("{} is not in the future", iso_utc(end_ms)),
        )),
        Some(end_ms) if end_ms.saturating_sub(now_ms) > MAX_LIFE_MS => Err(invalid(
            "expiresAt",
            "more than ten years from now; leave it out for a key that does not end".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Each limit 1 to 1,000,000 a minute, or none.
pub(super) fn check_limits(limits: &KeyLimits) -> Result<(), KeyError> {
    for limit in [limits.read, limits.write, limits.execute]
        .into_iter()
        .flatten()
    {
        if let Limit::PerMinute(n) = limit
            && !(1..=MAX_LIMIT).contains(&n)
        {
            return Err(invalid(
                "limits",
                format!("{n} a minute is out of range: 1 to {MAX_LIMIT}, or null for no limit"),
            ));
        }
    }
    Ok(())
}

/// The former text of a rotated key works for a while, but whoever has only that changes no key: it is what a rotation takes
/// away from somebody.
pub(super) fn check_changing_text(record: &KeyRecord, text: &PublicId) -> Result<(), KeyError> {
    let former = record.former.as_ref();
    if former.is_some_and(|former| former.public_id.as_bytes() == text) {
        return Err(not_held(
            "this is the key's former text, which changes no keys; use the one that took its place"
                .to_owned(),
        ));
    }
    Ok(())
}

/// 0 to a day.
pub(super) fn check_grace(grace_seconds: u32) -> Result<(), KeyError> {
    if grace_seconds > MAX_GRACE_SECONDS {
        return Err(invalid(
            "graceSeconds",
            format!("{grace_seconds} is out of range: 0 to {MAX_GRACE_SECONDS}"),
        ));
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str, what: &str) -> Result<(), KeyError> {
    let length = text.chars().count();
    if length > MAX_NAME_CHARS || text.trim().is_empty() {
        return Err(invalid(
            field,
            format!("a {what} has 1 to {MAX_NAME_CHARS} characters, not {length}"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(
            field,
            format!("a {what} has no control characters"),
        ));
    }
    Ok(())
}

fn unknown_scope(error: &UnknownScope) -> KeyError {
    invalid("scopes", error.to_string())
}

fn invalid(field: &'static str, message: String) -> KeyError {
    KeyError::Invalid { field, message }
}

fn not_held(message: String) -> KeyError {
    KeyError::NotHeld(message)
}

#[cfg(test)]
mod tests;
