//! What each node type gives for what it is given.
// JSON literals are handed over whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value
)]

use super::*;
use crate::engine::step::Done;
use crate::model::graph::catalogue::{NODE_TYPES, NodeType};
use crate::model::plan::Kind;
use serde_json::json;

/// What a node is handed with these parameters and inputs.
pub(super) fn handed(node_type: &str, params: Value, inputs: Value, outputs: Value) -> Value {
    json!({
        "nodeId": "n", "nodeType": node_type, "label": "The node",
        "config": params, "inputs": inputs, "outputs": outputs,
    })
}

fn run(node_type: &str, params: Value, inputs: Value) -> Result<Value, String> {
    run_config(&handed(node_type, params, inputs, json!(["out"])), 1 << 20)
}

/// The same, where the output may have so many bytes.
pub(super) fn run_config(config: &Value, max_bytes: usize) -> Result<Value, String> {
    let node_type = config["nodeType"].as_str().unwrap();
    let done = match behaviour(node_type) {
        Some(Behaviour::Pure(run)) => run(config),
        Some(Behaviour::Bounded(run)) => run(config, max_bytes),
        _ => panic!("{node_type} is not pure"),
    };
    done.map(|Done { output, .. }| output)
        .map_err(|error| format!("{}: {}", error.code, error.message))
}

#[test]
fn every_listed_node_that_runs_has_the_behaviour_of_its_kind() {
    for known in NODE_TYPES {
        let fits = match (known.kind(), behaviour(known.step_type())) {
            (None, behaviour) => behaviour.is_none(),
            (Some(Kind::Pure), Some(Behaviour::Pure(_) | Behaviour::Bounded(_)))
            | (Some(Kind::Effect), Some(Behaviour::Effect(_)))
            | (Some(Kind::Child), Some(Behaviour::Child(_)))
            | (Some(Kind::Parallel), Some(Behaviour::Iterate(_))) => true,
            _ => false,
        };
        assert!(fits, "{}", known.node_type);
    }
    assert!(behaviour("generate:flux").is_none(), "it goes to a backend");
    assert!(matches!(
        behaviour(BACKEND_STEP),
        Some(Behaviour::Effect(_))
    ));
}

#[test]
fn an_input_gives_its_value_at_each_port_and_nothing_else() {
    for (node_type, params, output) in [
        (
            "input:text",
            json!({"prompt": "a"}),
            json!({"prompt": "a", "text": "a"}),
        ),
        (
            "input:text",
            json!({"text": "b"}),
            json!({"prompt": "b", "text": "b"}),
        ),
        (
            "input:text",
            json!({}),
            json!({"prompt": null, "text": null}),
        ),
        ("input:number", json!({"value": 1.5}), json!({"value": 1.5})),
        (
            "input:toggle",
            json!({"value": false}),
            json!({"value": false}),
        ),
        (
            "input:seed",
            json!({"seed": 7}),
            json!({"seed": 7, "value": 7}),
        ),
        (
            "input:select",
            json!({"selected": "x", "options": ["x"]}),
            json!({"value": "x"}),
        ),
        (
            "input:image",
            json!({"imageUrl": "https://a/b.png"}),
            json!({"image": "https://a/b.png", "media": "https://a/b.png", "url": "https://a/b.png"}),
        ),
    ] {
        assert_eq!(
            run(node_type, params.clone(), json!({})),
            Ok(output),
            "{node_type} {params}"
        );
    }
    let inputs = NODE_TYPES
        .iter()
        .filter(|known| matches!(known.role, Role::Input(_)));
    assert!(
        inputs
            .map(NodeType::step_type)
            .all(|name| behaviour(name).is_some())
    );
}

