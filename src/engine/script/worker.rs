//! One process that runs scripts, as the server sees it.
//! Promise: it gets no environment and no file that the server has opened, and ends when it is dropped.

use super::message::{Order, Report};
use std::io;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The argument that makes the binary such a process.
const COMMAND: &str = "script-worker";
/// What an answer may measure beside the result: the console and the message, with every character escaped.
const OTHER_ANSWER_BYTES: usize = 1024 * 1024;

/// A process.
pub(super) struct Worker {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    // Ends the process when it is dropped.
    _process: Child,
}

impl Worker {
    /// Starts `program`.
    pub(super) fn start(program: &Path) -> io::Result<Worker> {
        let mut process = Command::new(program)
            .arg(COMMAND)
            // No secret of the server's environment is in its reach.
            .env_clear()
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (input, output) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        Ok(Worker {
            input,
            output: BufReader::new(output),
            _process: process,
        })
    }

    /// Its answer to an order. After an error, or when the future was dropped, it is of no more use.
    pub(super) async fn ask(&mut self, order: &Order) -> io::Result<Report> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.input.write_all(&line).await?;
        self.input.flush().await?;
        let most = order.max_result_bytes.saturating_add(OTHER_ANSWER_BYTES);
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let mut answer = Vec::new();
        let mut output = (&mut self.output).take(most);
        output.read_until(b'\n', &mut answer).await?;
        if answer.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// A folder that is always there, and that nobody wants to remove.
fn root() -> &'static Path {
    Path::new(if cfg!(windows) { "C:\\" } else { "/" })
}
