//! The rules of keys as tables, refusals included.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::model::scope::parse_scopes;

const NOW_MS: i64 = 1_700_000_000_000;

/// A holding as the tables write it: `scopes / reach / end / limit`, the same limit for every category.
fn holding(text: &str) -> Holding {
    let fields: Vec<&str> = text.split('/').map(str::trim).collect();
    let [scopes, reach, end, limit] = fields[..] else {
        panic!("four fields: {text}");
    };
    Holding {
        permissions: parse_scopes(scopes.split_whitespace()).expect("known words"),
        reach: match reach.split_once(' ') {
            None => Reach::All,
            Some(("only", id)) => Reach::Workflow(id.parse().expect("an id")),
            Some((_, prefix)) => Reach::Prefix(prefix.to_owned()),
        },
        expires_at_ms: end.parse().ok(),
        limits: [limit.parse().map_or(Limit::Unlimited, Limit::PerMinute); 3],
    }
}

/// The scope words of a holding as the tables write it.
fn scopes(text: &str) -> Vec<String> {
    words(text.split('/').next().unwrap_or_default())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn message(result: &Result<(), KeyError>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The rows of a table, `left | right | expected`.
fn rows(table: &str) -> impl Iterator<Item = [&str; 3]> {
    table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            columns.try_into().expect("three columns")
        })
}

#[test]
fn a_key_gives_only_what_it_holds() {
    let table = "
        runs:read keys:write / all / never / none | runs:read / all / never / none         | ok
        runs:read / all / never / none         | runs:read / only w / 9 / 5                | ok
        executions:read / all / never / none   | runs:read / all / never / none            | ok
        chatflows:update / all / never / none  | chatflows:view / all / never / none       | ok
        runs:read / all / never / none         | runs:read admin usage:read / all / never / none | `admin`
        apikeys:create / all / never / none    | keys:write / all / never / none           | `keys:write`
        workflows:write / all / never / none   | workflows:read / all / never / none       | `workflows:read`
        admin / all / never / none             | audit:read / all / never / none           | `audit:read`
        runs:read / only w / never / none      | runs:read / only w / never / none         | ok
        runs:read / only w / never / none      | runs:read / all / never / none            | workflow `w`
        runs:read / only w / never / none      | runs:read / only v / never / none         | workflow `w`
        runs:read / only w / never / none      | runs:read / prefix w / never / none       | workflow `w`
        runs:read / prefix ab / never / none   | runs:read / prefix abc / never / none     | ok
        runs:read / prefix ab / never / none   | runs:read / prefix a / never / none       | begin with `ab`
        runs:read / prefix ab / never / none   | runs:read / only ab / never / none        | begin with `ab`
        runs:read / prefix ab / never / none   | runs:read / all / never / none            | begin with `ab`
        runs:read / all / 50 / none            | runs:read / all / 50 / none               | ok
        runs:read / all / 50 / none            | runs:read / all / 51 / none               | outlive
        runs:read / all / 50 / none            | runs:read / all / never / none            | outlive
        runs:read / all / never / 10           | runs:read / all / never / 10              | ok
        runs:read / all / never / 10           | runs:read / all / never / 11              | 10 a minute
        runs:read / all / never / 10           | runs:read / all / never / none            | 10 a minute";
    for [own, given, says] in rows(table) {
        let result = holding(own).may_give(&scopes(given), &holding(given));
        let told = message(&result);
        assert!(
            matches!(result, Ok(()) | Err(KeyError::NotHeld(_))),
            "{own} gives {given}: {told}"
        );
        assert!(
            told.contains(says) && (says == "ok") == result.is_ok(),
            "{own} gives {given}: {told}"
        );
    }
}

#[test]
fn one_category_over_is_enough() {
    for (index, name) in ["read", "write", "execute"].into_iter().enumerate() {
        let holder = holding("runs:read / all / never / 10");
        let mut given = holder.clone();
        given.limits[index] = Limit::PerMinute(11);
        let told = message(&holder.may_give(&words("runs:read"), &given));
        assert!(told.contains(&format!("the key's {name} limit")), "{told}");
    }
}

