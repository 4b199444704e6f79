//! The help: every command has one, with an example that begins with the program's name.

use crate::support::{Done, flowlatch};

fn help(words: &[&str]) -> String {
    let mut command = flowlatch();
    command.args(words).arg("--help");
    let done = Done::of(command).ok();
    assert_eq!(done.stderr, "", "{words:?}");
    done.stdout
}

/// The commands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_shows_an_example() {
    let all = subcommands(&help(&[]));
    assert_eq!(
        all,
        [
            "serve",
            "keys",
            "workflows",
            "runs",
            "usage",
            "import",
            "rekey",
            "password",
            "doctor"
        ]
    );
    let mut leaves = Vec::new();
    for group in &all {
        let inner = subcommands(&help(&[group]));
        if inner.is_empty() {
            leaves.push(vec![group.clone()]);
        }
        leaves.extend(inner.into_iter().map(|name| vec![group.clone(), name]));
    }
    assert_eq!(leaves.len(), 22, "{leaves:?}");
    for words in leaves {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = help(&words);
        let example = format!("  flowlatch {}", words.join(" "));
        assert!(
            text.contains("Example") && text.contains(&example),
            "{words:?}:\n{text}"
        );
    }
    assert!(help(&[]).contains("Exit codes: 0 done, 1 failed, 2"));
}

#[test]
fn the_version_is_told() {
    let mut command = flowlatch();
    command.arg("--version");
    let done = Done::of(command).ok();
    assert_eq!(
        done.stdout,
        format!("flowlatch {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_help_of_serve_lists_every_setting() {
    let text = help(&["serve"]);
    for setting in flowlatch::config::SETTINGS {
        let flag = format!("--{}", setting.key.replace('_', "-"));
        assert!(text.contains(&flag), "{flag}");
    }
}
