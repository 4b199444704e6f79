//! Where the bytes of uploaded files lie: `<id>`, and `<id>.part` while they come in. May not know what is in them.
//! Promises: a path is made of the server's own ids alone; nobody but the owner can read a file; a file under its name is whole
//! and on the disk.

use super::MediaError;
use crate::id::MediaId;
use crate::store::Store;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::{self, File};

const COMING_IN: &str = ".part";

/// The folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Folder {
        Folder(path)
    }

    fn path(&self, id: &MediaId) -> PathBuf {
        self.0.join(id.as_str())
    }

    /// A new file for bytes that come in. It is removed when the draft is dropped before it was kept.
    pub(super) async fn draft(&self, id: &MediaId) -> io::Result<(Draft, File)> {
        let path = self.0.join(format!("{id}{COMING_IN}"));
        // File and draft are one from the beginning: where nobody waits for them any more, both are dropped.
        let opening = tokio::task::spawn_blocking(move || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&path)?;
            let draft = Draft {
                path,
                is_kept: false,
            };
            Ok((draft, File::from_std(file)))
        });
        opening.await.map_err(io::Error::other)?
    }

    /// Gives a draft, whose bytes are on the disk, its name.
    pub(super) async fn place(&self, draft: &mut Draft, id: &MediaId) -> io::Result<()> {
        let path = self.path(id);
        fs::rename(&draft.path, &path).await?;
        draft.path = path;
        sync_folder(&self.0).await
    }

    /// A file at its beginning, and how many bytes it has.
    pub(super) async fn open(&self, id: &MediaId) -> io::Result<(File, u64)> {
        let file = File::open(self.path(id)).await?;
        let metadata = file.metadata().await?;
        Ok((file, metadata.len()))
    }

    /// Removes the bytes of a file without a row, and says whether they are gone. Should that fail, the next start does it.
    pub(super) async fn remove(&self, id: &MediaId) -> bool {
        match fs::remove_file(self.path(id)).await {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                log::warn!("the bytes of the removed file {id} stay for now: {error}");
                false
            }
        }
    }

    /// Removes every file of the server's own that has no row: what was coming in, or was being removed, at a crash.
    pub(super) async fn sweep(&self, store: &Store) -> Result<(), MediaError> {
        let mut entries = fs::read_dir(&self.0).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (id, is_whole) = match name.strip_suffix(COMING_IN) {
                Some(id) => (id, false),
                None => (&*name, true),
            };
            let id: Option<MediaId> = id.parse().ok().filter(|_| id.starts_with("media_"));
            let Some(id) = id else {
                log::warn!(
                    "{} is no file of the server's; it stays",
                    entry.path().display()
                );
                continue;
            };
            if !is_whole || store.media_file(&id)?.is_none() {
                fs::remove_file(entry.path()).await?;
                log::info!("the uploaded file {id}, which was not kept, is removed");
            }
        }
        Ok(())
    }
}

/// A file that is not kept yet.
pub(super) struct Draft {
    path: PathBuf,
    is_kept: bool,
}

impl Draft {
    /// The file stays.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One call that waits for nothing but the file system; should it fail, the next start does it.
        if !self.is_kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            log::warn!("{} stays for now: {error}", self.path.display());
        }
    }
}

/// A new name is on the disk once its folder is; platforms without such a call need none.
async fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder).await?.sync_all().await?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_draft_that_nobody_waits_for_any_more_leaves_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(root.path().to_owned());
        let lying = || std::fs::read_dir(root.path()).expect("readable").count();
        for _ in 0..50 {
            let id = MediaId::generate();
            let mut opening = Box::pin(folder.draft(&id));
            // Once: it is being opened, and then its client is gone.
            drop((&mut opening).now_or_never());
        }
        let id = MediaId::generate();
        let (draft, file) = folder.draft(&id).await.expect("opened");
        drop((file, draft));
        // Whatever was being opened is done when the pool is: one thread of it does one thing after another.
        for _ in 0..2_000 {
            if lying() == 0 {
                return;
            }
            tokio::task::spawn_blocking(|| ()).await.expect("a thread");
        }
        panic!("{} files are left", lying());
    }

    #[tokio::test]
    async fn bytes_that_cannot_be_removed_are_not_said_to_be_gone() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(root.path().to_owned());
        let id = MediaId::generate();
        assert!(folder.remove(&id).await, "there is nothing");
        // No file: it cannot be unlinked.
        std::fs::create_dir(root.path().join(id.as_str())).expect("made");
        assert!(!folder.remove(&id).await);
    }
}
