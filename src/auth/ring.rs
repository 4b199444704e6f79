//! The keys in memory, by id and by the public part of each of their texts.
//! May not know the store, addresses or who asks over what. Promise: nothing here waits or hashes slowly; what `put` has
//! returned from holds for every look-up that starts after it.

use super::Refusal;
use super::entry::{Counters, Holder, KeyEntry};
use super::first_use::{Digest, Verifier};
use super::rules::Holding;
use crate::id::KeyId;
use crate::model::key::{
    KeyRecord, KeyShape, PublicId, REVOKED_KEPT_MS, Standing, TextRole, is_foreign_id,
};
use crate::model::limit::{KeyLimits, Limit};
use crate::model::page::{Cursor, Page, PageRequest};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// All keys.
pub(super) struct Ring {
    default_limits: [Limit; 3],
    keys: HashMap<KeyId, Key>,
    texts: HashMap<PublicId, Text>,
    /// Whether a text of another form than the three was ever put in.
    knows_foreign_texts: bool,
}

struct Key {
    record: KeyRecord,
    counters: Arc<Counters>,
}

/// One text of a key.
struct Text {
    role: TextRole,
    standing: TextStanding,
    verifier: Arc<Verifier>,
    entry: Arc<KeyEntry>,
}

/// What of the record decides whether the text lets in; a copy, so that a check touches one map only.
struct TextStanding {
    revoked: bool,
    disabled: bool,
    /// The end of the key, or of this text, whichever is first.
    ends_at_ms: Option<i64>,
}

impl TextStanding {
    fn at(&self, now_ms: i64) -> Standing {
        if self.revoked {
            Standing::Revoked
        } else if self.ends_at_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            Standing::Expired
        } else if self.disabled {
            Standing::Disabled
        } else {
            Standing::InForce
        }
    }
}

/// What a look-up found.
pub(super) enum Seen {
    /// It lets in.
    In(Arc<KeyEntry>),
    /// It does not.
    Refused(Refusal),
    /// The public part is known, its text was not presented yet in this process.
    Unverified(Arc<Verifier>),
    /// It is the successor of a key's text, and this is its first use.
    Successor(Arc<KeyEntry>),
}

impl Ring {
    /// A ring without keys.
    pub(super) fn new(default_limits: [Limit; 3]) -> Ring {
        Ring {
            default_limits,
            keys: HashMap::new(),
            texts: HashMap::new(),
            knows_foreign_texts: false,
        }
    }

    /// Whom a text lets in, by its shape and digest. An unknown public part takes the same way as a wrong secret.
    pub(super) fn look_up(&self, shape: &KeyShape, digest: &Digest, now_ms: i64) -> Seen {
        let text = self.texts.get(&shape.public_id);
        let Some(text) = text.filter(|text| text.verifier.format() == shape.format) else {
            return Seen::Refused(Refusal::Unknown);
        };
        match text.verifier.recognises(digest) {
            None => return Seen::Unverified(Arc::clone(&text.verifier)),
            Some(false) => return Seen::Refused(Refusal::Unknown),
            Some(true) => {}
        }
        match (text.standing.at(now_ms), text.role) {
            (Standing::Revoked, _) => Seen::Refused(Refusal::Revoked),
            (Standing::Expired, _) => Seen::Refused(Refusal::Expired),
            (Standing::Disabled, _) => Seen::Refused(Refusal::Disabled),
            (Standing::InForce, TextRole::Pending) => Seen::Successor(Arc::clone(&text.entry)),
            (Standing::InForce, _) => Seen::In(Arc::clone(&text.entry)),
        }
    }

    /// The holder as it is now; `None` when its key, or the text that it came with, is no longer in force.
    pub(super) fn holder_now(&self, holder: &Holder, now_ms: i64) -> Option<Holder> {
        let Some(public_id) = &holder.text else {
            return Some(holder.clone());
        };
        let text = self.texts.get(public_id)?;
        let now = text.entry.holder();
        let same_key = now.id == holder.id;
        let in_force = text.standing.at(now_ms) == Standing::InForce;
        (same_key && in_force).then(|| now.clone())
    }

    /// Adds a key, or replaces it. What its texts have learnt and its counters have counted stays.
    pub(super) fn put(&mut self, record: KeyRecord) {
        let former = self.keys.remove(&record.id);
        let counters = former
            .as_ref()
            .map_or_else(Arc::default, |key| Arc::clone(&key.counters));
        let mut verifiers = former.map_or_else(HashMap::new, |key| self.take_texts(&key.record));
        let holding = Holding::of(&record, &self.default_limits);
        for (role, secret) in record.texts() {
            let Ok(public_id) = PublicId::try_from(secret.public_id.as_bytes()) else {
                log::warn!(
                    "key {} has a text whose public part is not 8 characters long; it lets nobody in",
                    record.id
                );
                continue;
            };
            let verifier = verifiers
                .remove(&public_id)
                .unwrap_or_else(|| Arc::new(Verifier::new(record.format, secret.phc.clone())));
            let ends = [record.expires_at_ms, secret.valid_until_ms];
            let text = Text {
                role,
                standing: TextStanding {
                    revoked: record.revoked_at_ms.is_some(),
                    disabled: record.disabled,
                    ends_at_ms: ends.into_iter().flatten().min(),
                },
                verifier,
                entry: Arc::new(KeyEntry::new(
                    &record,
                    public_id,
                    holding.clone(),
                    Arc::clone(&counters),
                )),
            };
            self.knows_foreign_texts |= is_foreign_id(&public_id);
            self.texts.insert(public_id, text);
        }
        self.keys
            .insert(record.id.clone(), Key { record, counters });
    }

