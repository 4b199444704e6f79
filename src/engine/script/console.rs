//! A script's console: what it writes is kept, within bounds.
//! Promise: at most [`MAX_LINES`] lines and [`MAX_BYTES`] bytes, and a last line that says so where there was more.

use super::LogLine;
use super::value::Reader;
use rquickjs::function::Rest;
use rquickjs::{Ctx, Function, Object, Result, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// Lines of one script.
pub(super) const MAX_LINES: usize = 1_000;
/// Bytes of all lines together.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Bytes of one line.
pub(super) const MAX_LINE_BYTES: usize = 8 * 1024;
/// The functions of `console`, and under which level each writes.
const FUNCTIONS: [(&str, &str); 5] = [
    ("debug", "debug"),
    ("log", "info"),
    ("info", "info"),
    ("warn", "warn"),
    ("error", "error"),
];

/// What a script wrote so far; clones share it.
#[derive(Clone, Default)]
pub(super) struct Console(Rc<RefCell<Lines>>);

#[derive(Default)]
struct Lines {
    lines: Vec<LogLine>,
    bytes: usize,
    is_full: bool,
}

impl Console {
    /// Puts `console` into a context.
    pub(super) fn install<'js>(&self, ctx: &Ctx<'js>) -> Result<()> {
        let object = Object::new(ctx.clone())?;
        for (name, level) in FUNCTIONS {
            let console = self.clone();
            let write = move |ctx: Ctx<'js>, values: Rest<Value<'js>>| {
                // Nothing is put together that would not be kept.
                if !console.0.borrow().is_full {
                    let text = words(&ctx, &values.0);
                    console.0.borrow_mut().write(level, text);
                }
            };
            object.set(name, Function::new(ctx.clone(), write)?.with_name(name)?)?;
        }
        ctx.globals().set("console", object)
    }

    /// The lines, taken out.
    pub(super) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.0.borrow_mut()).lines
    }
}

impl Lines {
    fn write(&mut self, level: &str, message: String) {
        self.bytes += message.len();
        if self.lines.len() >= MAX_LINES - 1 || self.bytes > MAX_BYTES {
            self.is_full = true;
            let message = format!(
                "further lines were dropped: a script's console keeps {MAX_LINES} lines and {MAX_BYTES} bytes"
            );
            return self.push("warn", message);
        }
        self.push(level, message);
    }

    fn push(&mut self, level: &str, message: String) {
        self.lines.push(LogLine {
            level: level.to_owned(),
            message,
        });
    }
}

/// The values of one call, one after another.
fn words<'js>(ctx: &Ctx<'js>, values: &[Value<'js>]) -> String {
    let mut line = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(&word(ctx, value));
        if line.len() > MAX_LINE_BYTES {
            let end = line.floor_char_boundary(MAX_LINE_BYTES);
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}

fn word<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    if let Some(exception) = value.as_exception() {
        return exception.message().unwrap_or_default();
    }
    if value.is_undefined() {
        return "undefined".to_owned();
    }
    // A long text is cut later, by its line.
    let most = if value.is_string() {
        usize::MAX
    } else {
        MAX_LINE_BYTES
    };
    let Ok(mut reader) = Reader::new(ctx, most) else {
        return String::new();
    };
    match reader.read(value.clone()) {
        Ok(Some(serde_json::Value::String(text))) => text,
        Ok(Some(json)) => json.to_string(),
        Ok(None) => "undefined".to_owned(),
        Err(unfit) => {
            // What a getter threw is not the caller's.
            drop(ctx.catch());
            format!("[{}]", unfit.reason())
        }
    }
}
