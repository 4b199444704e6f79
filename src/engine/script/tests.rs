//! Scripts, case by case: the language, results, errors, and what is not there. What takes a process to be survived is in
//! `tests/api/scripts`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::message::{Failure, Order, Report};
use super::{check, sandbox};
use serde_json::{Value, json};

pub(super) fn report(code: &str, input: Value) -> Report {
    sandbox::evaluate(&Order {
        code: code.to_owned(),
        input,
        timeout_ms: 5_000,
        memory_bytes: 64 << 20,
        max_result_bytes: 100_000,
    })
}

pub(super) fn result(code: &str) -> Result<Value, Failure> {
    report(
        code,
        json!({"a": 5, "text": "`${x}` \" \\ \u{2028} ü", "big": 12_345_678_901_i64}),
    )
    .result
}

pub(super) fn wrong(code: &str) -> String {
    match result(code) {
        Err(Failure::Wrong(message)) => message,
        other => panic!("{code}: {other:?}"),
    }
}

/// Code and what it gives.
const RESULTS: &str = r#"
return input.a + 1 ⇒ 6
return input.text ⇒ "`${x}` \" \\ \u2028 ü"
return input.big + 1 ⇒ 12345678902
return ⇒ null
return null ⇒ null
return {b: 1, a: undefined, c: [undefined, , NaN, Infinity]} ⇒ {"b": 1, "c": [null, null, null, null]}
return [1.5, 3.0, -0, 2 ** 53, 1e300, -7] ⇒ [1.5, 3, 0, 9007199254740992, 1e300, -7]
return new Date(Date.UTC(2024, 0, 15)) ⇒ "2024-01-15T00:00:00.000Z"
return {toJSON() { return {x: new Date(0)} }} ⇒ {"x": "1970-01-01T00:00:00.000Z"}
return 'a\ud800b\ud83d\ude00\u0000' ⇒ "a\ufffdb\ud83d\ude00\u0000"
return {'\udfff': 1} ⇒ {"\ufffd": 1}
return new TypeError('no') ⇒ {"name": "TypeError", "message": "no"}
return JSON.parse('{"__proto__": {"x": 1}}') ⇒ {"__proto__": {"x": 1}}
const o = {a: 1}; return [o, o] ⇒ [{"a": 1}, {"a": 1}]
return new Proxy({a: 1}, {get: () => 2, has: () => true}) ⇒ {"a": 2}
class A { b = 1; get c() { return 2 } } return new A() ⇒ {"b": 1}
total = 0; for (i = 1; i < 4; i++) total += i; return total ⇒ 6
return this === undefined || this === globalThis ⇒ true
return 1 // the end ⇒ 1
return `{{ input.a }} ${input.a}` ⇒ "{{ input.a }} 5"
return [3, 1, 2].toSorted().map(x => x * 2) ⇒ [2, 4, 6]
return 'a-b-c'.replace(/-(?<l>.)/gu, (_, l) => l.toUpperCase()) ⇒ "aBC"
return typeof Math.random() + typeof Date.now() ⇒ "numbernumber"
return {__proto__: {x: 1}} ⇒ {}
"#;

#[test]
fn results_become_json() {
    for line in RESULTS.trim().lines() {
        let (code, expected) = line.split_once(" ⇒ ").expect(line);
        let expected: Value = serde_json::from_str(expected).expect(line);
        assert_eq!(result(code), Ok(expected), "{code}");
        assert_eq!(check(code), Ok(()), "{code}");
    }
    assert_eq!(result(""), Ok(Value::Null));
}

#[test]
fn promises_that_settle_are_waited_for() {
    for (code, expected) in [
        ("return await Promise.resolve(1)", json!(1)),
        ("return Promise.all([1, Promise.resolve(2)])", json!([1, 2])),
        (
            "const f = async x => x + 1; let s = 0; for (let i = 0; i < 100; i++) s = await f(s); return s",
            json!(100),
        ),
        (
            "for await (const x of (async function* () { yield 7 })()) return x",
            json!(7),
        ),
        (
            "let x = 0; queueMicrotask(() => { x = 1 }); await null; return x",
            json!(1),
        ),
        (
            "try { await Promise.reject(new Error('e')) } catch (e) { return e.message }",
            json!("e"),
        ),
        (
            "Promise.reject(new Error('nobody looks')); return 1",
            json!(1),
        ),
    ] {
        assert_eq!(result(code), Ok(expected), "{code}");
    }
    assert!(wrong("await new Promise(() => {})").contains("nothing settles"));
    assert!(wrong("return {then() {}}").contains("nothing settles"));
    assert!(wrong("return {a: Promise.resolve(1)}").contains("at `.a` is a promise"));
}

