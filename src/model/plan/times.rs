//! When a step did what: spans of time, for people to look at. May not know how they are drawn.
//! Promise: a step has a bounded number of spans, however often it was tried or called for.

use crate::model::run::Event;

/// How many spans a step has at most; further ones are one with the last.
const MAX_SPANS: usize = 16;

/// What a step did for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// An attempt that ended well or goes on.
    Attempt,
    /// An attempt that failed.
    Failed,
    /// An attempt of which nobody knows how it ended.
    Unknown,
    /// It waited for its next attempt.
    Delay,
    /// It waited for a moment.
    Timer,
    /// It waited for somebody.
    Answer,
    /// It waited for another run.
    Run,
    /// The steps inside it were run.
    Inside,
}

/// A while in which a step did one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What it did.
    pub kind: SpanKind,
    /// Since when, in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Until when; `None` while it does it.
    pub until_ms: Option<i64>,
}

/// When a step did what, and where its journal says what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepTimes {
    /// The first one first.
    pub spans: Vec<Span>,
    /// The journal's event with its output.
    pub output_event: Option<u64>,
    /// The journal's event with the error of its last attempt that failed.
    pub error_event: Option<u64>,
    /// The journal's event with what it asked.
    pub request_event: Option<u64>,
}

impl StepTimes {
    /// The next event of the step.
    pub(super) fn follow(&mut self, sequence: u64, at_ms: i64, event: &Event) {
        match event {
            Event::StepStarted { .. } => self.begin(SpanKind::Attempt, at_ms),
            Event::StepWaiting { .. } => self.begin(SpanKind::Timer, at_ms),
            Event::StepChild { .. } => self.begin(SpanKind::Run, at_ms),
            Event::StepIterating { .. } => self.begin(SpanKind::Inside, at_ms),
            Event::StepAsked { .. } => {
                self.request_event = Some(sequence);
                self.begin(SpanKind::Answer, at_ms);
            }
            Event::StepUnknown { .. } => self.end_attempt(SpanKind::Unknown, at_ms),
            Event::StepFailed { retry_at_ms, .. } => {
                self.error_event = Some(sequence);
                self.end_attempt(SpanKind::Failed, at_ms);
                if retry_at_ms.is_some() {
                    self.begin(SpanKind::Delay, at_ms);
                }
            }
            Event::StepCompleted { .. } => {
                self.output_event = Some(sequence);
                self.end_attempt(SpanKind::Attempt, at_ms);
            }
            Event::StepResumed { .. } => self.end(at_ms),
            _ => {}
        }
    }

    /// Whatever the step was doing, it does it no more.
    pub(super) fn end(&mut self, at_ms: i64) {
        if let Some(span) = self.spans.last_mut()
            && span.until_ms.is_none()
        {
            span.until_ms = Some(at_ms);
        }
    }

    fn begin(&mut self, kind: SpanKind, at_ms: i64) {
        self.end(at_ms);
        let is_full = self.spans.len() == MAX_SPANS;
        match self.spans.last_mut() {
            Some(last) if is_full => {
                last.kind = kind;
                last.until_ms = None;
            }
            _ => self.spans.push(Span {
                kind,
                from_ms: at_ms,
                until_ms: None,
            }),
        }
    }

    /// An attempt ends so. One whose start is not recorded took no time; one that waited had its attempt before.
    fn end_attempt(&mut self, kind: SpanKind, at_ms: i64) {
        match self.spans.last_mut() {
            Some(last) if last.until_ms.is_none() => {
                let is_attempt = last.kind == SpanKind::Attempt;
                if is_attempt || kind == SpanKind::Failed && last.kind != SpanKind::Delay {
                    last.kind = kind;
                }
            }
            _ => self.begin(kind, at_ms),
        }
        self.end(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::run::StepError;
    use serde_json::json;
    use std::sync::Arc;

    fn started(attempt: u32) -> Event {
        let step = "s".to_owned();
        Event::StepStarted { step, attempt }
    }

    fn failed(attempt: u32, retry_at_ms: Option<i64>) -> Event {
        Event::StepFailed {
            step: "s".to_owned(),
            attempt,
            error: StepError::transient("X", "x"),
            retry_at_ms,
        }
    }

    fn completed() -> Event {
        Event::StepCompleted {
            step: "s".to_owned(),
            output: Arc::new(json!(1)),
            way: None,
            logs: None,
            reused: false,
        }
    }

    fn told(events: &[(i64, Event)]) -> (StepTimes, Vec<(SpanKind, i64, Option<i64>)>) {
        let mut times = StepTimes::default();
        for (sequence, (at_ms, event)) in (0..).zip(events) {
            times.follow(sequence, *at_ms, event);
        }
        let spans = times.spans.iter();
        let spans = spans.map(|span| (span.kind, span.from_ms, span.until_ms));
        (times.clone(), spans.collect())
    }

    #[test]
    fn attempts_and_what_lies_between_them_are_spans() {
        use SpanKind::{Attempt, Delay, Failed};
        let events = [
            (10, started(1)),
            (20, failed(1, Some(50))),
            (50, started(2)),
            (60, completed()),
        ];
        let (times, spans) = told(&events);
        let expected = [
            (Failed, 10, Some(20)),
            (Delay, 20, Some(50)),
            (Attempt, 50, Some(60)),
        ];
        assert_eq!(spans, expected);
        assert_eq!((times.output_event, times.error_event), (Some(3), Some(1)));
        let (_, going) = told(&events[..3]);
        assert_eq!(going.last(), Some(&(Attempt, 50, None)));
        // Nothing was recorded of its start.
        assert_eq!(told(&[(7, completed())]).1, [(Attempt, 7, Some(7))]);
    }

    #[test]
    fn spans_beyond_the_last_one_are_one_with_it() {
        let attempts = (0..100_u32).flat_map(|attempt| {
            let at_ms = i64::from(attempt) * 10;
            [
                (at_ms, started(attempt + 1)),
                (at_ms + 5, failed(attempt + 1, Some(at_ms + 10))),
            ]
        });
        let (_, spans) = told(&attempts.collect::<Vec<_>>());
        assert_eq!(spans.len(), MAX_SPANS);
        assert_eq!(spans[0], (SpanKind::Failed, 0, Some(5)));
        let (kind, from_ms, until_ms) = spans[MAX_SPANS - 1];
        assert_eq!((kind, from_ms, until_ms), (SpanKind::Delay, 75, None));
    }
}
