//! `keys`: make, list, show, rotate, revoke and check, in every place.

use crate::places::everywhere;
use crate::support::{Done, Folder, flowlatch, http};
use flowlatch::clock::{Clock, iso_utc};
use serde_json::{Value, json};

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} of {object}"))
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn create_takes_every_flag() {
    everywhere(|place| {
        let hello = place.hello();
        let in_a_year = Clock::system().now_ms() + 365 * 86_400_000;
        let date = iso_utc(in_a_year)[..10].to_owned();
        let made = place.json(&words(&format!(
            "keys create --name shop --scope workflows:read --scope workflows:execute,runs:read --format sk \
             --expires {date} --workflow {hello} --limit read=5 --limit execute=60"
        )));
        for (field, expected) in [
            ("name", json!("shop")),
            (
                "scopes",
                json!(["workflows:read", "workflows:execute", "runs:read"]),
            ),
            ("format", json!("sk")),
            ("expiresAt", json!(format!("{date}T00:00:00.000Z"))),
            ("workflowId", json!(hello)),
            ("status", json!("active")),
        ] {
            assert_eq!(made[field], expected, "{field}: {made}");
        }
        assert_eq!(
            (&made["limits"]["read"], &made["limits"]["execute"]),
            (&json!(5), &json!(60))
        );
        assert!(text(&made, "key").starts_with("sk-") && text(&made, "key").len() == 51);
        assert!(text(&made, "key").starts_with(text(&made, "keyPrefix")));
        let prefixed =
            "keys create --name p --scope runs:read --workflow-prefix shop- --expires 90d";
        let prefixed = place.json(&words(prefixed));
        assert_eq!(prefixed["workflowPrefix"], "shop-");
        assert!(text(&prefixed, "key").starts_with("wfk_") && prefixed["expiresAt"].is_string());
        let unknown = place.run(&words("keys create --name n --scope workflow:read"));
        unknown.refused(1, &["workflow:read"], None);
    });
}

#[test]
fn the_owner_can_lift_a_limit() {
    let folder = Folder::new();
    let made = folder.run(&words(
        "keys create --name n --scope runs:read --limit read=none --json",
    ));
    assert_eq!(made.ok().json()["limits"]["read"], Value::Null);
}

