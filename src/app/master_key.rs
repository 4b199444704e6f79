//! Which master key is in force: from the environment, or from the data folder, made there where nothing is encrypted yet.
//! May not know what is encrypted. Promises: no server starts with a key that is not the database's; no key is made beside
//! something that another key has encrypted; at whatever point a change of the key stops, the folder opens with the key that
//! its database has.

use super::Options;
use crate::config::Config;
use crate::data_folder::{DATABASE, DataFolder, KeyFiles};
use crate::error::{Error, Result};
use crate::model::audit::AuditEntry;
use crate::secret::MasterKey;
use crate::store::{Store, StoreError, StoreOptions};
use serde_json::Value;

/// What a change of the key came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rekeyed {
    /// How many values were encrypted anew.
    pub values: u64,
    /// Whether the key comes from the environment, so that its owner has to set the new one there.
    pub from_environment: bool,
}

/// The key in force.
pub(super) async fn settle(
    config: &Config,
    folder: &DataFolder,
    store: &Store,
) -> Result<MasterKey> {
    let state = store.key_state().map_err(unreadable)?;
    let files = match config.master_key {
        Some(_) => KeyFiles::default(),
        None => KeyFiles::read(folder.path())?,
    };
    if let Some(key) = config
        .master_key
        .iter()
        .chain(&files.current)
        .find(|key| state.fits(key))
    {
        if config.master_key.is_none() && folder.drop_next_key()? {
            log::warn!("a change of the master key was interrupted before it took effect");
        }
        return Ok(key.clone());
    }
    if let Some(key) = files.next.filter(|key| state.fits(key)) {
        log::warn!("a change of the master key was interrupted after it took effect; finishing it");
        folder.promote_next_key()?;
        return Ok(key);
    }
    let given = config.master_key.clone().or(files.current);
    if state.values > 0 {
        return Err(refusal(config, given.is_some(), state.values));
    }
    let key = match given {
        Some(key) => key,
        None => {
            let key = MasterKey::generate().map_err(|error| Error::new(error.to_string()))?;
            // The file before the database: nothing is ever encrypted with a key that is not on the disk.
            folder.write_key(&key)?;
            key
        }
    };
    store.adopt_key(key.clone()).await.map_err(unreadable)?;
    Ok(key)
}

fn refusal(config: &Config, has_key: bool, values: u64) -> Error {
    let what = format!("{values} values in this data folder are encrypted");
    match (&config.master_key, has_key) {
        (Some(_), _) => Error::new(format!("FLOWLATCH_MASTER_KEY does not fit: {what} with another key")).hint(
            "set FLOWLATCH_MASTER_KEY to the key that they were encrypted with, or unset it where that key is in the file `master.key`",
        ),
        (None, true) => Error::new(format!("the file `master.key` does not fit: {what} with another key"))
            .hint("put the right `master.key` into the data folder, or set FLOWLATCH_MASTER_KEY"),
        (None, false) => Error::new(format!("the master key is missing: {what}"))
            .hint("put the file `master.key` back into the data folder, or set FLOWLATCH_MASTER_KEY"),
    }
}

fn unreadable(error: StoreError) -> Error {
    Error::caused_by("cannot read or write what tells the master key", error)
}

/// Encrypts everything in the folder of `config` with another key: `new`, or a random one. No server may hold the folder. A
/// key that comes from the environment needs `new`, since nobody would know a random one.
pub async fn rekey(config: &Config, options: Options, new: Option<MasterKey>) -> Result<Rekeyed> {
    if !config.data.join(DATABASE).is_file() {
        return Err(
            Error::new(format!("there is no database in {}", config.data.display()))
                .hint("name the data folder with `--data DIR`"),
        );
    }
    let from_environment = config.master_key.is_some();
    let new = match new {
        Some(new) => new,
        None if from_environment => {
            return Err(Error::new("the master key comes from FLOWLATCH_MASTER_KEY: give the new one with --new-key-stdin")
                .hint("`openssl rand -base64 32` makes one; set the variable to it afterwards"));
        }
        None => MasterKey::generate().map_err(|error| Error::new(error.to_string()))?,
    };
    let folder = DataFolder::open(&config.data)?;
    let store_options = StoreOptions {
        readers: config.read_connections,
        commit_hook: options.commit_hook,
    };
    let store = Store::open(&folder.database(), store_options).map_err(unreadable)?;
    let entry = AuditEntry {
        at_ms: options.clock.now_ms(),
        actor: "control".to_owned(),
        action: "master_key.changed",
        target: None,
        address: Some("control".to_owned()),
        result: "ok".to_owned(),
        detail: Value::Null,
    };
    let done = replace(config, &folder, &store, new, entry).await;
    store.close().await;
    done.map(|values| Rekeyed {
        values,
        from_environment,
    })
}

async fn replace(
    config: &Config,
    folder: &DataFolder,
    store: &Store,
    new: MasterKey,
    entry: AuditEntry,
) -> Result<u64> {
    let current = settle(config, folder, store).await?;
    if current == new {
        return Err(Error::new(
            "the new master key is the one that is in force already",
        ));
    }
    if config.master_key.is_none() {
        folder.write_next_key(&new)?;
    }
    let values = store.rekey(current, new, entry).await;
    let values = values.map_err(|error| Error::caused_by("nothing was changed", error))?;
    if config.master_key.is_none() {
        folder.promote_next_key()?;
    }
    Ok(values)
}
