//! Connections that end while others are looked through.
#![allow(clippy::expect_used)]

use super::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// More than such a look takes, and less than a test may.
const PATIENCE: Duration = Duration::from_secs(20);
const ENDS: u32 = 20_000;

/// Whoever looks may be the last that has a connection: it ends in his hands, and must not find the list locked.
#[test]
fn a_connection_that_ends_while_it_is_looked_at_locks_nobody_out() {
    for look in [
        Registry::drain as fn(&Registry),
        Registry::close_longest_idle,
    ] {
        let registry = Registry::new(8);
        let (done, told) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let (looked_at, looks_on) = (registry.clone(), over.clone());
        let looking = std::thread::spawn(move || {
            while !looks_on.load(Ordering::Relaxed) {
                look(&looked_at);
            }
        });
        let ending = std::thread::spawn(move || {
            for _ in 0..ENDS {
                let permit = registry.0.permits.clone().try_acquire_owned();
                drop(permit.map(|permit| registry.admit(permit)));
            }
            done.send(()).expect("somebody waits");
        });
        told.recv_timeout(PATIENCE)
            .expect("connections go on ending");
        ending.join().expect("it ended");
        over.store(true, Ordering::Relaxed);
        looking.join().expect("it ended");
    }
}
