//! Points in time as payloads write them.

use alloc::string::String;
use core::fmt;

use jiff::Timestamp as JiffTimestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// A point in time: microseconds since 1970-01-01T00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Parses an RFC 3339 date and time and its usual relaxations: a space for the `T`, no zone
    /// (then UTC), no seconds, a date alone (midnight). `None` for anything else.
    ///
    /// ```
    /// use skerry_model::Timestamp;
    /// assert_eq!(Timestamp::parse("1970-01-01 00:00:01Z"), Some(Timestamp(1_000_000)));
    /// assert_eq!(Timestamp::parse("yesterday"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        // jiff's parsers accept more than dates (week dates, bracketed zones); a payload string
        // must look like a date before it is taken for one.
        let bytes = text.as_bytes();
        if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' || text.contains('[') {
            return None;
        }
        if let Ok(instant) = text.parse::<JiffTimestamp>() {
            return Some(Self(instant.as_microsecond()));
        }
        let local: civil::DateTime = text.parse().ok()?;
        let instant = local.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self(instant.as_microsecond()))
    }

    /// Date and time of UTC in whole seconds, without the zone: `1970-01-01T00:00:00`. Instants
    /// that no calendar of four-digit years has are shown as its end.
    ///
    /// ```
    /// use skerry_model::Timestamp;
    /// assert_eq!(Timestamp(1_999_999).to_second(), "1970-01-01T00:00:01");
    /// ```
    pub fn to_second(self) -> String {
        let instant = JiffTimestamp::from_microsecond(self.0).unwrap_or(JiffTimestamp::MAX);
        let at = TimeZone::UTC.to_datetime(instant);
        let (date, time) = (at.date(), at.time());
        alloc::format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }
}

impl fmt::Display for Timestamp {
    /// As RFC 3339 writes it, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match JiffTimestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            // Beyond the year 9999 there is no such form.
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_form_of_one_instant_is_equal() {
        let instant = Timestamp::parse("2024-02-29T12:30:00Z");
        assert!(instant.is_some());
        for text in [
            "2024-02-29 12:30:00Z",
            "2024-02-29T12:30:00",
            "2024-02-29 12:30",
            "2024-02-29T12:30:00.000+00:00",
            "2024-02-29T14:30:00+02:00",
        ] {
            assert_eq!(Timestamp::parse(text), instant, "{text}");
        }
        assert_eq!(
            Timestamp::parse("2024-02-29"),
            Timestamp::parse("2024-02-29T00:00:00Z")
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        for micros in [0, -1, 1_709_209_800_000_000, 1_709_209_800_123_456] {
            let text = alloc::format!("{}", Timestamp(micros));
            assert_eq!(Timestamp::parse(&text), Some(Timestamp(micros)), "{text}");
        }
        assert_eq!(alloc::format!("{}", Timestamp(0)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2024",
            "2023-02-29",
            "12:30",
            "2024-13-01",
            "hello world!",
            "2024-W09-4",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
