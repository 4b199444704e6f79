//! How much all uploaded files may take. May not know files. Promise: what is reserved and what is kept never come to more than
//! may be kept, since it is added before a byte is written, and given back when it came to nothing.

use super::MediaError;
use crate::store::MediaUse;
use std::sync::{Arc, Mutex, PoisonError};

/// What may be kept, and what is.
pub(super) struct Room {
    max_bytes: u64,
    max_files: u64,
    used: Mutex<MediaUse>,
}

impl Room {
    pub(super) fn new(used: MediaUse, max_bytes: u64, max_files: u64) -> Room {
        Room {
            max_bytes,
            max_files,
            used: Mutex::new(used),
        }
    }

    /// Room for one file, of no bytes yet.
    pub(super) fn reserve(self: &Arc<Room>) -> Result<Reserved, MediaError> {
        self.change(|used| {
            used.files += 1;
            if used.files > self.max_files {
                return Err(MediaError::NoRoom(format!(
                    "{} files are kept, the most that are; delete some first.",
                    self.max_files
                )));
            }
            Ok(())
        })?;
        Ok(Reserved {
            room: self.clone(),
            bytes: 0,
            is_kept: false,
        })
    }

    /// A file of so many bytes is gone.
    pub(super) fn give_back(&self, bytes: u64) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.files = used.files.saturating_sub(1);
        used.bytes = used.bytes.saturating_sub(bytes);
    }

    /// A change of what is used, made whole or not at all.
    fn change(
        &self,
        change: impl FnOnce(&mut MediaUse) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = *used;
        change(&mut next)?;
        *used = next;
        Ok(())
    }
}

/// Room that a file has, given back when it is dropped before the file is kept.
pub(super) struct Reserved {
    room: Arc<Room>,
    bytes: u64,
    is_kept: bool,
}

impl Reserved {
    /// Room for so many more bytes.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), MediaError> {
        let max_bytes = self.room.max_bytes;
        self.room.change(|used| {
            used.bytes = used.bytes.saturating_add(bytes);
            if used.bytes > max_bytes {
                return Err(MediaError::NoRoom(format!(
                    "All files together may have {max_bytes} bytes (setting `max_media_total_bytes`); delete some first."
                )));
            }
            Ok(())
        })?;
        self.bytes += bytes;
        Ok(())
    }

    /// How many bytes there is room for.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file is kept, and its room used.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.is_kept {
            self.room.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;

    fn used(room: &Room) -> (u64, u64) {
        let used = room.used.lock().expect("no panic");
        (used.files, used.bytes)
    }

    #[test]
    fn what_comes_to_nothing_is_given_back_and_what_is_kept_is_not() {
        let room = Arc::new(Room::new(
            MediaUse {
                files: 1,
                bytes: 10,
            },
            30,
            3,
        ));
        let mut first = room.reserve().expect("room");
        let mut second = room.reserve().expect("room");
        assert!(room.reserve().is_err(), "a fourth file");
        first.grow(15).expect("room");
        assert!(second.grow(6).is_err(), "31 bytes");
        second.grow(5).expect("room");
        assert_eq!(used(&room), (3, 30));
        drop(second);
        assert_eq!(used(&room), (2, 25));
        first.keep();
        assert_eq!(used(&room), (2, 25));
        room.give_back(15);
        assert_eq!(used(&room), (1, 10));
    }
}
