//! `flowlatch rekey`: everything that is encrypted gets another master key.
//! May not know what is encrypted, or how. Promise: the new key is read from stdin only, and no key is ever printed.

use super::Failure;
use super::output::Output;
use crate::app::{Options, rekey};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::secret::MasterKey;
use serde_json::json;
use std::io::Read as _;
use zeroize::Zeroizing;

/// No key's text is longer, in bytes.
const LONGEST_TEXT: u64 = 1_024;

pub(super) async fn run(
    config: &Config,
    from_stdin: bool,
    output: &Output,
) -> std::result::Result<(), Failure> {
    let new = if from_stdin { Some(read_key()?) } else { None };
    let done = rekey(config, Options::default(), new).await?;
    if output.json {
        output.json(&json!({ "values": done.values, "setVariable": done.from_environment }))?;
        return Ok(());
    }
    let values = done.values;
    output.line(&[&format!(
        "{values} values are encrypted with the new master key"
    )])?;
    if done.from_environment {
        output.line(&["set FLOWLATCH_MASTER_KEY to the new key before the next start"])?;
    } else {
        output.line(&[
            "it is in the data folder, in `master.key`; backups from before need the former one",
        ])?;
    }
    Ok(())
}

fn read_key() -> Result<MasterKey> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .take(LONGEST_TEXT)
        .read_to_string(&mut text)
        .map_err(|error| Error::caused_by("cannot read stdin", error))?;
    MasterKey::parse(&text).map_err(|error| {
        Error::new(format!("the new key on stdin cannot be used: {error}"))
            .hint("`openssl rand -base64 32` makes one")
    })
}
