//! What is refused, and in which words.

use super::tests::read;
use serde_json::json;

#[test]
fn every_mistake_is_told_with_its_place() {
    for (trigger, expected) in [
        (
            json!({}),
            "trigger: it has neither `cron` nor `interval`; add `\"cron\": \"0 9 * * MON-FRI\"`, or \
                     `\"interval\": {\"value\": 15, \"unit\": \"minutes\"}`",
        ),
        (
            json!({ "cron": "0 9 * * *", "interval": { "value": 1, "unit": "hours" } }),
            "trigger: it has both `cron` and `interval`; leave one of them out",
        ),
        (
            json!({ "cron": 5, "timezone": 7, "enabled": "yes", "missedFires": "all", "tz": "UTC", "enabeld": true }),
            "trigger.enabeld: a schedule has no such field (did you mean `enabled`?); there are: type, cron, interval, \
          timezone, enabled, missedFires\n\
          trigger.tz: a schedule has no such field (did you mean `timezone`?); there are: type, cron, interval, \
          timezone, enabled, missedFires\n\
          trigger.timezone: it is 7; it must be the name of a time zone, such as \"Europe/Berlin\"\n\
          trigger.enabled: it is \"yes\"; it must be true or false\n\
          trigger.missedFires: it is \"all\"; it must be `skip` or `once`\n\
          trigger.cron: it is 5; it must be a cron expression such as \"0 9 * * MON-FRI\"",
        ),
        (
            json!({ "cron": "0 9 * * *", "timezone": "Europe/Berln" }),
            "trigger.timezone: there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?); use a name of the \
          IANA time zone database, such as `Europe/Berlin`",
        ),
        (
            json!({ "cron": "0 9 * * *", "timezone": "europe/berlin" }),
            "trigger.timezone: there is no time zone `europe/berlin` (did you mean `Europe/Berlin`?); use a name of the \
          IANA time zone database, such as `Europe/Berlin`",
        ),
    ] {
        assert_eq!(read(&trigger).err().as_deref(), Some(expected), "{trigger}");
    }
}

#[test]
fn what_is_no_cron_expression_or_no_interval_is_refused() {
    for (trigger, expected) in [
        (
            json!({ "cron": "0 0 9 * * *" }),
            "trigger.cron: it has 6 fields; a cron expression has 5: minute, hour, day of the month, month, weekday; \
          there are no seconds and no years",
        ),
        (
            json!({ "cron": "" }),
            "trigger.cron: it has 0 fields; a cron expression has 5: minute, hour, day of the month, month, weekday",
        ),
        (
            json!({ "cron": "0 9 30 2 *" }),
            "trigger.cron: it never fires: no month has such a day; correct the day or the month",
        ),
        (
            json!({ "cron": "0 0 31 4,6,9,11 *" }),
            "trigger.cron: it never fires: no month has such a day; correct the day or the month",
        ),
        (
            json!({ "interval": 5 }),
            "trigger.interval: it is 5; it must be an object such as {\"value\": 15, \"unit\": \"minutes\"}",
        ),
        (
            json!({ "interval": { "value": 0, "unit": "minute", "jitter": 1 } }),
            "trigger.interval.jitter: an interval has `value` and `unit`, and no other field\n\
          trigger.interval.value: it is 0; it must be a whole number from 1 to 525600\n\
          trigger.interval.unit: it is \"minute\" (did you mean `minutes`?); it must be `minutes`, `hours`, `days` or `weeks`",
        ),
        (
            json!({ "interval": { "value": 525_600, "unit": "weeks" } }),
            "trigger.interval: it is 525600 weeks, more than 3650 days, the longest interval",
        ),
        (
            json!({ "interval": { "value": 525_601 } }),
            "trigger.interval.value: it is 525601; it must be a whole number from 1 to 525600\n\
          trigger.interval.unit: it is null; it must be `minutes`, `hours`, `days` or `weeks`",
        ),
    ] {
        assert_eq!(read(&trigger).err().as_deref(), Some(expected), "{trigger}");
    }
    for bad in [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "a b c d e",
        "*/0 * * * *",
        "5-1 * * * *",
        "@reboot",
        "@daily @daily",
        "- - - - -",
        "* * * * MOON",
        "1,,2 * * * *",
    ] {
        let told = read(&json!({ "cron": bad })).expect_err(bad);
        assert!(told.starts_with("trigger.cron: it "), "{bad}: {told}");
    }
    let long = "1,".repeat(5_000) + "1 * * * *";
    let told = read(&json!({ "cron": long })).expect_err("too long");
    assert_eq!(
        told,
        "trigger.cron: it has 10009 bytes; at most 200 are allowed"
    );
}
