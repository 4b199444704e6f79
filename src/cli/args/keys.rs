//! What can be typed after `flowlatch keys`.
//! May not know how anything is done.

use super::id;
use crate::cli::duration::{self, Expiry};
use crate::config::parse_limit;
use crate::model::limit::{Category, Limit};
use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Keys {
    /// Make a key and show its text, once
    #[command(after_help = "Examples:\n  \
        flowlatch keys create --name ci --scope workflows:read --scope workflows:execute --expires 90d\n  \
        flowlatch keys create --name shop --scope workflows:execute --workflow 0190… --limit execute=60 --json")]
    Create(CreateKey),
    /// List keys, without their text
    #[command(after_help = "Example:\n  flowlatch keys list --json")]
    List,
    /// Show one key, without its text
    #[command(after_help = "Example:\n  flowlatch keys show key_0190…")]
    Show {
        #[arg(value_parser = id)]
        id: String,
    },
    /// Make a successor; it takes over when it is first used
    #[command(after_help = "Example:\n  flowlatch keys rotate key_0190… --grace 24h")]
    Rotate {
        #[arg(value_parser = id)]
        id: String,
        /// How long the former text still works after the first use of the new one: 0s to 24h
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::seconds)]
        grace: u64,
    },
    /// End a key for good
    #[command(after_help = "Example:\n  flowlatch keys revoke key_0190…")]
    Revoke {
        #[arg(value_parser = id)]
        id: String,
    },
    /// Say whether a text has the form and checksum of a key; asks no server
    #[command(
        after_help = "Examples:\n  flowlatch keys check wfk_…\n  flowlatch keys check - < key.txt"
    )]
    Check {
        /// The text, or `-` to read it from stdin
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateKey {
    /// What it is for, 1 to 255 characters
    #[arg(long)]
    pub name: String,
    /// What it may do; can be given several times
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        required = true,
        value_delimiter = ','
    )]
    pub scopes: Vec<String>,
    /// The kind of client it is for
    #[arg(long, value_enum, default_value_t = Format::Wfk)]
    pub format: Format,
    /// When it ends: 90d, 12h, 30m, 1s, a date (2027-01-31, from 0:00 UTC) or a date and time [default: never]
    #[arg(long, value_name = "WHEN", value_parser = duration::expiry)]
    pub expires: Option<Expiry>,
    /// The one workflow it reaches
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "workflow_prefix")]
    pub workflow: Option<String>,
    /// It reaches only workflows whose names start so
    #[arg(long, value_name = "PREFIX")]
    pub workflow_prefix: Option<String>,
    /// Its own limit per minute, such as `read=600` or `execute=none`; can be given several times
    #[arg(long = "limit", value_name = "read|write|execute=N|none", value_parser = category_limit)]
    pub limits: Vec<(Category, Limit)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Format {
    /// `wfk_…`, for the header `x-api-key`
    Wfk,
    /// `sk-…`, for `Authorization: Bearer`
    Sk,
    /// As Flowise makes them
    Flowise,
}

impl Keys {
    /// Whether the command makes sense on a folder that holds nothing yet.
    pub(in crate::cli) fn may_create_folder(&self) -> bool {
        matches!(self, Keys::Create(_))
    }
}

fn category_limit(text: &str) -> Result<(Category, Limit), String> {
    let problem =
        || format!("`{text}` is not read=N, write=N or execute=N, where N is a number or `none`");
    let (name, limit) = text.split_once('=').ok_or_else(problem)?;
    let category = Category::ALL
        .into_iter()
        .find(|category| category.as_str() == name)
        .ok_or_else(problem)?;
    Ok((category, parse_limit(limit)?))
}
