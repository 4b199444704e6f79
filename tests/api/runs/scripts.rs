//! JavaScript in steps: what it sees and gives, and that nothing it does harms the server or another run.

use super::{ended, run_of, set, start, until, with};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn code(id: &str, code: &str, config: Value) -> Value {
    let step =
        json!({ "id": id, "type": "code", "config": { "code": code, "language": "javascript" } });
    let mut step = with(step, json!({}));
    for (name, value) in config.as_object().into_iter().flatten() {
        step["config"][name] = value.clone();
    }
    step
}

async fn server(configure: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(Clock::system(), configure).await
}

/// The end of a run of this one piece of code.
async fn run(server: &TestServer, text: &str, config: Value) -> Value {
    let workflow = server.workflow("w", json!([code("c", text, config)])).await;
    server.admin().run(&workflow, json!({})).await
}

#[tokio::test]
async fn code_sees_its_input_and_its_braces_are_no_templates() {
    let server = TestServer::start().await;
    let text = "console.log('braces', {{a: 1}.a}); return `{{steps.nobody.x}} ${input.n + 1} {{ input.text }}`";
    let text = text.replace("{{a: 1}.a}", "{...{a: 1}}");
    let steps = json!([
        set("first", json!({"n": "{{input.n}}"})),
        code("c", &text, json!({"input": {"n": "{{steps.first.n}}", "text": "{{input.text}}"}})),
        { "id": "s", "type": "transform", "config": {
            "script": "return {total: input.lines.reduce((sum, line) => sum + line.price, 0), each: input.lines.map(l => `{{${l.price}}}`)}",
            "input": {"lines": "{{input.lines}}"},
        } },
        { "id": "t", "type": "transform", "config": {
            "code": "return [input, await Promise.resolve(typeof input)]", "input": "{{steps.s.output.total}}",
        } },
        set("end", json!({"c": "{{steps.c.output}}", "s": "{{steps.s.output}}", "t": "{{steps.t.output.result}}"})),
    ]);
    let workflow = server.workflow("w", steps.clone()).await;
    // What would end a text or a template if values were put into the code.
    let nasty = "`${1}` \" ' \\ {{input.n}} */ \u{2028} })";
    let input = json!({"n": 41, "text": nasty, "lines": [{"price": 1.5}, {"price": 2}]});
    let done = server.admin().run(&workflow, input).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(
        done["output"],
        json!({
            "c": {
                "result": "{{steps.nobody.x}} 42 {{ input.text }}",
                "logs": [{"level": "info", "message": "braces {\"a\":1}"}],
            },
            "s": {"total": 3.5, "each": ["{{1.5}}", "{{2}}"]},
            "t": [3.5, "number"],
        })
    );
    let stored = server
        .admin()
        .get(&format!("/api/v1/workflows/{workflow}"))
        .await
        .data();
    assert_eq!(stored["steps"], steps);
    server.stop().await;
}

