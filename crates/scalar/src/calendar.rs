//! Dates and times, which payloads keep as texts.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, civil};
use model::Function;

use crate::Datum;

/// A date, a time, or both.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Date(Date),
    Time(Time),
    Both(DateTime),
}

/// Reads `2024-01-31`, `23:59:59`, or both with a space or `T` between.
fn read(text: &str) -> Option<Moment> {
    let text = text.trim();
    // jiff reads more forms than these; what is no plain date or time is no moment.
    let plain =
        |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | ' ' | 'T' | 'Z' | '+');
    if !text.chars().all(plain) {
        return None;
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    if text.contains(':') && (text.contains(' ') || text.contains('T')) {
        return text.parse().ok().map(Moment::Both);
    }
    if text.contains(':') {
        return text.parse().ok().map(Moment::Time);
    }
    text.parse().ok().map(Moment::Date)
}

fn write(moment: Moment) -> Datum<'static> {
    Datum::text(match moment {
        Moment::Date(date) => date.to_string(),
        Moment::Time(time) => time.to_string(),
        Moment::Both(both) => format!("{} {}", both.date(), both.time()),
    })
}

/// The text of a moment as a date, a time or both, in one way of writing.
pub(crate) fn cast(function: Function, of: &Datum<'_>) -> Datum<'static> {
    let Some(moment) = of.as_text().and_then(read) else {
        return Datum::Null;
    };
    let cast = match (function, moment) {
        (Function::ToDate, Moment::Date(date)) => Moment::Date(date),
        (Function::ToDate, Moment::Both(both)) => Moment::Date(both.date()),
        (Function::ToTime, Moment::Time(time)) => Moment::Time(time),
        (Function::ToTime, Moment::Both(both)) => Moment::Time(both.time()),
        (Function::ToDateTime, Moment::Both(both)) => Moment::Both(both),
        (Function::ToDateTime, Moment::Date(date)) => {
            Moment::Both(date.to_datetime(Time::midnight()))
        }
        (_, Moment::Date(_) | Moment::Time(_) | Moment::Both(_)) => return Datum::Null,
    };
    write(cast)
}

/// One part of a moment.
pub(crate) fn part(function: Function, of: &Datum<'_>) -> Datum<'static> {
    let Some(moment) = of.as_text().and_then(read) else {
        return Datum::Null;
    };
    let (date, time) = match moment {
        Moment::Date(date) => (Some(date), Some(Time::midnight())),
        Moment::Time(time) => (None, Some(time)),
        Moment::Both(both) => (Some(both.date()), Some(both.time())),
    };
    let of_time = match function {
        Function::Hour => time.map(|time| i64::from(time.hour())),
        Function::Minute => time.map(|time| i64::from(time.minute())),
        Function::Second => time.map(|time| i64::from(time.second())),
        _ => None,
    };
    let found = of_time.or_else(|| of_date(function, date?, time?));
    found.map_or(Datum::Null, |n| Datum::Int(n.into()))
}

fn of_date(function: Function, date: Date, time: Time) -> Option<i64> {
    let year = i64::from(date.year());
    match function {
        Function::Century => Some((year + 99).div_euclid(100)),
        Function::Year => Some(year),
        Function::Month => Some(date.month().into()),
        Function::Day => Some(date.day().into()),
        Function::DayOfYear => Some(date.day_of_year().into()),
        Function::DayOfWeek => Some(date.weekday().to_sunday_zero_offset().into()),
        Function::WeekDay => Some(date.weekday().to_monday_one_offset().into()),
        Function::Era => Some(i64::from(year > 0)),
        Function::Quarter => Some(i64::from(date.month() + 2) / 3),
        Function::WeekOfYear => Some(date.iso_week_date().week().into()),
        Function::Epoch => {
            let zoned = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
            Some(zoned.timestamp().as_second())
        }
        _ => None,
    }
}

/// The moment moved by `count` units.
pub(crate) fn shift(of: &Datum<'_>, count: &Datum<'_>, unit: &Datum<'_>) -> Datum<'static> {
    let moment = of.as_text().and_then(read);
    let (Some(moment), Datum::Int(count), Some(unit)) = (moment, count, unit.as_text()) else {
        return Datum::Null;
    };
    let moved = i64::try_from(*count)
        .ok()
        .and_then(|count| span(count, unit))
        .and_then(|span| match moment {
            Moment::Date(date) if is_of_days(unit) => date.checked_add(span).ok().map(Moment::Date),
            Moment::Date(date) => {
                let midnight: civil::DateTime = date.to_datetime(Time::midnight());
                midnight.checked_add(span).ok().map(Moment::Both)
            }
            Moment::Time(time) => time.checked_add(span).ok().map(Moment::Time),
            Moment::Both(both) => both.checked_add(span).ok().map(Moment::Both),
        });
    moved.map_or(Datum::Null, write)
}

fn is_of_days(unit: &str) -> bool {
    matches!(unit, "year" | "month" | "day")
}

fn span(count: i64, unit: &str) -> Option<Span> {
    let zero = Span::new();
    match unit {
        "year" => zero.try_years(count).ok(),
        "month" => zero.try_months(count).ok(),
        "day" => zero.try_days(count).ok(),
        "hour" => zero.try_hours(count).ok(),
        "minute" => zero.try_minutes(count).ok(),
        "second" => zero.try_seconds(count).ok(),
        _ => None,
    }
}
