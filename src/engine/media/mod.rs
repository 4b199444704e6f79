//! Uploaded files: kept, listed, fetched through links, removed.
//! May not know requests or keys. Promises: a file is told as kept once its bytes and its row are on the disk; what came to
//! nothing leaves nothing behind; all files together never take more than they may, however many come at once.
//!
//! - `room`: how much all files may take.
//! - `folder`: where the bytes lie.
//! - `links`: what opens a file without a key.
//! - `upload`: a file that is coming in.

mod folder;
mod links;
mod room;
mod upload;

pub use links::Link;
pub use upload::Upload;

use crate::clock::Clock;
use crate::engine::outbound::{ADDRESS_REFUSED, CONFIG, Outbound, OutboundRequest, url};
use crate::id::MediaId;
use crate::model::audit::ChangedBy;
use crate::model::media::{MediaFile, file_name, served_type};
use crate::model::run::StepError;
use crate::store::{Store, StoreError};
use folder::Folder;
use links::Links;
use room::Room;
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::fs::File;

/// The most files that are kept, however small.
const MAX_FILES: u64 = 100_000;

/// What the files take from the configuration.
#[derive(Debug, Clone)]
pub struct MediaOptions {
    /// The folder; it exists, and only the owner can look into it.
    pub folder: PathBuf,
    /// The largest file, in bytes.
    pub max_file_bytes: u64,
    /// All files together, in bytes.
    pub max_total_bytes: u64,
    /// How long a link opens its file, in milliseconds.
    pub link_lifetime_ms: i64,
    /// What the links of approvals are signed with; that of these links is derived from it.
    pub link_key: [u8; 32],
}

/// Why a file was not kept, fetched or removed.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It is larger than so many bytes.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// There is no room for it: what may be kept, in words.
    #[error("{0}")]
    NoRoom(String),
    /// What was asked for cannot be: why, in a sentence.
    #[error("{0}")]
    Invalid(String),
    /// Whoever has the file did not give it: why, in a sentence.
    #[error("{0}")]
    Upstream(String),
    /// There is no such file, or the link is not one of its.
    #[error("no such file")]
    NotFound,
    /// The link was good once.
    #[error("the link has expired")]
    Expired,
    /// The folder.
    #[error("the folder of uploaded files: {0}")]
    Folder(#[from] io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A handle to the files; clones share it.
#[derive(Clone)]
pub struct Media(Arc<Parts>);

struct Parts {
    store: Store,
    clock: Clock,
    outbound: Outbound,
    folder: Folder,
    room: Arc<Room>,
    links: Links,
    max_file_bytes: u64,
}

impl Media {
    /// Opens the folder and removes what has no row in it. Nobody else may hold the folder.
    pub async fn open(
        store: Store,
        clock: Clock,
        outbound: Outbound,
        options: MediaOptions,
    ) -> Result<Media, MediaError> {
        let folder = Folder::new(options.folder);
        folder.sweep(&store).await?;
        let room = Room::new(store.media_use().await?, options.max_total_bytes, MAX_FILES);
        Ok(Media(Arc::new(Parts {
            links: Links::new(&options.link_key, options.link_lifetime_ms),
            store,
            clock,
            outbound,
            folder,
            room: Arc::new(room),
            max_file_bytes: options.max_file_bytes,
        })))
    }

    /// The largest file, in bytes.
    pub fn max_file_bytes(&self) -> u64 {
        self.0.max_file_bytes
    }

    /// Begins to keep a file that its client calls `name` and says to be of the media type `declared`.
    pub async fn begin(
        &self,
        by: ChangedBy,
        name: Option<&str>,
        declared: Option<&str>,
    ) -> Result<Upload, MediaError> {
        let name = file_name(name).map_err(MediaError::Invalid)?;
        Upload::begin(self.0.clone(), by, name, served_type(declared)).await
    }

    /// Keeps what a URL gives, fetched under the rules of outgoing calls.
    pub async fn fetch(&self, by: ChangedBy, from: &str) -> Result<MediaFile, MediaError> {
        let answer = self
            .0
            .outbound
            .send(get(from))
            .await
            .map_err(|error| not_fetched(&error))?;
        let shown = url::shown(from);
        if !(200..300).contains(&answer.status) {
            let message = format!("{shown} answered with the status {}.", answer.status);
            return Err(MediaError::Upstream(message));
        }
        let declared = answer.headers.iter();
        let declared = declared
            .filter(|(name, _)| name == "content-type")
            .map(|(_, value)| value.as_str())
            .next();
        // A name that is too long is the other side's, and no mistake of the client.
        let name = file_name(Some(&shown)).ok();
        let mut upload = self.begin(by, name.as_deref(), declared).await?;
        upload.write(&answer.body).await?;
        upload.finish().await
    }

    /// The newest files, or those that come after one in that order; so many at most.
    pub async fn list(
        &self,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<MediaFile>, StoreError> {
        self.0.store.list_media(after, limit).await
    }

    /// A link that opens the file from now on.
    pub fn link(&self, id: &MediaId) -> Link {
        self.0.links.link(id, self.0.clock.now_ms())
    }

    /// The file behind a link, opened at its beginning. `NotFound` and `Expired` cost no look at the disk.
    pub async fn follow(
        &self,
        id: &str,
        expires: &str,
        signature: &str,
    ) -> Result<(MediaFile, File), MediaError> {
        let now_ms = self.0.clock.now_ms();
        self.0.links.check(id, expires, signature, now_ms)?;
        let id: MediaId = id.parse().map_err(|_| MediaError::NotFound)?;
        let found = self.0.store.media_file(&id)?.ok_or(MediaError::NotFound)?;
        let opened = self.0.folder.open(&id).await;
        match opened {
            Ok((file, size_bytes)) if size_bytes == found.size_bytes => Ok((found, file)),
            Ok((_, size_bytes)) => {
                let kept = found.size_bytes;
                log::error!("the uploaded file {id} has {size_bytes} bytes; it had {kept}");
                Err(MediaError::NotFound)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                log::error!("the uploaded file {id} is gone from the data folder");
                Err(MediaError::NotFound)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file; its links open nothing from then on.
    pub async fn remove(&self, by: &ChangedBy, id: MediaId) -> Result<(), MediaError> {
        let at_ms = self.0.clock.now_ms();
        let entry = by.entry(at_ms, "media.deleted", id.as_str(), json!({}));
        let parts = self.0.clone();
        // A task of its own: a client that goes away shall not leave the bytes without their row.
        let removing = tokio::spawn(async move {
            let removed = parts.store.delete_media(id, entry).await?;
            let file = removed.ok_or(MediaError::NotFound)?;
            // Bytes that stay until the next start take their room until then.
            if parts.folder.remove(&file.id).await {
                parts.room.give_back(file.size_bytes);
            }
            Ok(())
        });
        removing.await.unwrap_or_else(ended_badly)
    }
}

fn get(from: &str) -> OutboundRequest {
    OutboundRequest {
        method: "GET".to_owned(),
        url: from.to_owned(),
        headers: Vec::new(),
        body: None,
        timeout_ms: None,
        max_response_bytes: None,
        confined: None,
    }
}

fn not_fetched(error: &StepError) -> MediaError {
    let message = format!("The file was not fetched: {}.", error.message);
    match error.code.as_str() {
        ADDRESS_REFUSED | CONFIG => MediaError::Invalid(message),
        _ => MediaError::Upstream(message),
    }
}

fn ended_badly<T>(error: tokio::task::JoinError) -> Result<T, MediaError> {
    Err(MediaError::Folder(io::Error::other(error)))
}
