//! Which paths lead where.

use super::*;

fn table() -> Table {
    let open = |pattern| {
        Endpoint::open(
            Door::Native,
            Method::GET,
            pattern,
            warp::any().map(Response::default),
        )
    };
    Table::new(vec![
        open("/api/v1/keys/:id"),
        open("/api/v1/keys/self"),
        open("/api/v1/keys"),
        open("/api/health"),
    ])
}

fn found(path: &str) -> Option<&'static str> {
    match table().find(Door::Native, &Method::GET, path, 0) {
        Match::Found { endpoint, .. } => Some(endpoint.pattern),
        _ => None,
    }
}

#[test]
fn paths_are_matched_exactly_and_literals_beat_parameters() {
    assert_eq!(found("/api/v1/keys/self"), Some("/api/v1/keys/self"));
    assert_eq!(found("/api/v1/keys/abc"), Some("/api/v1/keys/:id"));
    assert_eq!(found("/api/v1/keys/"), Some("/api/v1/keys"));
    assert_eq!(found("/api/health"), Some("/api/health"));
    let strange = [
        "",
        "/",
        "//",
        "/api",
        "/api/v1",
        "/API/v1/keys",
        "/api/v1/Keys",
        "/api//v1/keys",
        "/api/v1/keys//",
        "/api/v1/./keys",
        "/api/v1/keys/..",
        "/api/v1/keys/a%2fb",
        "/api/v1/keys/a;b",
        "/api/v1/k%65ys",
        "/api/v1/keys/a/b/c/d/e/f/g/h",
        "/api/v1/keys/a b",
        "/api/healthz",
        "/api/health/x",
    ];
    for path in strange {
        assert_eq!(found(path), None, "{path}");
    }
}

#[test]
fn another_method_is_told_which_are_allowed() {
    let table = table();
    let Match::OtherMethod(allow) = table.find(Door::Native, &Method::PUT, "/api/v1/keys", 0)
    else {
        panic!("a known path");
    };
    assert_eq!(allow.list(), "GET, HEAD");
}

#[test]
fn a_path_that_is_written_out_has_its_own_methods_only() {
    let open = |method, pattern| {
        let build = warp::any().map(Response::default);
        Endpoint::open(Door::Native, method, pattern, build)
    };
    let table = Table::new(vec![
        open(Method::PATCH, "/api/v1/keys/:id"),
        open(Method::GET, "/api/v1/keys/self"),
    ]);
    let asked = |path| match table.find(Door::Native, &Method::PATCH, path, 0) {
        Match::Found { endpoint, .. } => endpoint.pattern.to_owned(),
        Match::OtherMethod(allow) => allow.list(),
        Match::Nothing => "nothing".to_owned(),
    };
    assert_eq!(asked("/api/v1/keys/self"), "GET, HEAD");
    assert_eq!(asked("/api/v1/keys/other"), "/api/v1/keys/:id");
}
