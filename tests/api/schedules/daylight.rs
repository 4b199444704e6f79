//! Both changes of daylight saving in three zones, in a server: a time that is left out is served once, as soon as there
//! is one again, and a time that comes twice is served once. What days there are is in the model's own tests.

use super::{cron, log, scheduled, unlimited, until_firings, until_next};
use crate::support::TestServer;
use flowlatch::clock::{Clock, parse_iso};

/// Zone, daily time, the moment at which it becomes active, and the next four times: the second day is that of the change.
const CHANGES: [(&str, &str, &str, [&str; 4]); 6] = [
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2024-03-29T12:00:00Z",
        [
            "2024-03-30T01:30",
            "2024-03-31T01:00",
            "2024-04-01T00:30",
            "2024-04-02T00:30",
        ],
    ),
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2024-10-25T12:00:00Z",
        [
            "2024-10-26T00:30",
            "2024-10-27T00:30",
            "2024-10-28T01:30",
            "2024-10-29T01:30",
        ],
    ),
    (
        "America/New_York",
        "30 2 * * *",
        "2024-03-08T12:00:00Z",
        [
            "2024-03-09T07:30",
            "2024-03-10T07:00",
            "2024-03-11T06:30",
            "2024-03-12T06:30",
        ],
    ),
    (
        "America/New_York",
        "30 1 * * *",
        "2024-11-01T12:00:00Z",
        [
            "2024-11-02T05:30",
            "2024-11-03T05:30",
            "2024-11-04T06:30",
            "2024-11-05T06:30",
        ],
    ),
    (
        "Australia/Lord_Howe",
        "15 2 * * *",
        "2024-10-04T00:00:00Z",
        [
            "2024-10-04T15:45",
            "2024-10-05T15:30",
            "2024-10-06T15:15",
            "2024-10-07T15:15",
        ],
    ),
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2024-04-05T00:00:00Z",
        [
            "2024-04-05T14:45",
            "2024-04-06T14:45",
            "2024-04-07T15:15",
            "2024-04-08T15:15",
        ],
    ),
];

fn ms(iso: &str) -> i64 {
    parse_iso(iso).expect("a moment")
}

#[tokio::test]
async fn each_day_is_served_once_over_both_changes() {
    for (zone, text, active_from, times) in CHANGES {
        let clock = Clock::manual(ms(active_from));
        let server = TestServer::start_with(clock, unlimited).await;
        let admin = server.admin();
        let mut trigger = cron(text);
        trigger["timezone"] = zone.into();
        let workflow = server.workflow_with(scheduled(zone, trigger)).await;
        for (served, time) in times.iter().enumerate() {
            let next = format!("{time}:00.000Z");
            until_next(&admin, &workflow, &next).await;
            let left_ms = ms(&next) - server.clock.now_ms();
            // A moment before, nothing has been served that was not served already.
            server.clock.advance_ms(left_ms as u64 - 1);
            until_firings(&admin, &workflow, served).await;
            server.clock.advance_ms(1);
            until_firings(&admin, &workflow, served + 1).await;
        }
        let rows = times.map(|time| format!("{time} started 0"));
        assert_eq!(log(&admin, &workflow).await, rows, "{zone} {active_from}");
        server.stop().await;
    }
}
