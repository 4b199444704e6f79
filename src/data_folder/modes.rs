//! File modes of the data folder: what others may open, and how that is prevented. Without effect on platforms without
//! modes. May not know who holds the folder.

use super::{CONTROL_SOCKET, CURRENT_KEY, DATABASE, LOCK, MEDIA, NEXT_KEY, SERVER_FILE};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

pub(super) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Which of the folder and its private files others may open, with their modes; empty on platforms without modes.
pub fn too_open(folder: &Path) -> io::Result<Vec<(PathBuf, u32)>> {
    let mut found = Vec::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let wal = format!("{DATABASE}-wal");
        let shm = format!("{DATABASE}-shm");
        let keys = [CURRENT_KEY, NEXT_KEY];
        // Into a folder that nobody else may enter, nobody else looks, whatever its files allow.
        let folders = ["", MEDIA];
        let others = [DATABASE, &wal, &shm, LOCK, SERVER_FILE, CONTROL_SOCKET];
        for name in folders.into_iter().chain(others).chain(keys) {
            let path = if name.is_empty() {
                folder.to_owned()
            } else {
                folder.join(name)
            };
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                    found.push((path, metadata.permissions().mode() & 0o777));
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Takes the rights of others away from the folder and its files, and says so in the log. A folder that holds other
/// people's files too (`--data /tmp`) keeps its mode: only a warning.
pub(super) fn tighten(folder: &Path) -> io::Result<()> {
    for (path, mode) in too_open(folder)? {
        let is_folder = path == folder;
        if is_folder && !is_ours_alone(folder)? {
            log::warn!(
                "{} has mode {mode:o} and holds other files too: others can look into it; use a folder of its own",
                path.display()
            );
            continue;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let private = private_mode(&path);
            fs::set_permissions(&path, fs::Permissions::from_mode(private))?;
            log::warn!(
                "{} had mode {mode:o}; it is {private:o} now",
                path.display()
            );
        }
    }
    Ok(())
}

/// The mode under which only the owner can open what lies at `path`.
pub fn private_mode(path: &Path) -> u32 {
    if path.is_dir() { 0o700 } else { 0o600 }
}

fn is_ours_alone(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let known = [
            LOCK,
            SERVER_FILE,
            CONTROL_SOCKET,
            CURRENT_KEY,
            NEXT_KEY,
            MEDIA,
        ];
        let is_ours = name.starts_with("flowlatch.") || known.contains(&&*name);
        if !is_ours {
            return Ok(false);
        }
    }
    Ok(true)
}
