//! What can be typed, as types.
//! May not know how anything is done. Promise: what is parsed is well-formed (ids, durations, limits), and every command
//! shows an example in its help.

mod import;
mod keys;
mod usage;

pub(in crate::cli) use import::{Import, ImportFlowise};
pub(in crate::cli) use keys::{CreateKey, Format, Keys};
pub(in crate::cli) use usage::Usage;

use super::flags::SettingFlags;
use crate::id::is_id;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// A workflow server in one binary and one SQLite file.
#[derive(Debug, Parser)]
#[command(
    name = "flowlatch",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = "Without a command, `serve` is meant.\n\n\
    Examples:\n  flowlatch\n  flowlatch --port 8080 --data ./data\n  flowlatch keys create --name ci --scope workflows:execute\n  \
    FLOWLATCH_API_KEY=wfk_… flowlatch runs list --url https://flow.example\n\n\
    Exit codes: 0 done, 1 failed, 2 the command or the configuration is wrong.")]
pub(in crate::cli) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes, in any position.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Global {
    /// Data folder [default: `flowlatch` in the user's data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub data: Option<PathBuf>,
    /// Act on the server at this URL, with the key in FLOWLATCH_API_KEY [default: FLOWLATCH_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub url: Option<String>,
    /// Configuration file (TOML) [default: `flowlatch.toml` in the data folder, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
    /// Print JSON, as the API has it
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Run the server
    Serve(Serve),
    /// Make and manage API keys
    #[command(subcommand)]
    Keys(Keys),
    /// List, apply, run and export workflows
    #[command(subcommand)]
    Workflows(Workflows),
    /// Look at runs, cancel and retry them
    #[command(subcommand)]
    Runs(Runs),
    /// Say what keys have used, and the balance of credits
    Usage(Usage),
    /// Bring in what another program keeps, while no server runs
    #[command(subcommand)]
    Import(Import),
    /// Encrypt all secrets with another master key, while no server runs
    #[command(
        after_help = "Without --new-key-stdin a random key is made and put into the data folder.\n\n\
        Examples:\n  flowlatch rekey --data ./data\n  openssl rand -base64 32 | tee new.key | flowlatch rekey --new-key-stdin"
    )]
    Rekey {
        /// Read the new key from stdin: 32 bytes as base64 or in hexadecimal
        #[arg(long)]
        new_key_stdin: bool,
    },
    /// Set the dashboard's password, which ends every session
    #[command(
        after_help = "Without --stdin it is asked for on the terminal, twice.\n\n\
        Examples:\n  flowlatch password --data ./data\n  pass show flowlatch | flowlatch password --stdin"
    )]
    Password {
        /// Read the password from the first line of stdin
        #[arg(long)]
        stdin: bool,
    },
    /// Check the data folder: file modes, lock, SQLite, integrity, schema, audit log, key
    #[command(after_help = "Example:\n  flowlatch doctor --data ./data")]
    Doctor,
    /// Run the scripts that stdin holds: what the server starts for the JavaScript of steps
    #[command(hide = true)]
    ScriptWorker,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every setting is also a key of the configuration file and an environment variable: \
    `--cors-origins` is `cors_origins` and FLOWLATCH_CORS_ORIGINS. `--help` lists them all.\n\n\
    Examples:\n  flowlatch serve --port 8080\n  flowlatch serve --port 0 --json-ready --exit-on-stdin-eof"
)]
pub(in crate::cli) struct Serve {
    /// When listening, print one line of JSON on stdout (url, basePath, pid, instance; setupUrl while the dashboard has no password; on the first start adminKey), and nothing else ever
    #[arg(long)]
    pub json_ready: bool,
    /// Stop when the process with this id has ended. Linux: any process; other Unix systems: the direct parent only
    #[arg(long, value_name = "N")]
    pub parent_pid: Option<u32>,
    /// Stop when stdin ends
    #[arg(long)]
    pub exit_on_stdin_eof: bool,
    /// Serve no dashboard
    #[arg(long)]
    pub no_dashboard: bool,
    #[command(flatten)]
    pub settings: SettingFlags,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Workflows {
    /// List workflows
    #[command(after_help = "Example:\n  flowlatch workflows list --status active")]
    List {
        /// Only those: draft, active, paused or archived
        #[arg(long)]
        status: Option<String>,
        /// Only those whose names hold this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Create the workflows in these files, or update those that have the same names
    #[command(
        after_help = "A file with \"status\": \"active\" is activated too. What is unchanged is left alone.\n\n\
        Example:\n  flowlatch workflows apply flows/*.json --activate"
    )]
    Apply {
        /// JSON files; `-` for stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Activate them, whatever the files say
        #[arg(long)]
        activate: bool,
    },
    /// Start a run
    #[command(
        after_help = "With --watch, the exit code is 1 when the run fails.\n\n\
        Example:\n  flowlatch workflows run 0190… --input '{\"amount\": 5}' --watch"
    )]
    Run {
        #[arg(value_parser = id)]
        id: String,
        /// The input, or `@FILE`, or `-` for stdin
        #[arg(long, value_name = "JSON")]
        input: Option<String>,
        /// Start it once: the same key within 24 hours gives the same run
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        /// Follow it to its end
        #[arg(long)]
        watch: bool,
    },
    /// Print a workflow as a file that `apply` takes
    #[command(after_help = "Example:\n  flowlatch workflows export 0190… > flow.json")]
    Export {
        #[arg(value_parser = id)]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Runs {
    /// List runs, newest first
    #[command(after_help = "Example:\n  flowlatch runs list --status failed")]
    List {
        /// Only those of this workflow
        #[arg(long, value_name = "ID", value_parser = id)]
        workflow: Option<String>,
        /// Only those: pending, running, completed, failed or cancelled
        #[arg(long)]
        status: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show a run and its steps
    #[command(after_help = "Example:\n  flowlatch runs show run_0190…")]
    Show {
        #[arg(value_parser = id)]
        id: String,
    },
    /// Follow a run to its end; the exit code is 1 when it fails
    #[command(after_help = "Example:\n  flowlatch runs watch run_0190…")]
    Watch {
        #[arg(value_parser = id)]
        id: String,
    },
    /// Cancel a run
    #[command(after_help = "Example:\n  flowlatch runs cancel run_0190…")]
    Cancel {
        #[arg(value_parser = id)]
        id: String,
    },
    /// Start a new run with the same input that keeps what the finished steps of this one gave
    #[command(after_help = "Example:\n  flowlatch runs retry run_0190… --watch")]
    Retry {
        #[arg(value_parser = id)]
        id: String,
        /// Follow the new run to its end
        #[arg(long)]
        watch: bool,
    },
    /// Remove the finished runs that need not be kept, now instead of within a minute
    #[command(
        after_help = "What is kept say the settings retention_days, retention_runs and retention_bytes, and `settings.retention` \
        of workflows.\n\nExample:\n  flowlatch runs prune --dry-run"
    )]
    Prune {
        /// Say how many runs and bytes would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Workflows {
    /// Whether the command makes sense on a folder that holds nothing yet.
    pub(in crate::cli) fn may_create_folder(&self) -> bool {
        matches!(self, Workflows::Apply { .. })
    }
}

