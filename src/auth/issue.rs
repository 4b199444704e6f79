//! Changes of keys: issue, update, rotate, revoke, and the first use of a successor.
//! May not know HTTP, nor how a key is recognised. Promise: a change is written with its audit row, then put into memory,
//! then answered; a caller that hangs up meanwhile interrupts none of this.

use super::entry::{Holder, KeyEntry};
use super::fresh_text::FreshText;
use super::keyring::Keyring;
use super::rules::{self, Holding};
use super::{KeyChange, KeyError, KeyText, NewKey};
use crate::id::KeyId;
use crate::model::audit::AuditEntry;
use crate::model::key::{KeyRecord, KeySecret, PublicId, Standing};
use crate::store::FirstStart;
use crate::to_its_end::to_its_end;
use serde_json::{Value, json};
use std::net::IpAddr;

/// Who changes something, and from where.
struct Asker {
    ring: Keyring,
    by: Holder,
    peer: String,
}

impl Keyring {
    /// Makes a key. `by` can give only what it holds itself: permissions, reach, time and limits. Nothing is filled in
    /// from `by`: a bound key has to name its binding, a key that ends an end.
    pub async fn issue(
        &self,
        by: &KeyEntry,
        peer: &str,
        new: NewKey,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        let asker = Asker::new(self, by, peer);
        to_its_end(async move { asker.issue(new, None).await }).await
    }

    /// Makes the first key of a data folder, in one job with what else a first start makes.
    pub async fn issue_first(
        &self,
        by: &KeyEntry,
        peer: &str,
        new: NewKey,
        first: FirstStart,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        let asker = Asker::new(self, by, peer);
        to_its_end(async move { asker.issue(new, Some(first)).await }).await
    }

    /// Changes a key that `by` may see; it holds for the next request. What the key holds may become less, or as much as
    /// `by` holds. A change that changes nothing writes nothing. `Conflict`: the key is revoked or has expired; it is
    /// not brought back by a later end.
    pub async fn update(
        &self,
        by: &KeyEntry,
        peer: &str,
        id: &KeyId,
        change: KeyChange,
    ) -> Result<KeyRecord, KeyError> {
        let (asker, id) = (Asker::new(self, by, peer), id.clone());
        to_its_end(async move { asker.update(&id, change).await }).await
    }

    /// Makes a pending successor of the key's text; it becomes active when first used, and only then the old text's grace
    /// runs. A successor that was pending before is replaced. A key can be rotated only by one that could have made it,
    /// or by itself. `Conflict`: the key is revoked or has expired.
    pub async fn rotate(
        &self,
        by: &KeyEntry,
        peer: &str,
        id: &KeyId,
        grace_seconds: u32,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        let (asker, id) = (Asker::new(self, by, peer), id.clone());
        to_its_end(async move { asker.rotate(&id, grace_seconds).await }).await
    }

    /// Ends a key for good. It stays in lists for 90 days. `Conflict`: it was revoked before.
    pub async fn revoke(
        &self,
        by: &KeyEntry,
        peer: &str,
        id: &KeyId,
    ) -> Result<KeyRecord, KeyError> {
        let (asker, id) = (Asker::new(self, by, peer), id.clone());
        to_its_end(async move { asker.revoke(&id).await }).await
    }

    /// Makes the successor with this public part the key's current text. When that cannot be written, the log says so
    /// and everything stays as it is.
    pub(super) async fn use_successor(&self, entry: &KeyEntry, public_id: PublicId, peer: IpAddr) {
        let asker = Asker::new(self, entry, &peer.to_canonical().to_string());
        let used = to_its_end(async move { asker.use_successor(public_id).await }).await;
        if let Err(error) = used {
            log::warn!(
                "the first use of key {} after its rotation was not written: {error}",
                entry.label()
            );
        }
    }
}

impl Asker {
    fn new(ring: &Keyring, by: &KeyEntry, peer: &str) -> Asker {
        Asker {
            ring: ring.clone(),
            by: by.holder().clone(),
            peer: peer.to_owned(),
        }
    }

