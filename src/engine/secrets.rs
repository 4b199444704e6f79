//! Secrets of workflows: what `{{secrets.X}}` stands for, kept encrypted.
//! May not know templates or steps. Promises: a value never comes back to a client; a value is long enough to be redacted.

mod opened;

use super::redact::MIN_SECRET_CHARACTERS;
use crate::clock::Clock;
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::secret::{SecretName, SecretSummary};
use crate::model::workflow::Workflow;
use crate::secret::{MasterKey, SecretText};
use crate::store::{Edit, SealedSecret, Store, StoreError};
use crate::to_its_end::to_its_end;
use opened::Opened;
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 16 << 10;

/// Why a secret was not kept, changed or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The value cannot be kept; says why, and nothing of it.
    #[error("{0}")]
    Invalid(String),
    /// No such secret, or its workflow is gone.
    #[error("no such secret")]
    NotFound,
    /// There is one of that name, or there are too many.
    #[error("{0}")]
    Conflict(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be encrypted or decrypted.
    #[error("{0}")]
    Internal(String),
}

/// A handle to the secrets of workflows.
#[derive(Clone)]
pub struct Secrets {
    store: Store,
    clock: Clock,
    key: MasterKey,
    opened: Arc<Mutex<Opened>>,
}

impl Secrets {
    /// Over this store; `key` is the one that everything in it is encrypted with.
    pub fn new(store: Store, clock: Clock, key: MasterKey) -> Secrets {
        Secrets {
            store,
            clock,
            key,
            opened: Arc::default(),
        }
    }

    /// The secrets of a workflow, by name.
    pub fn list(&self, workflow: &Workflow) -> Result<Vec<SecretSummary>, StoreError> {
        self.store.secrets_of(workflow.sequence)
    }

    /// Keeps a new secret; a conflict when there is one of that name.
    pub async fn create(
        &self,
        by: &ChangedBy,
        workflow: &Workflow,
        name: SecretName,
        value: &SecretText,
    ) -> Result<SecretSummary, SecretError> {
        let sealed = self.seal(workflow, &name, value)?;
        let entry = self.entry(by, "secret.created", workflow, &name, sealed.now_ms);
        done(self.store.insert_secret(sealed, entry).await?)
    }

    /// Gives a secret another value. Steps see it at their next attempt.
    pub async fn replace(
        &self,
        by: &ChangedBy,
        workflow: &Workflow,
        name: SecretName,
        value: &SecretText,
    ) -> Result<SecretSummary, SecretError> {
        let sealed = self.seal(workflow, &name, value)?;
        let entry = self.entry(by, "secret.updated", workflow, &name, sealed.now_ms);
        let (secrets, workflow) = (self.clone(), workflow.id.clone());
        let replaced = to_its_end(async move {
            let replaced = secrets.store.replace_secret(sealed, entry).await;
            secrets.opened().forget(&workflow);
            replaced
        });
        done(replaced.await?)
    }

    /// Deletes a secret. No run of a workflow that names it starts from now on.
    pub async fn delete(
        &self,
        by: &ChangedBy,
        workflow: &Workflow,
        name: SecretName,
    ) -> Result<(), SecretError> {
        let entry = self.entry(by, "secret.deleted", workflow, &name, self.clock.now_ms());
        let (secrets, sequence, workflow) = (self.clone(), workflow.sequence, workflow.id.clone());
        let deleted = to_its_end(async move {
            let deleted = secrets.store.delete_secret(sequence, name, entry).await;
            secrets.opened().forget(&workflow);
            deleted
        });
        done(deleted.await?)
    }

    /// The value of a secret; `None` when there is none of that name. A point read, where it is not known from the last time.
    pub fn value(
        &self,
        workflow: &WorkflowId,
        name: &str,
    ) -> Result<Option<Arc<SecretText>>, SecretError> {
        let found = self.opened().find(workflow, name);
        let generation = match found {
            Ok(known) => return Ok(Some(known)),
            Err(generation) => generation,
        };
        let read = self.read(workflow, name)?.map(Arc::new);
        if let Some(value) = &read {
            self.opened().keep(generation, workflow, name, value);
        }
        Ok(read)
    }

    fn read(&self, workflow: &WorkflowId, name: &str) -> Result<Option<SecretText>, SecretError> {
        let Ok(name) = name.parse::<SecretName>() else {
            return Ok(None);
        };
        let Some(sealed) = self.store.sealed_secret(workflow, name.as_str())? else {
            return Ok(None);
        };
        let unreadable = |why: &dyn std::fmt::Display| {
            SecretError::Internal(format!("the secret `{name}` is unreadable: {why}"))
        };
        let plain = self.key.open(&sealed, &name.place(workflow));
        let plain = plain.map_err(|error| unreadable(&error))?;
        let text = std::str::from_utf8(&plain).map_err(|_| unreadable(&"it is not UTF-8"))?;
        Ok(Some(SecretText::new(text.to_owned())))
    }

    /// Which of these names have no secret.
    pub fn missing<'a>(
        &self,
        workflow: &Workflow,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<&'a str>, StoreError> {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            return Ok(Vec::new());
        }
        let known = self.list(workflow)?;
        let is_missing = |name: &&str| !known.iter().any(|secret| secret.name.as_str() == *name);
        Ok(names.filter(is_missing).collect())
    }

    fn seal(
        &self,
        workflow: &Workflow,
        name: &SecretName,
        value: &SecretText,
    ) -> Result<SealedSecret, SecretError> {
        let text = value.expose();
        if text.chars().count() < MIN_SECRET_CHARACTERS || text.len() > MAX_VALUE_BYTES {
            return Err(SecretError::Invalid(format!(
                "`value` has {MIN_SECRET_CHARACTERS} characters or more (a shorter one cannot be kept out of logs) and \
                 {MAX_VALUE_BYTES} bytes at most."
            )));
        }
        let sealed = self.key.seal(text.as_bytes(), &name.place(&workflow.id));
        Ok(SealedSecret {
            workflow_sequence: workflow.sequence,
            name: name.clone(),
            sealed: sealed.map_err(|error| SecretError::Internal(error.to_string()))?,
            now_ms: self.clock.now_ms(),
        })
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(
        &self,
        by: &ChangedBy,
        action: &'static str,
        workflow: &Workflow,
        name: &SecretName,
        now_ms: i64,
    ) -> crate::model::audit::AuditEntry {
        let detail = json!({ "secret": name.as_str() });
        by.entry(now_ms, action, workflow.id.as_str(), detail)
    }
}

fn done<T>(edit: Edit<T>) -> Result<T, SecretError> {
    match edit {
        Edit::Done(done) => Ok(done),
        Edit::NotFound => Err(SecretError::NotFound),
        Edit::Conflict(message) => Err(SecretError::Conflict(message)),
    }
}
