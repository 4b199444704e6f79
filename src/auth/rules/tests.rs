//! The rules of keys as tables, refusals included.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::id::WorkflowId;
use crate::model::scope::parse_scopes;

const NOW_MS: i64 = 1_700_000_000_000;

fn only(id: &str) -> Reach {
    Reach::Workflow(id.parse::<WorkflowId>().expect("an id"))
}

fn prefix(text: &str) -> Reach {
    Reach::Prefix(text.to_owned())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn holding(scopes: &str, reach: Reach, expires_at_ms: Option<i64>, limit: Limit) -> Holding {
    Holding {
        permissions: parse_scopes(scopes.split_whitespace()).expect("known words"),
        reach,
        expires_at_ms,
        limits: [limit; 3],
    }
}

fn message(result: Result<(), KeyError>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_key_gives_only_what_it_holds() {
    use Limit::{PerMinute, Unlimited};
    let all = || Reach::All;
    // own scopes, reach, end, limit | given scopes, reach, end, limit | what the refusal says
    let table = [
        (
            "runs:read keys:write",
            all(),
            None,
            Unlimited,
            "runs:read",
            all(),
            None,
            Unlimited,
            "ok",
        ),
        (
            "runs:read",
            all(),
            None,
            Unlimited,
            "runs:read",
            only("w"),
            Some(9),
            PerMinute(5),
            "ok",
        ),
        (
            "executions:read",
            all(),
            None,
            Unlimited,
            "runs:read",
            all(),
            None,
            Unlimited,
            "ok",
        ),
        (
            "chatflows:update",
            all(),
            None,
            Unlimited,
            "chatflows:view",
            all(),
            None,
            Unlimited,
            "ok",
        ),
        (
            "runs:read",
            all(),
            None,
            Unlimited,
            "runs:read admin usage:read",
            all(),
            None,
            Unlimited,
            "`admin`",
        ),
        (
            "apikeys:create",
            all(),
            None,
            Unlimited,
            "keys:write",
            all(),
            None,
            Unlimited,
            "`keys:write`",
        ),
        (
            "workflows:write",
            all(),
            None,
            Unlimited,
            "workflows:read",
            all(),
            None,
            Unlimited,
            "`workflows:read`",
        ),
        (
            "admin",
            all(),
            None,
            Unlimited,
            "audit:read",
            all(),
            None,
            Unlimited,
            "`audit:read`",
        ),
        (
            "runs:read",
            only("w"),
            None,
            Unlimited,
            "runs:read",
            only("w"),
            None,
            Unlimited,
            "ok",
        ),
        (
            "runs:read",
            only("w"),
            None,
            Unlimited,
            "runs:read",
            all(),
            None,
            Unlimited,
            "workflow `w`",
        ),
        (
            "runs:read",
            only("w"),
            None,
            Unlimited,
            "runs:read",
            only("v"),
            None,
            Unlimited,
            "workflow `w`",
        ),
        (
            "runs:read",
            prefix("ab"),
            None,
            Unlimited,
            "runs:read",
            prefix("abc"),
            None,
            Unlimited,
            "ok",
        ),
        (
            "runs:read",
            prefix("ab"),
            None,
            Unlimited,
            "runs:read",
            prefix("a"),
            None,
            Unlimited,
            "begin with `ab`",
        ),
        (
            "runs:read",
            prefix("ab"),
            None,
            Unlimited,
            "runs:read",
            only("w"),
            None,
            Unlimited,
            "begin with `ab`",
        ),
        (
            "runs:read",
            all(),
            Some(50),
            Unlimited,
            "runs:read",
            all(),
            Some(50),
            Unlimited,
            "ok",
        ),
        (
            "runs:read",
            all(),
            Some(50),
            Unlimited,
            "runs:read",
            all(),
            Some(51),
            Unlimited,
            "outlive",
        ),
        (
            "runs:read",
            all(),
            Some(50),
            Unlimited,
            "runs:read",
            all(),
            None,
            Unlimited,
            "outlive",
        ),
        (
            "runs:read",
            all(),
            None,
            PerMinute(10),
            "runs:read",
            all(),
            None,
            PerMinute(10),
            "ok",
        ),
        (
            "runs:read",
            all(),
            None,
            PerMinute(10),
            "runs:read",
            all(),
            None,
            PerMinute(11),
            "10 a minute",
        ),
        (
            "runs:read",
            all(),
            None,
            PerMinute(10),
            "runs:read",
            all(),
            None,
            Unlimited,
            "10 a minute",
        ),
    ];
    for (scopes, reach, end, limit, given_scopes, given_reach, given_end, given_limit, says) in
        table
    {
        let row = format!(
            "{scopes} {reach:?} {end:?} {limit:?} gives {given_scopes} {given_reach:?} {given_end:?} {given_limit:?}"
        );
        let holder = holding(scopes, reach, end, limit);
        let given = holding(given_scopes, given_reach, given_end, given_limit);
        let result = holder.may_give(&words(given_scopes), &given);
        assert!(
            matches!(result, Ok(()) | Err(KeyError::NotHeld(_))),
            "{row}"
        );
        let told = message(result);
        assert!(
            told.contains(says) && (says == "ok") == (told == "ok"),
            "{row}: {told}"
        );
    }
}

#[test]
fn one_category_over_is_enough() {
    for (index, name) in ["read", "write", "execute"].into_iter().enumerate() {
        let holder = holding("runs:read", Reach::All, None, Limit::PerMinute(10));
        let mut given = holder.clone();
        given.limits[index] = Limit::PerMinute(11);
        let told = message(holder.may_give(&words("runs:read"), &given));
        assert!(told.contains(&format!("the key's {name} limit")), "{told}");
    }
}

#[test]
fn an_update_may_keep_what_was_wider_but_not_widen_it() {
    use Limit::{PerMinute, Unlimited};
    let holder = holding("runs:read usage:read", Reach::All, Some(50), PerMinute(10));
    // before: end, limit | after: scopes, end, limit | allowed
    for (end, limit, scopes, new_end, new_limit, allowed) in [
        (None, Unlimited, "runs:read", None, Unlimited, true),
        (
            None,
            Unlimited,
            "runs:read usage:read",
            Some(1_000),
            PerMinute(500),
            true,
        ),
        (
            Some(90),
            PerMinute(20),
            "runs:read",
            Some(90),
            PerMinute(20),
            true,
        ),
        (
            Some(90),
            PerMinute(20),
            "runs:read",
            Some(91),
            PerMinute(20),
            false,
        ),
        (
            Some(90),
            PerMinute(20),
            "runs:read",
            None,
            PerMinute(20),
            false,
        ),
        (
            Some(90),
            PerMinute(20),
            "runs:read",
            Some(90),
            PerMinute(21),
            false,
        ),
        (
            Some(90),
            PerMinute(20),
            "runs:read",
            Some(90),
            Unlimited,
            false,
        ),
        (
            Some(20),
            PerMinute(5),
            "runs:read",
            Some(50),
            PerMinute(10),
            true,
        ),
        (
            Some(20),
            PerMinute(5),
            "runs:read",
            Some(51),
            PerMinute(5),
            false,
        ),
        (
            Some(20),
            PerMinute(5),
            "runs:read",
            Some(20),
            PerMinute(11),
            false,
        ),
        (
            Some(20),
            PerMinute(5),
            "runs:read admin",
            Some(20),
            PerMinute(5),
            false,
        ),
    ] {
        let before = holding("runs:read", Reach::All, end, limit);
        let after = holding(scopes, Reach::All, new_end, new_limit);
        let result = holder.may_turn(&before, &words(scopes), &after);
        assert_eq!(
            result.is_ok(),
            allowed,
            "{before:?} to {after:?}: {}",
            message(result)
        );
    }
}

#[test]
fn a_key_sees_what_does_and_reaches_no_more_than_it() {
    let unlimited = |scopes, reach| holding(scopes, reach, None, Limit::Unlimited);
    for (own, own_reach, other, other_reach, sees) in [
        (
            "keys:read runs:read",
            Reach::All,
            "runs:read",
            Reach::All,
            true,
        ),
        (
            "keys:read runs:read",
            Reach::All,
            "runs:read",
            only("w"),
            true,
        ),
        ("keys:read", Reach::All, "runs:read", Reach::All, false),
        (
            "keys:read runs:read",
            only("w"),
            "runs:read",
            Reach::All,
            false,
        ),
        (
            "keys:read runs:read",
            only("w"),
            "runs:read",
            only("v"),
            false,
        ),
        (
            "keys:read runs:read",
            prefix("a"),
            "runs:read",
            prefix("ab"),
            true,
        ),
        (
            "keys:read runs:read",
            prefix("ab"),
            "runs:read",
            prefix("a"),
            false,
        ),
        ("admin", Reach::All, "runs:read", Reach::All, false),
    ] {
        assert_eq!(
            unlimited(own, own_reach.clone()).covers(&unlimited(other, other_reach.clone())),
            sees,
            "{own} {own_reach:?}, {other} {other_reach:?}"
        );
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
        assert_eq!(message(check_name(good)), "ok", "{good}");
    }
    for bad in ["", "  ", "a\nb", "\u{0}", "a\u{7f}", &"n".repeat(256)] {
        assert!(message(check_name(bad)).starts_with("name: "), "{bad:?}");
        assert!(
            message(check_reach(&prefix(bad))).starts_with("workflowPrefix: "),
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
    assert!(message(check_grace(86_401)).starts_with("graceSeconds: "));
}
