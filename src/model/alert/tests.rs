//! The rules by tables, and by many numbers.
#![allow(clippy::expect_used)]

use super::*;
use proptest::prelude::*;

fn network(text: &str) -> Network {
    Network::of(text.parse().expect("an address"))
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in AlertKind::ALL {
        assert_eq!(AlertKind::parse(kind.as_str()), Some(kind));
        assert_eq!(kind.action(), format!("alert.{}", kind.as_str()));
    }
    assert_eq!(AlertKind::parse("other"), None);
}

#[test]
fn the_first_network_is_no_alert_and_another_one_is_new_once() {
    let mut known = KnownNetworks::default();
    for (address, now_ms, expected) in [
        ("203.0.113.1", 0, Seen::First),
        ("203.0.113.1", 1, Seen::Known),
        ("::ffff:203.0.113.1", 2, Seen::Known),
        ("203.0.113.2", 3, Seen::New),
        ("203.0.113.2", 4, Seen::Known),
        ("2001:db8::1", 5, Seen::New),
        ("2001:db8::ffff:1", 6, Seen::Known),
        ("2001:db8:0:1::1", 7, Seen::New),
        ("203.0.113.1", NETWORK_USE_MS - 1, Seen::Known),
        ("203.0.113.1", NETWORK_USE_MS, Seen::KnownFromBefore),
        ("203.0.113.1", NETWORK_USE_MS + 1, Seen::Known),
    ] {
        assert_eq!(known.see(network(address), now_ms), expected, "{address}");
    }
    assert_eq!(network("2001:db8::5").to_string(), "2001:db8::/64");
}

#[test]
fn the_latest_networks_are_remembered() {
    let mut known = KnownNetworks::default();
    for number in 0..=MAX_NETWORKS {
        known.see(network(&format!("10.0.0.{number}")), number as i64);
    }
    assert_eq!(known.see(network("10.0.0.1"), 100), Seen::Known);
    assert_eq!(known.see(network("10.0.0.0"), 100), Seen::New);
}

#[test]
fn the_same_cause_is_the_same_kind_of_the_same_key_or_network() {
    let alert = |kind, key: Option<&str>, address: &str| Alert {
        id: AlertId::generate(),
        kind,
        at_ms: 0,
        key: key.map(|key| (key.parse().expect("an id"), "name".to_owned())),
        address: Some(address.to_owned()),
        count: 1,
        expires_at_ms: None,
    };
    use AlertKind::{Burst, ManyRefusals, NewAddress};
    let same = |one: Alert, other: Alert| one.cause() == other.cause();
    assert!(same(
        alert(Burst, Some("a"), "x"),
        alert(Burst, Some("a"), "y")
    ));
    assert!(same(
        alert(ManyRefusals, None, "x"),
        alert(ManyRefusals, None, "x")
    ));
    for (one, other) in [
        (
            alert(NewAddress, Some("a"), "x"),
            alert(NewAddress, Some("a"), "y"),
        ),
        (
            alert(NewAddress, Some("a"), "x"),
            alert(NewAddress, Some("b"), "x"),
        ),
        (
            alert(ManyRefusals, None, "x"),
            alert(ManyRefusals, None, "y"),
        ),
        (
            alert(ManyRefusals, Some("a"), "x"),
            alert(Burst, Some("a"), "x"),
        ),
    ] {
        assert!(!same(one, other));
    }
}

#[test]
fn a_burst_is_ten_times_the_usual_and_a_hundred_at_least() {
    let day = USUAL_MINUTES;
    for (requests, usual, minutes, expected) in [
        (100, 100, day, true),
        (99, 0, day, false),
        (100, 0, day, true),
        // A key without a usual rate.
        (1_000_000, 0, day - 1, false),
        // 20 a minute.
        (200, 20 * day, day, false),
        (201, 20 * day, day, true),
        (u64::MAX, u64::MAX, u64::MAX, true),
    ] {
        let rate = UsualRate {
            requests: usual,
            minutes,
        };
        assert_eq!(
            rate.is_exceeded_by(requests),
            expected,
            "{requests} {rate:?}"
        );
    }
}

#[test]
fn five_minutes_are_summed_up() {
    let mut recent = RecentCounts::default();
    for (minute, count, sum) in [
        (10, 40, 40),
        (12, 59, 99),
        (14, 1, 100),
        (15, 0, 60),
        (17, 5, 6),
        // A fold that was put back.
        (16, 4, 10),
        (100, 1, 1),
    ] {
        assert_eq!(recent.add(minute, count), sum, "{minute}");
    }
    assert!(!recent.is_over(104));
    assert!(recent.is_over(105));
}

proptest! {
    #[test]
    fn a_sum_is_that_of_the_last_five_minutes(counts in prop::collection::vec((0_i64..40, 0_u64..100), 1..60)) {
        let mut counts = counts;
        counts.sort_by_key(|(minute, _)| *minute);
        let mut recent = RecentCounts::default();
        for (index, (minute, count)) in counts.iter().enumerate() {
            let expected: u64 = counts[..=index]
                .iter()
                .filter(|(other, _)| *other > minute - 5)
                .map(|(_, count)| count)
                .sum();
            prop_assert_eq!(recent.add(*minute, *count), expected);
        }
    }

    #[test]
    fn networks_are_bounded_and_what_was_just_seen_is_known(numbers in prop::collection::vec(any::<u8>(), 1..200)) {
        let mut known = KnownNetworks::default();
        for (now_ms, number) in numbers.iter().enumerate() {
            let network = Network::of(IpAddr::from([10, 0, 0, *number]));
            let first = known.see(network, now_ms as i64);
            prop_assert_eq!(first == Seen::First, now_ms == 0);
            prop_assert_eq!(known.see(network, now_ms as i64), Seen::Known);
            prop_assert!(known.0.len() <= MAX_NETWORKS);
        }
    }
}
