//! What can be typed after `flowlatch import`.
//! May not know how anything is done.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Import {
    /// Bring in keys, flows, variables and chats of a Flowise 3 database (SQLite)
    #[command(
        after_help = "Stop Flowise before. What is in the data folder already stays as it is, so the command can be given again. \
        Keys keep their texts, of which a hash is kept; flows keep their ids. A flow that cannot run here is left out, and \
        the report says why.\n\n\
        Examples:\n  flowlatch import flowise ~/.flowise/database.sqlite --dry-run\n  flowlatch import flowise database.sqlite --data ./data --json"
    )]
    Flowise(ImportFlowise),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ImportFlowise {
    /// Flowise's database, which is only read
    #[arg(value_name = "DATABASE")]
    pub database: PathBuf,
    /// Say what would be brought, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
