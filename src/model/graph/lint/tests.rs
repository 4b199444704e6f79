//! What lint says, by example.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::graph::tests::graph;
use serde_json::json;

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

/// All that lint says, warnings with a tilde.
fn found(body: &Value) -> Vec<String> {
    let lint = lint(body, &GraphLimits::DEFAULT);
    let warnings = lines(&lint.warnings).into_iter();
    let mut all = lines(&lint.violations);
    all.extend(warnings.map(|line| format!("~{line}")));
    all
}

fn assert_found(body: &Value, expected: &[&str]) {
    assert_eq!(found(body), expected, "{body}");
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
fn mistakes_of_bodies_and_nodes_are_told_with_rule_place_and_fix() {
    assert_found(
        &json!({}),
        &[
            "bad-graph -: there are no nodes | add an array `nodes`",
            "bad-graph -: there are no edges | add an array `edges`",
        ],
    );
    assert_found(
        &json!({"nodes": 1, "edges": []}),
        &["bad-graph -: `nodes` is 1 | `nodes` must be an array"],
    );
    assert_found(
        &json!({"nodes": [7], "edges": []}),
        &[
            "bad-node -: nodes[0] is no object | a node is an object with `id`, `type`, `position` and `data`",
        ],
    );
    assert_found(
        &json!({"nodes": [{"data": {"nodeType": "input:text"}}], "edges": []}),
        &["missing-node-id -: nodes[0] has no id | give it an `id` that no other node has"],
    );
    assert_found(
        &json!({"nodes": [{"id": "a[0]", "data": {"nodeType": "input:text"}}], "edges": []}),
        &[
            "bad-node-id a[0]: `a[0]` cannot be the id of a node | use 1 to 128 characters out of A-Z, a-z, 0-9 and `_-.:@~+`",
        ],
    );
    assert_found(
        &json!({"nodes": [{"id": "a"}], "edges": []}),
        &[
            "missing-data a: node `a` has no `data` | add `\"data\": {\"nodeType\": \"…\", \"config\": {…}}`",
        ],
    );
    assert_found(
        &json!({"nodes": [{"id": "a", "type": "input:text", "data": {}}], "edges": []}),
        &[
            "missing-node-type a: node `a` does not say what it does | set `data.nodeType` to `input:text`",
        ],
    );
    assert_found(
        &json!({"nodes": [{"id": "a", "data": {"nodeType": "input:text", "config": []}}], "edges": []}),
        &["bad-config a: `data.config` of node `a` is an array | it must be an object"],
    );
    assert_found(
        &graph(&["a input:txt"], &[]),
        &[
            "unknown-node-type a: node `a` has the unknown type `input:txt` | did you mean `input:text`?",
        ],
    );
}

#[test]
fn mistakes_of_edges_are_told_with_rule_place_and_fix() {
    assert_found(
        &graph(&["a input:text", "a input:text"], &[]),
        &[
            "duplicate-node-id a: nodes[1] has the id `a`, which nodes[0] has too | give each node an id of its own",
        ],
    );
    assert_found(
        &graph(&["first input:text"], &["first.text>frist.x"]),
        &[
            "dangling-edge /first.text>frist.x: the target of edge `first.text>frist.x` is `frist`, which is no node | did you mean `first`?",
        ],
    );
    assert_found(
        &graph(&["a logic:router"], &["a.value>a.value"]),
        &[
            "self-edge a/a.value>a.value: edge `a.value>a.value` leads from a node to itself | remove the edge",
        ],
    );
    assert_found(
        &graph(
            &["a logic:router", "b logic:router", "c logic:router"],
            &["a.value>b.value", "b.value>c.value", "c.value>a.value"],
        ),
        &[
            "cycle a: the edges go round in a circle: `a` → `b` → `c` → `a` | remove one of these edges; no node can need its own output",
        ],
    );
    assert_found(
        &graph(&["a input:text", "n utility:sticky_note"], &["a.text>n.x"]),
        &[
            "edge-of-note n/a.text>n.x: edge `a.text>n.x` leads to or from a note or a group, which has no handles | remove the edge",
        ],
    );
    assert_found(
        &graph(&["a iterator:collect", "b input:text"], &["b.text>a.item"]),
        &[
            "nothing-to-collect a: `a` collects items, but no iterator leads to it | connect it to what comes after an `iterator:list`, or remove it",
        ],
    );
}

#[test]
fn mistakes_of_handles_are_told_with_rule_place_and_fix() {
    assert_found(
        &graph(
            &["a input:text", "b utility:prompt_concat"],
            &["a.promt>b.prompt1"],
        ),
        &[
            "bad-source-handle a/a.promt>b.prompt1: `out-promt` is no handle of `a` (input:text) | did you mean `out-prompt`?",
        ],
    );
    assert_found(
        &graph(
            &["a input:text", "b utility:prompt_concat"],
            &["a.text>b.other"],
        ),
        &[
            "bad-target-handle b/a.text>b.other: `in-other` is no handle of `b` (utility:prompt_concat) | set `targetHandle` to one of `in-prompt1`, `in-prompt2`",
        ],
    );
    assert_found(
        &graph(&["a input:text", "b input:text"], &["a.text>b.text"]),
        &[
            "bad-target-handle b/a.text>b.text: `in-text` is no handle of `b` (input:text) | remove the edge; the node has no such handles",
        ],
    );
    assert_found(
        &graph(
            &["a input:text", "b utility:prompt_concat"],
            &["a>b.prompt1"],
        ),
        &[
            "bad-source-handle a/a>b.prompt1: the edge does not say which handle of `a` it means | set `sourceHandle` to one of `out-prompt`, `out-text`",
        ],
    );
    assert_found(
        &graph(
            &["a input:image", "b utility:prompt_concat"],
            &["a.image>b.prompt1"],
        ),
        &[
            "incompatible-ports b/a.image>b.prompt1: `out-image` of `a` gives IMAGE, `in-prompt1` of `b` takes TEXT | connect handles of the same type",
        ],
    );
    assert_found(
        &graph(
            &["a input:text", "b input:text", "c utility:prompt_concat"],
            &["a.text>c.prompt1", "b.text>c.prompt1"],
        ),
        &[
            "port-taken c/b.text>c.prompt1: several edges lead to `in-prompt1` of `c`, which takes one value | keep one of them, or join the values before",
        ],
    );
    assert_found(
        &graph(&["a utility:build_data"], &[]),
        &[
            "~missing-input a: nothing feeds `in-records` of `a` | connect an edge to it, or set `data.config.records`",
            "~missing-input a: nothing feeds `in-images` of `a` | connect an edge to it, or set `data.config.images`",
        ],
    );
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
fn iterations_may_nest() {
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
    assert_found(&good, &[]);
}

#[test]
fn iterations_that_cross_are_told() {
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
fn parameters_in_the_wrong_place_are_a_warning() {
    let told = |param: &str, place: &str| {
        format!(
            "~misplaced-parameter a: node `a` has its parameter `{param}` in `{place}` | move it to `data.config.{param}`, where editors keep it"
        )
    };
    let body = |node: Value| json!({"nodes": [node], "edges": []});
    let both = body(
        json!({"id": "a", "config": {}, "data": {"nodeType": "input:text",
        "prompt": "loose", "config": {"prompt": "config"}, "params": {"prompt": "params", "text": "params"}}}),
    );
    let beside = "~misplaced-parameter a: node `a` has `config` beside `data`, where nothing reads it | move it to `data.config`";
    assert_found(&both, &[&told("text", "data.params"), beside]);
    let loose =
        json!({"id": "a", "type": "model", "data": {"nodeType": "input:text", "prompt": "x"}});
    assert_found(&body(loose), &[&told("prompt", "data")]);
}
