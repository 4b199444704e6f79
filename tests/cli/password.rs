//! `password`, the set-up link, and what a server without a password does not do.

use crate::support::{Done, Folder};

#[test]
fn the_ready_line_has_the_set_up_link_until_a_password_is_set() {
    let folder = Folder::new();
    let server = folder.serve();
    let link = server.ready["setupUrl"]
        .as_str()
        .expect("a link")
        .to_owned();
    let prefix = format!("{}/dashboard/set-up/", server.url);
    let token = link
        .strip_prefix(&prefix)
        .expect("of this server")
        .to_owned();
    assert_eq!(token.len(), 43);
    let ended = server.stop();
    assert!(!ended.stderr.contains(&token), "{ended:#?}");
    // A link is good for one start.
    let again = folder.serve();
    assert_ne!(again.ready["setupUrl"], link.as_str());
    // A server that runs takes the password over at once.
    let set = Done::fed(
        folder.command(&["password", "--stdin"]),
        "three small boats\n",
    )
    .ok();
    assert!(!set.stdout.contains("three small"), "{set:#?}");
    again.stop();
    let set_up = folder.serve();
    assert!(set_up.ready.get("setupUrl").is_none(), "{}", set_up.ready);
    set_up.stop();
}

#[test]
fn others_are_not_shown_a_dashboard_without_a_password() {
    let folder = Folder::new();
    let public = ["serve", "--port", "0", "--json-ready", "--host", "0.0.0.0"];
    let words = ["0.0.0.0", "no password"];
    folder
        .run(&public)
        .refused(1, &words, Some("flowlatch password"));
    // The files take one before any server has run on them.
    Done::fed(
        folder.command(&["password", "--stdin", "--json"]),
        "three small boats",
    )
    .ok();
    folder.serve_with(&["--host", "0.0.0.0"]).stop();
    let other = Folder::new();
    let server = other.serve_with(&["--host", "0.0.0.0", "--no-dashboard"]);
    assert!(server.ready.get("setupUrl").is_none(), "{}", server.ready);
    server.stop();
}

#[test]
fn a_password_that_is_none_is_refused_with_why() {
    let folder = Folder::new();
    for (input, words) in [
        ("short\n", "fewer than 12 characters"),
        ("", "fewer than 12 characters"),
        ("password1234\n", "tried first"),
    ] {
        let done = Done::fed(folder.command(&["password", "--stdin"]), input);
        assert_eq!(done.code, 1, "{done:#?}");
        assert!(done.stderr.contains(words), "{done:#?}");
    }
    folder
        .run(&["password"])
        .refused(2, &["no terminal"], Some("--stdin"));
    folder
        .run(&["password", "--stdin", "--url", "http://127.0.0.1:1"])
        .refused(2, &["takes no --url"], None);
}