#[test]
fn json_is_what_the_api_has() {
    let folder = Folder::new();
    let server = folder.serve();
    let made = folder
        .run(&words("keys create --name n --scope runs:read --json"))
        .ok()
        .json();
    let body = json!({"name": "n", "scopes": ["runs:read"]});
    let (status, answer) = server.call("POST", "/api/v1/auth/api-keys", Some(&body));
    assert_eq!(status, 201, "{answer}");
    let names = |object: &Value| {
        object
            .as_object()
            .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(names(&made), names(&answer["data"]));
    let path = format!("/api/v1/auth/api-keys/{}", text(&made, "id"));
    let shown = folder
        .run(&["keys", "show", text(&made, "id"), "--json"])
        .ok()
        .json();
    assert_eq!(shown, server.call("GET", &path, None).1["data"]);
    server.stop();
}

#[test]
fn lists_and_single_keys_are_shown_without_their_text() {
    everywhere(|place| {
        let made = place.json(&words("keys create --name shop --scope runs:read"));
        let shown = place.json(&["keys", "show", text(&made, "id")]);
        let mut without_text = made.clone();
        without_text
            .as_object_mut()
            .expect("an object")
            .remove("key");
        assert_eq!(shown, without_text);
        let listed = place.run(&["keys", "list"]).ok();
        for expected in ["shop", text(&made, "keyPrefix"), "active", "runs:read"] {
            assert!(listed.stdout.contains(expected), "{expected}: {listed:#?}");
        }
        let all = place.json(&["keys", "list"]).to_string();
        let secret = text(&made, "key");
        assert!(!listed.stdout.contains(secret) && !all.contains(secret));
        place
            .run(&["keys", "show", "key_none"])
            .refused(1, &["no such API key"], None);
    });
}

#[test]
fn for_people_the_text_stands_on_stdout_and_the_remark_on_stderr() {
    let folder = Folder::new();
    let made = folder
        .run(&["keys", "create", "--name", "n", "--scope", "runs:read"])
        .ok();
    assert_eq!(
        made.stdout.matches("wfk_").count(),
        2,
        "text and prefix: {made:#?}"
    );
    assert!(
        made.stderr.contains("not shown again") && !made.stderr.contains("wfk_"),
        "{made:#?}"
    );
}

#[test]
fn rotate_and_revoke_hold_at_once() {
    everywhere(|place| {
        let made = place.json(&["keys", "create", "--name", "n", "--scope", "runs:read"]);
        let id = text(&made, "id").to_owned();
        let rotated = place.json(&["keys", "rotate", &id, "--grace", "0s"]);
        assert_eq!(text(&rotated, "id"), id);
        assert_ne!(rotated["key"], made["key"]);
        place
            .run(&["keys", "rotate", &id, "--grace", "25h"])
            .refused(1, &["86400"], None);
        place.run(&["keys", "revoke", &id]).ok();
        assert_eq!(place.json(&["keys", "show", &id])["status"], "revoked");
        place
            .run(&["keys", "revoke", &id])
            .refused(1, &["already revoked"], None);
        place
            .run(&["keys", "revoke", "key_none"])
            .refused(1, &["no such API key"], None);
    });
}

#[test]
fn a_running_server_obeys_at_once() {
    let folder = Folder::new();
    let server = folder.serve();
    let made = folder
        .run(&[
            "keys",
            "create",
            "--name",
            "n",
            "--scope",
            "runs:read",
            "--json",
        ])
        .ok()
        .json();
    let status = |key: &str| http(&server.url, "GET", "/api/v1/runs", Some(key), None).0;
    assert_eq!(status(text(&made, "key")), 200);
    let rotated = folder
        .run(&[
            "keys",
            "rotate",
            text(&made, "id"),
            "--grace",
            "0s",
            "--json",
        ])
        .ok()
        .json();
    // The old text works until the new one is first used.
    assert_eq!(status(text(&made, "key")), 200);
    assert_eq!(status(text(&rotated, "key")), 200);
    assert_eq!(status(text(&made, "key")), 401);
    folder.run(&["keys", "revoke", text(&made, "id")]).ok();
    assert_eq!(status(text(&rotated, "key")), 401);
    server.stop();
}

#[test]
fn check_tells_a_key_from_a_mistyped_or_foreign_text_without_any_server() {
    let folder = Folder::new();
    let check = |text: &str| {
        let mut command = flowlatch();
        command.args(["keys", "check", text]);
        Done::of(command)
    };
    for (format, words) in [
        ("wfk", "wfk key"),
        ("sk", "sk key"),
        ("flowise", "flowise key"),
    ] {
        let made = folder.run(&[
            "keys",
            "create",
            "--name",
            "n",
            "--scope",
            "runs:read",
            "--format",
            format,
            "--json",
        ]);
        let key = made.ok().json()["key"].as_str().expect("a key").to_owned();
        let good = check(&key).ok();
        assert!(good.stdout.contains(words), "{good:#?}");
        if format != "flowise" {
            let last = if key.ends_with('0') { '1' } else { '0' };
            let mistyped = format!("{}{last}", &key[..key.len() - 1]);
            check(&mistyped).refused(1, &["its checksum is wrong"], None);
        }
        let mut command = flowlatch();
        command.args(["keys", "check", "-", "--json"]);
        assert_eq!(
            Done::fed(command, &format!("{key}\n")).ok().json(),
            json!({"format": format})
        );
        check(&key[..key.len() - 1]).refused(1, &["not a key"], None);
    }
    // Flowise itself makes such ones.
    let dashed = format!("-O{}", "a".repeat(41));
    assert!(check(&dashed).ok().stdout.contains("flowise key"));
    for foreign in [
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "hello",
        "",
        "sk-proj-short",
    ] {
        let done = check(foreign).refused(1, &["not a key"], None);
        assert!(
            foreign.is_empty() || !done.stderr.contains(foreign),
            "{done:#?}"
        );
    }
}
