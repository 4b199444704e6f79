//! Pictures of definitions of all formats, and of what is none.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

use super::outline::MAX_NODES;
use super::*;
use crate::model::workflow::DefinitionFormat::{self, Flow, Graph, Steps};
use askama::Template;
use serde_json::{Value, json};

#[derive(Template)]
#[template(
    source = r#"{% import "picture/picture.html" as macros %}{% call macros::picture(picture) %}{% endcall %}"#,
    ext = "html",
    config = "src/http/dashboard/askama.toml"
)]
struct Alone {
    picture: Picture,
}

fn definition(format: DefinitionFormat, body: Value) -> Definition {
    Definition { format, body }
}

fn html(definition: &Definition, statuses: &[(&str, &'static str)]) -> String {
    let statuses = statuses.iter().map(|(id, word)| ((*id).to_owned(), *word));
    let picture = Picture::of(definition, &statuses.collect());
    Alone { picture }.render().expect("a page")
}

/// `a-b then`, in order.
fn edges(outline: &Outline<'_>) -> Vec<String> {
    let id = |node: usize| outline.nodes[node].id.as_ref();
    let edges = outline.edges.iter();
    let mut edges: Vec<String> = edges
        .map(|edge| format!("{}-{} {}", id(edge.from), id(edge.to), edge.way))
        .map(|edge| edge.trim_end().to_owned())
        .collect();
    edges.sort_unstable();
    edges
}

/// `b in a`.
fn insides(outline: &Outline<'_>) -> Vec<String> {
    let nodes = outline.nodes.iter();
    nodes
        .filter_map(|node| Some((node, &outline.nodes[node.around?])))
        .map(|(node, around)| format!("{} in {}", node.id, around.id))
        .collect()
}

fn step(id: &str, step_type: &str, config: &Value) -> Value {
    json!({ "id": id, "type": step_type, "config": config })
}

fn node(id: &str, node_type: &str) -> Value {
    json!({ "id": id, "data": { "nodeType": node_type, "label": format!("Label of {id}") } })
}

fn edge(from: &str, to: &str) -> Value {
    json!({ "id": format!("{from}-{to}"), "source": from, "target": to })
}

fn flow(nodes: &Value, edges: &Value) -> Definition {
    let data = json!({ "nodes": nodes, "edges": edges }).to_string();
    let body = json!({ "trigger": { "type": "api" }, "flowType": "AGENTFLOW", "flowData": data });
    definition(Flow, body)
}

fn flow_node(id: &str, name: &str, inputs: &Value) -> Value {
    json!({ "id": id, "data": { "id": id, "name": name, "label": id, "inputs": inputs } })
}

#[test]
fn what_leads_where_and_what_is_inside_of_what() {
    let branches = json!({ "steps": [
        step("check", "condition", &json!({ "then": ["yes", "also"], "else": ["no"] })),
        step("yes", "wait", &json!({})),
        step("also", "wait", &json!({})),
        step("no", "wait", &json!({})),
        step("last", "wait", &json!({})),
    ]});
    let one_way = json!({ "steps": [
        step("check", "condition", &json!({ "then": ["yes"] })),
        step("yes", "wait", &json!({})),
        step("last", "wait", &json!({})),
    ]});
    let nested = json!({ "steps": [
        step("each", "loop", &json!({ "steps": ["fan", "after"] })),
        step("fan", "parallel", &json!({ "branches": [["a", "b"], { "steps": ["c"] }, "d"] })),
        step("a", "wait", &json!({})),
        step("b", "wait", &json!({})),
        step("c", "wait", &json!({})),
        step("d", "wait", &json!({})),
        step("after", "wait", &json!({})),
        step("end", "wait", &json!({})),
    ]});
    for (definition, expected_edges, expected_insides) in [
        (
            definition(Steps, branches),
            vec![
                "also-last",
                "check-no else",
                "check-yes then",
                "no-last",
                "yes-also",
            ],
            vec![],
        ),
        (
            definition(Steps, one_way),
            vec!["check-last else", "check-yes then", "yes-last"],
            vec![],
        ),
        (
            definition(Steps, nested),
            vec!["a-b", "each-end", "fan-after"],
            vec![
                "fan in each",
                "a in fan",
                "b in fan",
                "c in fan",
                "d in fan",
                "after in each",
            ],
        ),
    ] {
        is_drawn(&definition, &expected_edges, &expected_insides);
    }
}

#[test]
fn graphs_and_flows_lead_where_their_edges_do() {
    let graph = json!({
        "nodes": [node("i", "input:text"), node("o", "output:text"), json!({ "id": "n", "type": "stickyNote", "data": {} })],
        "edges": [edge("i", "o")],
    });
    let iterating = flow(
        &json!([
            flow_node("start", "startAgentflow", &json!({ "startInputType": "chatInput" })),
            flow_node("each", "iterationAgentflow", &json!({})),
            { "id": "say", "parentNode": "each", "extent": "parent", "data": { "name": "directReplyAgentflow", "label": "Say" } },
        ]),
        &json!([edge("start", "each")]),
    );
    is_drawn(&definition(Graph, graph), &["i-o"], &[]);
    is_drawn(&iterating, &["start-each"], &["say in each"]);
}

/// A definition is outlined like this, and each of its steps leads to its configuration.
fn is_drawn(definition: &Definition, expected_edges: &[&str], expected_insides: &[&str]) {
    let outline = Outline::of(definition);
    assert_eq!(edges(&outline), expected_edges);
    assert_eq!(insides(&outline), expected_insides);
    let html = html(definition, &[]);
    for node in &outline.nodes {
        assert!(
            html.contains(&format!("href=\"#step-{}\"", node.id)),
            "{html}"
        );
    }
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn boxes_hold_what_is_inside_and_nothing_else_overlaps() {
    let body = json!({ "steps": [
        step("each", "loop", &json!({ "steps": ["fan"] })),
        step("fan", "parallel", &json!({ "branches": [["a"], ["b"], ["c"]] })),
        step("a", "wait", &json!({})),
        step("b", "wait", &json!({})),
        step("c", "wait", &json!({})),
        step("end", "wait", &json!({})),
    ]});
    let definition = definition(Steps, body);
    let outline = Outline::of(&definition);
    let areas = layout(&outline).areas;
    let is_within = |one: Area, other: Area| {
        one.x >= other.x
            && one.y >= other.y
            && one.x + one.width <= other.x + other.width
            && one.y + one.height <= other.y + other.height
    };
    let is_apart = |one: Area, other: Area| {
        one.x + one.width <= other.x
            || other.x + other.width <= one.x
            || one.y + one.height <= other.y
            || other.y + other.height <= one.y
    };
    let [each, fan, a, b, c, end] = areas[..] else {
        panic!("{areas:?}");
    };
    assert!(is_within(fan, each) && [a, b, c].iter().all(|inner| is_within(*inner, fan)));
    for (one, other) in [(a, b), (b, c), (a, c), (each, end)] {
        assert!(is_apart(one, other), "{one:?} {other:?}");
    }
    assert!(end.y > each.y, "what comes after stands below");
}

#[test]
fn what_is_no_sound_definition_is_drawn_too() {
    let everyone: Vec<Value> = (0..80)
        .map(|index| node(&format!("n{index}"), "x"))
        .collect();
    let all_to_all: Vec<Value> = (0..80)
        .flat_map(|from| (0..80).map(move |to| edge(&format!("n{from}"), &format!("n{to}"))))
        .collect();
    let both_inside: Value = json!([
        { "id": "a", "parentNode": "b", "data": { "name": "x", "label": "a" } },
        { "id": "b", "parentNode": "a", "data": { "name": "x", "label": "b" } },
    ]);
    for (definition, steps) in [
        (definition(Steps, json!({})), 0),
        (definition(Steps, json!({ "steps": [] })), 0),
        (
            definition(Steps, json!({ "steps": [7, {}, { "id": 3 }] })),
            3,
        ),
        (definition(Graph, json!({ "nodes": [], "edges": 7 })), 0),
        (
            definition(
                Graph,
                json!({ "nodes": [node("a", "x"), node("b", "x")], "edges": [edge("a", "b"), edge("b", "a"), edge("a", "a")] }),
            ),
            2,
        ),
        (
            definition(Graph, json!({ "nodes": everyone, "edges": all_to_all })),
            80,
        ),
        (definition(Flow, json!({ "flowData": "{" })), 0),
        (
            flow(&both_inside, &json!([edge("a", "b"), edge("b", "a")])),
            2,
        ),
    ] {
        let html = html(&definition, &[]);
        assert_eq!(html.matches("<rect").count(), steps, "{html}");
        assert!(!html.contains("NaN"), "{html}");
        assert!(html.len() < 60_000, "{}", html.len());
    }
}

#[test]
fn a_step_wears_its_status_and_no_other_does() {
    let body =
        json!({ "steps": [step("one", "wait", &json!({})), step("two", "wait", &json!({}))] });
    let html = html(
        &definition(Steps, body),
        &[("two", "failed"), ("gone", "completed")],
    );
    assert_eq!(html.matches("class=\"node failed\"").count(), 1);
    assert_eq!(html.matches("class=\"node\"").count(), 1);
    assert!(!html.contains("completed"), "{html}");
}

#[test]
fn what_is_written_on_steps_is_text_and_is_cut() {
    let hostile = "</text><script>alert(1)</script>\" onload=\"x";
    let body = json!({ "steps": [{ "id": hostile, "name": hostile, "type": hostile }] });
    let page = html(&definition(Steps, body), &[]);
    assert!(
        !page.contains("<script") && !page.contains("\" onload"),
        "{page}"
    );
    assert!(page.contains("href=\"#step-0\""), "{page}");
    assert!(page.contains("<title>&#60;/text&#62;&#60;script"), "{page}");
    let body = json!({ "steps": [{ "id": "a", "name": "ü".repeat(10_000), "type": "wait" }] });
    let page = html(&definition(Steps, body), &[]);
    assert!(page.len() < 2_000, "{page}");
}

#[test]
fn large_definitions_are_drawn_up_to_a_bound_and_it_is_said() {
    let steps = |count: usize, name: &str| -> Vec<Value> {
        let ids = (0..count).map(|index| format!("step-number-{index}"));
        ids.map(|id| json!({ "id": id, "name": name, "type": "api.request" }))
            .collect()
    };
    let long = "<".repeat(300);
    for (count, name, drawn) in [
        (MAX_NODES, "A name of usual length", Some(MAX_NODES)),
        (5_000, "A name of usual length", Some(MAX_NODES)),
        (MAX_NODES, long.as_str(), None),
    ] {
        let definition = definition(Steps, json!({ "steps": steps(count, name) }));
        let outline = Outline::of(&definition);
        assert_eq!(outline.nodes.len() + outline.left_out, count);
        assert!(drawn.is_none_or(|drawn| outline.nodes.len() == drawn));
        let page = html(&definition, &[]);
        assert!(page.len() < 75_000, "{}", page.len());
        let is_said = page.contains(&format!("{} more are not", outline.left_out));
        assert_eq!(is_said, outline.left_out > 0);
    }
    // Each condition is named by two others: what is expanded for each would not end.
    let ladder: Vec<Value> = (0..100)
        .map(|at| {
            let next: Vec<String> = (at + 1..(at + 3).min(100))
                .map(|id| format!("s{id}"))
                .collect();
            step(&format!("s{at}"), "condition", &json!({ "then": next }))
        })
        .collect();
    let definition = definition(Steps, json!({ "steps": ladder }));
    assert!(html(&definition, &[]).len() < 60_000);
}