#[tokio::test]
async fn mistakes_in_code_are_told_when_the_workflow_is_made() {
    let server = TestServer::start().await;
    let steps = json!([
        code("a", "const x = 1;\nreturn x +;", json!({})),
        code("b", "return 1", json!({"language": "typescript"})),
        { "id": "c", "type": "transform", "config": { "script": "return {", "input": "{{steps.nobody.x}}" } },
    ]);
    let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": steps });
    let answer = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for part in [
        "steps[0].config.code",
        "unexpected token in expression: ';' (line 2)",
        "steps[1].config.language",
        "take the types out",
        "steps[2].config.script",
        "steps[2].config.input",
    ] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_error_has_its_line_and_the_end_of_the_console() {
    let server = TestServer::start().await;
    let text = "console.warn('before');\nreturn input.list.map(\n  x => x.y)";
    let done = run(&server, text, json!({})).await;
    assert_eq!(done["status"], "failed");
    assert_eq!(done["error"]["code"], "STEP_ERROR");
    let message = done["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("cannot read property 'list' of null (line 2)")
            && message.contains("console: warn: before"),
        "{message}"
    );
    let fallback = json!([
        with(
            code("c", "throw new Error('no')", json!({})),
            json!({
                "errorHandling": {"strategy": "continue", "fallback": {"result": "instead"}},
            })
        ),
        set("end", json!("{{steps.c.output.result}}")),
    ]);
    let workflow = server.workflow("f", fallback).await;
    let done = server.admin().run(&workflow, json!({})).await;
    assert_eq!(done["output"], "instead");
    server.stop().await;
}

/// What fills the memory bit by bit, or at once. Under a limit some of it makes QuickJS itself fail.
const BOMBS: [&str; 12] = [
    "const o = {}; for (let i = 0; ; i++) o['k' + i] = i",
    "const p = new Proxy({}, {get: (t, k) => { t[k + 'x'] = 1; return t }}); for (let i = 0; ; i++) p['k' + i].foo",
    "const a = []; for (;;) a.push({x: 1, y: 2, z: 3})",
    "const a = []; for (;;) a.push('x'.repeat(1000) + a.length)",
    "const m = new Map(); for (let i = 0; ; i++) m.set({i}, [i])",
    "let s = ''; for (;;) s += JSON.stringify({s: s.slice(0, 1000), a: [1]})",
    "const l = []; for (;;) { try { null.x } catch (e) { l.push(e) } }",
    "const l = []; for (;;) l.push(new Uint8Array(1e6))",
    "const f = async n => { await 0; return f(n + 1) }; return await f(0)",
    "return [...(function* () { let i = 0; for (;;) yield {i: i++} })()]",
    "const l = []; for (let i = 0; ; i++) l.push(new RegExp('a' + i + '(b|c)*'), Symbol('s' + i))",
    "return new Array(1e9).fill(0)",
];

#[tokio::test]
async fn a_memory_bomb_fails_its_own_run_and_nothing_else() {
    let server = server(|config| config.script_memory_bytes = 8 << 20).await;
    for bomb in BOMBS {
        let done = run(&server, bomb, json!({"timeout": 20_000})).await;
        let message = done["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(done["status"], "failed", "{bomb}: {done}");
        assert!(
            message.contains("8388608 bytes of memory") || message.contains("found no memory"),
            "{bomb}: {message}"
        );
    }
    assert_eq!(
        run(&server, "return 1", json!({})).await["output"]["result"],
        1
    );
    server.stop().await;
}

#[tokio::test]
async fn a_loop_ends_at_its_time_also_one_inside_a_built_in_function() {
    let server = server(|config| config.max_running_scripts = 1).await;
    for (text, config) in [
        ("for (;;);", json!({"timeout": 50})),
        (
            "for (;;) await 0",
            json!({"sandbox": {"timeoutMs": 50}, "timeout": 5_000}),
        ),
        (
            "return /^(a+)+$/.test('a'.repeat(50) + 'b')",
            json!({"timeout": 50}),
        ),
        // Nobody can interrupt this one from inside; it would take hours.
        (
            "return 'a'.repeat(1e7).indexOf('a'.repeat(4e6) + 'b')",
            json!({"timeout": 50}),
        ),
    ] {
        let done = run(&server, text, config).await;
        let message = done["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("longer than 50 ms"), "{text}: {done}");
    }
    let step = with(code("c", "for (;;);", json!({})), json!({"timeoutMs": 50}));
    let workflow = server.workflow("t", json!([step])).await;
    let done = server.admin().run(&workflow, json!({})).await;
    assert!(
        done["error"]["message"].to_string().contains("50 ms"),
        "{done}"
    );
    assert_eq!(
        run(&server, "return 1", json!({})).await["output"]["result"],
        1
    );
    server.stop().await;
}

#[tokio::test]
async fn the_console_of_a_script_stands_in_the_log_of_its_step() {
    let server = TestServer::start().await;
    let script = |id: &str, script: &str| json!({ "id": id, "type": "transform", "config": { "script": script, "input": "{{input}}" } });
    let steps = json!([
        script(
            "says",
            "console.log('got', input.n); console.warn('odd'); return input.n"
        ),
        script("silent", "return 1"),
        code("code", "console.log('x'); return 2", json!({})),
    ]);
    let workflow = server.workflow("w", steps).await;
    let done = server.admin().run(&workflow, json!({ "n": 5 })).await;
    let logs = super::logs_of(&server, done["runId"].as_str().expect("an id")).await;
    assert_eq!(logs[0]["output"], 5, "the output is what it returned");
    let lines =
        json!([{ "level": "info", "message": "got 5" }, { "level": "warn", "message": "odd" }]);
    assert_eq!(logs[0]["logs"], lines);
    assert_eq!([&logs[1]["logs"], &logs[2]["logs"]], [&Value::Null; 2]);
    assert_eq!(logs[2]["output"]["logs"][0]["message"], "x");
    server.stop().await;
}

#[tokio::test]
async fn results_and_consoles_are_bounded() {
    let server = server(|config| config.max_output_bytes = 4_096).await;
    for (text, config, part) in [
        ("return 'x'.repeat(1e6)", json!({}), "more than 4096 bytes"),
        (
            "return 'x'.repeat(1e3)",
            json!({"sandbox": {"maxOutputSize": 100}}),
            "more than 100 bytes",
        ),
        (
            "return 'x'.repeat(1e6)",
            json!({"sandbox": {"maxOutputSize": 10_000_000}}),
            "more than 4096 bytes",
        ),
        (
            "let o = 1; for (let i = 0; i < 65; i++) o = [o]; return o",
            json!({}),
            "more than 64 levels",
        ),
        (
            "const o = {}; o.self = o; return {o}",
            json!({}),
            "`.o.self` holds itself",
        ),
        ("throw new Error('x'.repeat(1e6))", json!({}), "Error: xxx"),
    ] {
        let done = run(&server, text, config).await;
        let message = done["error"]["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(part) && message.len() < 5_000,
            "{text}: {done}"
        );
    }
    let text = "for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 1";
    let done = run(&server, text, json!({})).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"]["truncated"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_hundred_scripts_take_their_turns() {
    let server = server(|config| config.max_running_scripts = 2).await;
    let text = "const from = Date.now(); while (Date.now() < from + 5); return [from, Date.now()]";
    let workflow = server
        .workflow("w", json!([code("c", text, json!({}))]))
        .await;
    let admin = server.admin();
    let runs = join_all((0..100).map(|_| admin.run(&workflow, json!({})))).await;
    let mut moments = Vec::new();
    for done in &runs {
        assert_eq!(done["status"], "completed", "{done}");
        let moment = |at: usize| done["output"]["result"][at].as_i64().expect("a moment");
        moments.extend([(moment(0), 1), (moment(1), -1)]);
    }
    // One that ends and one that begins in the same millisecond do not overlap.
    moments.sort();
    let (mut at_once, mut most) = (0, 0);
    for (_, change) in moments {
        at_once += change;
        most = most.max(at_once);
    }
    assert!(most <= 2, "{most} at once");
    server.stop().await;
}

#[tokio::test]
async fn a_cancel_ends_an_endless_script_and_frees_its_turn() {
    let server = server(|config| config.max_running_scripts = 1).await;
    for text in [
        "for (;;);",
        "return 'a'.repeat(1e7).indexOf('a'.repeat(4e6) + 'b')",
    ] {
        let steps = json!([
            set("before", json!(1)),
            code("c", text, json!({"timeout": 30_000}))
        ]);
        let workflow = server.workflow("w", steps).await;
        let id = start(&server, &workflow, json!({})).await;
        until(&server, &id, "step.completed", "before").await;
        assert_eq!(run_of(&server, &id).await["status"], "running");
        let cancel = format!("/api/v1/runs/{id}/cancel");
        let answer = server.admin().post(&cancel, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(ended(&server, &id).await["status"], "cancelled");
        // There is one turn, so this would wait for half a minute.
        let next = run(&server, "return 1", json!({"timeout": 10_000})).await;
        assert_eq!(next["output"]["result"], 1);
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_program_for_scripts_a_step_says_what_to_set() {
    for program in [None, Some("/nowhere/flowlatch".into())] {
        let server = server(|config| config.script_program = program).await;
        let done = run(&server, "return 1", json!({})).await;
        let message = done["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("`script_program`"), "{done}");
        server.stop().await;
    }
}

#[tokio::test]
async fn the_example_of_the_readme_gives_what_it_shows() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme
        .split_once("\n## Values and JavaScript\n")
        .expect("a section");
    let shown = |text: &str| serde_json::from_str::<Value>(text).expect(text);
    let blocks: Vec<Value> = section
        .split("```json\n")
        .skip(1)
        .take(2)
        .map(|block| shown(block.split("```").next().unwrap_or_default()))
        .collect();
    let (_, input) = section.split_once("With the input `").expect("an input");
    let input = shown(input.split('`').next().unwrap_or_default());
    let server = TestServer::start().await;
    let workflow = server.workflow_with(blocks[0].clone()).await;
    let done = server.admin().run(&workflow, input).await;
    assert_eq!(done["output"], blocks[1], "{done}");
    server.stop().await;
}
