//! `flowlatch doctor`: what is wrong with a data folder. Changes nothing.
//! May not know SQL; the store inspects its own file. Promise: every check is shown, and the exit code is 1 when one fails.

use super::Failure;
use super::output::Output;
use crate::config::Config;
use crate::data_folder::{self, DATABASE, KeyFiles, MEDIA, ServerFile};
use crate::error::{Error, Result};
use crate::id::MediaId;
use crate::secret::MasterKey;
use crate::store::{inspect, inspect_key, inspect_media, undecryptable};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// One check and what it found.
struct Check {
    name: String,
    ok: bool,
    message: String,
}

/// Checks the data folder of this configuration.
pub(super) fn run(config: &Config, output: &Output) -> std::result::Result<(), Failure> {
    let checks = examine(&config.data, config.master_key.as_ref())?;
    if output.json {
        let list = checks
            .iter()
            .map(|check| json!({"name": check.name, "ok": check.ok, "message": check.message}));
        output.json(&Value::Array(list.collect()))?;
    } else {
        let rows: Vec<Vec<String>> = checks
            .iter()
            .map(|check| {
                let word = if check.ok { "ok" } else { "wrong" };
                vec![word.to_owned(), check.name.clone(), check.message.clone()]
            })
            .collect();
        output.table(&["", "CHECK", "FOUND"], &rows)?;
    }
    match checks.iter().filter(|check| !check.ok).count() {
        0 => Ok(()),
        wrong => Err(Error::new(format!(
            "{wrong} of {} checks found something wrong",
            checks.len()
        ))
        .into()),
    }
}

fn examine(folder: &Path, given_key: Option<&MasterKey>) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut found = |name: &'static str, ok: bool, message: String| {
        checks.push(Check {
            name: name.to_owned(),
            ok,
            message,
        });
    };
    if !folder.is_dir() {
        found(
            "folder",
            false,
            format!("{} is not there", folder.display()),
        );
        return Ok(checks);
    }
    found("folder", true, folder.display().to_string());
    let open = data_folder::too_open(folder).map_err(|error| {
        Error::caused_by(format!("cannot look into {}", folder.display()), error)
    })?;
    if open.is_empty() {
        found(
            "modes",
            true,
            "only the owner can open the folder and its files".into(),
        );
    }
    for (path, mode) in open {
        let right = data_folder::private_mode(&path);
        let message = format!(
            "{} has mode {mode:o}: others can open it; chmod {right:o} closes it",
            path.display()
        );
        found("modes", false, message);
    }
    found("lock", true, holder(folder));
    let database = folder.join(DATABASE);
    if !database.is_file() {
        found(
            "database",
            false,
            format!(
                "{} is not there; the first start makes it",
                database.display()
            ),
        );
        return Ok(checks);
    }
    let inspected = inspect(&database).map_err(|error| {
        Error::caused_by(format!("cannot inspect {}", database.display()), error)
    })?;
    checks.extend(inspected.into_iter().map(|finding| Check {
        name: finding.name.to_owned(),
        ok: finding.ok,
        message: finding.sentence,
    }));
    checks.extend(beside_database(folder, &database, given_key));
    Ok(checks)
}

/// Whether what lies beside the database belongs to it.
fn beside_database(
    folder: &Path,
    database: &Path,
    given_key: Option<&MasterKey>,
) -> impl Iterator<Item = Check> {
    let failed = |error: Error| Some((false, error.chain()));
    let checks = [
        ("master key", master_key(folder, database, given_key)),
        ("uploaded files", uploaded_files(folder, database)),
    ];
    checks.into_iter().filter_map(move |(name, found)| {
        let (ok, message) = found.unwrap_or_else(failed)?;
        let name = name.to_owned();
        Some(Check { name, ok, message })
    })
}

