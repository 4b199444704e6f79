//! Time, memory and console: where a script meets its bounds.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::console::{MAX_BYTES, MAX_LINE_BYTES, MAX_LINES};
use super::message::{Failure, Order};
use super::sandbox;
use super::tests::{report, result, wrong};
use serde_json::{Value, json};

#[test]
fn a_script_ends_in_time_whatever_it_does() {
    let slow = |code: &str| {
        let report = sandbox::evaluate(&Order {
            code: code.to_owned(),
            input: Value::Null,
            timeout_ms: 100,
            memory_bytes: 64 << 20,
            max_result_bytes: 1_000,
        });
        assert!(!report.is_fit, "{code}");
        report.result
    };
    for code in [
        "for (;;);",
        "for (;;) await 0",
        "try { for (;;); } catch { for (;;); } finally { for (;;); }",
        "try { await (async () => { for (;;); })() } catch { for (;;); }",
        "const f = () => Promise.resolve().then(f); await f()",
        "queueMicrotask(function again() { queueMicrotask(again) }); await new Promise(() => {})",
        "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "return /(.*)*=(.*)*,/u.exec('x'.repeat(1e5))",
        "return [].indexOf.call({length: 2 ** 53 - 1}, 1)",
        "new Array(2 ** 32 - 1).forEach(x => x)",
        "[1, 2, 3].sort(() => { for (;;); })",
        "return {get x() { for (;;); }}",
        "return {toJSON() { for (;;); }}",
        "return new Proxy({}, {ownKeys() { for (;;); }})",
        "console.log({toJSON() { for (;;); }}); for (;;);",
        "return {then(f) { for (;;); }}",
        "function* g() { for (;;) yield 1 } for (const x of g());",
        "throw {get message() { for (;;); }}",
        "Error.prepareStackTrace = () => { for (;;); }; null.x",
        "class E extends Error { get name() { for (;;); } } throw new E()",
        "new Function('for (;;);')()",
        "eval('for (;;);')",
    ] {
        assert_eq!(slow(code), Err(Failure::Slow(100)), "{code}");
    }
}

#[test]
fn a_script_has_no_more_memory_than_it_is_given() {
    // Single allocations; what fills memory bit by bit is for a process to survive.
    for code in [
        "return new Array(1e9).fill(0).length",
        "return new ArrayBuffer(1e9).byteLength",
        "return new SharedArrayBuffer(1e9).byteLength",
        "return new Uint8Array(1e9).length",
        "return 'ab'.padStart(2 ** 29).length",
        "return 'a'.repeat(2 ** 29).length",
    ] {
        assert_eq!(result(code), Err(Failure::Memory(64 << 20)), "{code}");
    }
    for (code, part) in [
        ("let s = 'a'; for (;;) s += s", "string too long"),
        ("return 2n ** (2n ** 40n)", "BigInt is too large"),
        ("return 'a'.repeat(2 ** 31)", "invalid repeat count"),
    ] {
        assert!(wrong(code).contains(part), "{code}: {}", wrong(code));
    }
}

#[test]
fn the_console_is_kept_within_bounds() {
    let code = "console.log('a', 1, {b: [null, undefined]}, undefined, null); console.info(new Error('e')); \
        console.warn(); console.error(10n, 'x'); console.debug(() => 1, Symbol('s')); const o = {}; o.o = o; \
        console.log(o, {get x() { throw 1 }}); return 1";
    let written = report(code, Value::Null);
    assert_eq!(written.result, Ok(json!(1)));
    let lines: Vec<String> = written
        .logs
        .iter()
        .map(|line| format!("{} {}", line.level, line.message))
        .collect();
    assert_eq!(
        lines,
        [
            "info a 1 {\"b\":[null,null]} undefined null",
            "info e",
            "warn ",
            "error [is a BigInt; hand on `Number(x)` or `String(x)`] x",
            "debug [is a function, which has no form in JSON] [is a Symbol, which has no form in JSON]",
            "info [at `.o` holds itself] [has a getter or a `toJSON` that throws]",
        ]
    );
    for code in [
        "for (let i = 0; i < 1e4; i++) console.log(i)",
        "for (let i = 0; i < 100; i++) console.log('x'.repeat(1e5))",
        "for (let i = 0; i < 100; i++) console.log(new Array(1e5).fill('ü').join(), 1)",
        "console.log(...new Array(1e4).fill('x'.repeat(1e3)))",
    ] {
        let logs = report(code, Value::Null).logs;
        assert!(logs.len() <= MAX_LINES, "{code}: {}", logs.len());
        let bytes: usize = logs.iter().map(|line| line.message.len()).sum();
        assert!(bytes <= MAX_BYTES + 200, "{code}: {bytes}");
        for line in &logs {
            assert!(line.message.len() <= MAX_LINE_BYTES + 4, "{code}");
        }
        let last = &logs.last().expect("a line").message;
        assert!(
            last.contains("dropped") || logs.len() == 1,
            "{code}: {last}"
        );
    }
    let failed = report("console.log('before'); null.x", Value::Null);
    let error = failed.into_result().expect_err("a failure");
    assert_eq!(error.code, "SCRIPT");
    assert_eq!(
        error.message,
        "TypeError: cannot read property 'x' of null (line 1)\nconsole: info: before"
    );
}
