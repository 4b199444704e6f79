//! What can be typed after `flowlatch usage`.

use super::id;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --key there is a row for each key that has used something; with it, one for each day.\n\n\
    Examples:\n  flowlatch usage\n  flowlatch usage --key key_0190… --from 2030-01-01 --to 2030-01-31"
)]
pub(in crate::cli) struct Usage {
    /// Only of this key; `control` is the data folder's owner, `schedule` and `webhook` are runs that nobody with a key started
    #[arg(long, value_name = "ID", value_parser = id)]
    pub key: Option<String>,
    /// The first day, UTC [default: 29 days before the last]
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// The last day, UTC [default: today]
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
}
