//! JavaScript that users wrote, run in QuickJS in processes of their own.
//! May not know steps, runs or workflows. Promises: a script reaches nothing of the host: no files, no network, no modules,
//! no timers, no environment; it ends in time, within its memory, whatever it does; what breaks it never breaks the server.
//!
//! A process and not a thread, for two reasons. QuickJS looks for an interrupt only between instructions of a script, so
//! that one slow built-in function (a search in a text of many megabytes) cannot be stopped from inside. And under a memory
//! limit it is known to access memory that it must not; a process that dies takes one script with it, and the run is told.
//!
//! ```text
//! Scripts::evaluate → worker (here)  ⇄ pipe ⇄  serve (there) → sandbox → console, value, failure
//! ```

#[cfg(test)]
mod bounds_tests;
mod console;
mod failure;
mod message;
mod sandbox;
mod serve;
#[cfg(test)]
mod tests;
mod value;
mod worker;

pub use sandbox::check;
pub use serve::serve;

use crate::model::run::StepError;
use message::{Order, Report};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use worker::Worker;

/// The longest code of one script, in bytes.
pub const MAX_CODE_BYTES: usize = 128 * 1024;
/// The longest time that a script may be given, in milliseconds.
pub const MAX_TIMEOUT_MS: u64 = 30_000;
/// The largest result that a script may be allowed, in bytes of JSON.
pub const MAX_RESULT_BYTES: u64 = 10 * 1024 * 1024;
/// How long after its time a script's process is ended, when the script does not end itself.
const GRACE: Duration = Duration::from_millis(500);

/// What scripts may use.
#[derive(Debug, Clone)]
pub struct ScriptOptions {
    /// The `flowlatch` binary, or a program that runs it with the arguments that it is given. `None`: there are no scripts.
    pub program: Option<PathBuf>,
    /// Scripts under way at once; further ones wait in order.
    pub max_running: usize,
    /// How long one may take that does not say itself, in milliseconds.
    pub timeout_ms: u64,
    /// How much memory one may use, in bytes.
    pub memory_bytes: usize,
    /// The largest result, in bytes of JSON.
    pub max_result_bytes: usize,
}

/// A script, ready to be run.
#[derive(Debug)]
pub struct Script {
    /// The body of a function of `input`. Never changed or added to by values.
    pub code: String,
    /// What it sees as `input`.
    pub input: Value,
    /// How long it may take, in milliseconds; `None`: as long as the options say.
    pub timeout_ms: Option<u64>,
    /// The largest result, in bytes of JSON, where it is less than the options allow.
    pub max_result_bytes: Option<usize>,
}

/// What a script came to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What it returned; null when it returned nothing.
    pub value: Value,
    /// What it wrote to its console.
    pub logs: Vec<LogLine>,
}

/// One line of a script's console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// `debug`, `info` (also for `console.log`), `warn` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
}

/// A handle to the processes that run scripts; clones share it.
#[derive(Clone)]
pub struct Scripts(Arc<Shared>);

struct Shared {
    options: ScriptOptions,
    slots: Semaphore,
    /// Processes that wait for their next script.
    idle: Mutex<Vec<Worker>>,
}

impl Scripts {
    /// No process is started before the first script.
    pub fn new(options: ScriptOptions) -> Scripts {
        Scripts(Arc::new(Shared {
            slots: Semaphore::new(options.max_running.max(1)),
            idle: Mutex::default(),
            options,
        }))
    }

    /// Runs a script as soon as it is its turn. Dropping the future ends the script.
    pub async fn evaluate(&self, script: Script) -> Result<Evaluation, StepError> {
        let options = &self.0.options;
        let program = options.program.as_deref().ok_or_else(|| {
            StepError::fatal(
                "SCRIPT",
                "this server was started without a program for scripts; set `script_program` to the path of the `flowlatch` binary",
            )
        })?;
        let wanted_ms = script.timeout_ms.unwrap_or(options.timeout_ms);
        let order = Order {
            code: script.code,
            input: script.input,
            timeout_ms: wanted_ms.clamp(1, MAX_TIMEOUT_MS),
            memory_bytes: options.memory_bytes,
            max_result_bytes: script
                .max_result_bytes
                .map_or(options.max_result_bytes, |most| {
                    most.min(options.max_result_bytes)
                }),
        };
        let Ok(_slot) = self.0.slots.acquire().await else {
            return Err(StepError::transient("SCRIPT", "the server is stopping"));
        };
        // A process that has waited may have ended meanwhile. That is no fault of this script, so it gets another one.
        let idle = self.idle().pop();
        if let Some(worker) = idle
            && let Some(report) = self.ask(worker, &order).await?
        {
            return report.into_result();
        }
        let worker = Worker::start(program).map_err(|error| {
            let message = format!(
                "cannot start {} for a script: {error}; see the setting `script_program`",
                program.display()
            );
            StepError::transient("SCRIPT", message)
        })?;
        match self.ask(worker, &order).await? {
            Some(report) => report.into_result(),
            None => Err(StepError::fatal(
                "SCRIPT",
                format!(
                    "the script's process ended without an answer, most likely because the script needs more than {} bytes of memory (setting `script_memory_bytes`)",
                    order.memory_bytes
                ),
            )),
        }
    }

    /// What the process answers; `None` when it ended instead.
    async fn ask(&self, mut worker: Worker, order: &Order) -> Result<Option<Report>, StepError> {
        let within = Duration::from_millis(order.timeout_ms) + GRACE;
        // Dropping the worker ends its process.
        match tokio::time::timeout(within, worker.ask(order)).await {
            Err(_) => Err(failure::too_slow(order.timeout_ms)),
            Ok(Err(error)) => {
                log::debug!("a script's process is of no use any more: {error}");
                Ok(None)
            }
            Ok(Ok(report)) => {
                if report.is_fit {
                    self.idle().push(worker);
                }
                Ok(Some(report))
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
