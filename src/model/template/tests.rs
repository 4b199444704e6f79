//! Templates, case by case: paths, types, filters, expressions, bounds.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;

fn data() -> (Value, Value, BTreeMap<String, String>) {
    let input = json!({
        "name": "Ada", "amount": 12.5, "count": 3, "whole": 10, "text10": "10", "yes": true, "nothing": null,
        "items": [{"product": "pen", "n": 2}, {"product": "ink", "n": 5}],
        "content-type": "a/b", "evil": "{{input.name}}", "long": "x".repeat(1_000), "output": "own"
    });
    let steps = json!({
        "fetch-data": {"status": 200, "rows": [1, 2], "output": {"deep": "own field"}},
        "plain": "text"
    });
    let env = BTreeMap::from([("REGION".to_owned(), "eu".to_owned())]);
    (input, steps, env)
}

fn render_with(source: &Value, input: &Value) -> Result<Value, String> {
    render_but(source, &[], input)
}

fn render_but(
    source: &Value,
    raw: &'static [&'static str],
    input: &Value,
) -> Result<Value, String> {
    let (_, steps, env) = data();
    let variables = json!({"billing_channel": "#bill", "rate": 2, "odd key": 7});
    let template = Template::compile(source, raw).map_err(|mistakes| {
        let lines: Vec<String> = mistakes
            .iter()
            .map(|(at, error)| format!("{at}: {error}"))
            .collect();
        lines.join("\n")
    })?;
    let (outer, inner) = (json!({"id": "o"}), json!({"id": "i"}));
    let before = json!([7]);
    let loops = [
        LoopScope {
            item_name: "order",
            index_name: "index",
            item: Some(&outer),
            index: 4,
            previous: None,
        },
        LoopScope {
            item_name: "line",
            index_name: "index",
            item: Some(&inner),
            index: 1,
            previous: Some(&before),
        },
    ];
    let trigger = json!({"headers": {"x-kind": "new"}});
    let scope = Scope {
        input,
        trigger: &|| &trigger,
        loops: &loops,
        secret: &|secret| match secret {
            SecretName::OfWorkflow(name) => (name == "KEY").then(|| "s3cret".to_owned()),
            SecretName::ApprovalLink(step) => {
                (step == "pay").then(|| "http://h/approvals/t".to_owned())
            }
        },
        raw_body: &|| Some(json!("{\"n\": 1.0}")),
        step_output: &|id| steps.get(id),
        variables: &variables,
        env: &env,
        now_ms: 1_705_312_800_000,
        run_id: "run_1",
        run_started_at_ms: 1_705_312_799_000,
    };
    template.render(&scope).map_err(|error| error.message)
}

fn render(source: &str) -> Result<Value, String> {
    render_with(&json!(source), &data().0)
}