    async fn issue(
        self,
        new: NewKey,
        first: Option<FirstStart>,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        let _turn = self.ring.shared.changes.lock().await;
        let (by, now_ms) = (self.by_now()?, self.now_ms());
        rules::check_name(&new.name)?;
        rules::check_reach(&new.reach)?;
        rules::check_expiry(new.expires_at_ms, now_ms)?;
        rules::check_limits(&new.limits)?;
        let (scopes, permissions) = rules::read_scopes(new.scopes)?;
        let given = Holding {
            permissions,
            reach: new.reach.clone(),
            expires_at_ms: new.expires_at_ms,
            limits: self.ring.ring().limits_in_force(&new.limits),
        };
        by.holding.may_give(&scopes, &given)?;
        let fresh = self.ring.fresh_text(new.format, now_ms).await?;
        let record = KeyRecord {
            id: KeyId::generate(),
            name: new.name,
            format: new.format,
            scopes,
            permissions,
            reach: new.reach,
            limits: new.limits,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            created_by: by.id.to_string(),
            expires_at_ms: new.expires_at_ms,
            disabled: false,
            revoked_at_ms: None,
            last_use: None,
            current: fresh.secret.clone(),
            pending: None,
            former: None,
        };
        let detail = json!({
            "name": record.name,
            "scopes": record.scopes,
            "format": record.format,
            "keyPrefix": shown(&record, &record.current),
        });
        let audit = self.audit("key.created", &record.id, detail);
        let store = &self.ring.shared.store;
        match first {
            Some(first) => {
                store
                    .first_start_with_key(first, record.clone(), audit)
                    .await?;
            }
            None => store.insert_key(record.clone(), audit).await?,
        }
        self.put_with(record.clone(), &fresh);
        Ok((record, fresh.text))
    }

    async fn update(self, id: &KeyId, change: KeyChange) -> Result<KeyRecord, KeyError> {
        let _turn = self.ring.shared.changes.lock().await;
        let (by, now_ms) = (self.by_now()?, self.now_ms());
        let before = self.changeable(&by, id, now_ms)?;
        let mut after = before.clone();
        if let Some(name) = change.name {
            rules::check_name(&name)?;
            after.name = name;
        }
        if let Some(words) = change.scopes {
            (after.scopes, after.permissions) = rules::read_scopes(words)?;
        }
        if let Some(expires_at_ms) = change.expires_at_ms {
            rules::check_expiry(expires_at_ms, now_ms)?;
            after.expires_at_ms = expires_at_ms;
        }
        if let Some(limits) = change.limits {
            rules::check_limits(&limits)?;
            after.limits = limits;
        }
        after.disabled = change.disabled.unwrap_or(before.disabled);
        let changed = changed_fields(&before, &after);
        let (held, holds) = {
            let ring = self.ring.ring();
            (ring.holding_of(&before), ring.holding_of(&after))
        };
        by.holding.may_turn(&held, &after.scopes, &holds)?;
        if changed.is_empty() {
            return Ok(before);
        }
        after.updated_at_ms = now_ms;
        let action = match (changed.as_slice(), after.disabled) {
            (["disabled"], true) => "key.disabled",
            (["disabled"], false) => "key.enabled",
            _ => "key.updated",
        };
        let detail =
            json!({ "changed": changed, "scopes": after.scopes, "disabled": after.disabled });
        self.write(after, action, detail).await
    }

    async fn rotate(
        self,
        id: &KeyId,
        grace_seconds: u32,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        let _turn = self.ring.shared.changes.lock().await;
        let (by, now_ms) = (self.by_now()?, self.now_ms());
        let before = self.changeable(&by, id, now_ms)?;
        rules::check_grace(grace_seconds)?;
        if by.id != before.id {
            // Whoever rotates gets a text of the key, so it must be one that it could have been given.
            let holding = self.ring.ring().holding_of(&before);
            by.holding.may_give(&before.scopes, &holding)?;
        }
        let fresh = self.ring.fresh_text(before.format, now_ms).await?;
        let after = before.with_successor(fresh.secret.clone(), grace_seconds, now_ms);
        let detail = json!({
            "keyPrefix": shown(&after, &fresh.secret),
            "graceSeconds": grace_seconds,
        });
        let after = self.write(after, "key.rotated", detail).await?;
        self.ring.ring().learn(&fresh.public_id, fresh.digest);
        Ok((after, fresh.text))
    }

