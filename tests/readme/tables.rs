//! The README's tables beside the code.

use super::{readme, rows, section};
use flowlatch::config::{Config, SETTINGS, table_markdown};
use flowlatch::http::{self, Access, Door};
use flowlatch::model::flow::{MAX_VISITS, TOOLS, catalogue, chain};
use flowlatch::model::graph::catalogue::{NODE_TYPES, Port};
use flowlatch::model::key::SECRET_SCANNER_PATTERNS;
use flowlatch::model::limit::{Category, Limit};
use flowlatch::model::scope::{Permission, all_words, parse_scope};
use flowlatch::model::trigger::Trigger;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// The heading under which types of nodes stand, in a table behind that of the endpoints.
const NODE_TYPE: &str = "node type";

/// What a permission is called in the native vocabulary.
fn native_word(permission: Permission) -> &'static str {
    match permission {
        Permission::KeysCreate | Permission::KeysUpdate | Permission::KeysDelete => "keys:write",
        other => other.word(),
    }
}

/// Whether a permission is one of another API's own.
fn is_foreign(permission: Permission) -> bool {
    let (family, _) = permission
        .word()
        .split_once(':')
        .unwrap_or((permission.word(), ""));
    [
        "chatflows",
        "agentflows",
        "predictions",
        "variables",
        "credentials",
        "executions",
    ]
    .contains(&family)
}

#[test]
fn every_scope_stands_with_what_it_permits() {
    let section = section("Keys and scopes");
    let table: Vec<Vec<String>> = rows(&section);
    for permission in Permission::ALL.iter().copied().filter(|p| !is_foreign(*p)) {
        let word = format!("`{}`", native_word(permission));
        let row = table.iter().find(|row| row[0] == word);
        let row = row.unwrap_or_else(|| panic!("the table of scopes has no row for {word}"));
        let description = permission.description().trim();
        assert!(
            row[1].contains(description),
            "{word} says `{}`, the code `{description}`",
            row[1]
        );
    }
    for word in all_words() {
        assert!(
            section.contains(&format!("`{word}`")),
            "the README does not name {word}"
        );
    }
    for row in table.iter().skip(1) {
        let word = row[0].trim_matches('`');
        assert!(
            parse_scope(word).is_ok(),
            "the README names the scope {word}"
        );
    }
}

#[test]
fn the_scopes_of_the_table_are_those_that_open_something() {
    let opening: BTreeSet<&str> = http::table()
        .endpoints()
        .iter()
        .flat_map(|endpoint| endpoint.access.permissions())
        .map(|permission| native_word(*permission))
        .collect();
    let section = section("Keys and scopes");
    let table = rows(&section);
    let written: BTreeSet<&str> = table
        .iter()
        .skip(1)
        .map(|row| row[0].trim_matches('`'))
        .collect();
    assert_eq!(written, opening);
    assert!(section.contains("They open everything that this version serves."));
}

#[test]
fn every_endpoint_stands_with_its_access() {
    let others = |door| !matches!(door, Door::Wireflow | Door::Flowise);
    assert_eq!(written("Endpoints"), served(others));
    for (title, door) in [
        ("Wireflow's clients", Door::Wireflow),
        ("Flowise's clients", Door::Flowise),
    ] {
        assert_eq!(written(title), served(|other| other == door), "{title}");
    }
}

/// Method, path, scope and category of every row of a table of endpoints.
fn written(title: &str) -> BTreeSet<Vec<String>> {
    rows(&section(title))
        .into_iter()
        .skip(1)
        .take_while(|row| row[0] != NODE_TYPE)
        .map(|row| row[..4].to_vec())
        .collect()
}

/// The same of the endpoints of these doors.
fn served(is_meant: impl Fn(Door) -> bool) -> BTreeSet<Vec<String>> {
    http::table()
        .endpoints()
        .iter()
        .filter(|endpoint| is_meant(endpoint.door))
        .map(|endpoint| {
            let word = |permission| match (endpoint.door, permission) {
                (Door::Wireflow, Permission::RunsRead) => "executions:read",
                (Door::Flowise, Permission::KeysView) => "apikeys:view",
                (Door::Flowise, permission) => permission.word(),
                (_, permission) => native_word(permission),
            };
            let (needs, category) = match endpoint.access {
                Access::Open | Access::SignedIn => ("–".to_owned(), "–"),
                Access::AnyKey(category) => ("any key".to_owned(), category.as_str()),
                Access::Needs(permission, category) => {
                    (format!("`{}`", word(permission)), category.as_str())
                }
                Access::NeedsOneOf(permissions, category) => {
                    let words = permissions.iter().map(|one| format!("`{}`", word(*one)));
                    let words: Vec<String> = words.collect();
                    (words.join(" or "), category.as_str())
                }
                Access::NeedsUnlessOpen(permission, category) => {
                    (format!("`{}` or open", word(permission)), category.as_str())
                }
            };
            vec![
                endpoint.method.to_string(),
                format!("`{}`", endpoint.pattern),
                needs,
                category.to_owned(),
            ]
        })
        .collect()
}