#[test]
fn an_update_may_keep_what_was_wider_but_not_widen_it() {
    let holder = holding("runs:read usage:read / all / 50 / 10");
    let table = "
        runs:read / all / never / none | runs:read / all / never / none             | ok
        runs:read / all / never / none | runs:read usage:read / all / 1000 / 500    | ok
        runs:read / all / 90 / 20      | runs:read / all / 90 / 20                  | ok
        runs:read / all / 90 / 20      | runs:read / all / 91 / 20                  | outlive
        runs:read / all / 90 / 20      | runs:read / all / never / 20               | outlive
        runs:read / all / 90 / 20      | runs:read / all / 90 / 21                  | 10 a minute
        runs:read / all / 90 / 20      | runs:read / all / 90 / none                | 10 a minute
        runs:read / all / 20 / 5       | runs:read / all / 50 / 10                  | ok
        runs:read / all / 20 / 5       | runs:read / all / 51 / 5                   | outlive
        runs:read / all / 20 / 5       | runs:read / all / 20 / 11                  | 10 a minute
        runs:read / all / 20 / 5       | runs:read admin / all / 20 / 5             | `admin`";
    for [before, after, says] in rows(table) {
        let result = holder.may_turn(&holding(before), &scopes(after), &holding(after));
        let told = message(&result);
        assert!(
            told.contains(says) && (says == "ok") == result.is_ok(),
            "{before} to {after}: {told}"
        );
    }
}

#[test]
fn a_key_sees_what_does_and_reaches_no_more_than_it() {
    let table = "
        keys:read runs:read / all / never / none       | runs:read / all / never / 9          | yes
        keys:read runs:read / all / 5 / 1              | runs:read / only w / never / none    | yes
        keys:read / all / never / none                 | runs:read / all / never / none       | no
        keys:read runs:read / only w / never / none    | runs:read / all / never / none       | no
        keys:read runs:read / only w / never / none    | runs:read / only v / never / none    | no
        keys:read runs:read / prefix a / never / none  | runs:read / prefix ab / never / none | yes
        keys:read runs:read / prefix ab / never / none | runs:read / prefix a / never / none  | no
        admin / all / never / none                     | runs:read / all / never / none       | no";
    for [own, other, sees] in rows(table) {
        let covers = holding(own).covers(&holding(other));
        assert_eq!(covers, sees == "yes", "{own} sees {other}");
    }
}

#[test]
fn scope_words_are_read_once_each_and_unknown_ones_refused() {
    let (each_once, permissions) =
        read_scopes(words("runs:read keys:write runs:read")).expect("known");
    assert_eq!(each_once, words("runs:read keys:write"));
    assert_eq!(permissions.iter().count(), 4);
    assert!(read_scopes(vec!["runs:read".into(); 64]).is_ok());
    for (bad, says) in [
        (vec![], "1 to 64"),
        (vec!["runs:read".to_owned(); 65], "not 65"),
        (
            words("runs:read run:read"),
            "unknown scope `run:read`; did you mean `runs:read`?",
        ),
        (words("*"), "unknown scope `*`"),
    ] {
        let error = read_scopes(bad).expect_err(says);
        assert!(matches!(
            error,
            KeyError::Invalid {
                field: "scopes",
                ..
            }
        ));
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn fields_out_of_range_are_named() {
    for good in ["a", " x ", "日本", &"n".repeat(255), &"é".repeat(255)] {
        assert_eq!(message(&check_name(good)), "ok", "{good}");
    }
    for bad in ["", "  ", "a\nb", "\u{0}", "a\u{7f}", &"n".repeat(256)] {
        assert!(message(&check_name(bad)).starts_with("name: "), "{bad:?}");
        assert!(
            message(&check_reach(&Reach::Prefix(bad.to_owned()))).starts_with("workflowPrefix: "),
            "{bad:?}"
        );
    }
    for (end, good) in [
        (None, true),
        (Some(NOW_MS + 1), true),
        (Some(NOW_MS), false),
        (Some(NOW_MS - 1), false),
        (Some(NOW_MS + MAX_LIFE_MS), true),
        (Some(NOW_MS + MAX_LIFE_MS + 1), false),
        (Some(i64::MIN), false),
        (Some(i64::MAX), false),
    ] {
        assert_eq!(check_expiry(end, NOW_MS).is_ok(), good, "{end:?}");
    }
    for (limit, good) in [
        (Limit::Unlimited, true),
        (Limit::PerMinute(1), true),
        (Limit::PerMinute(1_000_000), true),
        (Limit::PerMinute(0), false),
        (Limit::PerMinute(1_000_001), false),
    ] {
        let limits = KeyLimits {
            execute: Some(limit),
            ..KeyLimits::default()
        };
        assert_eq!(check_limits(&limits).is_ok(), good, "{limit:?}");
    }
    assert!(check_grace(0).is_ok() && check_grace(86_400).is_ok());
    assert!(message(&check_grace(86_401)).starts_with("graceSeconds: "));
}