/// Whether the bytes of every uploaded file are there, all of them; `None` where the database is of another version.
fn uploaded_files(folder: &Path, database: &Path) -> Result<Option<(bool, String)>> {
    let cannot = |error| Error::caused_by("the uploaded files cannot be read", error);
    let Some(files) = inspect_media(database).map_err(cannot)? else {
        return Ok(None);
    };
    let media = folder.join(MEDIA);
    let is_whole = |id: &MediaId, size_bytes: u64| {
        fs::metadata(media.join(id.as_str())).is_ok_and(|found| found.len() == size_bytes)
    };
    let wrong = files.iter().filter(|(id, size)| !is_whole(id, *size));
    let wrong: Vec<&str> = wrong.map(|(id, _)| id.as_str()).collect();
    let count = files.len();
    Ok(Some(match wrong.as_slice() {
        [] => (true, format!("{count}, all of them whole")),
        [first, ..] => {
            let message = format!(
                "{} of {count} are gone or not whole, as {first} in {}; put them back from a backup, or remove them",
                wrong.len(),
                media.display()
            );
            (false, message)
        }
    }))
}

/// Whether the key that a server would start with fits; `None` where the database is of another version.
fn master_key(
    folder: &Path,
    database: &Path,
    given: Option<&MasterKey>,
) -> Result<Option<(bool, String)>> {
    let cannot = |error| Error::caused_by("the encrypted values cannot be read", error);
    let Some(state) = inspect_key(database).map_err(cannot)? else {
        return Ok(None);
    };
    let files = match given {
        Some(_) => KeyFiles::default(),
        None => KeyFiles::read(folder)?,
    };
    let candidates = [
        (given, "FLOWLATCH_MASTER_KEY"),
        (files.current.as_ref(), "the file master.key"),
        (
            files.next.as_ref(),
            "the file master.key.next, of an interrupted change that the next start finishes,",
        ),
    ];
    let fitting = candidates
        .into_iter()
        .find_map(|(key, name)| Some((key.filter(|key| state.fits(key))?, name)));
    let values = state.values;
    let Some((key, name)) = fitting else {
        return Ok(Some(if values == 0 {
            (true, "nothing is encrypted yet".to_owned())
        } else {
            let message = format!(
                "no key fits the {values} encrypted values: put the right master.key back, or set FLOWLATCH_MASTER_KEY"
            );
            (false, message)
        }));
    };
    let faults = undecryptable(database, key).map_err(cannot)?;
    Ok(Some(if faults.is_empty() {
        (
            true,
            format!("{name} fits; {values} encrypted values can be read"),
        )
    } else {
        let faults = faults.join(", ");
        let message = format!(
            "{name} fits, but these were altered and cannot be read: {faults}; set them again"
        );
        (false, message)
    }))
}

fn holder(folder: &Path) -> String {
    let server = ServerFile::read(folder);
    match (data_folder::is_held(folder), server) {
        (true, Some(server)) => format!(
            "held by the server with pid {} at {}{}, since {}",
            server.pid, server.url, server.base_path, server.started_at
        ),
        (true, None) => "held by another flowlatch process".into(),
        (false, Some(server)) => format!(
            "free; the server with pid {} did not end in order",
            server.pid
        ),
        (false, None) => "free".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_folder::DataFolder;

    #[test]
    fn what_is_missing_is_wrong() {
        let root = tempfile::tempdir().expect("a folder");
        let wrong = |folder: &Path| -> Vec<String> {
            let checks = examine(folder, None).expect("readable");
            let wrong = checks.into_iter().filter(|check| !check.ok);
            wrong.map(|check| check.name).collect()
        };
        assert_eq!(wrong(&root.path().join("nowhere")), ["folder"]);
        let folder = root.path().join("data");
        drop(DataFolder::open(&folder).expect("free"));
        std::fs::remove_file(folder.join(DATABASE)).expect("removed");
        assert_eq!(wrong(&folder), ["database"]);
        assert_eq!(holder(&folder), "free");
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_open_is_wrong() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().expect("a folder");
        let folder = DataFolder::open(&root.path().join("data")).expect("free");
        let wide = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.database(), wide).expect("changed");
        let checks = examine(folder.path(), None).expect("readable");
        let modes: Vec<&Check> = checks
            .iter()
            .filter(|check| check.name == "modes")
            .collect();
        assert!(
            matches!(modes[..], [check] if !check.ok && check.message.contains("mode 644")),
            "{:?}",
            modes.iter().map(|check| &check.message).collect::<Vec<_>>()
        );
        assert_eq!(holder(folder.path()), "held by another flowlatch process");
    }
}