#[test]
fn the_table_of_limits_has_the_defaults() {
    let defaults = Config::new("data");
    let table = rows(&section("Limits"));
    for (category, limit) in [
        (Category::Read, defaults.limit_read),
        (Category::Write, defaults.limit_write),
        (Category::Execute, defaults.limit_execute),
    ] {
        let name = category.as_str();
        let Limit::PerMinute(limit) = limit else {
            panic!("{name} has a limit");
        };
        let expected = [
            limit.to_string(),
            format!("`limit_{name}`"),
            format!("`{name}`"),
        ];
        assert!(
            table.iter().any(|row| row[1..] == expected),
            "the table of limits has no row with {expected:?}"
        );
    }
    assert_eq!(table.len(), 1 + Category::ALL.len());
}

#[test]
fn the_table_of_settings_is_the_codes() {
    let table = table_markdown();
    assert!(
        readme().contains(&format!("\n\n{table}\n")),
        "the README's table of settings is not this one:\n{table}"
    );
    // Settings that the prose names exist.
    for word in ["limit_", "max_", "outbound_", "allowed_", "trusted_"] {
        for named in readme()
            .split('`')
            .filter(|text| text.starts_with(word) && !text.contains(' '))
        {
            assert!(
                SETTINGS.iter().any(|setting| setting.key == named),
                "the README names the setting {named}"
            );
        }
    }
}

#[test]
fn the_patterns_for_secret_scanners_are_the_codes() {
    let section = section("Keys and scopes");
    for (_, pattern) in SECRET_SCANNER_PATTERNS {
        assert!(section.contains(&format!("\n{pattern}\n")), "{pattern}");
    }
}

/// The commands that a help text lists.
fn listed(arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_flowlatch"))
        .args(arguments)
        .arg("-h")
        .output()
        .expect("the help");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let (_, rest) = help.split_once("\nCommands:\n").unwrap_or_default();
    rest.lines()
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_is_named() {
    let table = rows(&section("Command line"));
    let commands = listed(&[]);
    assert!(commands.len() > 3, "{commands:?}");
    for command in &commands {
        let start = format!("`flowlatch {command}");
        let row = table.iter().find(|row| row[0].starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row for `flowlatch {command}`"));
        for further in listed(&[command]) {
            assert!(
                row[0].contains(&format!("`{further}`"))
                    || row[0].contains(&format!("{command} {further}`")),
                "no word of `flowlatch {command} {further}`"
            );
        }
    }
    assert_eq!(table.len(), 1 + commands.len());
}

#[test]
fn the_shown_schedule_is_one_and_its_fields_are_the_codes() {
    let section = section("Schedules");
    let (_, rest) = section.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("\n```").expect("its end");
    let mut trigger: Value = serde_json::from_str(example).expect("JSON");
    let mut found = Vec::new();
    let read = Trigger::read(Some(&trigger), &mut found);
    assert!(matches!(read, Some(Trigger::Schedule(_))), "{found:?}");
    trigger["typo"] = Value::Bool(true);
    Trigger::read(Some(&trigger), &mut found);
    let table = rows(&section);
    for row in table.iter().skip(1) {
        let field = row[0].trim_matches('`');
        assert!(
            found[0].message.contains(field),
            "the README names the field {field}"
        );
    }
    // With `type`, which the table leaves out.
    let (_, known) = found[0].message.split_once("there are: ").expect("a list");
    assert_eq!(known.split(", ").count(), table.len());
}

#[test]
fn every_node_type_stands_with_its_ports() {
    let ports = |ports: &[Port], is_dynamic: bool| {
        let named = ports.iter().map(|port| format!("`{}`", port.id));
        let all: Vec<String> = named.chain(is_dynamic.then(|| "any".to_owned())).collect();
        match all.len() {
            0 => "–".to_owned(),
            _ => all.join(" "),
        }
    };
    let expected: Vec<[String; 3]> = NODE_TYPES
        .iter()
        .map(|known| {
            [
                format!("`{}`", known.node_type),
                ports(known.inputs, known.has_dynamic_inputs),
                ports(known.outputs, known.has_dynamic_outputs),
            ]
        })
        .collect();
    let table = rows(&section("Wireflow's clients"));
    let types = table.iter().skip_while(|row| row[0] != NODE_TYPE);
    let written: Vec<&[String]> = types.skip(1).map(|row| &row[..3]).collect();
    assert_eq!(written, expected);
}

#[test]
fn every_node_of_flows_stands_with_what_it_does() {
    let section = section("Flows");
    let named: BTreeSet<String> = rows(&section)
        .into_iter()
        .skip(1)
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let known = catalogue::AGENTFLOW.iter();
    let known: BTreeSet<String> = known.map(|known| known.name.to_owned()).collect();
    assert_eq!(named, known);
    let words = TOOLS.into_iter().chain(chain::CHAINS);
    for word in words.chain(chain::parts()) {
        assert!(
            section.contains(&format!("`{word}`")),
            "the README does not name {word}"
        );
    }
    assert!(section.contains("1,000 times") && MAX_VISITS == 1_000);
}
