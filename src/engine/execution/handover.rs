//! A new run that is recorded together with what starts it, in one job: the run is handed over as far as it has come, and
//! comes back with its number. May not know what starts it. Promise: a run that is never recorded never goes on.

use crate::store::{NewRun, Started, Store, StoreError};
use tokio::sync::oneshot;

/// Who records a new run.
pub(super) enum Recorder {
    /// The run itself, in a job of its own.
    Itself,
    /// Whoever is at the other end.
    Other(Handover),
}

/// The run's end.
pub(in crate::engine) struct Handover {
    run: oneshot::Sender<Box<NewRun>>,
    number: oneshot::Receiver<i64>,
}

/// The other end. Dropped, it says that the run was not recorded.
pub(in crate::engine) struct Recipient {
    run: oneshot::Receiver<Box<NewRun>>,
    number: oneshot::Sender<i64>,
}

/// Both ends.
pub(in crate::engine) fn handover() -> (Handover, Recipient) {
    let (send_run, run) = oneshot::channel();
    let (send_number, number) = oneshot::channel();
    let handover = Handover {
        run: send_run,
        number,
    };
    let recipient = Recipient {
        run,
        number: send_number,
    };
    (handover, recipient)
}

impl Recorder {
    pub(super) async fn record(
        self,
        store: &Store,
        run: Box<NewRun>,
    ) -> Result<Started, StoreError> {
        let Recorder::Other(handover) = self else {
            return store.start_run(run).await;
        };
        // Where nobody takes it any more, nobody tells a number either.
        drop(handover.run.send(run));
        let number = handover.number.await;
        number.map(Started::New).map_err(|_| {
            StoreError::NotCommitted("what starts the run was not recorded either".to_owned())
        })
    }
}

impl Recipient {
    /// The run with what it has done so far; `None` when it has ended before it came to that.
    pub(in crate::engine) async fn run(&mut self) -> Option<Box<NewRun>> {
        (&mut self.run).await.ok()
    }

    /// The run is recorded under this number.
    pub(in crate::engine) fn recorded(self, sequence: i64) {
        // A run that has gone away needs no number.
        let _gone = self.number.send(sequence);
    }
}
