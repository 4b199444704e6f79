//! The data folder: who holds it, what lies in it, and how its holder is reached.
//! May not know what the files say, but for `server.json`. Promise: one process holds a folder at a time, the lock names
//! it, and only the holder touches what a former holder left behind; nothing in the folder is readable by others.

mod master_key;
mod modes;

pub use master_key::KeyFiles;
pub use modes::{private_mode, too_open};

use crate::error::{Error, Result};
use modes::{create_private_folder, private_options, tighten};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database.
pub const DATABASE: &str = "flowlatch.db";
const LOCK: &str = "lock";
const SERVER_FILE: &str = "server.json";
const CONTROL_SOCKET: &str = "control.sock";
const CURRENT_KEY: &str = "master.key";
const NEXT_KEY: &str = "master.key.next";
/// Files that clients have uploaded.
pub const MEDIA: &str = "media";

/// The longest path of a socket that every platform takes, in bytes.
const LONGEST_SOCKET_PATH: usize = 103;
/// Commands hold a folder only briefly: how often, and how far apart, its lock is tried before giving up.
const TRIES: u32 = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A data folder that this process holds; others are kept out until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    // Closing the file gives the lock back.
    _lock: File,
}

/// What `server.json` says of the server that holds the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFile {
    /// Its process.
    pub pid: u32,
    /// Where it listens: no path, no trailing slash.
    pub url: String,
    /// The path before every other; empty for none.
    pub base_path: String,
    /// The database's random id.
    pub instance: String,
    /// ISO 8601 UTC.
    pub started_at: String,
    /// Where the owner of the folder reaches it with every right.
    pub control: Control,
}

/// The owner's way in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Control {
    /// A Unix socket that only the owner may open.
    Socket {
        /// Its path.
        socket: PathBuf,
    },
    /// A port on the loopback address, where sockets cannot be had.
    Loopback {
        /// `http://127.0.0.1:PORT`.
        url: String,
        /// To be sent as `Authorization: Bearer …`; a secret.
        token: String,
    },
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Control::Socket { socket } => write!(f, "Socket({})", socket.display()),
            Control::Loopback { url, .. } => write!(f, "Loopback({url})"),
        }
    }
}

impl ServerFile {
    /// What the folder's `server.json` says; `None` when there is none, or none that can be read. The server it names may
    /// be gone: only [`is_held`] tells.
    pub fn read(folder: &Path) -> Option<ServerFile> {
        serde_json::from_slice(&fs::read(folder.join(SERVER_FILE)).ok()?).ok()
    }
}

