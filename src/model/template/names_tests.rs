//! Which names items may have.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;

#[test]
fn what_is_taken_never_means_an_item_and_what_is_not_does() {
    let means_the_item = |word: &str| {
        let item = json!("the item");
        let loops = [LoopScope {
            item_name: word,
            index_name: "i",
            item: Some(&item),
            index: 0,
            previous: None,
        }];
        let template = Template::compile(&json!(format!("{{{{{word}}}}}")), &[]).ok()?;
        let scope = Scope {
            input: &Value::Null,
            trigger: &|| &Value::Null,
            loops: &loops,
            secret: &|_| None,
            raw_body: &|| None,
            step_output: &|_| None,
            variables: &Value::Null,
            env: &BTreeMap::new(),
            now_ms: 0,
            run_id: "run_1",
            run_started_at_ms: 0,
        };
        Some(template.render(&scope).ok()? == item)
    };
    for word in path::ROOTS.into_iter().chain(["null", "true", "not", "in"]) {
        assert!(is_taken(word), "{word}");
        assert_ne!(means_the_item(word), Some(true), "{word}");
    }
    for word in [
        "item",
        "row",
        "loop",
        "inputs",
        "approvals",
        "output",
        "Input",
    ] {
        assert!(!is_taken(word), "{word}");
        assert_eq!(means_the_item(word), Some(true), "{word}");
    }
}
