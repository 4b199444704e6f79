//! `workflows`: list, apply, run and export, in every place.

use crate::places::everywhere;
use crate::support::Done;
use serde_json::{Value, json};

fn double(name: &str) -> Value {
    json!({
        "name": name,
        "description": "Says it twice.",
        "status": "active",
        "trigger": {"type": "api"},
        "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
        "steps": [{"id": "twice", "type": "transform", "config": {"sourceData": {"said": "{{input.word}} {{input.word}}"}}}],
    })
}

#[test]
fn apply_is_idempotent_and_export_gives_back_what_was_applied() {
    everywhere(|place| {
        let file = place
            .folder
            .file("double.json", &double("double").to_string());
        let created = place.run(&["workflows", "apply", &file]).ok();
        assert!(created.stdout.starts_with("created"), "{created:#?}");
        let again = place.run(&["workflows", "apply", &file]).ok();
        assert!(again.stdout.starts_with("unchanged"), "{again:#?}");
        let listed = place.json(&["workflows", "list", "--search", "double"]);
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(
            (&listed[0]["status"], &listed[0]["version"]),
            (&json!("active"), &json!(1))
        );
        let id = listed[0]["id"].as_str().expect("an id");
        let exported = place.json(&["workflows", "export", id]);
        assert_eq!(exported, double("double"));
        let file = place.folder.file("exported.json", &exported.to_string());
        let again = place.run(&["workflows", "apply", &file]).ok();
        assert!(again.stdout.starts_with("unchanged"), "{again:#?}");

        let ran = place.json(&[
            "workflows",
            "run",
            id,
            "--input",
            r#"{"word":"so"}"#,
            "--watch",
        ]);
        assert_eq!(ran["output"], json!({"said": "so so"}));
        let mut changed = double("double");
        changed["description"] = json!("Says it two times.");
        let file = place.folder.file("double.json", &changed.to_string());
        let updated = place.run(&["workflows", "apply", &file]).ok();
        assert!(updated.stdout.starts_with("updated"), "{updated:#?}");
        assert_eq!(place.json(&["workflows", "export", id]), changed);
    });
}

#[test]
fn apply_takes_stdin_and_several_files_and_tells_every_mistake() {
    everywhere(|place| {
        let mut draft = double("from stdin");
        draft.as_object_mut().expect("an object").remove("status");
        let applied = Done::fed(
            place.command(&["workflows", "apply", "-"]),
            &draft.to_string(),
        )
        .ok();
        assert!(applied.stdout.starts_with("created"), "{applied:#?}");
        let listed = place.json(&["workflows", "list", "--status", "draft"]);
        assert_eq!(listed[0]["name"], "from stdin");
        Done::fed(
            place.command(&["workflows", "apply", "-", "--activate"]),
            &draft.to_string(),
        )
        .ok();
        assert_eq!(
            place.json(&["workflows", "list", "--status", "draft"]),
            json!([])
        );

        let mut wrong = double("wrong");
        wrong["steps"][0]["type"] = json!("transfrom");
        let wrong = place.folder.file("wrong.json", &wrong.to_string());
        let good = place.folder.file("good.json", &double("good").to_string());
        let no_json = place.folder.file("no.json", "{");
        let nowhere = place.folder.root().join("nowhere.json");
        let nowhere = nowhere.to_str().expect("UTF-8");
        let mixed = place.run(&["workflows", "apply", &wrong, &good, &no_json, nowhere]);
        assert_eq!(mixed.code, 1, "{mixed:#?}");
        assert!(
            mixed.stdout.starts_with("created") && mixed.stdout.contains("good"),
            "{mixed:#?}"
        );
        for expected in [
            "wrong.json was not applied",
            "steps[0].type",
            "`transform`",
            "no.json is not JSON",
            "cannot read",
            "3 of 4 files were not applied",
        ] {
            assert!(mixed.stderr.contains(expected), "{expected}: {mixed:#?}");
        }
        assert_eq!(
            place.json(&["workflows", "list", "--search", "wrong"]),
            json!([])
        );
    });
}

#[test]
fn run_takes_its_input_from_a_text_a_file_and_stdin() {
    everywhere(|place| {
        let hello = place.hello();
        let input = place.folder.file("input.json", r#"{"name":"file"}"#);
        let at_file = format!("@{input}");
        let run = ["workflows", "run", &hello, "--watch", "--json", "--input"];
        for (given, stdin, expected) in [
            (r#"{"name":"text"}"#, "", "Hello, text!"),
            (&at_file, "", "Hello, file!"),
            ("-", r#"{"name":"stdin"}"#, "Hello, stdin!"),
        ] {
            let done = Done::fed(place.command(&[&run[..], &[given]].concat()), stdin).ok();
            assert_eq!(done.json()["output"]["greeting"], expected);
        }
        let watched = place.run(&["workflows", "run", &hello, "--watch"]).ok();
        for line in [
            "named  completed",
            "stranger  completed",
            "friend  skipped",
            "Hello, stranger!",
        ] {
            assert!(watched.stdout.contains(line), "{line}: {watched:#?}");
        }
        assert!(!watched.stdout.contains("pending"), "{watched:#?}");
        let not_watched = place.run(&["workflows", "run", &hello]).ok();
        assert!(not_watched.stdout.contains("run_"), "{not_watched:#?}");
        let waits_for_it = not_watched
            .stderr
            .contains("this command waits for its end");
        assert_eq!(waits_for_it, place.is_files(), "{not_watched:#?}");
        let once = [
            "workflows",
            "run",
            &hello,
            "--idempotency-key",
            "k",
            "--watch",
        ];
        assert_eq!(place.json(&once)["id"], place.json(&once)["id"]);

        place
            .run(&["workflows", "run", &hello, "--input", "{name}"])
            .refused(1, &["--input is not JSON"], Some("quote it"));
        place
            .run(&["workflows", "run", &hello, "--input", "[]"])
            .refused(1, &["`input` is not an object"], None);
        let misfit = place.run(&["workflows", "run", &hello, "--input", r#"{"name":1}"#]);
        assert!(
            misfit.code == 1 && misfit.stderr.contains("The input does not fit"),
            "{misfit:#?}"
        );
        place
            .run(&["workflows", "run", "none"])
            .refused(1, &["no such workflow"], None);
        place
            .run(&["workflows", "export", "none"])
            .refused(1, &["no such workflow"], None);
    });
}
