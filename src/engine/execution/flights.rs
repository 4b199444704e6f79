//! What a run is doing outside at the moment: calls and long computations, several of them in parallel steps.
//! May not know journals. Promise: what belongs to a step that is open no more is dropped, and its result is never seen.

use crate::engine::step::Given;
use crate::model::plan::Activation;
use crate::model::run::StepError;
use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable, Aborted, BoxFuture};
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;

/// How an attempt ended.
pub(super) struct Landed {
    pub(super) step: Activation,
    pub(super) attempt: u32,
    pub(super) result: Result<Given, StepError>,
}

/// A step's work.
pub(super) type Flight = BoxFuture<'static, Result<Given, StepError>>;

/// Everything under way.
#[derive(Default)]
pub(super) struct Flights {
    under_way: FuturesUnordered<BoxFuture<'static, Result<Landed, Aborted>>>,
    handles: HashMap<Activation, AbortHandle>,
    /// What takes off after the next commit.
    departing: Vec<(Activation, u32, Flight)>,
}

impl Flights {
    /// Whether something is being done for the step.
    pub(super) fn has(&self, step: Activation) -> bool {
        self.handles.contains_key(&step)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Takes off after the next commit.
    pub(super) fn will_depart(&mut self, step: Activation, attempt: u32, flight: Flight) {
        self.departing.push((step, attempt, flight));
    }

    pub(super) fn has_departing(&self) -> bool {
        !self.departing.is_empty()
    }

    /// Lets everything take off whose start is committed.
    pub(super) fn depart(&mut self) {
        for (step, attempt, flight) in std::mem::take(&mut self.departing) {
            self.take_off(step, attempt, flight);
        }
    }

    /// Takes off at once.
    pub(super) fn take_off(&mut self, step: Activation, attempt: u32, flight: Flight) {
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(step, handle);
        let landing = async move {
            Landed {
                step,
                attempt,
                result: flight.await,
            }
        };
        self.under_way
            .push(Box::pin(Abortable::new(landing, registration)));
    }

    /// Drops what belongs to steps that are not open any more, also what has not taken off yet.
    pub(super) fn keep(&mut self, is_open: impl Fn(Activation) -> bool) {
        self.departing.retain(|(step, ..)| is_open(*step));
        self.handles.retain(|step, handle| {
            let keep = is_open(*step);
            if !keep {
                handle.abort();
            }
            keep
        });
    }

    /// The next that lands; never, where nothing is under way.
    pub(super) async fn next(&mut self) -> Landed {
        while let Some(landed) = self.under_way.next().await {
            if let Ok(landed) = landed
                && self.handles.remove(&landed.step).is_some()
            {
                return landed;
            }
        }
        std::future::pending().await
    }
}
