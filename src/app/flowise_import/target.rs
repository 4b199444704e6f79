//! Where an import goes: the data folder, which no server may hold; for a dry run perhaps nothing yet.

use super::super::Options;
use super::super::first_start::FIRST_START;
use super::super::parts::{known_link_key, link_key};
use crate::clock::Clock;
use crate::config::Config;
use crate::data_folder::{DATABASE, DataFolder};
use crate::error::{Error, Result};
use crate::model::key::ForeignLookup;
use crate::store::{Store, StoreError, StoreOptions, inspect_key};

/// A data folder that is held, and its store.
pub(super) struct Target {
    /// `None`: there is no database yet, and a dry run makes none.
    pub(super) store: Option<Store>,
    pub(super) is_dry_run: bool,
    pub(super) clock: Clock,
    pub(super) lookup: ForeignLookup,
    // Dropped last: the store is closed by then.
    _folder: Option<DataFolder>,
}

impl Target {
    /// Takes the folder. A dry run makes and changes nothing.
    pub(super) async fn open(
        config: &Config,
        options: Options,
        is_dry_run: bool,
    ) -> Result<Target> {
        let path = config.data.join(DATABASE);
        if is_dry_run && !path.is_file() {
            return Ok(Target {
                store: None,
                is_dry_run,
                clock: options.clock,
                lookup: ForeignLookup::new(&[0; 32]),
                _folder: None,
            });
        }
        let folder = DataFolder::open(&config.data)?;
        if is_dry_run {
            require_newest(&folder)?;
        }
        let store_options = StoreOptions {
            readers: config.read_connections,
            commit_hook: options.commit_hook,
        };
        let store = Store::open(&folder.database(), store_options)
            .map_err(|error| cannot_open(&folder, error))?;
        let secret = match is_dry_run {
            // Without one nothing is looked up by it yet.
            true => known_link_key(&store)?.unwrap_or_default(),
            false => link_key(&store).await?,
        };
        Ok(Target {
            store: Some(store),
            is_dry_run,
            clock: options.clock,
            lookup: ForeignLookup::new(&secret),
            _folder: Some(folder),
        })
    }

    /// Whether no server was ever started on the folder.
    pub(super) fn is_new(&self) -> Result<bool> {
        let Some(store) = &self.store else {
            return Ok(true);
        };
        let mark = store.meta(FIRST_START).map_err(super::of_store)?;
        Ok(mark.is_none())
    }

    /// The store, if it is to be written to.
    pub(super) fn to_write(&self) -> Option<&Store> {
        self.store.as_ref().filter(|_| !self.is_dry_run)
    }

    pub(super) async fn close(self) {
        if let Some(store) = &self.store {
            store.close().await;
        }
    }
}

/// Opening an older database would upgrade it.
fn require_newest(folder: &DataFolder) -> Result<()> {
    let path = folder.database();
    match inspect_key(&path).map_err(|error| cannot_open(folder, error))? {
        Some(_) => Ok(()),
        None => Err(Error::new(format!(
            "{} is of another version of flowlatch, and a dry run changes nothing",
            path.display()
        ))
        .hint("start this version's server on it once, or import without --dry-run: either upgrades it")),
    }
}

fn cannot_open(folder: &DataFolder, error: StoreError) -> Error {
    let path = folder.database();
    Error::caused_by(
        format!("cannot open the database {}", path.display()),
        error,
    )
    .hint("`flowlatch doctor` looks at it without changing it")
}
