//! The flags of `serve` that are settings: made from the table of settings, so that every setting has one.
//! May not know what the values mean; `config` reads them.

use crate::config::{Kind, SETTINGS, Setting};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::sync::LazyLock;

/// Keys and texts of the settings that were given as flags.
#[derive(Debug, Default)]
pub(super) struct SettingFlags(pub Vec<(&'static str, String)>);

/// Every setting with its flag, but for `data`, which all commands have.
static FLAGS: LazyLock<Vec<(&'static Setting, String)>> = LazyLock::new(|| {
    SETTINGS
        .iter()
        .filter(|setting| setting.key != "data")
        .map(|setting| (setting, setting.flag()))
        .collect()
});

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = SettingFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (setting, _) in FLAGS.iter() {
            if let Some(texts) = matches.get_many::<String>(setting.key) {
                let texts: Vec<&str> = texts.map(String::as_str).collect();
                self.0.push((setting.key, texts.join(",")));
            }
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        FLAGS.iter().fold(command, |command, (setting, flag)| {
            let value_name = match setting.kind {
                Kind::Text => "TEXT",
                Kind::Switch => "true|false",
                Kind::Path => "FILE",
                Kind::List => "A,B,…",
                Kind::Number { .. } => "N",
                Kind::Limit => "N|none",
                Kind::Balance => "N|unlimited",
            };
            let action = match setting.kind {
                Kind::List => ArgAction::Append,
                Kind::Text
                | Kind::Switch
                | Kind::Path
                | Kind::Number { .. }
                | Kind::Limit
                | Kind::Balance => ArgAction::Set,
            };
            let is_rare = matches!(setting.kind, Kind::Number { .. }) && setting.key != "port";
            command.arg(
                Arg::new(setting.key)
                    .long(flag.as_str())
                    .value_name(value_name)
                    .action(action)
                    .hide_short_help(is_rare)
                    .help_heading("Settings")
                    .help(setting.about),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        SettingFlags::augment_args(command)
    }
}
