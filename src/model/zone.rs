//! Time zones by their names in the IANA database, which is part of the program: what a machine has of its own makes no
//! difference. May not know what they are asked for. Promise: a zone is known by its own spelling alone, and its rules hold
//! at any moment, however far ahead.
//!
//! The rules are jiff's, whose copy of the database is as small as the published one; dates are chrono's.

use chrono::offset::{FixedOffset, MappedLocalTime, Offset, TimeZone};
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use jiff::tz::{self, AmbiguousOffset, TimeZoneDatabase};
use jiff::{Timestamp, civil};
use std::fmt;
use std::str::FromStr;

/// A time zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(tz::TimeZone);

/// There is no time zone of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such time zone")]
pub struct UnknownZone;

/// How far a zone's clocks are from UTC at a moment.
#[derive(Debug, Clone)]
pub struct ZoneOffset {
    zone: Zone,
    moment: Timestamp,
    from_utc: FixedOffset,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(tz::TimeZone::UTC);

    /// The name of every zone.
    pub fn names() -> Vec<String> {
        let database = TimeZoneDatabase::bundled();
        database.available().map(|name| name.to_string()).collect()
    }

    fn name(&self) -> &str {
        self.0.iana_name().unwrap_or_default()
    }

    fn offset(&self, moment: Timestamp, offset: tz::Offset) -> ZoneOffset {
        // No zone has ever been a day or more from UTC.
        let from_utc = FixedOffset::east_opt(offset.seconds());
        ZoneOffset {
            zone: self.clone(),
            moment,
            from_utc: from_utc.unwrap_or_else(|| chrono::Utc.fix()),
        }
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Zone, UnknownZone> {
        let found = TimeZoneDatabase::bundled().get(name).ok();
        let zone = found.filter(|zone| !zone.is_unknown()).map(Zone);
        zone.filter(|zone| zone.name() == name).ok_or(UnknownZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    /// Without the rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Zone {
        offset.zone.clone()
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let wall = wall_clock(local);
        let of = |offset: tz::Offset| {
            let moment = offset.to_timestamp(wall).unwrap_or_default();
            self.offset(moment, offset)
        };
        match self.0.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(of(offset)),
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(of(before), of(after))
            }
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let seconds = utc.and_utc().timestamp();
        let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let moment = Timestamp::from_second(seconds.clamp(first, last)).unwrap_or_default();
        self.offset(moment, self.0.to_offset(moment))
    }
}

/// What a wall clock shows; of a year that rules are not made for, the year that is nearest to it.
fn wall_clock(local: &NaiveDateTime) -> civil::DateTime {
    let year = local.year().clamp(-9_999, 9_999) as i16;
    let [month, day, hour, minute, second] = [
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second(),
    ]
    .map(|part| part as i8);
    // Only the 29 February of a year that is not a leap year is none.
    civil::DateTime::new(year, month, day, hour, minute, second, 0).unwrap_or_default()
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.from_utc
    }
}

impl fmt::Display for ZoneOffset {
    /// The zone's abbreviation at the moment, such as `CEST`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.zone.0.to_offset_info(self.moment).abbreviation())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use chrono::{DateTime, TimeDelta};
    use chrono_tz::Tz;
    use proptest::prelude::*;

    #[test]
    fn every_name_that_others_know_is_known_in_its_own_spelling_alone() {
        for zone in chrono_tz::TZ_VARIANTS {
            let name = zone.name();
            assert_eq!(
                name.parse::<Zone>().map(|zone| zone.to_string()),
                Ok(name.to_owned())
            );
        }
        for name in [
            "",
            "Mars/Olympus",
            "europe/berlin",
            "Etc/Unknown",
            "CET-1CEST",
        ] {
            assert_eq!(name.parse::<Zone>(), Err(UnknownZone), "{name}");
        }
        let unknown: Vec<String> = Zone::names()
            .into_iter()
            .filter(|name| name.parse::<Zone>().is_err())
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    /// Zones with changes of every kind, and a few without.
    const ZONES: [&str; 12] = [
        "UTC",
        "Europe/Berlin",
        "Europe/Dublin",
        "America/New_York",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Africa/Monrovia",
        "Asia/Kathmandu",
        "Asia/Tehran",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Antarctica/Troll",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// From 1970 to 2090: as another copy of the database says. Before, the two differ in places (Dublin in October 1925).
        #[test]
        fn clocks_show_what_the_database_says(
            name in prop::sample::select(&ZONES[..]),
            second in 0..3_786_912_000i64,
        ) {
            let (zone, other): (Zone, Tz) = (name.parse().expect("known"), name.parse().expect("known"));
            let utc = DateTime::from_timestamp(second, 0).expect("a moment");
            let (shown, expected) = (utc.with_timezone(&zone), utc.with_timezone(&other));
            prop_assert_eq!(shown.naive_local(), expected.naive_local());
            // And back: the hours around it, of which some come twice and some never.
            for hours in -2..=2 {
                let wall = shown.naive_local() + TimeDelta::hours(hours);
                let found = zone.from_local_datetime(&wall).map(|moment| moment.timestamp());
                let told = other.from_local_datetime(&wall).map(|moment| moment.timestamp());
                prop_assert_eq!(found, told, "{} {}", name, wall);
            }
        }
    }

    #[test]
    fn an_abbreviation_is_that_of_the_season_and_the_far_future_has_rules_too() {
        let shown = |zone: &str, year: i32, month: u32| {
            let zone: Zone = zone.parse().expect("known");
            let day = NaiveDate::from_ymd_opt(year, month, 15).expect("a day");
            let utc = day
                .and_hms_milli_opt(10, 0, 0, 500)
                .expect("a time")
                .and_utc();
            utc.with_timezone(&zone).format("%H:%M %Z").to_string()
        };
        for (zone, year, month, expected) in [
            ("UTC", 2024, 1, "10:00 UTC"),
            ("Europe/Berlin", 2024, 1, "11:00 CET"),
            ("Europe/Berlin", 2024, 7, "12:00 CEST"),
            ("Europe/Berlin", 9000, 7, "12:00 CEST"),
            // Beyond the years that rules are made for.
            ("Europe/Berlin", 12_000, 7, "11:00 CET"),
            ("Europe/Berlin", -12_000, 7, "10:53 LMT"),
        ] {
            assert_eq!(shown(zone, year, month), expected, "{zone} {year}-{month}");
        }
    }
}
