//! A file that is coming in. May not know from where. Promise: it is kept whole, or nothing of it is left, whenever it is dropped.

use super::folder::Draft;
use super::room::Reserved;
use super::{MediaError, Parts, ended_badly};
use crate::id::MediaId;
use crate::model::audit::ChangedBy;
use crate::model::media::MediaFile;
use serde_json::json;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// A file that is coming in. Dropping it before [`Upload::finish`] leaves nothing of it.
pub struct Upload {
    parts: Arc<Parts>,
    by: ChangedBy,
    id: MediaId,
    name: String,
    content_type: &'static str,
    // The file is closed before its draft is removed.
    file: File,
    draft: Draft,
    reserved: Reserved,
}

impl Upload {
    pub(super) async fn begin(
        parts: Arc<Parts>,
        by: ChangedBy,
        name: String,
        content_type: &'static str,
    ) -> Result<Upload, MediaError> {
        let reserved = parts.room.reserve()?;
        let id = MediaId::generate();
        let (draft, file) = parts.folder.draft(&id).await?;
        Ok(Upload {
            parts,
            by,
            id,
            name,
            content_type,
            file,
            draft,
            reserved,
        })
    }

    /// The next bytes of it.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        let more = bytes.len() as u64;
        let max_file_bytes = self.parts.max_file_bytes;
        if self.reserved.bytes().saturating_add(more) > max_file_bytes {
            return Err(MediaError::TooLarge(max_file_bytes));
        }
        self.reserved.grow(more)?;
        Ok(self.file.write_all(bytes).await?)
    }

    /// Keeps it: the bytes first, then their name, then the row.
    pub async fn finish(self) -> Result<MediaFile, MediaError> {
        // A task of its own: once begun, it is done whether or not its client waits for it.
        tokio::spawn(self.keep()).await.unwrap_or_else(ended_badly)
    }

    async fn keep(self) -> Result<MediaFile, MediaError> {
        let Upload {
            parts,
            by,
            id,
            name,
            content_type,
            mut file,
            mut draft,
            reserved,
        } = self;
        file.flush().await?;
        file.sync_all().await?;
        drop(file);
        parts.folder.place(&mut draft, &id).await?;
        let kept = MediaFile {
            id,
            name,
            content_type: content_type.to_owned(),
            size_bytes: reserved.bytes(),
            created_at_ms: parts.clock.now_ms(),
        };
        let detail = json!({ "name": kept.name, "contentType": kept.content_type, "sizeBytes": kept.size_bytes });
        let entry = by.entry(
            kept.created_at_ms,
            "media.created",
            kept.id.as_str(),
            detail,
        );
        parts.store.insert_media(kept.clone(), entry).await?;
        draft.keep();
        reserved.keep();
        Ok(kept)
    }
}
