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

#[test]
fn create_takes_every_flag_and_prints_what_the_api_has() {
    everywhere(|place| {
        let hello = place.hello();
        let in_a_year = Clock::system().now_ms() + 365 * 86_400_000;
        let date = iso_utc(in_a_year)[..10].to_owned();
        let made = place.json(&[
            "keys",
            "create",
            "--name",
            "shop",
            "--scope",
            "workflows:read",
            "--scope",
            "workflows:execute,runs:read",
            "--format",
            "sk",
            "--expires",
            &date,
            "--workflow",
            &hello,
            "--limit",
            "read=5",
            "--limit",
            "execute=60",
        ]);
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
        assert_eq!(made["limits"]["read"], 5);
        assert_eq!(made["limits"]["execute"], 60);
        assert!(text(&made, "key").starts_with("sk-") && text(&made, "key").len() == 51);
        assert!(text(&made, "key").starts_with(text(&made, "keyPrefix")));
        let prefixed = [
            "keys",
            "create",
            "--name",
            "p",
            "--scope",
            "runs:read",
            "--workflow-prefix",
            "shop-",
            "--expires",
            "90d",
        ];
        let prefixed = place.json(&prefixed);
        assert_eq!(prefixed["workflowPrefix"], "shop-");
        assert!(text(&prefixed, "key").starts_with("wfk_") && prefixed["expiresAt"].is_string());

        let shown = place.json(&["keys", "show", text(&made, "id")]);
        let mut without_text = made.clone();
        without_text
            .as_object_mut()
            .expect("an object")
            .remove("key");
        assert_eq!(shown, without_text);
        let listed = place.run(&["keys", "list"]).ok();
        assert!(
            listed.stdout.contains("shop") && listed.stdout.contains(text(&made, "keyPrefix")),
            "{listed:#?}"
        );
        let all = place.json(&["keys", "list"]).to_string();
        for key in [&made, &prefixed] {
            assert!(!listed.stdout.contains(text(key, "key")) && !all.contains(text(key, "key")));
        }
        let refused = place.run(&["keys", "create", "--name", "n", "--scope", "workflow:read"]);
        refused.refused(1, &["workflow:read"], None);
        place
            .run(&["keys", "show", "key_none"])
            .refused(1, &["no such API key"], None);
    });
}

#[test]
fn the_owner_can_lift_a_limit() {
    let folder = Folder::new();
    let made = folder.run(&[
        "keys",
        "create",
        "--name",
        "n",
        "--scope",
        "runs:read",
        "--limit",
        "read=none",
        "--json",
    ]);
    let made = made.ok().json();
    assert_eq!(made["limits"]["read"], Value::Null, "{made}");
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
