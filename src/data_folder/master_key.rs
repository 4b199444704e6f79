//! The file that holds the master key, and the one that holds the next while the key is changed.
//! May not know what is encrypted. Promise: both are readable by their owner only, and each is on the disk, whole, before
//! anybody relies on it.
//!
//! A change of the key writes [`NEXT`], then the database, then moves [`NEXT`] over [`CURRENT`]. Whoever finds both asks the
//! database which one fits.

use super::modes::private_options;
use super::{CURRENT_KEY as CURRENT, DataFolder, NEXT_KEY as NEXT};
use crate::error::{Error, Result};
use crate::secret::{BadMasterKey, MasterKey};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// A key's file is no longer than this, in bytes.
const MAX_BYTES: u64 = 1_024;

/// The keys that lie in a folder.
#[derive(Debug, Default)]
pub struct KeyFiles {
    /// The key in force, unless a change was interrupted after the database had the next one.
    pub current: Option<MasterKey>,
    /// The next one, while the key is being changed or after that was interrupted.
    pub next: Option<MasterKey>,
}

impl KeyFiles {
    /// Reads them. Where the one in force holds no key, that is an error that names it. A next one that holds none was being
    /// written when that was interrupted: nothing has used it yet, and it is as good as absent.
    pub fn read(folder: &Path) -> Result<KeyFiles> {
        let damaged = |path: &Path, error: BadMasterKey| {
            Error::new(format!("{} is damaged: {error}", path.display())).hint(
                "put the file back from a backup; what is encrypted cannot be read without it",
            )
        };
        let path = folder.join(CURRENT);
        let current = read(&path)?.transpose();
        Ok(KeyFiles {
            current: current.map_err(|error| damaged(&path, error))?,
            next: read(&folder.join(NEXT))?.and_then(|next| next.ok()),
        })
    }
}

fn read(path: &Path) -> Result<Option<std::result::Result<MasterKey, BadMasterKey>>> {
    let failed = |error: io::Error| {
        Error::caused_by(
            format!("cannot read the master key {}", path.display()),
            error,
        )
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(Some(MasterKey::parse(&text)))
}

impl DataFolder {
    /// Writes a first master key. The folder has none.
    pub fn write_key(&self, key: &MasterKey) -> Result<()> {
        self.write_next_key(key)?;
        self.promote_next_key()
    }

    /// Writes the key that is to be the next.
    pub fn write_next_key(&self, key: &MasterKey) -> Result<()> {
        let path = self.path().join(NEXT);
        let write = || -> io::Result<()> {
            let mut file = private_options().truncate(true).open(&path)?;
            file.write_all(key.text().expose().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            self.sync_names()
        };
        write().map_err(|error| Error::caused_by(format!("cannot write {}", path.display()), error))
    }

    /// Makes the next key the one in force.
    pub fn promote_next_key(&self) -> Result<()> {
        let path = self.path().join(CURRENT);
        fs::rename(self.path().join(NEXT), &path)
            .and_then(|()| self.sync_names())
            .map_err(|error| Error::caused_by(format!("cannot replace {}", path.display()), error))
    }

    /// Removes the next key, which never came into force; false when there is none.
    pub fn drop_next_key(&self) -> Result<bool> {
        let path = self.path().join(NEXT);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::caused_by(
                format!("cannot remove {}", path.display()),
                error,
            )),
        }
    }

    /// Makes created and renamed files survive a loss of power.
    fn sync_names(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(self.path())?.sync_all()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_read_and_moved() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = DataFolder::open(root.path()).expect("free");
        let keys = || KeyFiles::read(root.path()).expect("readable");
        assert!(keys().current.is_none() && keys().next.is_none());
        let (first, second) = (MasterKey::generate(), MasterKey::generate());
        let (first, second) = (first.expect("random"), second.expect("random"));
        folder.write_key(&first).expect("written");
        folder.write_next_key(&second).expect("written");
        assert!(keys().current.as_ref() == Some(&first) && keys().next.as_ref() == Some(&second));
        folder.promote_next_key().expect("moved");
        assert!(keys().current.as_ref() == Some(&second) && keys().next.is_none());
        folder.write_next_key(&first).expect("written");
        assert!(folder.drop_next_key().expect("removed"));
        assert!(!folder.drop_next_key().expect("nothing to remove"));
        assert!(keys().next.is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let metadata = fs::metadata(root.path().join(CURRENT)).expect("there");
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_told_without_its_text() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join(CURRENT), "half-of-a-key").expect("written");
        fs::write(root.path().join(NEXT), "also half-of-a-key").expect("written");
        let error = KeyFiles::read(root.path()).expect_err("no key");
        assert!(error.chain().contains("master.key is damaged"), "{error}");
        assert!(!error.chain().contains("half-of"), "{error}");
        fs::remove_file(root.path().join(CURRENT)).expect("removed");
        let keys = KeyFiles::read(root.path()).expect("readable");
        assert!(keys.current.is_none() && keys.next.is_none());
    }
}
