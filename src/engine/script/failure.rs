//! What went wrong in a script, in words, with the line of the user's code.

use super::message::Failure;
use crate::model::run::StepError;
use rquickjs::{Ctx, Value};

/// The name under which the user's code stands in stack traces.
pub(super) const CODE_NAME: &str = "script";
/// The longest message that is handed on, in characters.
const MAX_MESSAGE_CHARS: usize = 2_000;

/// The error of the step.
pub(super) fn in_words(failure: Failure) -> StepError {
    match failure {
        Failure::Wrong(message) => StepError::fatal("SCRIPT", message),
        Failure::Slow(timeout_ms) => too_slow(timeout_ms),
        Failure::Memory(bytes) => StepError::fatal(
            "SCRIPT",
            format!(
                "the script needs more than {bytes} bytes of memory (setting `script_memory_bytes`)"
            ),
        ),
        Failure::Null(bytes) => StepError::fatal(
            "SCRIPT",
            format!(
                "the script threw null, or found no memory for an error: it has {bytes} bytes of memory (setting `script_memory_bytes`)"
            ),
        ),
    }
}

/// The error of a script that was stopped.
pub(super) fn too_slow(timeout_ms: u64) -> StepError {
    StepError::transient(
        "TIMEOUT",
        format!(
            "the script took longer than {timeout_ms} ms; make it do less, or give it more time with `timeout` (up to 30000)"
        ),
    )
}

/// What was thrown last, taken from the context. `memory_bytes` is what the script may use.
pub(super) fn thrown(ctx: &Ctx<'_>, memory_bytes: usize) -> Failure {
    of(&ctx.catch(), memory_bytes)
}

pub(super) fn of(thrown: &Value<'_>, memory_bytes: usize) -> Failure {
    if let Some(exception) = thrown.as_exception() {
        let message = exception.message().unwrap_or_default();
        if message == "out of memory" {
            return Failure::Memory(memory_bytes);
        }
        let name = exception
            .as_object()
            .get::<_, Option<String>>("name")
            .ok()
            .flatten();
        let name = name.unwrap_or_else(|| "Error".to_owned());
        let stack = exception.stack().unwrap_or_default();
        let place = line_in(&stack).map_or(String::new(), |line| format!(" (line {line})"));
        let message = match message.as_str() {
            "" => name,
            text => format!("{name}: {text}"),
        };
        return Failure::Wrong(format!("{}{place}", cut(&message)));
    }
    // Without memory for an error object QuickJS throws null, or nothing at all.
    if thrown.is_null() {
        return Failure::Null(memory_bytes);
    }
    let is_known = thrown.is_undefined()
        || thrown.is_string()
        || thrown.is_number()
        || thrown.is_bool()
        || thrown.is_object();
    if !is_known {
        return Failure::Memory(memory_bytes);
    }
    let text = thrown.as_string().and_then(|text| text.to_string().ok());
    let text = text.or_else(|| thrown.as_number().map(|number| number.to_string()));
    let text = text.or_else(|| {
        let message = thrown.as_object()?.get::<_, Option<String>>("message");
        message.ok().flatten()
    });
    Failure::Wrong(match text {
        Some(text) => format!("the script threw: {}", cut(&text)),
        None => "the script threw something that is no Error and has no message".to_owned(),
    })
}

/// The line of the innermost place in the user's code: `    at f (script:3:5)`.
fn line_in(stack: &str) -> Option<u32> {
    stack.match_indices(CODE_NAME).find_map(|(at, name)| {
        let rest = stack.get(at + name.len()..)?.strip_prefix(':')?;
        let (line, _) = rest.split_once(':')?;
        line.parse().ok()
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