#[test]
fn paths_keep_their_types_and_unknown_ones_are_empty() {
    for (source, expected) in [
        ("{{input.amount}}", json!(12.5)),
        ("{{ input.amount }}", json!(12.5)),
        ("{{input.yes}}", json!(true)),
        ("{{input.nothing}}", json!(null)),
        ("{{input.items.1.product}}", json!("ink")),
        ("{{input.items[1].product}}", json!("ink")),
        ("{{input[\"content-type\"]}}", json!("a/b")),
        ("{{input.content-type}}", json!("a/b")),
        ("{{input.items.9.product}}", json!(null)),
        ("{{input.items.x}}", json!(null)),
        ("{{input.name.first}}", json!(null)),
        ("{{input.output}}", json!("own")),
        ("{{steps.fetch-data.status}}", json!(200)),
        ("{{steps.fetch-data.output.status}}", json!(200)),
        (
            "{{steps.fetch-data.output.output.deep}}",
            json!("own field"),
        ),
        ("{{steps.fetch-data.output.rows}}", json!([1, 2])),
        ("{{steps.plain}}", json!("text")),
        ("{{steps.plain.output}}", json!("text")),
        ("{{steps.gone.output.x}}", json!(null)),
        ("{{variables.rate}}", json!(2)),
        ("{{variables[\"odd key\"]}}", json!(7)),
        ("{{billing_channel}}", json!("#bill")),
        ("{{who_knows.what}}", json!(null)),
        ("{{now}}", json!("2024-01-15T10:00:00.000Z")),
        ("{{run.id}}", json!("run_1")),
        ("{{run.startedAt}}", json!("2024-01-15T09:59:59.000Z")),
        ("{{run.colour}}", json!(null)),
        ("{{trigger.headers.x-kind}}", json!("new")),
        ("{{trigger.headers.x-other}}", json!(null)),
        ("{{order.id}}", json!("o")),
        ("{{line.id}}", json!("i")),
        ("{{line}}", json!({"id": "i"})),
        ("{{index}}", json!(1)),
        ("{{index.x}}", json!(null)),
        ("{{index + 1}}", json!(2)),
        ("{{loop.index}}", json!(1)),
        ("{{loop.item.id}}", json!("i")),
        ("{{loop.previous.0}}", json!(7)),
        ("Bearer {{secrets.KEY}}", json!("Bearer s3cret")),
        ("{{secrets.OTHER}}", json!(null)),
        ("{{approvals.pay.url}}", json!("http://h/approvals/t")),
        ("{{approvals.gone.url}}", json!(null)),
        ("{{env.REGION}}", json!("eu")),
        ("{{env.HOME}}", json!(null)),
        ("{{trigger.body.name}}", json!("Ada")),
        ("{{trigger.input.name}}", json!("Ada")),
        ("{{trigger.rawBody}}", json!("{\"n\": 1.0}")),
        ("{{trigger.rawBody | length}}", json!(10)),
        ("{{trigger.rawBody.base64}}", json!(null)),
        ("{{trigger.type}}", json!(null)),
    ] {
        assert_eq!(render(source), Ok(expected), "{source}");
    }
}

#[test]
fn mixed_text_is_text() {
    for (source, expected) in [
        ("Hello {{input.name}}!", "Hello Ada!"),
        ("{{input.amount}} {{input.yes}}", "12.5 true"),
        ("<{{input.nothing}}{{input.unknown}}>", "<>"),
        ("rows: {{steps.fetch-data.rows}}", "rows: [1,2]"),
        (" {{input.count}}", " 3"),
        ("{{input.count}}{{input.count}}", "33"),
        ("}} {% if %} {# #} { {", "}} {% if %} {# #} { {"),
        ("{{ \"{{\" }}x}}", "{{x}}"),
        ("ä{{input.name}}ö", "äAdaö"),
    ] {
        assert_eq!(render(source), Ok(json!(expected)), "{source}");
    }
}

#[test]
fn filters_and_expressions() {
    for (source, expected) in [
        ("{{input.items | length}}", json!(2)),
        ("{{input.name|length}}", json!(3)),
        ("{{input.unknown | length}}", json!(0)),
        ("{{steps.fetch-data.rows | json}}", json!("[1,2]")),
        ("{{input.name | json}}", json!("\"Ada\"")),
        ("{{input.items | json | length}}", json!(49)),
        ("{{input.count + 1}}", json!(4)),
        ("{{input.count - 1}}", json!(2)),
        ("{{input.amount * 2}}", json!(25.0)),
        ("{{input.text10 * input.count}}", json!(30)),
        ("{{(input.count + 1) * (1 + 1)}}", json!(8)),
        ("{{input.count * input.name | length}}", json!(9)),
        ("{{-input.count * -2}}", json!(6)),
        ("{{2 ** 10}}", json!(1024)),
        ("{{input.name ~ \"/\" ~ input.count}}", json!("Ada/3")),
        (
            "{{steps.fetch-data.status == 200 and input.yes}}",
            json!(true),
        ),
        (
            "{{ 'big' if input.amount > 10 else 'small' }}",
            json!("big"),
        ),
        ("{{input.unknown | default(5)}}", json!(5)),
        ("{{input.nothing | default(\"none\")}}", json!("none")),
        (
            "{{input.items | map(attribute=\"product\") | join(\", \")}}",
            json!("pen, ink"),
        ),
        ("{{input.items | sum(attribute=\"n\")}}", json!(7)),
        (
            "{{input.items | selectattr(\"n\", \"gt\", 3) | first}}",
            json!({"n": 5, "product": "ink"}),
        ),
        ("{{input.name | upper}}", json!("ADA")),
        ("{{input.name | replace(\"a\", \"o\")}}", json!("Ado")),
        ("{{input.unknown is defined}}", json!(false)),
        ("{{input.name is not none}}", json!(true)),
        ("{{\"pen\" in input.name}}", json!(false)),
        ("{{true}}", json!(true)),
        ("{{null}}", json!(null)),
        ("{{ [input.count, {\"a\": 1.5}] }}", json!([3, {"a": 1.5}])),
        ("{{input.items[input.count - 2].product}}", json!("ink")),
        ("{{18446744073709551615 + 0}}", json!(u64::MAX)),
        ("n={{input.count + 1}}", json!("n=4")),
    ] {
        assert_eq!(render(source), Ok(expected), "{source}");
    }
}

