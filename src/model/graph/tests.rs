//! The rules of graphs by example.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::refusal::{Refusal, of_executed, of_saved};
use super::*;
use serde_json::json;

/// `id type` for each node, `from.out>to.in` for each edge.
pub(in crate::model) fn graph(nodes: &[&str], edges: &[&str]) -> Value {
    let node = |text: &&str| {
        let (id, node_type) = text.split_once(' ').unwrap();
        json!({"id": id, "type": "basedNode", "data": {"label": id, "nodeType": node_type, "config": {}}})
    };
    let edge = |text: &&str| {
        let (source, target) = text.split_once('>').unwrap();
        let end = |end: &str, prefix: &str| match end.split_once('.') {
            Some((id, port)) => (json!(id), json!(format!("{prefix}{port}"))),
            None => (json!(end), Value::Null),
        };
        let ((source, out), (target, into)) = (end(source, "out-"), end(target, "in-"));
        json!({"id": text, "source": source, "target": target, "sourceHandle": out, "targetHandle": into})
    };
    json!({
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": edges.iter().map(edge).collect::<Vec<_>>(),
    })
}

fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let place = match (&finding.node_id, &finding.edge_id) {
            (node, Some(edge)) => format!("{}/{edge}", node.as_deref().unwrap_or("")),
            (Some(node), None) => node.clone(),
            (None, None) => "-".to_owned(),
        };
        format!(
            "{} {place}: {} | {}",
            finding.rule,
            finding.message,
            finding.fix.as_deref().unwrap_or("-")
        )
    };
    findings.iter().map(line).collect()
}

fn found(body: &Value) -> Vec<String> {
    let lint = lint(body, &GraphLimits::DEFAULT);
    lines(&lint.violations)
        .into_iter()
        .chain(
            lines(&lint.warnings)
                .into_iter()
                .map(|line| format!("~{line}")),
        )
        .collect()
}

#[test]
fn a_good_graph_has_nothing_to_say_about() {
    let mut body = graph(
        &[
            "a input:text",
            "b input:image",
            "c llm:openrouter_router",
            "d output:preview",
            "n utility:sticky_note",
            "g generate:flux",
        ],
        &[
            "a.prompt>c.prompt",
            "b.image>c.image2",
            "c.text>d.value",
            "b.media>d.anything",
            "a.text>g.whatever",
            "g.image>d.image",
        ],
    );
    body["nodes"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "s", "type": "stickyNote", "data": {"text": "hello"}}));
    let lint = lint(&body, &GraphLimits::DEFAULT);
    assert_eq!(lines(&lint.violations), [""; 0]);
    let expected = [
        "unlisted-node-type g: node `g`: the server does not run `generate:flux` itself, so its handles are not checked | \
         map it in `node_backends`, for example `\"generate:*\"`, or its runs fail",
    ];
    assert_eq!(lines(&lint.warnings), expected);
}

