//! One evaluation: a fresh QuickJS, the user's function, its result.
//! May not know processes. Promises: input and result are JSON and never part of the code; nothing that a script did is
//! there for the next one; every loop in here ends when the script's time is over.

use super::console::Console;
use super::failure::{self, CODE_NAME};
use super::message::{Failure, Order, Report};
use super::value::Reader;
use crate::clock::Clock;
use crate::model::json::json_bytes;
use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{Context, Ctx, Error, Function, Promise, Runtime, Value};
use serde_json::Value as Json;
use std::cell::Cell;
use std::rc::Rc;

/// How much native stack a script may use.
pub(super) const MAX_STACK_BYTES: usize = 1024 * 1024;
/// How much the check of a script's syntax may use: it runs on the server's own threads.
const MAX_CHECK_STACK_BYTES: usize = 256 * 1024;

/// What a script finds beside the language itself. There are no modules, timers, clocks finer than `Date`, nor weak
/// references, which would let a script see when memory is reclaimed.
type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// When a script has to end.
#[derive(Clone)]
struct Deadline {
    clock: Clock,
    at_ms: u64,
    is_over: Rc<Cell<bool>>,
}

impl Deadline {
    fn in_ms(timeout_ms: u64) -> Deadline {
        let clock = Clock::system();
        Deadline {
            at_ms: clock.monotonic_ms().saturating_add(timeout_ms),
            clock,
            is_over: Rc::default(),
        }
    }

    /// Whether it has come. Once it has, it stays so.
    fn is_over(&self) -> bool {
        if self.clock.monotonic_ms() >= self.at_ms {
            self.is_over.set(true);
        }
        self.is_over.get()
    }
}

/// Whether `code` can be the body of a function; the error names the line. Nothing of it is run.
pub fn check(code: &str) -> Result<(), String> {
    let broken = |_| "the interpreter cannot be started".to_owned();
    let runtime = Runtime::new().map_err(broken)?;
    runtime.set_max_stack_size(MAX_CHECK_STACK_BYTES);
    type Syntax = (
        intrinsic::Eval,
        intrinsic::RegExpCompiler,
        intrinsic::RegExp,
    );
    let context = Context::custom::<Syntax>(&runtime).map_err(broken)?;
    context.with(|ctx| {
        // What stands first throws, so that code which closes the function early is not run either.
        let source = format!("throw 0;{}", function_of(code));
        match ctx.eval_with_options::<(), _>(source, options()) {
            Ok(()) => Ok(()),
            Err(Error::Exception) => {
                let thrown = ctx.catch();
                if thrown.is_number() {
                    return Ok(());
                }
                let memory_bytes = usize::MAX;
                match failure::of(&thrown, memory_bytes) {
                    Failure::Wrong(message) => Err(message),
                    Failure::Memory(_) | Failure::Null(_) | Failure::Slow(_) => {
                        Err("it is too complex".to_owned())
                    }
                }
            }
            Err(_) => Err("it holds a NUL character".to_owned()),
        }
    })
}

/// Runs a script.
pub(super) fn evaluate(order: &Order) -> Report {
    let console = Console::default();
    let result = run(order, &console);
    Report {
        is_fit: !matches!(
            result,
            Err(Failure::Memory(_) | Failure::Null(_) | Failure::Slow(_))
        ),
        result,
        logs: console.take(),
    }
}

fn run(order: &Order, console: &Console) -> Result<Json, Failure> {
    let no_memory = |_| Failure::Memory(order.memory_bytes);
    let runtime = Runtime::new().map_err(no_memory)?;
    runtime.set_max_stack_size(MAX_STACK_BYTES);
    let context = Context::custom::<Intrinsics>(&runtime).map_err(no_memory)?;
    // Not before: QuickJS does not look whether there was memory for its own objects.
    runtime.set_memory_limit(order.memory_bytes);
    let deadline = Deadline::in_ms(order.timeout_ms);
    let interrupt = deadline.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || interrupt.is_over())));
    context.with(|ctx| {
        let result = in_context(&ctx, order, console, &deadline);
        if deadline.is_over.get() {
            return Err(Failure::Slow(order.timeout_ms));
        }
        result
    })
}

fn in_context(
    ctx: &Ctx<'_>,
    order: &Order,
    console: &Console,
    deadline: &Deadline,
) -> Result<Json, Failure> {
    let wrong = |error: Error| match error {
        Error::Exception => failure::thrown(ctx, order.memory_bytes),
        Error::InvalidString(_) => Failure::Wrong("the code holds a NUL character".to_owned()),
        Error::FromJs { .. } => {
            Failure::Wrong("the code is not the body of a function of `input`".to_owned())
        }
        _ => Failure::Memory(order.memory_bytes),
    };
    console.install(ctx).map_err(wrong)?;
    // Before the script, which may change what it is made of.
    let mut reader = Reader::new(ctx, order.max_result_bytes).map_err(wrong)?;
    let input = ctx.json_parse(order.input.to_string()).map_err(wrong)?;
    let function: Function<'_> = ctx
        .eval_with_options(function_of(&order.code), options())
        .map_err(wrong)?;
    let promise: Promise<'_> = function.call((input,)).map_err(wrong)?;
    let value = settled(ctx, &promise, deadline)?.map_err(wrong)?;
    match reader.read(value) {
        Ok(json) => within(json.unwrap_or(Json::Null), order.max_result_bytes),
        Err(super::value::Unfit::Thrown) => Err(wrong(Error::Exception)),
        Err(unfit) => Err(Failure::Wrong(format!("the result {}", unfit.reason()))),
    }
}

/// What a promise was settled with, once every job that can be done is done.
fn settled<'js>(
    ctx: &Ctx<'js>,
    promise: &Promise<'js>,
    deadline: &Deadline,
) -> Result<rquickjs::Result<Value<'js>>, Failure> {
    loop {
        if let Some(result) = promise.result() {
            return Ok(result);
        }
        if deadline.is_over() {
            return Err(Failure::Wrong(String::new()));
        }
        if !ctx.execute_pending_job() {
            return Err(Failure::Wrong(
                "the script waits for a promise that nothing settles: there are no timers and nothing to call in it, or a step of it found no memory"
                    .to_owned(),
            ));
        }
    }
}

/// The result, unless its JSON is too long.
fn within(json: Json, max_bytes: usize) -> Result<Json, Failure> {
    let bytes = json_bytes(&json);
    if bytes > max_bytes {
        return Err(Failure::Wrong(format!(
            "the result has {bytes} bytes of JSON; at most {max_bytes} are allowed"
        )));
    }
    Ok(json)
}

/// The user's code as a function. It begins on the first line, so that lines are counted as the user counts them.
fn function_of(code: &str) -> String {
    format!("(async function (input) {{{code}\n}})")
}

fn options() -> EvalOptions {
    let mut options = EvalOptions::default();
    // As everywhere where code is a function's body: a user says "use strict" where it is wanted.
    options.strict = false;
    options.filename = Some(CODE_NAME.to_owned());
    options
}