#[test]
fn what_has_no_form_in_json_is_refused_with_its_place() {
    for (code, part) in [
        ("return 10n", "the result is a BigInt"),
        ("return {a: [1, 2n]}", "at `.a[1]` is a BigInt"),
        ("return {f() {}}", "at `.f` is a function"),
        ("return Symbol('x')", "is a Symbol"),
        (
            "return {m: new Map([[1, 2]])}",
            "at `.m` is a Map; hand on `Object.fromEntries(x)`",
        ),
        ("return new Set()", "is a Set"),
        (
            "const o = {a: {}}; o.a.b = o; return o",
            "at `.a.b` holds itself",
        ),
        ("const a = []; a.push(a); return a", "at `[0]` holds itself"),
        (
            "let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; return o",
            "more than 64 levels deep",
        ),
        (
            "const o = {toJSON() { return [o] }}; return o",
            "holds itself",
        ),
        ("return 'x'.repeat(100001)", "more than 100000 bytes"),
        ("return '\"'.repeat(60000)", "120002 bytes of JSON"),
        ("return new Array(4e9)", "more than 100000 bytes"),
        (
            "return {get x() { throw new RangeError('got me') }}",
            "RangeError: got me (line 1)",
        ),
        (
            "return {toJSON() { null.x }}",
            "TypeError: cannot read property 'x' of null (line 1)",
        ),
        (
            "return new Proxy({}, {ownKeys() { throw 5 }})",
            "the script threw: 5",
        ),
    ] {
        let message = wrong(code);
        assert!(message.contains(part), "{code}: {message}");
    }
}

#[test]
fn errors_have_their_line() {
    for (code, expected) in [
        ("throw new Error('x')", "Error: x (line 1)"),
        (
            "\n\n  null.x",
            "TypeError: cannot read property 'x' of null (line 3)",
        ),
        (
            "const f = () => {\n  return missing\n}\nf()",
            "ReferenceError: missing is not defined (line 2)",
        ),
        (
            "await null;\nawait null;\nthrow new RangeError('late')",
            "RangeError: late (line 3)",
        ),
        (
            "return 1 +;",
            "SyntaxError: unexpected token in expression: ';' (line 1)",
        ),
        (
            "return [1].map(x => {\n  throw new SyntaxError(x)\n})",
            "SyntaxError: 1 (line 2)",
        ),
        ("throw 'text'", "the script threw: text"),
        ("throw {message: 'own'}", "the script threw: own"),
        (
            "throw undefined",
            "the script threw something that is no Error and has no message",
        ),
        (
            "throw new (class Own extends Error { name = 'Own' })('x')",
            "Own: x (line 1)",
        ),
        ("const e = new Error(''); e.stack = ''; throw e", "Error"),
        (
            "Error.prepareStackTrace = () => { throw 1 }; null.x",
            "TypeError: cannot read property 'x' of null",
        ),
        (
            "function f() { f() } f()",
            "RangeError: Maximum call stack size exceeded (line 1)",
        ),
        (
            "return JSON.parse('['.repeat(1e6))",
            "RangeError: Maximum call stack size exceeded (line 1)",
        ),
        (
            "}); (function () { return 5",
            "the code is not the body of a function of `input`",
        ),
        (
            "}, 5, {",
            "the code is not the body of a function of `input`",
        ),
    ] {
        assert_eq!(wrong(code), expected, "{code}");
    }
    let long = wrong("throw new Error('x'.repeat(1e6))");
    assert!(long.chars().count() < 2_100, "{}", long.len());
    assert!(wrong("return 1\0").contains("NUL"));
    assert_eq!(result("throw null"), Err(Failure::Null(64 << 20)));
}