#[test]
fn prompts_are_joined_where_there_are_two() {
    let join = |params: Value, inputs: Value| run("utility:prompt_concat", params, inputs);
    for (params, inputs, prompt) in [
        (json!({}), json!({"prompt1": "a", "prompt2": "b"}), "a\nb"),
        (
            json!({"separator": ", "}),
            json!({"prompt1": "a", "prompt2": "b"}),
            "a, b",
        ),
        (
            json!({"separator": ""}),
            json!({"prompt1": "a", "prompt2": "b"}),
            "ab",
        ),
        (json!({"prompt2": "own"}), json!({"prompt1": "a"}), "a\nown"),
        (
            json!({"prompt1": "own"}),
            json!({"prompt1": "wired"}),
            "wired",
        ),
        (json!({}), json!({"prompt1": "", "prompt2": "b"}), "b"),
        (json!({}), json!({}), ""),
    ] {
        assert_eq!(join(params, inputs), Ok(json!({"prompt": prompt})));
    }
}

#[test]
fn values_are_extracted_from_what_models_write() {
    let extract = |params: Value, json: Value| {
        run("utility:json_multi_extract", params, json!({"json": json}))
    };
    let paths = json!({"title": "title", "first": "$.items[0].name"});
    let expected = json!({"title": "T", "first": "a"});
    let object = json!({"title": "T", "items": [{"name": "a"}]});
    for json in [
        object.clone(),
        json!(object.to_string()),
        json!(format!("```json\n{object}\n```")),
        json!(format!("  ```\n{object}```  ")),
        json!({"text": object.to_string()}),
        json!({"text": format!("```json\n{object}\n```")}),
    ] {
        assert_eq!(
            extract(json!({"paths": paths}), json.clone()),
            Ok(expected.clone()),
            "{json}"
        );
        assert_eq!(
            extract(json!({"paths": paths.to_string()}), json),
            Ok(expected.clone())
        );
    }
    let wrapped =
        json!({"paths": paths, "wrap": {"keys": ["title"], "prefix": "<", "suffix": ">"}});
    assert_eq!(
        extract(wrapped, object.clone()),
        Ok(json!({"title": "<T>", "first": "a"}))
    );
    let missing = json!({"paths": {"title": "title", "no": "nowhere.at.all"}});
    assert_eq!(
        extract(missing.clone(), object),
        Ok(json!({"title": "T", "no": "", "_warnings": {"missingPaths": ["no"]}}))
    );
    assert_eq!(
        extract(missing, json!("no JSON at all")),
        Ok(json!({"title": "", "no": "", "_warnings": {"missingPaths": ["no", "title"]}}))
    );
    for (params, what) in [
        (
            json!({}),
            "CONFIG: The node (`utility:json_multi_extract`): `paths`: it is missing",
        ),
        (json!({"paths": "{"}), "`paths`: the text is no JSON object"),
        (json!({"paths": [1]}), "is no object"),
        (json!({"paths": {"a": 1}}), "the path of `a` is no text"),
        (json!({"paths": {"a": "b[x"}}), "is not a path"),
    ] {
        let error = extract(params.clone(), json!({})).expect_err("a wrong configuration");
        assert!(error.contains(what), "{params}: {error}");
    }
}

#[test]
fn records_and_images_are_put_together_by_their_places() {
    let build = |params: Value, inputs: Value| run("utility:build_data", params, inputs);
    assert_eq!(
        build(
            json!({}),
            json!({"records": [{"t": 1}, "x"], "images": ["a", {"url": "b"}]})
        ),
        Ok(json!({"data": [{"t": 1, "bg": "a"}, {"value": "x", "bg": "b"}]}))
    );
    assert_eq!(
        build(
            json!({"imageKey": "photo"}),
            json!({"records": "[{\"t\": 1}]", "images": "https://a"})
        ),
        Ok(json!({"data": [{"t": 1, "photo": "https://a"}]}))
    );
    let mismatch = build(json!({}), json!({"records": [1, 2], "images": ["a"]})).expect("data");
    assert_eq!(mismatch["data"].as_array().map(Vec::len), Some(1));
    assert!(
        mismatch["_warnings"]["build"]
            .as_str()
            .unwrap()
            .starts_with("2 records and 1 images")
    );
    assert!(
        build(json!({}), json!({"records": "no list", "images": []}))
            .unwrap_err()
            .contains("NOT_A_LIST")
    );
    assert!(
        build(json!({}), json!({"records": 5, "images": []}))
            .unwrap_err()
            .contains("5 is not a list")
    );
}