    /// Forgets a key.
    pub(super) fn remove(&mut self, id: &KeyId) {
        if let Some(key) = self.keys.remove(id) {
            self.take_texts(&key.record);
        }
    }

    /// Teaches a text its digest, from whoever has just made it.
    pub(super) fn learn(&self, public_id: &PublicId, digest: Digest) {
        if let Some(text) = self.texts.get(public_id) {
            text.verifier.learn(digest);
        }
    }

    /// Whether a text with this public part is known.
    pub(super) fn has_text(&self, public_id: &PublicId) -> bool {
        self.texts.contains_key(public_id)
    }

    /// Whether texts of other forms than the three have to be looked up.
    pub(super) fn knows_foreign_texts(&self) -> bool {
        self.knows_foreign_texts
    }

    /// A page of the keys that a holder may see, newest first: itself, and those that hold no more than it does.
    pub(super) fn seen_by(&self, holder: &Holder, page: &PageRequest) -> Page<KeyRecord> {
        let after = page.after.as_ref().map(|last| (last.ts, last.id.as_str()));
        let mut seen: Vec<&Key> = self
            .keys
            .values()
            .filter(|key| self.sees(holder, &key.record))
            .filter(|key| after.is_none_or(|after| key.place() < after))
            .collect();
        seen.sort_by_key(|key| Reverse(key.place()));
        let limit = page.limit as usize;
        let last = seen.get(..limit).and_then(<[&Key]>::last);
        let next = last.filter(|_| seen.len() > limit).map(|key| Cursor {
            ts: key.record.created_at_ms,
            id: key.record.id.to_string(),
        });
        let items = seen.into_iter().take(limit);
        Page {
            items: items.map(Key::with_last_use).collect(),
            next,
        }
    }

    /// The ids of the keys that a holder may see.
    pub(super) fn ids_seen_by(&self, holder: &Holder) -> Vec<String> {
        self.keys
            .values()
            .filter(|key| self.sees(holder, &key.record))
            .map(|key| key.record.id.to_string())
            .collect()
    }

    /// One key, if the holder may see it.
    pub(super) fn get_seen_by(&self, holder: &Holder, id: &KeyId) -> Option<KeyRecord> {
        let key = self.keys.get(id)?;
        self.sees(holder, &key.record).then(|| key.with_last_use())
    }

    /// One key.
    pub(super) fn get(&self, id: &KeyId) -> Option<KeyRecord> {
        self.keys.get(id).map(Key::with_last_use)
    }

    /// What the key of this record holds.
    pub(super) fn holding_of(&self, record: &KeyRecord) -> Holding {
        Holding::of(record, &self.default_limits)
    }

    /// The limits in force where these are a key's own, in the order of [`Category::ALL`](crate::model::limit::Category::ALL).
    pub(super) fn limits_in_force(&self, own: &KeyLimits) -> [Limit; 3] {
        own.over(&self.default_limits)
    }

    /// Every key's counters.
    pub(super) fn counters(&self) -> impl Iterator<Item = (&KeyId, &Arc<Counters>)> {
        self.keys.iter().map(|(id, key)| (id, &key.counters))
    }

    /// The keys in force that end soon: id, name and end.
    pub(super) fn ending_soon(&self, now_ms: i64) -> Vec<(KeyId, String, i64)> {
        let records = self.keys.values().map(|key| &key.record);
        records
            .filter_map(|record| {
                let end_ms = record.soon_end_ms(now_ms)?;
                Some((record.id.clone(), record.name.clone(), end_ms))
            })
            .collect()
    }

    /// Whether a key was revoked so long ago that it no longer shows in lists.
    pub(super) fn has_bygone(&self, now_ms: i64) -> bool {
        self.keys.values().any(|key| {
            key.record
                .revoked_at_ms
                .is_some_and(|revoked_ms| now_ms.saturating_sub(revoked_ms) > REVOKED_KEPT_MS)
        })
    }

    fn sees(&self, holder: &Holder, record: &KeyRecord) -> bool {
        holder.id == record.id || holder.holding.covers(&self.holding_of(record))
    }

    fn take_texts(&mut self, record: &KeyRecord) -> HashMap<PublicId, Arc<Verifier>> {
        record
            .texts()
            .filter_map(|(_, secret)| PublicId::try_from(secret.public_id.as_bytes()).ok())
            .filter_map(|public_id| Some((public_id, self.texts.remove(&public_id)?.verifier)))
            .collect()
    }
}

impl Key {
    /// Its place in lists.
    fn place(&self) -> (i64, &str) {
        (self.record.created_at_ms, self.record.id.as_str())
    }

    fn with_last_use(&self) -> KeyRecord {
        let mut record = self.record.clone();
        if let Some(last_use) = self.counters.last_use() {
            record.last_use = Some(last_use);
        }
        record
    }
}

#[cfg(test)]
mod tests;