    async fn revoke(self, id: &KeyId) -> Result<KeyRecord, KeyError> {
        let _turn = self.ring.shared.changes.lock().await;
        let (by, now_ms) = (self.by_now()?, self.now_ms());
        let mut record = self.seen(&by, id)?;
        if record.revoked_at_ms.is_some() {
            return Err(KeyError::Conflict("the key is already revoked".to_owned()));
        }
        record.revoked_at_ms = Some(now_ms);
        record.updated_at_ms = now_ms;
        self.write(record, "key.revoked", json!({})).await
    }

    async fn use_successor(self, public_id: PublicId) -> Result<(), KeyError> {
        let _turn = self.ring.shared.changes.lock().await;
        let record = self.ring.ring().get(&self.by.id);
        let waiting = record.filter(|record| {
            let pending = record.pending.as_ref();
            pending.is_some_and(|pending| pending.secret.public_id.as_bytes() == public_id)
        });
        // Nothing to do when somebody else used it first, or it was replaced meanwhile.
        let Some(after) = waiting.and_then(|record| record.with_successor_used(self.now_ms()))
        else {
            return Ok(());
        };
        let former_ends_at_ms = after
            .former
            .as_ref()
            .and_then(|former| former.valid_until_ms);
        let detail = json!({
            "keyPrefix": shown(&after, &after.current),
            "formerEndsAt": former_ends_at_ms.map(crate::clock::iso_utc),
        });
        self.write(after, "key.activated", detail).await?;
        Ok(())
    }

    /// Writes a changed record with its audit row, then puts it into memory.
    async fn write(
        &self,
        record: KeyRecord,
        action: &'static str,
        detail: Value,
    ) -> Result<KeyRecord, KeyError> {
        let audit = self.audit(action, &record.id, detail);
        self.ring
            .shared
            .store
            .update_key(record.clone(), audit)
            .await?;
        self.ring.ring_mut().put(record.clone());
        Ok(record)
    }

    /// Puts a key into memory whose first text is known, so that its first use needs no slow hash.
    fn put_with(&self, record: KeyRecord, fresh: &FreshText) {
        let mut ring = self.ring.ring_mut();
        ring.put(record);
        ring.learn(&fresh.public_id, fresh.digest);
    }

    /// Who asks, as it is now: it may have been narrowed, rotated or revoked while this change waited for its turn.
    fn by_now(&self) -> Result<Holder, KeyError> {
        let holder = self.ring.holder_now(&self.by).ok_or_else(|| {
            KeyError::NotHeld("your key is no longer in force, so it can change nothing".to_owned())
        })?;
        let record = self.ring.ring().get(&holder.id);
        if let (Some(record), Some(text)) = (record, &holder.text) {
            rules::check_changing_text(&record, text)?;
        }
        Ok(holder)
    }

    fn seen(&self, by: &Holder, id: &KeyId) -> Result<KeyRecord, KeyError> {
        let seen = self.ring.ring().get_seen_by(by, id);
        seen.ok_or(KeyError::NotFound)
    }

    /// A key that can still be changed.
    fn changeable(&self, by: &Holder, id: &KeyId, now_ms: i64) -> Result<KeyRecord, KeyError> {
        let record = self.seen(by, id)?;
        let over = match record.standing(now_ms) {
            Standing::InForce | Standing::Disabled => return Ok(record),
            Standing::Revoked => "is revoked",
            Standing::Expired => "has expired",
        };
        Err(KeyError::Conflict(format!(
            "the key {over} and cannot be changed; make a new one"
        )))
    }

    fn audit(&self, action: &'static str, id: &KeyId, detail: Value) -> AuditEntry {
        AuditEntry {
            at_ms: self.now_ms(),
            actor: self.by.id.to_string(),
            action,
            target: Some(id.to_string()),
            address: Some(self.peer.clone()),
            result: "ok".to_owned(),
            detail,
        }
    }

    fn now_ms(&self) -> i64 {
        self.ring.shared.clock.now_ms()
    }
}

/// A text as lists and logs show it: prefix and public part.
fn shown(record: &KeyRecord, secret: &KeySecret) -> String {
    format!("{}{}", record.format.prefix(), secret.public_id)
}

/// The fields that differ, by their names in the native door.
fn changed_fields(before: &KeyRecord, after: &KeyRecord) -> Vec<&'static str> {
    [
        ("name", before.name != after.name),
        ("scopes", before.scopes != after.scopes),
        ("expiresAt", before.expires_at_ms != after.expires_at_ms),
        ("limits", before.limits != after.limits),
        ("disabled", before.disabled != after.disabled),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}