#[test]
fn what_is_routed_previewed_and_collected_is_what_came_in() {
    assert_eq!(
        run("logic:router", json!({}), json!({"value": {"a": 1}})),
        Ok(json!({"out": {"a": 1}, "value": {"a": 1}}))
    );
    assert_eq!(
        run("logic:router", json!({}), json!({"in": 2})),
        Ok(json!({"out": 2, "value": 2}))
    );
    assert_eq!(
        run("logic:router", json!({}), json!({})),
        Ok(json!({"out": null, "value": null}))
    );
    assert_eq!(
        run("output:preview", json!({}), json!({"media": "u"})),
        Ok(json!({"value": "u"}))
    );
    assert_eq!(
        run("output:preview", json!({}), json!({"a": 1, "b": 2})),
        Ok(json!({"value": {"a": 1, "b": 2}}))
    );
    for (item, list) in [(json!([1, 2]), json!([1, 2])), (json!("x"), json!(["x"]))] {
        assert_eq!(
            run("iterator:collect", json!({}), json!({"item": item})),
            Ok(json!({"list": list}))
        );
    }
}

#[test]
fn an_iterator_goes_over_lists_alone() {
    let Some(Behaviour::Iterate(round)) = behaviour("iterator:list") else {
        panic!("an iterator iterates");
    };
    let items = |params: Value, inputs: Value| {
        round(&handed("iterator:list", params, inputs, json!([])))
            .map(|round| (round.count, round.items.unwrap_or_default()))
            .map_err(|error| error.code)
    };
    assert_eq!(
        items(json!({}), json!({"list": [1, 2]})),
        Ok((2, vec![json!(1), json!(2)]))
    );
    assert_eq!(
        items(json!({}), json!({"list": "[1]"})),
        Ok((1, vec![json!(1)]))
    );
    assert_eq!(
        items(json!({"items": ["a"]}), json!({})),
        Ok((1, vec![json!("a")]))
    );
    assert_eq!(items(json!({}), json!({})), Ok((0, Vec::new())));
    for wrong in [json!("no list"), json!({"a": 1}), json!(5)] {
        assert_eq!(
            items(json!({}), json!({"list": wrong})),
            Err("NOT_A_LIST".to_owned())
        );
    }
}

#[test]
fn another_workflow_is_handed_the_inputs_and_gives_its_results() {
    let Some(Behaviour::Child(request)) = behaviour("blueprint:invoke") else {
        panic!("it starts a run");
    };
    let id = "0198c0de-0000-7000-8000-000000000001";
    let config = handed(
        "blueprint:invoke",
        json!({"workflowId": id}),
        json!({"topic": "x"}),
        json!(["text"]),
    );
    let asked = request(&config).expect("a request");
    assert_eq!(
        (asked.workflow_id.as_str(), &asked.input),
        (id, &json!({"topic": "x"}))
    );
    assert!(asked.waits && asked.ports == Some(vec!["text".to_owned()]));
    for wrong in [
        json!({}),
        json!({"workflowId": "a b"}),
        json!({"workflowId": 5}),
    ] {
        let config = handed("blueprint:invoke", wrong, json!({}), json!([]));
        assert_eq!(request(&config).expect_err("no workflow").code, "CONFIG");
    }
    let ports = ["text".to_owned(), "other".to_owned()];
    let result = json!({"show": {"value": "x"}});
    assert_eq!(
        blueprint_output(&ports, &result, 1_000).expect("it fits"),
        json!({"result": result, "text": "x", "other": "x"}),
        "one result goes out of every port"
    );
    let two = json!({"text": {"text": "t", "model": "m"}, "other": {"value": 2}});
    assert_eq!(
        blueprint_output(&ports, &two, 1_000).expect("it fits"),
        json!({"result": two, "text": "t", "other": 2})
    );
}
