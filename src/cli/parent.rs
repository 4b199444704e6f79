//! Reasons to stop that come from the process that started the server: it has ended, or it has closed our stdin.
//! May not know what is stopped. Promise: neither holds up the end of the server.

use crate::error::{Error, Result};
use std::io::Read as _;
use std::time::Duration;
use tokio::sync::watch;

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The process whose end is ours. Linux: any process. Other Unix systems: the direct parent only.
pub(super) struct Parent {
    pid: u32,
    /// When the process started, so that another one that got its number later is not taken for it.
    started: Option<String>,
}

impl Parent {
    /// Takes note of the process; `None` when it has already ended.
    pub(super) fn find(pid: u32) -> Result<Option<Parent>> {
        if !cfg!(unix) {
            return Err(Error::new("--parent-pid needs a Unix system")
                .hint("use --exit-on-stdin-eof, and keep the server's stdin open"));
        }
        let parent = Parent {
            pid,
            started: start_time(pid),
        };
        Ok(parent.is_alive().then_some(parent))
    }

    fn is_alive(&self) -> bool {
        if cfg!(target_os = "linux") {
            self.started.is_some() && start_time(self.pid) == self.started
        } else {
            is_direct_parent(self.pid)
        }
    }

    /// Stops the server when the process has ended.
    pub(super) async fn stop_when_gone(self, stop: watch::Sender<bool>) {
        while self.is_alive() {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        log::info!("the parent process {} has ended: stopping", self.pid);
        stop.send_replace(true);
    }
}

/// When a process started, in ticks since the machine did; `None` when it is not there or has ended and only waits for
/// its own parent to take note.
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold spaces and brackets itself.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let start = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| start.to_owned())
}

#[cfg(unix)]
fn is_direct_parent(pid: u32) -> bool {
    std::os::unix::process::parent_id() == pid
}

#[cfg(not(unix))]
fn is_direct_parent(_pid: u32) -> bool {
    false
}

/// Stops the server when stdin ends. The thread that reads is left behind at the end: nothing can wake it.
pub(super) fn stop_at_stdin_end(stop: watch::Sender<bool>) -> Result<()> {
    let read_to_the_end = move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0_u8; 1024];
        while matches!(stdin.read(&mut buffer), Ok(1..)) {}
        log::info!("stdin has ended: stopping");
        stop.send_replace(true);
    };
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(read_to_the_end)
        .map(|_| ())
        .map_err(|error| Error::caused_by("cannot start the thread that reads stdin", error))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[tokio::test]
    async fn a_process_is_followed_to_its_end() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("cat is everywhere");
        let parent = Parent::find(child.id()).expect("Linux").expect("alive");
        // A child that has ended but was not waited for still has its number: it counts as gone.
        drop(child.stdin.take());
        let (stop, mut stopped) = watch::channel(false);
        parent.stop_when_gone(stop).await;
        assert!(*stopped.borrow_and_update());
        child.wait().expect("ended");
        assert!(Parent::find(child.id()).expect("Linux").is_none());
    }
}