#[test]
fn the_check_runs_nothing_and_names_the_line() {
    assert_eq!(check("for (;;);"), Ok(()));
    assert_eq!(check("}); for (;;); (async function () {"), Ok(()));
    for (code, part) in [
        ("return 1 +;", "(line 1)"),
        ("\n\nlet let = 1;;{", "(line 3)"),
        ("return `", "SyntaxError"),
        ("{", "SyntaxError"),
        ("}", "SyntaxError"),
        ("import fs from 'fs'", "SyntaxError"),
        ("export default 1", "SyntaxError"),
        ("return /a(/", "SyntaxError"),
        ("\0", "NUL"),
    ] {
        let message = check(code).expect_err(code);
        assert!(message.contains(part), "{code}: {message}");
    }
    assert!(check(&"(".repeat(100_000)).is_err());
    assert!(check(&"[".repeat(100_000)).is_err());
    assert!(check(&format!("return {}1", "!".repeat(100_000))).is_err());
}

/// The names of the global object. Whoever adds to them has to know why.
const GLOBALS: &str = "AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array \
    Boolean DataView Date DisposableStack Error EvalError Float16Array Float32Array Float64Array Function Infinity \
    Int16Array Int32Array Int8Array InternalError Iterator JSON Map Math NaN Number Object Promise Proxy RangeError \
    ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol SyntaxError TypeError URIError \
    Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet console decodeURI decodeURIComponent encodeURI \
    encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt queueMicrotask undefined unescape";

#[test]
fn nothing_of_the_host_is_in_reach() {
    let globals = "return Reflect.ownKeys(globalThis).filter(k => typeof k === 'string').sort()";
    let expected: Vec<&str> = GLOBALS.split_whitespace().collect();
    assert_eq!(result(globals), Ok(json!(expected)));
    let console = "return Object.keys(console)";
    assert_eq!(
        result(console),
        Ok(json!(["debug", "log", "info", "warn", "error"]))
    );
    // Every way to the function constructors and to the global object leads to the same, which holds no more.
    for code in [
        "return [].constructor.constructor('return this')() === globalThis",
        "return (async () => {}).constructor('return globalThis')() instanceof Promise",
        "return console.log.constructor('return this')() === globalThis",
        "return new Function('return typeof process + typeof require + typeof std + typeof os')() === 'undefined'.repeat(4)",
        "return (0, eval)('this') === globalThis",
        "return (function () { return this })() === globalThis",
        "return typeof fetch + typeof setTimeout + typeof WebAssembly === 'undefined'.repeat(3)",
        "const f = function () { return f.caller }; try { return f() == null } catch { return true }",
    ] {
        assert_eq!(result(code), Ok(json!(true)), "{code}");
    }
    for (code, part) in [
        ("return await import('fs')", "fs"),
        ("return await import('/etc/passwd')", "passwd"),
        ("return await import('std')", "std"),
        ("return new Function('return import(\"os\")')()", "os"),
        ("return import.meta", "SyntaxError"),
        ("return require('fs')", "require is not defined"),
        (
            "return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
            "cannot block",
        ),
    ] {
        let message = wrong(code);
        assert!(message.contains(part), "{code}: {message}");
    }
}

#[test]
fn nothing_is_left_for_the_next_script() {
    let pollute = "Object.prototype.polluted = 1; Array.prototype.map = () => 'mine'; globalThis.kept = 1; \
        JSON.parse = JSON.stringify = () => 'mine'; String.prototype.toWellFormed = () => 'mine'; \
        Object.defineProperty(Object.prototype, 'toJSON', {value: undefined}); Promise.prototype.then = null; \
        delete globalThis.console; Map = Set = null; return {ok: ['\\ud800']}";
    let polluted = json!({"ok": ["\u{fffd}"]});
    assert_eq!(result(pollute), Ok(polluted), "not even for its own result");
    let look = "return [{}.polluted, [1].map(x => x), typeof kept, JSON.stringify({a: 1}), typeof console, typeof Map]";
    let clean = json!([null, [1], "undefined", "{\"a\":1}", "object", "function"]);
    assert_eq!(result(look), Ok(clean));
    let input = json!({"__proto__": {"polluted": 1}, "constructor": 5});
    let code = "return [{}.polluted, Object.keys(input)]";
    assert_eq!(
        report(code, input).result,
        Ok(json!([null, ["__proto__", "constructor"]]))
    );
}