/// Puts `serve` in where no command was typed: `flowlatch --port 8080`.
pub(in crate::cli) fn with_default_command(mut typed: Vec<OsString>) -> Vec<OsString> {
    let mut rest = typed.iter().skip(1);
    let serve_is_meant = loop {
        let Some(word) = rest.next() else { break true };
        match word.to_str() {
            Some("--data" | "--url" | "--config") => {
                rest.next();
            }
            Some("--json") => {}
            Some("-h" | "--help" | "-V" | "--version") => break false,
            Some(text)
                if ["--data=", "--url=", "--config="]
                    .iter()
                    .any(|flag| text.starts_with(flag)) => {}
            Some(text) => break text.starts_with('-'),
            None => break false,
        }
    };
    if serve_is_meant {
        typed.insert(typed.len().min(1), "serve".into());
    }
    typed
}

fn id(text: &str) -> Result<String, String> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err("ids have 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        let typed = line.split_whitespace().map(OsString::from).collect();
        Cli::try_parse_from(with_default_command(typed))
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_meant_when_no_command_is_typed() {
        for line in [
            "flowlatch",
            "flowlatch --port 0",
            "flowlatch --data d",
            "flowlatch --data keys --json-ready",
            "flowlatch serve --port 0 --data=d",
            "flowlatch --data d serve --cors-origins http://a --cors-origins http://b",
        ] {
            let cli = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(matches!(cli.command, Command::Serve(_)), "{line}");
        }
        let Ok(Cli {
            command: Command::Serve(serve),
            ..
        }) = parse("flowlatch --port 0 --allowed-hosts a --allowed-hosts b,c")
        else {
            panic!("not serve");
        };
        assert_eq!(
            serve.settings.0,
            [
                ("port", "0".to_owned()),
                ("allowed_hosts", "a,b,c".to_owned())
            ]
        );
    }

    #[test]
    fn global_options_stand_anywhere() {
        for line in [
            "flowlatch --data d --json keys list",
            "flowlatch keys --data d list --json",
            "flowlatch keys list --json --data d",
        ] {
            let cli = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(
                (cli.global.data, cli.global.json),
                (Some("d".into()), true),
                "{line}"
            );
        }
    }

    #[test]
    fn wrong_commands_are_usage_errors() {
        for line in [
            "flowlatch key list",
            "flowlatch keys",
            "flowlatch keys create --name n",
            "flowlatch keys create --name n --scope a --limit all=5",
            "flowlatch keys create --name n --scope a --limit read=0",
            "flowlatch keys create --name n --scope a --expires soon",
            "flowlatch keys create --name n --scope a --workflow w --workflow-prefix p",
            "flowlatch keys show ../x",
            "flowlatch keys list --port 1",
            "flowlatch --nonsense",
            "flowlatch workflows apply",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert_eq!(parse("flowlatch --help").expect_err("help").exit_code(), 0);
    }
}
