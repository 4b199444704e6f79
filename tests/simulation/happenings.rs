//! What happens to steps of a process from outside: answers, the ends of other runs, time that has passed, and what loops are
//! told when they ask.

use crate::model::{Attempt, Told};
use crate::process::Process;
use crate::tree::{Kind, OnTimeout, Over};
use flowlatch::model::plan::{Activation, WaitsFor};
use flowlatch::model::run::{Event, StepError};
use serde_json::{Value, json};
use std::sync::Arc;

impl Process<'_> {
    /// Whether somebody has something to say to a step that waits.
    pub(crate) fn is_spoken_to(&self, step: Activation) -> bool {
        let record = self.state.record(self.plan, step).unwrap();
        match (record.waits_for, &self.grown(step).kind) {
            (Some(WaitsFor::Answer), _) => self.fates.answers(&self.name(step)),
            (Some(WaitsFor::Run), Kind::Child { ends, .. }) => *ends,
            _ => true,
        }
    }

    pub(crate) fn tell(&mut self, step: Activation) {
        let record = self.state.record(self.plan, step).unwrap();
        let (waits_for, number) = (record.waits_for, record.attempts);
        let name = self.name(step);
        match waits_for {
            Some(WaitsFor::Answer) => self.complete(name.clone(), self.fates.output(&name), None),
            Some(WaitsFor::Outcome) => self.tell_outcome(step, name, number),
            Some(WaitsFor::Run) => match self.attempted(step) {
                Ok(()) => self.complete(name.clone(), self.fates.output(&name), None),
                Err(error) => self.fail(step, number, error),
            },
            Some(WaitsFor::Time) | None => panic!("{name} waits for nobody"),
        }
    }

    pub(crate) fn tell_outcome(&mut self, step: Activation, name: String, number: u32) {
        match self.fates.told(&name, number) {
            Told::TryAgain => {
                self.meet("told to try again");
                let by = "test".into();
                self.record(Event::StepResumed { step: name, by });
            }
            Told::TookEffect => {
                self.meet("told that it took effect");
                let output = self.fates.output(&name);
                self.complete(name, output, None);
            }
            Told::Failed => {
                self.meet("told that it failed");
                let error = StepError::fatal("UNKNOWN_OUTCOME", "somebody knows");
                self.fail(step, number, error);
            }
        }
    }

    pub(crate) fn expire(&mut self, step: Activation) {
        let record = self.state.record(self.plan, step).unwrap();
        let (waits_for, number) = (record.waits_for, record.attempts);
        let name = self.name(step);
        match self.grown(step).kind {
            Kind::Ask { on_timeout } => {
                assert!(!self.fates.answers(&name), "an answer was there");
                assert_eq!(waits_for, Some(WaitsFor::Answer));
                if on_timeout == OnTimeout::Approve {
                    self.meet("a timeout has approved");
                    return self.complete(name, json!("too late"), None);
                }
                self.meet("nobody answered");
            }
            Kind::Child { ends, .. } => {
                assert!(!ends, "the other run has ended");
                self.meet("another run took too long");
            }
            _ => self.meet("a loop or parallel step took too long"),
        }
        self.fail(
            step,
            number,
            StepError::fatal("TIMEOUT", "it took too long"),
        );
    }

    pub(crate) fn iterate(&mut self, step: Activation, name: String) {
        let grown = self.grown(step);
        let (count, has_items) = match &grown.kind {
            Kind::Loop { over, .. } => match *over {
                Over::Items(items) => (items, true),
                Over::Count(count) => (count, false),
                Over::While { most, .. } => (most, false),
            },
            Kind::Each { items, .. } => (*items, true),
            Kind::Fork { branches, .. } => (branches.len() as u32, false),
            _ => panic!("{name} has nothing inside"),
        };
        self.record(Event::StepIterating {
            step: name,
            count,
            items: has_items.then(|| Arc::new((0..count).map(Value::from).collect())),
            until_ms: grown.limit_ms.map(|limit_ms| self.now_ms + limit_ms),
        });
    }

    pub(crate) fn decide(&mut self, step: Activation, index: u32) {
        let Kind::Loop {
            over, breaks_at, ..
        } = &self.grown(step).kind
        else {
            panic!("only loops have conditions");
        };
        let holds = match over {
            Over::While { holds_for, .. } => index < *holds_for,
            Over::Items(_) | Over::Count(_) => true,
        };
        let breaks = index > 0 && *breaks_at == Some(index - 1);
        let step = self.name(step);
        self.record(if holds && !breaks {
            Event::StepIteration { step, index }
        } else {
            Event::StepEnough { step }
        });
    }

    /// How the step's next attempt ends, which depends on how many have failed.
    pub(crate) fn attempted(&self, step: Activation) -> Result<(), StepError> {
        let failures = self.state.record(self.plan, step).unwrap().failures;
        match self
            .fates
            .attempt(self.grown(step), &self.name(step), failures)
        {
            Attempt::Good => Ok(()),
            Attempt::Transient => Err(StepError::transient("HTTP_STATUS", "503")),
            Attempt::Fatal => Err(StepError::fatal("HTTP_STATUS", "404")),
        }
    }
}
