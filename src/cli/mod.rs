//! The command line: what is typed becomes a server, or calls of the native door's API.
//! May not know SQL or how HTTP is served. Promise: stdout carries data only; an error is one line with its causes and a
//! hint on stderr; the exit code is 0 when it was done, 1 when it failed, 2 when the command or the configuration is wrong.

mod args;
mod client;
mod descriptors;
mod doctor;
mod duration;
mod flags;
mod import;
mod keys;
mod output;
mod parent;
mod password;
mod rekey;
mod runs;
mod serve;
mod usage;
mod workflows;

use crate::app;
use crate::config::{self, Config, ConfigError, Sources};
use crate::error::Error;
use args::{Cli, Command, Global};
use clap::Parser as _;
use client::Client;
use output::Output;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a command did not do what was asked.
enum Failure {
    /// The command or the configuration is wrong.
    Usage(Error),
    /// It was tried and went wrong.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Usage(error.into())
    }
}

/// Runs the process's own command line to its end.
pub fn run() -> ExitCode {
    let typed = args::with_default_command(std::env::args_os().collect());
    let cli = match Cli::try_parse_from(typed) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nobody is left to tell when the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    if matches!(cli.command, Command::ScriptWorker) {
        app::serve_scripts(std::io::stdin(), std::io::stdout().lock());
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&Error::caused_by(
                "cannot start the threads of the server",
                error,
            ));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(Box::pin(dispatch(cli)));
    // A thread that reads stdin, or a slow disk, must not hold the end up.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            output::error(&error);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(error)) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    let output = Output::new(global.json);
    match command {
        // It needs no runtime: `run` has seen to it.
        Command::ScriptWorker => Ok(()),
        Command::Serve(arguments) => serve::run(&global, arguments).await,
        Command::Doctor if global.url.is_some() => Err(Failure::Usage(Error::new(
            "`doctor` looks at the files of a folder: it takes no --url",
        ))),
        Command::Rekey { .. } if global.url.is_some() => Err(Failure::Usage(Error::new(
            "`rekey` changes the files of a folder: it takes no --url",
        ))),
        Command::Import(_) if global.url.is_some() => Err(Failure::Usage(Error::new(
            "`import` changes the files of a folder: it takes no --url",
        ))),
        Command::Import(args::Import::Flowise(asked)) => {
            import::run(&local_config(&global)?, asked, &output).await
        }
        Command::Rekey { new_key_stdin } => {
            rekey::run(&local_config(&global)?, new_key_stdin, &output).await
        }
        Command::Password { .. } if global.url.is_some() => Err(Failure::Usage(Error::new(
            "`password` belongs to the owner of a data folder: it takes no --url",
        ))),
        Command::Password { stdin } => {
            let password = password::read(stdin)?;
            let client = Client::connect(&global, true).await?;
            let done = password::set(&client, &password, &output).await;
            client.close().await;
            Ok(done?)
        }
        Command::Doctor => doctor::run(&local_config(&global)?, &output),
        Command::Keys(args::Keys::Check { text }) => Ok(keys::check(&text, &output)?),
        Command::Keys(command) => {
            let client = Client::connect(&global, command.may_create_folder()).await?;
            let done = keys::run(command, &client, &output).await;
            client.close().await;
            Ok(done?)
        }
        Command::Workflows(command) => {
            let client = Client::connect(&global, command.may_create_folder()).await?;
            let done = workflows::run(command, &client, &output).await;
            client.close().await;
            Ok(done?)
        }
        Command::Runs(command) => {
            let client = Client::connect(&global, false).await?;
            let done = runs::run(command, &client, &output).await;
            client.close().await;
            Ok(done?)
        }
        Command::Usage(asked) => {
            let client = Client::connect(&global, false).await?;
            let done = usage::run(asked, &client, &output).await;
            client.close().await;
            Ok(done?)
        }
    }
}

/// The configuration of commands that act on a data folder.
fn local_config(global: &Global) -> Result<Config, Failure> {
    read_config(global, Vec::new())
}

fn read_config(global: &Global, mut flags: Vec<(&'static str, String)>) -> Result<Config, Failure> {
    if let Some(data) = &global.data {
        let text = data.to_str().ok_or_else(|| {
            Failure::Usage(Error::new(format!(
                "--data: {} is not UTF-8",
                data.display()
            )))
        })?;
        flags.push(("data", text.to_owned()));
    }
    let sources = Sources {
        file: global.config.clone(),
        flags,
        ..Sources::from_environment()
    };
    let mut config = config::load(&sources)?;
    config.script_program = config.script_program.or_else(own_program);
    Ok(config)
}

/// This program, as it can be started once more.
fn own_program() -> Option<PathBuf> {
    // Where the file was replaced by a newer one, its path leads to that or to nothing; this is still the running one.
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Some(running.to_owned());
    }
    std::env::current_exe().ok()
}