#[test]
fn mistakes_are_found_when_compiling() {
    let source = json!({
        "a": "{{input.x", "b": ["ok", "{{}}"], "c/d": "{{input.x | lenght}}", "e": "{{secrets.KEY.part}}",
        "f": "{{steps}}", "g": "{{range(9)}}", "h": "{{1 +}}", "i": "{{input.x ; 1}}", "j": "{{'open}}",
        "k": "{{input.x is odder}}", "l": "{{ {{input.x}} }}"
    });
    let expected = "\
/a: the template `{{input.x` is not closed: add `}}`
/b/1: the template `{{}}` is empty: write a path into it, such as `{{input.name}}`
/c~1d: `{{input.x | lenght}}`: there is no filter `lenght`; did you mean `length`? There are: abs, bool, \
capitalize, count, default, first, float, int, join, json, last, length, list, lower, map, max, min, number, \
rejectattr, replace, reverse, round, selectattr, sort, split, sum, text, trim, upper
/e: `{{secrets.KEY.part}}`: name one secret, as in `{{secrets.API_KEY}}`; a secret is a text and has no fields
/f: `steps` alone has no value: name a step, as in `{{steps.<id>.<field>}}`
/g: `{{range(9)}}`: `range(…)`: there are no functions in templates, only filters such as \
`{{input.items | length}}`
/h: `{{1 +}}`: unexpected end of input, expected expression
/i: `{{input.x ; 1}}`: `;` does not belong into a template
/j: the template `{{'open}}` is not closed: add `}}`
/k: `{{input.x is odder}}`: there is no test `odder`; did you mean `odd`? There are: boolean, defined, \
divisibleby, endingwith, eq, even, ge, gt, in, le, lt, mapping, ne, none, number, odd, sequence, startingwith, string
/l: `{{{{input.x}}}}`: unexpected `}`, expected `:`";
    assert_eq!(render_with(&source, &json!({})), Err(expected.to_owned()));
}

#[test]
fn what_cannot_be_computed_is_an_error_and_nothing_explodes() {
    let huge = json!({"text": "x".repeat(200_000), "list": vec!["x"; 5_000], "mega": "x".repeat(3_000_000)});
    for (source, part) in [
        ("{{ \"x\" * 1000000000 }}", "\"x\" is not a number"),
        ("{{ 1000000000 * \"x\" }}", "\"x\" is not a number"),
        ("{{ 3 * (input.text) }}", "is not a number"),
        ("{{ 3 * input.list | list }}", "is not a number"),
        ("{{ [1] * 100000000 }}", "[1] is not a number"),
        ("{{ 9 ** 9 ** 9 }}", "**"),
        (
            "{{ input.text | replace(\"x\", \"0123456789\") }}",
            "larger than 1048576 bytes",
        ),
        (
            "{{ input.list | join(\"0123456789\".upper() ) }}",
            "no method named upper",
        ),
        (
            "{{ input.text ~ input.text }}",
            "values in it are larger than 262144 bytes",
        ),
        ("{{ input.mega | upper }}", "larger than 262144 bytes"),
        ("{{ 1 / 0 }}", "/"),
        ("{{input.list.0 + 1}}", "+"),
        ("{{ true | length }}", "has no length"),
        (
            "{{ input.mega }}{{ input.mega }}",
            "larger than 5242880 bytes",
        ),
    ] {
        let error = render_with(&json!(source), &huge).unwrap_err();
        assert!(error.contains(part), "{source}: {error}");
    }
    let pair = json!(["{{input.mega}}", "{{input.mega}}"]);
    assert!(
        render_with(&pair, &huge)
            .unwrap_err()
            .contains("larger than 5242880 bytes")
    );
}

