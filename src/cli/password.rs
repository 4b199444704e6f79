//! `flowlatch password`: sets the dashboard's password, on the server that holds the folder or on its files.
//! May not know how it is kept. Promise: the password is never an argument, which others on the machine could read.

use super::Failure;
use super::client::Client;
use super::output::Output;
use crate::error::{Error, Result};
use crate::secret::SecretText;
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, Read as _};

/// Longer lines are no passwords.
const MAX_LINE_BYTES: u64 = 4_096;

/// Asks for the password on the terminal, or takes the first line of stdin.
pub(super) fn read(from_stdin: bool) -> std::result::Result<SecretText, Failure> {
    if from_stdin {
        return Ok(first_line()?);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            Error::new("there is no terminal to ask for the password on")
                .hint("`--stdin` takes it from the first line of stdin"),
        ));
    }
    let ask = |question: &str| {
        let typed = rpassword::prompt_password(question);
        typed
            .map(SecretText::new)
            .map_err(|error| Error::caused_by("cannot read the password", error))
    };
    let (password, again) = (ask("New password: ")?, ask("The same again: ")?);
    if password == again {
        Ok(password)
    } else {
        Err(Failure::Failed(Error::new(
            "the two passwords are not the same; nothing was changed",
        )))
    }
}

fn first_line() -> Result<SecretText> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_LINE_BYTES)
        .read_line(&mut line)
        .map_err(|error| Error::caused_by("cannot read the password from stdin", error))?;
    let length = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(length);
    Ok(SecretText::new(line))
}

/// Sets it.
pub(super) async fn set(client: &Client, password: &SecretText, output: &Output) -> Result<()> {
    let body = json!({ "password": password.expose() });
    client
        .data("PUT", "/api/v1/dashboard/password", Some(body))
        .await?;
    if output.json {
        return output.json(&json!({ "set": true }));
    }
    output.fields(&[(
        "password",
        "set; every session of the dashboard has ended".to_owned(),
    )])
}
