//! Cron expressions in a time zone: when the next time comes. The expression is searched on the calendar of a clock that
//! is never changed; what a time zone makes of the wall-clock times that are found is decided here.

use crate::model::zone::Zone;
use chrono::offset::{MappedLocalTime, TimeZone as _};
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use std::cmp::Ordering;
use std::fmt;

/// No change of a clock is longer, in minutes: a day was left out when a zone moved over the date line.
const LONGEST_CHANGE_MINUTES: u32 = 26 * 60;
/// From here on an expression is searched for its first time: any that fires at all fires within the 400 years after.
const SOME_YEAR: i32 = 2_000;

/// A cron expression in a time zone.
#[derive(Clone, PartialEq)]
pub(super) struct CronSchedule {
    /// As it was written.
    text: String,
    cron: Cron,
    zone: Zone,
    /// Whether it fires in every hour of a day on which it fires, and so names no time of day.
    every_hour: bool,
}

impl fmt::Debug for CronSchedule {
    /// Without the years, of which the expression holds some thousands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronSchedule({} {})", self.text, self.zone)
    }
}

impl CronSchedule {
    /// Reads an expression of five fields, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. The error says
    /// what is wrong with it.
    pub(super) fn read(text: &str, zone: Zone) -> Result<CronSchedule, String> {
        let count = text.split_whitespace().count();
        if count != 5 && !text.trim_start().starts_with('@') {
            let seconds = match count {
                6 | 7 => "; there are no seconds and no years",
                _ => "",
            };
            return Err(format!(
                "it has {count} fields; a cron expression has 5: minute, hour, day of the month, month, weekday{seconds}"
            ));
        }
        if text
            .split_whitespace()
            .any(|field| field.split(',').any(str::is_empty))
        {
            return Err("it is no cron expression: a comma stands between two values".to_owned());
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(text).map_err(|error| {
            let why = match error {
                CronError::InvalidPattern(why)
                | CronError::IllegalCharacters(why)
                | CronError::ComponentError(why) => why,
                other => other.to_string(),
            };
            format!(
                "it is no cron expression: {}; an example is `0 9 * * MON-FRI`",
                why.trim_end_matches('.')
            )
        })?;
        let schedule = CronSchedule {
            text: text.trim().to_owned(),
            every_hour: (0..24).all(|hour| cron.pattern.hour_match(hour).unwrap_or(false)),
            cron,
            zone,
        };
        let begin =
            NaiveDate::from_ymd_opt(SOME_YEAR, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
        if begin
            .and_then(|begin| schedule.search(begin, true))
            .is_none()
        {
            return Err(
                "it never fires: no month has such a day; correct the day or the month".to_owned(),
            );
        }
        Ok(schedule)
    }

    /// The expression as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// In which time zone it is read.
    pub(super) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first moment after `after_ms` at which it fires.
    pub(super) fn next_ms(&self, after_ms: i64) -> Option<i64> {
        let after = DateTime::from_timestamp_millis(after_ms)?.with_timezone(&self.zone);
        let next = match self.every_hour {
            true => self.next_by_hours(&after),
            false => self.next_by_wall_clock(&after),
        };
        next.map(|next| next.timestamp_millis())
    }

    /// Each wall-clock time counts once. The first moments of wall-clock times come in their order, so the first one that
    /// lies after `after` is the next.
    fn next_by_wall_clock(&self, after: &DateTime<Zone>) -> Option<DateTime<Zone>> {
        let mut wall = after.naive_local();
        loop {
            wall = self.search(wall, false)?;
            let moment = match self.zone.from_local_datetime(&wall) {
                MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => moment,
                MappedLocalTime::None => self.end_of_gap(wall)?,
            };
            if moment > *after {
                return Some(moment);
            }
        }
    }

    /// Each moment counts whose wall-clock time the expression names; a time that does not exist has none.
    fn next_by_hours(&self, after: &DateTime<Zone>) -> Option<DateTime<Zone>> {
        let ahead = self.first_named(after, after.naive_local(), false)?;
        // Where the clocks are set back soon, wall-clock times that lie behind come once more.
        let Some(set_back) = self.set_back_after(after) else {
            return Some(ahead);
        };
        let again = self.first_named(after, set_back.naive_local(), true);
        again.into_iter().chain([ahead]).min()
    }

    /// The first moment after `after` that is named, by a wall-clock time after `wall` (or at it, if `inclusive`).
    fn first_named(
        &self,
        after: &DateTime<Zone>,
        mut wall: NaiveDateTime,
        inclusive: bool,
    ) -> Option<DateTime<Zone>> {
        let mut inclusive = inclusive;
        loop {
            wall = self.search(wall, inclusive)?;
            inclusive = false;
            let (first, second) = match self.zone.from_local_datetime(&wall) {
                MappedLocalTime::Single(moment) => (moment, None),
                MappedLocalTime::Ambiguous(first, second) => (first, Some(second)),
                MappedLocalTime::None => continue,
            };
            if let Some(moment) = [Some(first), second]
                .into_iter()
                .flatten()
                .find(|moment| moment > after)
            {
                return Some(moment);
            }
        }
    }

    /// If the wall-clock time of `after` is to come once more: the moment when the clocks are set back.
    fn set_back_after(&self, after: &DateTime<Zone>) -> Option<DateTime<Zone>> {
        let second = match self.zone.from_local_datetime(&after.naive_local()) {
            MappedLocalTime::Ambiguous(first, second) if first == *after => second,
            _ => return None,
        };
        let into_minute = TimeDelta::milliseconds(after.timestamp_millis().rem_euclid(60_000));
        let mut moment = after.clone() - into_minute;
        while moment < second {
            moment += TimeDelta::minutes(1);
            // Within the hour that comes twice, the second time is told from the first by its place in the pair.
            match self.zone.from_local_datetime(&moment.naive_local()) {
                MappedLocalTime::Ambiguous(first, _) if first == moment => {}
                _ => return Some(moment),
            }
        }
        Some(second)
    }

    /// The moment at which the clocks are set forward over this wall-clock time, which does not exist.
    fn end_of_gap(&self, mut wall: NaiveDateTime) -> Option<DateTime<Zone>> {
        for _ in 0..LONGEST_CHANGE_MINUTES {
            wall = wall.checked_add_signed(TimeDelta::minutes(1))?;
            if let Some(moment) = self.zone.from_local_datetime(&wall).earliest() {
                return Some(moment);
            }
        }
        None
    }

    /// The first wall-clock time after `from` (or at it, if `inclusive`) that the expression names.
    fn search(&self, from: NaiveDateTime, inclusive: bool) -> Option<NaiveDateTime> {
        let found = self.cron.find_next_occurrence(&Wall::of(from)?, inclusive);
        found.ok().map(|wall| wall.clock)
    }
}

/// A wall clock that is never changed, as the search wants it.
#[derive(Clone)]
struct Wall {
    clock: NaiveDateTime,
    civil: CivilDateTime,
}

impl Wall {
    fn of(clock: NaiveDateTime) -> Option<Wall> {
        let date = CivilDate::from_ymd_opt(clock.year(), clock.month(), clock.day())?;
        let time = CivilTime::from_hms_opt(clock.hour(), clock.minute(), clock.second())?;
        let civil = CivilDateTime::new(date, time);
        Some(Wall { clock, civil })
    }
}

impl CronDateTime for Wall {
    fn to_civil(&self) -> CivilDateTime {
        self.civil
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.clock.weekday().num_days_from_sunday())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Wall>, CronError> {
        let clock = NaiveDate::from_ymd_opt(civil.year(), civil.month(), civil.day())
            .and_then(|day| day.and_hms_opt(civil.hour(), civil.minute(), civil.second()))
            .ok_or(CronError::InvalidDate)?;
        Ok(Resolution::Single(Wall { clock, civil }))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Wall> {
        let step = TimeDelta::try_seconds(seconds)?;
        Wall::of(self.clock.checked_add_signed(step)?)
    }

    fn cmp_instant(&self, other: &Wall) -> Ordering {
        self.clock.cmp(&other.clock)
    }
}