#[test]
fn templates_have_bounds() {
    let huge = json!({});
    let many = format!("{{{{ {} }}}}", vec!["input.a"; 40].join(" , "));
    assert!(
        render_with(&json!(many), &huge)
            .unwrap_err()
            .contains("more than 32 values")
    );
    let many = format!("{{{{ {} }}}}", vec!["'a'"; 40].join(" ~ "));
    assert!(
        render_with(&json!(many), &huge)
            .unwrap_err()
            .contains("more than 16 of")
    );
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(900), ")".repeat(900));
    assert!(render_with(&json!(deep), &huge).is_err());
    let deep = (0..200).fold(json!("{{input.a}}"), |inner, _| json!([inner]));
    assert!(
        render_with(&deep, &huge)
            .unwrap_err()
            .contains("128 levels")
    );
    let long = format!("{{{{ input.{} }}}}", "a".repeat(3_000));
    assert!(
        render_with(&json!(long), &huge)
            .unwrap_err()
            .contains("2000 bytes")
    );
    let crowd = json!(vec!["{{input.a}}"; 1_001]);
    assert!(
        render_with(&crowd, &huge)
            .unwrap_err()
            .contains("more than 1000 templates")
    );
}

#[test]
fn rendered_text_is_never_a_template_again() {
    assert_eq!(render("{{input.evil}}"), Ok(json!("{{input.name}}")));
    assert_eq!(render("{{input.evil}}!"), Ok(json!("{{input.name}}!")));
    assert_eq!(
        render("{{ input.evil ~ \"\" }}"),
        Ok(json!("{{input.name}}"))
    );
}

#[test]
fn steps_are_named_with_their_places_and_constants_stay() {
    let source = json!({"a": "{{steps.x-1.y}} {{steps.z}}", "b": [{"c": "{{1 if steps.w.ok else input.n}}"}]});
    let template = Template::compile(&source, &[]).unwrap();
    let named: Vec<String> = template
        .step_references()
        .iter()
        .map(|reference| format!("{} {}", reference.pointer, reference.step))
        .collect();
    assert_eq!(named, ["/a x-1", "/a z", "/b/0/c w"]);
    assert_eq!(template.source(), &source);
    let constant = json!({"{{input.name}}": 1, "b": [null, "no template }}"]});
    assert!(Template::compile(&constant, &[]).unwrap().is_constant());
    assert_eq!(render_with(&constant, &json!({})), Ok(constant));
}

#[test]
fn a_raw_field_is_taken_as_it_is_but_only_at_the_top() {
    let code = "return {{a: 1}}; // {{ steps.nobody.x | nothing( }}";
    let source = json!({"code": code, "input": {"code": "{{input.name}}"}});
    let rendered = render_but(&source, &["code"], &data().0);
    assert_eq!(
        rendered,
        Ok(json!({"code": code, "input": {"code": "Ada"}}))
    );
    assert!(Template::compile(&source, &[]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_engine_panic(text in "[a-z{}|.~*+()\\[\\]\"' 0-9%-]{0,40}", inside in "[a-z.|()*~+<='\\[\\]{}0-9 -]{0,30}") {
        for source in [text, format!("{{{{{inside}}}}}")] {
            let rendered = render(&source);
            if !source.contains("{{") {
                proptest::prop_assert_eq!(rendered, Ok(json!(source)));
            }
        }
    }
}
