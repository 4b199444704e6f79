//! Bars of time: what a step did when, drawn on the scale of its run. May not know steps or pages.
//! Promise: a bar has one mark for each span, and what took next to no time is seen too.

use super::super::moment;
use crate::model::plan::{Span, SpanKind};

/// How wide a bar is, in units of its drawing.
const WIDTH: i64 = 1_000;
/// What took no time is drawn so wide.
const MIN_WIDTH: i64 = 4;

/// The time that a run takes, from its begin to its end or until now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// A span on its bar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its class in the style sheet.
    pub(super) class: &'static str,
    pub(super) x: i64,
    pub(super) width: i64,
}

impl Scale {
    /// The marks of a step's spans.
    pub(super) fn marks(self, spans: &[Span]) -> Vec<Mark> {
        spans.iter().map(|span| self.mark(span)).collect()
    }

    fn mark(self, span: &Span) -> Mark {
        let x = self.place(span.from_ms).min(WIDTH - MIN_WIDTH);
        let end = self.place(span.until_ms.unwrap_or(self.until_ms));
        Mark {
            class: class(span.kind),
            x,
            width: (end - x).max(MIN_WIDTH),
        }
    }

    fn place(self, at_ms: i64) -> i64 {
        let whole = self.until_ms.saturating_sub(self.from_ms).max(1);
        let part = at_ms.saturating_sub(self.from_ms).clamp(0, whole);
        // Years of milliseconds times the width stay far below the largest number.
        part.saturating_mul(WIDTH) / whole
    }
}

fn class(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Attempt => "attempt",
        SpanKind::Failed => "failed",
        SpanKind::Unknown => "unknown",
        SpanKind::Delay => "delay",
        SpanKind::Timer => "timer",
        SpanKind::Answer => "answer",
        SpanKind::Run => "child",
        SpanKind::Inside => "inside",
    }
}

/// What a bar shows, in words.
pub(super) fn in_words(spans: &[Span], now_ms: i64) -> String {
    let words = spans.iter().map(|span| {
        let what = match span.kind {
            SpanKind::Attempt => "attempt",
            SpanKind::Failed => "failed attempt",
            SpanKind::Unknown => "attempt of unknown outcome",
            SpanKind::Delay => "wait for the next attempt",
            SpanKind::Timer => "wait for a time",
            SpanKind::Answer => "wait for an answer",
            SpanKind::Run => "wait for another run",
            SpanKind::Inside => "steps inside",
        };
        let ms = span.until_ms.unwrap_or(now_ms).saturating_sub(span.from_ms);
        format!("{what} {}", moment::duration(ms))
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_lie_on_the_scale_of_the_run() {
        let scale = Scale {
            from_ms: 1_000,
            until_ms: 2_000,
        };
        for (from_ms, until_ms, expected) in [
            (1_000, Some(2_000), (0, 1_000)),
            (1_500, None, (500, 500)),
            (1_250, Some(1_250), (250, MIN_WIDTH)),
            (2_000, Some(2_000), (WIDTH - MIN_WIDTH, MIN_WIDTH)),
            (0, Some(9_000), (0, 1_000)),
        ] {
            let kind = SpanKind::Attempt;
            let span = Span {
                kind,
                from_ms,
                until_ms,
            };
            let mark = scale.mark(&span);
            assert_eq!((mark.x, mark.width), expected, "{span:?}");
            assert!(mark.x + mark.width <= WIDTH, "{span:?}");
        }
        let empty = Scale {
            from_ms: 5,
            until_ms: 5,
        };
        assert_eq!(empty.place(5), 0);
    }
}