/// Whether a process holds the folder now.
pub fn is_held(folder: &Path) -> bool {
    File::open(folder.join(LOCK))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl DataFolder {
    /// Makes the folder where needed and takes it. While a command holds it, waits up to 2 s (blocking); when a server
    /// does, the error names it.
    pub fn open(path: &Path) -> Result<DataFolder> {
        DataFolder::open_with_patience(path, TRIES)
    }

    fn open_with_patience(path: &Path, tries: u32) -> Result<DataFolder> {
        let failed = |what: &str, error: io::Error| {
            Error::caused_by(
                format!("cannot {what} the data folder {}", path.display()),
                error,
            )
        };
        let path = std::path::absolute(path).map_err(|error| failed("find", error))?;
        create_private_folder(&path).map_err(|error| failed("create", error))?;
        let lock = private_options()
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(|error| failed("lock", error))?;
        take(&lock, &path, tries)?;
        let folder = DataFolder { path, _lock: lock };
        folder.sweep().map_err(|error| failed("prepare", error))?;
        Ok(folder)
    }

    /// Removes what a holder that did not end in order has left, and closes what others could read.
    fn sweep(&self) -> io::Result<()> {
        self.retract()?;
        // SQLite would make its file readable by everybody; its other files take the mode of this one.
        private_options().truncate(false).open(self.database())?;
        tighten(&self.path)
    }

    /// The folder, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database. The file exists (empty the first time), readable by its owner only.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where the control socket belongs; nothing lies there yet. `None` where a socket cannot be: on other platforms than
    /// Unix, and when the path is longer than 103 bytes.
    pub fn control_socket(&self) -> Option<PathBuf> {
        let path = self.path.join(CONTROL_SOCKET);
        (cfg!(unix) && path.as_os_str().len() <= LONGEST_SOCKET_PATH).then_some(path)
    }

    /// The folder of uploaded files, made where needed.
    pub fn media(&self) -> Result<PathBuf> {
        let path = self.path.join(MEDIA);
        create_private_folder(&path).map_err(|error| {
            Error::caused_by(format!("cannot create {}", path.display()), error)
        })?;
        Ok(path)
    }

    /// Writes `server.json`, whole or not at all.
    pub fn announce(&self, server: &ServerFile) -> Result<()> {
        let path = self.path.join(SERVER_FILE);
        let draft = self.path.join("server.json.new");
        let write = || -> io::Result<()> {
            let mut file = private_options().truncate(true).open(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(server)?)?;
            drop(file);
            fs::rename(&draft, &path)
        };
        write().map_err(|error| Error::caused_by(format!("cannot write {}", path.display()), error))
    }

    /// Removes `server.json` and the control socket, if they are there.
    fn retract(&self) -> io::Result<()> {
        for name in [SERVER_FILE, CONTROL_SOCKET] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Err(error) = self.retract() {
            log::warn!(
                "{SERVER_FILE} in {} stays behind: {error}",
                self.path.display()
            );
        }
    }
}

fn take(lock: &File, folder: &Path, tries: u32) -> Result<()> {
    for attempt in 1.. {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => {
                return Err(Error::caused_by(format!("cannot lock {}", folder.display()), error)
                    .hint("the data folder must lie on a file system with locks; network shares often have none"));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        // Not at the first try: somebody may just be asking whether the folder is held, beside a dead server's file.
        if attempt > 1
            && let Some(server) = ServerFile::read(folder)
        {
            return Err(Error::new(format!(
                "the data folder {} is held by the server with pid {} at {}{}",
                folder.display(),
                server.pid,
                server.url,
                server.base_path
            ))
            .hint("stop that server, or choose another folder with `--data DIR`"));
        }
        if attempt >= tries {
            break;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(Error::new(format!(
        "the data folder {} is held by another flowlatch process that is starting, stopping or at work",
        folder.display()
    ))
    .hint("try again in a moment, or choose another folder with `--data DIR`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerFile {
        ServerFile {
            pid: 4711,
            url: "http://127.0.0.1:3000".into(),
            base_path: String::new(),
            instance: "i".into(),
            started_at: "2024-01-15T10:00:00.000Z".into(),
            control: Control::Loopback {
                url: "http://127.0.0.1:1".into(),
                token: "secret".into(),
            },
        }
    }

    #[test]
    fn the_second_holder_is_told_who_the_first_is() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("data");
        let first = DataFolder::open(&path).expect("free");
        assert!(is_held(&path));
        let refused = DataFolder::open_with_patience(&path, 2).expect_err("held");
        assert!(
            refused
                .chain()
                .contains("held by another flowlatch process"),
            "{refused}"
        );
        first.announce(&server()).expect("written");
        let refused = DataFolder::open(&path).expect_err("held");
        assert!(
            refused
                .chain()
                .contains("pid 4711 at http://127.0.0.1:3000"),
            "{refused}"
        );
        assert!(refused.hint_text().is_some());
        assert_eq!(ServerFile::read(&path), Some(server()));
        drop(first);
        assert!(!is_held(&path) && ServerFile::read(&path).is_none());
        DataFolder::open_with_patience(&path, 1).expect("free again");
    }

    #[test]
    fn the_next_holder_clears_what_a_killed_one_left() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(
            root.path().join(SERVER_FILE),
            serde_json::to_vec(&server()).expect("JSON"),
        )
        .expect("written");
        fs::write(root.path().join(CONTROL_SOCKET), "").expect("written");
        let folder = DataFolder::open(root.path()).expect("nobody holds it");
        assert!(ServerFile::read(root.path()).is_none());
        assert!(
            folder
                .control_socket()
                .is_none_or(|socket| !socket.exists())
        );
    }

    #[test]
    fn server_json_has_the_agreed_fields_and_its_token_is_not_printed() {
        assert_eq!(
            serde_json::to_value(server()).expect("JSON"),
            serde_json::json!({"pid": 4711, "url": "http://127.0.0.1:3000", "basePath": "", "instance": "i",
                "startedAt": "2024-01-15T10:00:00.000Z", "control": {"url": "http://127.0.0.1:1", "token": "secret"}})
        );
        assert!(!format!("{:?}", server()).contains("secret"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_in() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let path = root.path().join("new/data");
        let folder = DataFolder::open(&path).expect("free");
        folder.announce(&server()).expect("written");
        assert_eq!((mode(&path), mode(&folder.database())), (0o700, 0o600));
        assert_eq!(mode(&path.join(SERVER_FILE)), 0o600);
        let database = folder.database();
        drop(folder);
        for wide in [&path, &database] {
            fs::set_permissions(wide, fs::Permissions::from_mode(0o755)).expect("changed");
        }
        assert_eq!(too_open(&path).expect("readable").len(), 2);
        drop(DataFolder::open(&path).expect("free"));
        assert_eq!((mode(&path), mode(&database)), (0o700, 0o600));

        let shared = root.path().join("shared");
        fs::create_dir(&shared).expect("created");
        fs::write(shared.join("a letter"), "").expect("written");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("changed");
        drop(DataFolder::open(&shared).expect("free"));
        assert_eq!(
            mode(&shared),
            0o777,
            "a folder with other files keeps its mode"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_long_path_has_no_socket() {
        let root = tempfile::tempdir().expect("a folder");
        let long = DataFolder::open(&root.path().join("x".repeat(100))).expect("free");
        assert_eq!(long.control_socket(), None);
    }
}