#[test]
fn each_mistake_is_told_with_rule_place_and_fix() {
    let cases: [(Value, &[&str]); 22] = [
        (
            json!({}),
            &[
                "bad-graph -: there are no nodes | add an array `nodes`",
                "bad-graph -: there are no edges | add an array `edges`",
            ],
        ),
        (
            json!({"nodes": 1, "edges": []}),
            &["bad-graph -: `nodes` is 1 | `nodes` must be an array"],
        ),
        (
            json!({"nodes": [7], "edges": []}),
            &[
                "bad-node -: nodes[0] is no object | a node is an object with `id`, `type`, `position` and `data`",
            ],
        ),
        (
            json!({"nodes": [{"data": {"nodeType": "input:text"}}], "edges": []}),
            &["missing-node-id -: nodes[0] has no id | give it an `id` that no other node has"],
        ),
        (
            json!({"nodes": [{"id": "a[0]", "data": {"nodeType": "input:text"}}], "edges": []}),
            &[
                "bad-node-id a[0]: `a[0]` cannot be the id of a node | use 1 to 128 characters out of A-Z, a-z, 0-9 and `_-.:@~+`",
            ],
        ),
        (
            json!({"nodes": [{"id": "a"}], "edges": []}),
            &[
                "missing-data a: node `a` has no `data` | add `\"data\": {\"nodeType\": \"…\", \"config\": {…}}`",
            ],
        ),
        (
            json!({"nodes": [{"id": "a", "type": "input:text", "data": {}}], "edges": []}),
            &[
                "missing-node-type a: node `a` does not say what it does | set `data.nodeType` to `input:text`",
            ],
        ),
        (
            json!({"nodes": [{"id": "a", "data": {"nodeType": "input:text", "config": []}}], "edges": []}),
            &["bad-config a: `data.config` of node `a` is an array | it must be an object"],
        ),
        (
            graph(&["a input:txt"], &[]),
            &[
                "unknown-node-type a: node `a` has the unknown type `input:txt` | did you mean `input:text`?",
            ],
        ),
        (
            graph(&["a input:text", "a input:text"], &[]),
            &[
                "duplicate-node-id a: nodes[1] has the id `a`, which nodes[0] has too | give each node an id of its own",
            ],
        ),
        (
            graph(&["first input:text"], &["first.text>frist.x"]),
            &[
                "dangling-edge /first.text>frist.x: the target of edge `first.text>frist.x` is `frist`, which is no node | did you mean `first`?",
            ],
        ),
        (
            graph(&["a logic:router"], &["a.value>a.value"]),
            &[
                "self-edge a/a.value>a.value: edge `a.value>a.value` leads from `a` to itself | remove the edge",
            ],
        ),
        (
            graph(
                &["a logic:router", "b logic:router", "c logic:router"],
                &["a.value>b.value", "b.value>c.value", "c.value>a.value"],
            ),
            &[
                "cycle a: the edges go round in a circle: `a` → `b` → `c` → `a` | remove one of these edges; no node can need its own output",
            ],
        ),
        (
            graph(
                &["a input:text", "b utility:prompt_concat"],
                &["a.promt>b.prompt1"],
            ),
            &[
                "bad-source-handle a/a.promt>b.prompt1: `out-promt` is no handle of `a` (input:text) | did you mean `out-prompt`?",
            ],
        ),
        (
            graph(
                &["a input:text", "b utility:prompt_concat"],
                &["a.text>b.other"],
            ),
            &[
                "bad-target-handle b/a.text>b.other: `in-other` is no handle of `b` (utility:prompt_concat) | set `targetHandle` to one of `in-prompt1`, `in-prompt2`",
            ],
        ),
        (
            graph(&["a input:text", "b input:text"], &["a.text>b.text"]),
            &[
                "bad-target-handle b/a.text>b.text: `in-text` is no handle of `b` (input:text) | remove the edge; the node has no such handles",
            ],
        ),
        (
            graph(
                &["a input:text", "b utility:prompt_concat"],
                &["a>b.prompt1"],
            ),
            &[
                "bad-source-handle a/a>b.prompt1: the edge does not say which handle of `a` it means | set `sourceHandle` to one of `out-prompt`, `out-text`",
            ],
        ),
        (
            graph(
                &["a input:image", "b utility:prompt_concat"],
                &["a.image>b.prompt1"],
            ),
            &[
                "incompatible-ports b/a.image>b.prompt1: `out-image` of `a` gives IMAGE, `in-prompt1` of `b` takes TEXT | connect handles of the same type",
            ],
        ),
        (
            graph(
                &["a input:text", "b input:text", "c utility:prompt_concat"],
                &["a.text>c.prompt1", "b.text>c.prompt1"],
            ),
            &[
                "port-taken c/b.text>c.prompt1: several edges lead to `in-prompt1` of `c`, which takes one value | keep one of them, or join the values before",
            ],
        ),
        (
            graph(&["a input:text", "n utility:sticky_note"], &["a.text>n.x"]),
            &[
                "edge-of-note n/a.text>n.x: edge `a.text>n.x` leads to or from a note or a group, which has no handles | remove the edge",
            ],
        ),
        (
            graph(&["a iterator:collect", "b input:text"], &["b.text>a.item"]),
            &[
                "nothing-to-collect a: `a` collects items, but no iterator leads to it | connect it to what comes after an `iterator:list`, or remove it",
            ],
        ),
        (
            graph(&["a utility:build_data"], &[]),
            &[
                "~missing-input a: nothing feeds `in-records` of `a` | connect an edge to it, or set `data.config.records`",
                "~missing-input a: nothing feeds `in-images` of `a` | connect an edge to it, or set `data.config.images`",
            ],
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(found(&body), expected, "{body}");
    }
}

#[test]
fn all_mistakes_of_a_graph_are_in_one_answer() {
    let body = graph(
        &[
            "a input:txt",
            "a input:video",
            "b utility:prompt_concat",
            "x logic:router",
            "y logic:router",
        ],
        &[
            "x.value>y.value",
            "y.value>x.value",
            "b.text>nowhere.x",
            "x.value>b.text",
            "x.value>b.text",
        ],
    );
    let lint = lint(&body, &GraphLimits::DEFAULT);
    let rules: Vec<&str> = lint.violations.iter().map(|finding| finding.rule).collect();
    let expected = [
        "duplicate-node-id",
        "dangling-edge",
        "duplicate-edge-id",
        "duplicate-edge",
        "cycle",
        "unknown-node-type",
        "bad-target-handle",
    ];
    assert_eq!(rules, expected);
    assert_eq!(
        lint.warnings
            .iter()
            .map(|finding| finding.rule)
            .collect::<Vec<_>>(),
        ["deprecated-import-node"]
    );
    assert_eq!(
        serde_json::to_value(&lint).unwrap()["violations"][1]["edgeId"],
        json!("b.text>nowhere.x")
    );
}

#[test]
fn sizes_have_caps_and_what_is_far_beyond_is_not_looked_into() {
    let many = |nodes: usize, edges: usize| {
        let nodes: Vec<Value> = (0..nodes)
            .map(|at| json!({"id": format!("n{at}"), "data": {"nodeType": "logic:router"}}))
            .collect();
        let edges: Vec<Value> = (0..edges).map(|at| json!({"id": format!("e{at}"), "source": "n0", "target": "n1", "sourceHandle": format!("out-{at}"), "targetHandle": format!("in-{at}")})).collect();
        json!({ "nodes": nodes, "edges": edges })
    };
    assert_eq!(found(&many(100, 500)), [""; 0]);
    assert_eq!(
        found(&many(101, 501)),
        [
            "too-many-nodes -: the graph has 101 nodes; at most 100 are allowed | remove 1 nodes, or split the graph with `blueprint:invoke`",
            "too-many-edges -: the graph has 501 edges; at most 500 are allowed | remove 1 edges, or split the graph with `blueprint:invoke`",
        ]
    );
    let huge = json!({"nodes": vec![Value::Null; 1_001], "edges": []});
    assert_eq!(lint(&huge, &GraphLimits::DEFAULT).violations.len(), 1);
    let wrong = json!({"nodes": vec![Value::Null; 1_000], "edges": []});
    let violations = lint(&wrong, &GraphLimits::DEFAULT).violations;
    assert_eq!(violations.len(), 201);
    assert_eq!(violations[200].message, "there are more: 801");
}

#[test]
fn iterations_may_nest_but_not_cross() {
    let good = graph(
        &[
            "l input:text",
            "i iterator:list",
            "j iterator:list",
            "a utility:prompt_concat",
            "b utility:prompt_concat",
            "c iterator:collect",
            "d iterator:collect",
        ],
        &[
            "l.text>i.list",
            "i.item>a.prompt1",
            "a.prompt>j.list",
            "j.item>b.prompt1",
            "l.text>b.prompt2",
            "b.prompt>c.item",
            "c.list>d.item",
        ],
    );
    assert_eq!(found(&good), [""; 0]);
    let crossed = graph(
        &[
            "l input:text",
            "i iterator:list",
            "j iterator:list",
            "a utility:prompt_concat",
        ],
        &[
            "l.text>i.list",
            "l.text>j.list",
            "i.item>a.prompt1",
            "j.item>a.prompt2",
        ],
    );
    assert_eq!(
        found(&crossed),
        [
            "crossed-iterations a: `a` would be run for each item of `i` and of `j`, which are not inside of each other | end one of the iterations with `iterator:collect` before"
        ]
    );
    let back = graph(
        &[
            "l input:text",
            "i iterator:list",
            "a utility:prompt_concat",
            "c iterator:collect",
            "x utility:prompt_concat",
            "b utility:prompt_concat",
        ],
        &[
            "l.text>i.list",
            "i.item>a.prompt1",
            "a.prompt>c.item",
            "c.list>x.prompt1",
            "x.prompt>b.prompt1",
            "a.prompt>b.prompt2",
        ],
    );
    assert_eq!(
        found(&back),
        [
            "crossed-iterations i: what comes after `i` needs what is collected from it | feed what was collected into nodes after `iterator:collect` only"
        ]
    );
    let empty = graph(
        &["l input:text", "i iterator:list", "c iterator:collect"],
        &["l.text>i.list", "i.item>c.item"],
    );
    assert!(
        found(&empty)[0].starts_with("empty-iteration c/i.item>c.item: nothing stands between"),
        "{:?}",
        found(&empty)
    );
}

#[test]
fn parameters_are_read_from_config_then_params_then_data() {
    let body = json!({"nodes": [{"id": "a", "config": {}, "data": {"nodeType": "input:text", "label": "L", "output": 1,
        "prompt": "loose", "other": "loose", "config": {"prompt": "config"}, "params": {"prompt": "params", "text": "params"}}}], "edges": []});
    let read = Graph::of(&body);
    let node = read.nodes[0];
    assert_eq!(
        Value::Object(node.params()),
        json!({"prompt": "config", "text": "params", "other": "loose"})
    );
    for (name, expected) in [
        ("prompt", Some("config")),
        ("text", Some("params")),
        ("other", Some("loose")),
        ("label", None),
        ("output", None),
    ] {
        assert_eq!(node.param(name).and_then(Value::as_str), expected, "{name}");
    }
    assert_eq!((node.label(), node.output()), ("L", Some(&json!(1))));
    assert_eq!(
        found(&body),
        [
            "~misplaced-parameter a: node `a` has its parameter `text` in `data.params` | move it to `data.config.text`, where editors keep it",
            "~misplaced-parameter a: node `a` has `config` beside `data`, where nothing reads it | move it to `data.config`",
        ]
    );
    let loose = json!({"nodes": [{"id": "a", "type": "model", "data": {"nodeType": "input:text", "prompt": "x"}}], "edges": []});
    assert_eq!(
        found(&loose),
        [
            "~misplaced-parameter a: node `a` has its parameter `prompt` in `data` | move it to `data.config.prompt`, where editors keep it"
        ]
    );
}

#[test]
fn what_is_no_graph_is_refused_in_the_words_that_clients_know() {
    let node = json!({"id": "node-1", "type": "model", "data": {"prompt": "x"}});
    let cases = [
        (
            json!({"nodes": [], "edges": []}),
            "Missing required fields: name, nodes, edges",
        ),
        (
            json!({"name": "n", "nodes": null, "edges": []}),
            "Missing required fields: name, nodes, edges",
        ),
        (
            json!({"name": "n", "nodes": [], "edges": []}),
            "Cannot save workflow with 0 nodes and 0 edges. This appears to be a frontend bug. Reload the page.",
        ),
        (
            json!({"name": "n", "nodes": [], "edges": [1]}),
            "At least one node must be provided",
        ),
        (
            json!({"name": "n", "nodes": [{"data": {}}], "edges": []}),
            "All nodes must have an id",
        ),
        (
            json!({"name": "n", "nodes": [node], "edges": []}),
            "Node node-1 is missing model.name",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(of_saved(&body).unwrap_err().to_string(), expected);
    }
    assert_eq!(
        of_executed(&json!({"nodes": []})).unwrap_err().to_string(),
        "Missing required fields: nodes, edges"
    );
    assert_eq!(
        of_executed(&json!({"nodes": [], "edges": []})),
        Err(Refusal::NoNode)
    );
    let model = json!({"id": "a", "type": "model", "data": {"model": {"name": "flux"}}});
    let body =
        json!({"name": "n", "nodes": [model, {"id": "s", "type": "stickyNote"}], "edges": []});
    assert_eq!((of_saved(&body), of_executed(&body)), (Ok(()), Ok(())));
    let read = Graph::of(&body);
    assert_eq!(read.nodes[0].node_type, Some("flux"));
    assert_eq!(read.nodes[0].param("model"), None);
}
