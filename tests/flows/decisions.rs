//! Which way a flow goes: conditions, models that choose, joins.

use crate::bench::{Bench, flow, node, reply, start};
use crate::model::Say;
use flowlatch::model::flow::FlowKind::Agentflow;
use serde_json::{Value, json};

/// A type, an operation, two values, and whether the condition holds.
const OPERATIONS: &str = r#"
string contains "abc" "b" yes
string contains "abc" "x" no
string notContains "abc" "x" yes
string startsWith "abc" "ab" yes
string endsWith "abc" "ab" no
string equal "a" "a" yes
string equal "**a**" "a" yes
string notEqual "a" "a" no
string regex "abc" "^a.c$" yes
string isEmpty "" "" yes
string notEmpty "" "" no
number smaller 1 2 yes
number smaller "10" "9" no
number smallerEqual 2 2 yes
number equal "1.0" 1 yes
number equal "none" 0 yes
number notEqual 1 2 yes
number larger "10" "9" yes
number largerEqual 1 2 no
boolean equal true "true" yes
boolean equal false true no
boolean notEqual true false yes
"#;

fn branching(conditions: Value) -> Value {
    flow(
        vec![
            start(),
            node(
                "conditionAgentflow",
                "if",
                json!({ "conditions": conditions }),
            ),
            reply("first", "first"),
            reply("second", "second"),
            reply("else", "else"),
        ],
        &["start>if", "if:0>first", "if:1>second", "if:2>else"],
    )
}

#[tokio::test]
async fn every_operation_of_conditions_decides() {
    let bench = Bench::start().await;
    for line in OPERATIONS.trim().lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        let [kind, operation, one, other, expected] = columns[..] else {
            panic!("{line}");
        };
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let conditions = json!([
            { "type": kind, "operation": operation, "value1": value(one), "value2": value(other) },
            { "type": "string", "operation": "equal", "value1": "a", "value2": "b" },
        ]);
        let id = bench.save(Agentflow, &branching(conditions)).await;
        let expected = if expected == "yes" { "first" } else { "else" };
        let heard = bench.ask(&id, "hi").await;
        assert_eq!(heard.text(), expected, "{line}");
        assert_eq!(heard.nodes().len(), 3, "{line}: the other ways are not run");
    }
}

#[tokio::test]
async fn an_operation_that_is_none_and_a_pattern_that_is_none_fail_with_their_name() {
    let bench = Bench::start().await;
    for (operation, value, part) in [
        ("like", "x", "`like`"),
        ("regex", "(", "no regular expression"),
    ] {
        let condition =
            json!([{ "type": "string", "operation": operation, "value1": "a", "value2": value }]);
        let id = bench.save(Agentflow, &branching(condition)).await;
        let heard = bench.ask(&id, "hi").await;
        assert!(heard.failure().contains(part), "{}", heard.failure());
        assert_eq!(heard.nodes(), ["start FINISHED", "if ERROR"]);
    }
}

#[tokio::test]
async fn ways_meet_again_and_of_a_decision_one_is_enough() {
    let bench = Bench::start().await;
    let condition = json!([{ "type": "string", "operation": "equal", "value1": "{{question}}", "value2": "a" }]);
    let nodes = vec![
        start(),
        node(
            "conditionAgentflow",
            "if",
            json!({ "conditions": condition }),
        ),
        reply("yes", "yes"),
        reply("no", "no"),
        reply("beside", "beside"),
        reply("end", "{{yes}}/{{no}}/{{beside}}"),
    ];
    let edges = [
        "start>if",
        "start>beside",
        "if:0>yes",
        "if:1>no",
        "yes>end",
        "no>end",
        "beside>end",
    ];
    let id = bench.save(Agentflow, &flow(nodes, &edges)).await;
    assert_eq!(bench.ask(&id, "a").await.text(), "yes/{{no}}/beside");
    let heard = bench.ask(&id, "b").await;
    assert_eq!(heard.text(), "{{yes}}/no/beside");
    assert_eq!(
        heard.nodes(),
        [
            "start FINISHED",
            "if FINISHED",
            "beside FINISHED",
            "no FINISHED",
            "end FINISHED"
        ]
    );
}

#[tokio::test]
async fn a_model_chooses_a_scenario_and_with_it_the_way() {
    let bench = Bench::start().await;
    let router = node(
        "conditionAgentAgentflow",
        "router",
        json!({
            "conditionAgentModel": "chatOpenAI",
            "conditionAgentModelConfig": { "modelName": "mapped", "temperature": "0.5" },
            "conditionAgentInstructions": "<p>Be <strong>strict</strong></p>",
            "conditionAgentInput": "<p>{{ question }}</p>",
            "conditionAgentScenarios": [{ "scenario": "pizza" }, { "scenario": "weather" }],
        }),
    );
    let nodes = vec![start(), router, reply("a", "a pizza"), reply("b", "rain")];
    let id = bench
        .save(
            Agentflow,
            &flow(nodes, &["start>router", "router:0>a", "router:1>b"]),
        )
        .await;
    bench.model.says(Say::text("{\"output\": \"weather\"}"));
    let heard = bench.ask(&id, "Will it rain?").await;
    assert_eq!(heard.text(), "rain");
    assert_eq!(heard.told(), "rain", "what the model chose is not told");
    assert_eq!(heard.output("router")["conditions"][1]["isFulfilled"], true);
    let call = bench.model.calls().remove(0);
    assert_eq!(
        (&call["model"], &call["temperature"]),
        (&json!("big"), &json!(0.5))
    );
    assert!(
        call["messages"][1]["content"]
            .as_str()
            .unwrap()
            .contains("Be **strict**")
    );
    assert!(
        call["messages"][1]["content"]
            .as_str()
            .unwrap()
            .contains("Will it rain?")
    );
    bench.model.says(Say::text("I do not know"));
    assert_eq!(
        bench.ask(&id, "?").await.text(),
        "rain",
        "the last one, where none fits"
    );
}
