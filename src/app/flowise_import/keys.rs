//! Keys: their clients keep the texts that they have, of which nothing is kept here but a hash.

use super::{BY, Importer, of_file, of_store};
use crate::auth::{ImportedText, imported_secret};
use crate::error::{Error, Result};
use crate::id::KeyId;
use crate::model::audit::AuditEntry;
use crate::model::flowise_import::{
    ImportedScopes, Outcome, Thing, imported_scopes, moment, tidy_name,
};
use crate::model::key::{FOREIGN_CHARS, ForeignLookup, Form, KeyRecord, KeySecret, examine};
use crate::model::limit::KeyLimits;
use crate::model::scope::parse_scopes;
use crate::model::workflow::Reach;
use crate::secret::SecretText;
use crate::store::FlowiseKey;
use serde_json::json;
use std::collections::HashMap;

/// How many keys are written in one commit.
const BATCH: usize = 100;
/// Flowise's ids are longer; words that stand for somebody else, such as `control`, are shorter.
const SHORTEST_ID: usize = 20;

/// A row that can become a key.
struct Candidate {
    id: KeyId,
    name: String,
    scopes: ImportedScopes,
    text: ImportedText,
    at_ms: i64,
}

/// The keys that are here, and those that this import has brought.
struct Known {
    by_id: HashMap<KeyId, Option<KeyRecord>>,
    by_public_id: HashMap<String, (KeyId, KnownText)>,
}

enum KnownText {
    Stored(KeySecret),
    Brought(ImportedText),
}

/// What is to become of a row.
enum Verdict {
    New,
    Here(Outcome),
    /// The text is that of this key already.
    SameText(KeyId),
    Refused(&'static str),
}

impl Importer<'_> {
    pub(super) async fn import_keys(&mut self) -> Result<()> {
        let mut known = Known::new(match &self.target.store {
            Some(store) => store.all_keys().map_err(of_store)?,
            None => Vec::new(),
        });
        let mut fresh = Vec::new();
        for place in self.source.rows(Thing::Keys).map_err(of_file)? {
            self.step();
            let row = match self.source.key(place).map_err(of_file)? {
                Ok(row) => row,
                Err(broken) => {
                    self.skip_broken(Thing::Keys, broken);
                    continue;
                }
            };
            let named = (
                row.id.clone().unwrap_or_default(),
                tidy_name(row.name.as_deref(), "key"),
            );
            let candidate = match read(&row, &self.target.lookup) {
                Ok(candidate) => candidate,
                Err(reason) => {
                    self.tell(Thing::Keys, Outcome::Skipped, named, reason);
                    continue;
                }
            };
            if let Some(candidate) = self.judged(&mut known, candidate, named) {
                fresh.extend(self.to_write(&candidate)?);
                known.add(candidate);
            }
            if fresh.len() >= BATCH {
                self.write_keys(std::mem::take(&mut fresh)).await?;
            }
        }
        self.write_keys(fresh).await
    }

    /// The candidate, if it is to be brought; otherwise that is told.
    fn judged(
        &mut self,
        known: &mut Known,
        candidate: Candidate,
        named: (String, String),
    ) -> Option<Candidate> {
        let (thing, id) = (Thing::Keys, candidate.id.clone());
        match known.verdict(&candidate) {
            Verdict::New => {
                self.keys.insert(id.clone(), id);
                self.report.count(thing, Outcome::Brought);
                for word in &candidate.scopes.dropped {
                    let dropped = &mut self.report.dropped_permissions;
                    *dropped.entry(word.clone()).or_default() += 1;
                }
                return Some(candidate);
            }
            Verdict::Here(outcome) => {
                self.keys.insert(id.clone(), id);
                if outcome == Outcome::Unchanged {
                    self.report.count(thing, outcome);
                } else {
                    let reason = "its name or its permissions are others here, and stay".to_owned();
                    self.tell(thing, outcome, named, reason);
                }
            }
            Verdict::SameText(other) => {
                let reason =
                    format!("its text is that of the key {other}, which stands for it here");
                self.keys.insert(id, other);
                self.tell(thing, Outcome::Skipped, named, reason);
            }
            Verdict::Refused(reason) => {
                self.tell(thing, Outcome::Skipped, named, reason.to_owned());
            }
        }
        None
    }

    /// The record of a key to be brought; none in a dry run, which needs no slow hash.
    fn to_write(&self, candidate: &Candidate) -> Result<Option<(KeyRecord, AuditEntry)>> {
        if self.target.to_write().is_none() {
            return Ok(None);
        }
        let record = record(candidate)?;
        let detail = json!({
            "name": record.name,
            "scopes": record.scopes,
            "format": record.format,
            "keyPrefix": record.current.public_id,
            "from": "flowise",
        });
        let entry = AuditEntry {
            at_ms: self.target.clock.now_ms(),
            actor: BY.to_owned(),
            action: "key.imported",
            target: Some(record.id.to_string()),
            address: Some(BY.to_owned()),
            result: "ok".to_owned(),
            detail,
        };
        Ok(Some((record, entry)))
    }

