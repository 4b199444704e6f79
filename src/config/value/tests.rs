//! What values are taken and refused.

use super::*;

fn given(text: &str) -> Given<'_> {
    Given {
        text,
        kind: Kind::Text,
    }
}

#[test]
fn an_origin_is_what_browsers_send_and_nothing_more() {
    for good in [
        "https://app.example",
        "http://localhost:5173",
        "http://[::1]:8080",
    ] {
        assert_eq!(given(good).origins(), Ok(vec![good.to_owned()]), "{good}");
    }
    for bad in [
        "*",
        "null",
        "app.example",
        "https://app.example/",
        "https://app.example/x",
        "https://App.example",
        "http://a.example:80",
        "ftp://a.example",
        "https://u:p@a.example",
        "https://a.example?x",
    ] {
        assert!(given(bad).origins().is_err(), "{bad}");
    }
}

#[test]
fn a_base_path_starts_with_a_slash_and_ends_without() {
    for good in ["", "/x", "/x/y-1", "/.well-known"] {
        assert_eq!(given(good).base_path(), Ok(good.to_owned()), "{good}");
    }
    for bad in [
        "/api",
        "/dashboard/x",
        "/",
        "x",
        "/x/",
        "//x",
        "/x//y",
        "/..",
        "/x/../y",
        "/x y",
        "/%2e",
        "/x?y",
    ] {
        assert!(given(bad).base_path().is_err(), "{bad}");
    }
}

#[test]
fn hosts_limits_and_lists_refuse_what_they_are_not() {
    assert_eq!(
        given("Flow.example:8080").hosts(),
        Ok(vec!["flow.example:8080".into()])
    );
    assert_eq!(
        given("[::1]:80, a").hosts(),
        Ok(vec!["[::1]:80".into(), "a".into()])
    );
    for bad in ["http://a", "a/b", "a b", "u@a", "a,,b", "a,"] {
        assert!(given(bad).hosts().is_err(), "{bad}");
    }
    for (text, granted) in [("unlimited", None), ("0", Some(0)), ("25", Some(25))] {
        assert_eq!(given(text).balance(), Ok(granted), "{text}");
    }
    for bad in ["", "none", "-1", "1.5", "1000000000000001"] {
        assert!(given(bad).balance().is_err(), "{bad}");
    }
    let prices = given("llm:*=2, llm:large=5").prices().expect("prices");
    assert_eq!((prices.of("llm:small"), prices.of("llm:large")), (2, 5));
    for bad in ["llm:*", "llm:*=2,,a=1", "a=1,a=1"] {
        assert!(given(bad).prices().is_err(), "{bad}");
    }
    assert_eq!(parse_limit("none"), Ok(Limit::Unlimited));
    assert_eq!(parse_limit("5"), Ok(Limit::PerMinute(5)));
    for bad in ["", "0", "-1", "None", "1.5", "1000001"] {
        assert!(parse_limit(bad).is_err(), "{bad}");
    }
    for bad in ["FLOWLATCH_API_KEY", "1A", "A-B"] {
        assert!(given(bad).variable_names().is_err(), "{bad}");
    }
    for bad in ["http://a", "::1:80:", "", "a b", "[::1]"] {
        assert!(given(bad).host().is_err(), "{bad}");
    }
    assert_eq!(
        given("10.0.0.1").networks(),
        Ok(vec!["10.0.0.1/32".parse().expect("a network")])
    );
    assert_eq!(
        given("https://a.example/").public_url(),
        Ok(Some("https://a.example".into()))
    );
    assert!(given("https://a.example/flows").public_url().is_err());
}
