//! `usage`, in every place.

use crate::places::everywhere;
use serde_json::{Value, json};

#[test]
fn usage_is_shown_by_key_and_by_day() {
    everywhere(|place| {
        let workflow = json!({
            "name": "counted", "status": "active", "trigger": { "type": "api" },
            "steps": [{ "id": "say", "type": "transform", "config": { "sourceData": { "said": 1 } } }],
        });
        let file = place.folder.file("counted.json", &workflow.to_string());
        let applied = place.json(&["workflows", "apply", &file]);
        let id = applied[0]["id"].as_str().expect("an id");
        place.run(&["workflows", "run", id, "--watch"]).ok();

        let usage = place.json(&["usage"]);
        let totals = &usage["totals"];
        assert_eq!(
            (&totals["runs"]["started"], &totals["steps"]),
            (&json!(1), &json!(1))
        );
        let key = usage["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .find(|key| key["runs"]["started"] == 1)
            .expect("the key that ran it");
        let key = key["keyId"].as_str().expect("an id");

        let by_key = place.run(&["usage"]).ok().stdout;
        let row = by_key.lines().find(|line| line.starts_with(key));
        let row: Vec<&str> = row.expect("its row").split_whitespace().collect();
        assert_eq!((row.len(), row[5], row[6], row[7]), (10, "1", "0", "1"));
        assert!(by_key.contains("\ntotal ") && by_key.contains("\navailable  unlimited"));

        let by_day = place.run(&["usage", "--key", key]).ok().stdout;
        let today = usage["to"].as_str().expect("a day");
        assert!(by_day.starts_with("DAY ") && by_day.contains(&format!("\n{today} ")));
        let before = place.json(&["usage", "--from", "2001-01-01", "--to", "2001-01-31"]);
        assert_eq!(before["totals"]["runs"]["started"], 0);
        assert_eq!(before["keys"], Value::Array(Vec::new()));

        for wrong in [
            &["--key", "key_none"][..],
            &["--from", "yesterday"],
            &["--to", "a&b=c"],
        ] {
            let mut arguments = vec!["usage"];
            arguments.extend(wrong);
            let refused = place.run(&arguments);
            assert_eq!(
                (refused.code, refused.stdout.as_str()),
                (1, ""),
                "{wrong:?}"
            );
        }
    });
}