    async fn write_keys(&self, keys: Vec<(KeyRecord, AuditEntry)>) -> Result<()> {
        match self.target.to_write() {
            Some(store) if !keys.is_empty() => store.import_keys(keys).await.map_err(of_store),
            _ => Ok(()),
        }
    }
}

/// The key that a row holds; otherwise why it holds none.
fn read(row: &FlowiseKey, lookup: &ForeignLookup) -> std::result::Result<Candidate, String> {
    let id = row.id.as_deref().unwrap_or_default();
    let id: KeyId = id.parse().map_err(|error| format!("`id`: {error}"))?;
    if id.as_str().len() < SHORTEST_ID {
        return Err("`id` is shorter than any that Flowise gives".to_owned());
    }
    Ok(Candidate {
        id,
        name: tidy_name(row.name.as_deref(), "key"),
        scopes: imported_scopes(row.permissions.as_deref())?,
        text: ImportedText::read(&row.text, lookup).ok_or_else(|| why_no_text(&row.text))?,
        at_ms: moment("updatedDate", &row.updated)?,
    })
}

/// Why a text is none that a key can have. Says nothing of the text itself.
fn why_no_text(text: &SecretText) -> String {
    let length = text.expose().chars().count();
    if matches!(examine(text.expose().as_bytes()), Form::WrongChecksum(_)) {
        return "its text has the form of a key of this server's own, with a wrong checksum"
            .to_owned();
    }
    if FOREIGN_CHARS.contains(&length) {
        return "its text has white space or control characters in it, which no request can carry"
            .to_owned();
    }
    format!(
        "its text has {length} characters; those of {} to {} can be brought",
        FOREIGN_CHARS.start(),
        FOREIGN_CHARS.end()
    )
}

fn record(candidate: &Candidate) -> Result<KeyRecord> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(format!("the key {} cannot be made: {error}", candidate.id))
    };
    let words = candidate.scopes.words.iter().map(String::as_str);
    Ok(KeyRecord {
        id: candidate.id.clone(),
        name: candidate.name.clone(),
        format: candidate.text.shape.format,
        scopes: candidate.scopes.words.clone(),
        permissions: parse_scopes(words).map_err(|error| failed(&error))?,
        reach: Reach::All,
        limits: KeyLimits::default(),
        created_at_ms: candidate.at_ms,
        updated_at_ms: candidate.at_ms,
        created_by: BY.to_owned(),
        expires_at_ms: None,
        disabled: false,
        revoked_at_ms: None,
        last_use: None,
        current: imported_secret(&candidate.text, candidate.at_ms)
            .map_err(|error| failed(&error))?,
        pending: None,
        former: None,
    })
}

impl Known {
    fn new(records: Vec<KeyRecord>) -> Known {
        let mut known = Known {
            by_id: HashMap::new(),
            by_public_id: HashMap::new(),
        };
        for record in records {
            for (_, secret) in record.texts() {
                let text = (record.id.clone(), KnownText::Stored(secret.clone()));
                known.by_public_id.insert(secret.public_id.clone(), text);
            }
            known.by_id.insert(record.id.clone(), Some(record));
        }
        known
    }

    /// A key that is brought now.
    fn add(&mut self, candidate: Candidate) {
        let public_id = candidate.text.public_id();
        self.by_id.insert(candidate.id.clone(), None);
        let text = (candidate.id, KnownText::Brought(candidate.text));
        self.by_public_id.insert(public_id, text);
    }

    /// A key is known by its id: its text may have been rotated here since, or it may have been revoked.
    fn verdict(&self, candidate: &Candidate) -> Verdict {
        match self.by_id.get(&candidate.id) {
            Some(None) => return Verdict::Refused("its id stands twice in the table"),
            Some(Some(here)) => {
                let is_same = here.name == candidate.name && here.scopes == candidate.scopes.words;
                return Verdict::Here(match is_same {
                    true => Outcome::Unchanged,
                    false => Outcome::Kept,
                });
            }
            None => {}
        }
        match self.by_public_id.get(&candidate.text.public_id()) {
            None => Verdict::New,
            Some((id, text)) if text.is(&candidate.text) => Verdict::SameText(id.clone()),
            Some(_) => Verdict::Refused(
                "the public part of its text is that of another key; make a new key for its clients",
            ),
        }
    }
}

impl KnownText {
    fn is(&self, text: &ImportedText) -> bool {
        match self {
            KnownText::Stored(secret) => text.is(secret),
            KnownText::Brought(brought) => brought == text,
        }
    }
}
