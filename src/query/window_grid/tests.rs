//! Tests of window grids: examples, and the property that the windows of every grid tile time.

use proptest::prelude::*;

use super::*;

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn by(every: impl Into<Period>, origin: Option<Timestamp>, zone: &Zone) -> WindowGrid {
    WindowGrid::new(every.into(), origin, zone).unwrap()
}

fn berlin() -> Zone {
    Zone::rules("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// Returns former rules of Newfoundland: in autumn, 00:01 was followed by 23:01 of the day before.
fn st_johns() -> Zone {
    Zone::rules("NST3:30NDT,M4.1.0/0:01,M10.5.0/0:01").unwrap()
}

/// Returns rules as of Toronto in 1919: in spring, 23:30 is followed by 00:30 of the next day.
fn without_a_midnight() -> Zone {
    Zone::rules("EST5EDT,M3.5.0/23:30,M10.5.0").unwrap()
}

/// Returns the start of the window that contains a time, and the first time after the window.
fn window(cut: &WindowGrid, text: &str) -> (String, String) {
    let (start, last) = cut.window_at(time(text));
    (start.to_string(), at(last + 1).to_string())
}

fn span(start: &str, end: &str) -> (String, String) {
    (start.to_owned(), end.to_owned())
}

#[test]
fn windows_at_both_ends_of_time_are_cut_there() {
    let every = |nanos| WindowGrid::Fixed { nanos, phase: 0 };
    assert_eq!(every(10).window_at(at(-1)), (at(-10), -1));
    assert_eq!(every(10).window_at(at(0)), (at(0), 9));
    assert_eq!(every(10).window_at(Timestamp::MIN), (Timestamp::MIN, -9_223_372_036_854_775_801));
    assert_eq!(every(10).window_at(Timestamp::MAX), (at(9_223_372_036_854_775_800), i64::MAX));
    assert_eq!(every(i64::MAX).window_at(Timestamp::MIN), (Timestamp::MIN, -i64::MAX - 1));
    assert_eq!(every(i64::MAX).window_at(Timestamp::MAX), (Timestamp::MAX, i64::MAX));
    assert_eq!(every(1).window_at(Timestamp::MIN), (Timestamp::MIN, i64::MIN));
    for every in [Period::days(1), Period::weeks(2), Period::months(1), Period::years(400), Period::days(400_000)] {
        for zone in [Zone::UTC, berlin(), Zone::offset(-93_599).unwrap()] {
            let cut = by(every, None, &zone);
            for end in [Timestamp::MIN, Timestamp::MAX] {
                let (start, last) = cut.window_at(end);
                assert!(start <= end && end.as_nanos() <= last, "{every:?} {zone:?}");
            }
        }
    }
}

/// As in Toronto in 1919: in spring, 23:30 was followed by 00:30 of the next day, which had no midnight.
#[test]
fn a_day_whose_midnight_lies_in_a_clock_gap_begins_at_its_first_moment() {
    let days = by(Period::days(1), None, &without_a_midnight());
    let before = span("2026-03-29T05:00:00Z", "2026-03-30T04:30:00Z");
    let after = span("2026-03-30T04:30:00Z", "2026-03-31T04:00:00Z");
    assert_eq!(window(&days, "2026-03-30T04:29:59.999999999Z"), before);
    for text in ["2026-03-30T04:30:00Z", "2026-03-30T04:59:59Z", "2026-03-30T05:00:00Z", "2026-03-31T03:59:59Z"] {
        assert_eq!(window(&days, text), after, "{text}");
    }
    // A gap that ends at midnight, and one that begins there.
    for (rule, start) in [("23", "2026-03-30T04:00:00Z"), ("24", "2026-03-30T05:00:00Z")] {
        let zone = Zone::rules(&format!("EST5EDT,M3.5.0/{rule},M10.5.0")).unwrap();
        assert_eq!(window(&by(Period::days(1), None, &zone), "2026-03-30T12:00:00Z").0, start, "{rule}");
    }
    let Ok(toronto) = Zone::named("America/Toronto") else {
        eprintln!("skipped: no time zone database on this machine");
        return;
    };
    let days = by(Period::days(1), None, &toronto);
    let day = span("1919-03-31T04:30:00Z", "1919-04-01T04:00:00Z");
    for text in ["1919-03-31T04:30:00Z", "1919-03-31T04:45:00Z", "1919-03-31T05:00:00Z", "1919-03-31T12:00:00Z"] {
        assert_eq!(window(&days, text), day, "{text}");
    }
    let before = span("1919-03-30T05:00:00Z", "1919-03-31T04:30:00Z");
    assert_eq!(window(&days, "1919-03-31T04:29:59.9Z"), before);
}

/// Checks that a time and the ends of its window have the same window, and that the next window begins at its end.
fn check_tiles(grid: &WindowGrid, nanos: i64) -> Result<(), TestCaseError> {
    let (start, last) = grid.window_at(at(nanos));
    prop_assert!(start.as_nanos() <= nanos && nanos <= last);
    prop_assert_eq!(grid.window_at(start), (start, last));
    prop_assert_eq!(grid.window_at(at(last)), (start, last));
    if let Some(next) = last.checked_add(1) {
        let after = grid.window_at(at(next));
        prop_assert_eq!(after.0, at(next));
        prop_assert_eq!(grid.next_window(last, at(next)), after);
        prop_assert_eq!(grid.next_window(last, at(after.1)), after);
    }
    if let Some(before) = start.as_nanos().checked_sub(1) {
        prop_assert_eq!(grid.window_at(at(before)).1, before);
    }
    Ok(())
}

/// Checks the days around every change of every clock on earth: days without a midnight, days with two midnights, and
/// the day that Samoa left out.
#[test]
fn days_of_all_zones_tile_time() {
    const HOUR: i64 = 3_600_000_000_000;
    let names = jiff::tz::db().available();
    let zones = names.map(|name| name.to_string()).filter_map(|name| Some((Zone::named(&name).ok()?, name)));
    let mut checked = 0;
    for (zone, name) in zones {
        let days = by(Period::days(1), None, &zone);
        let tz = jiff::tz::TimeZone::get(&name).unwrap();
        let from: jiff::Timestamp = "1880-01-01T00:00:00Z".parse().unwrap();
        let until: jiff::Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        for change in tz.following(from).take_while(|change| change.timestamp() < until) {
            let change = i64::try_from(change.timestamp().as_nanosecond()).unwrap();
            for nanos in [-25 * HOUR, -HOUR, -1, 0, HOUR / 4, HOUR, 25 * HOUR].map(|distance| change + distance) {
                check_tiles(&days, nanos).unwrap_or_else(|error| panic!("{name} {}: {error}", at(nanos)));
            }
            checked += 1;
        }
    }
    println!("{checked} changes of clocks");
}

#[test]
fn days_begin_at_midnight_of_the_zone_whatever_its_clocks_do() {
    let days = by(Period::days(1), None, &berlin());
    assert_eq!(window(&days, "2026-03-28T23:00:00Z"), span("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"));
    assert_eq!(window(&days, "2026-10-25T12:00:00Z"), span("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
    let hours = by(Duration::from_hours(24), None, &Zone::offset(5 * 3_600 + 1_800).unwrap());
    assert_eq!(window(&hours, "2026-03-28T20:00:00Z"), span("2026-03-28T18:30:00Z", "2026-03-29T18:30:00Z"));
    let quarters = by(Period::months(3), None, &Zone::UTC);
    assert_eq!(window(&quarters, "2024-02-29T00:00:00Z"), span("2024-01-01T00:00:00Z", "2024-04-01T00:00:00Z"));
    let years = by(Period::years(1), None, &Zone::UTC);
    assert_eq!(window(&years, "1969-12-31T23:59:59Z"), span("1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z"));
    let weeks = by(Period::weeks(1), None, &Zone::UTC);
    assert_eq!(window(&weeks, "2026-11-27T00:00:00Z"), span("2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"));
    let from_sunday = by(Period::weeks(1), Some(time("2026-11-22T15:00:00Z")), &Zone::UTC);
    assert_eq!(window(&from_sunday, "2026-11-27T00:00:00Z"), span("2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"));
}

#[test]
fn an_origin_is_where_a_window_begins() {
    let cut = by(Duration::from_mins(10), Some(time("2026-11-27T00:03:00Z")), &Zone::UTC);
    assert_eq!(window(&cut, "2026-11-27T00:02:59Z"), span("2026-11-26T23:53:00Z", "2026-11-27T00:03:00Z"));
    assert_eq!(window(&cut, "1960-01-01T00:03:00Z"), span("1960-01-01T00:03:00Z", "1960-01-01T00:13:00Z"));
}

#[test]
fn a_length_of_nothing_or_of_more_than_time_is_refused() {
    let longest = Duration::from_nanos(u64::try_from(i64::MAX).unwrap());
    assert_eq!(by(longest, None, &Zone::UTC), WindowGrid::Fixed { nanos: i64::MAX, phase: 0 });
    let bad = [Duration::ZERO, longest + Duration::from_nanos(1), Duration::MAX].map(Period::from);
    for bad in bad.into_iter().chain([Period::days(0), Period::months(0), Period::years(u32::MAX)]) {
        assert!(matches!(WindowGrid::new(bad, None, &Zone::UTC), Err(Error::InvalidQuery { .. })), "{bad:?}");
    }
    assert!(Zone::offset(100_000).is_err() && Zone::rules("nowhere").is_err() && Zone::named("No/Where").is_err());
}

/// Midnight of 2006-10-29 occurs at 02:30 UTC and, after the change at 02:31 UTC, at 03:30 UTC.
/// The day begins at the first midnight.
#[test]
fn a_day_that_begins_twice_is_one_window() {
    for every in [Period::days(1), Period::days(3), Period::months(1)] {
        let cut = by(every, None, &st_johns());
        let times = ["2006-10-29T02:30:30Z", "2006-10-29T02:45:00Z", "2006-10-29T03:00:00Z", "2006-10-29T03:45:00Z"];
        let windows = times.map(|time| cut.window_at(time.parse().unwrap()));
        assert!(windows.iter().all(|window| *window == windows[0]), "{windows:?}");
    }
    let cut = by(Period::days(1), None, &st_johns());
    assert_eq!(
        cut.window_at("2006-10-28T12:00:00Z".parse().unwrap()).1 + 1,
        cut.window_at("2006-10-29T02:45:00Z".parse().unwrap()).0.as_nanos()
    );
}

proptest! {
    #[test]
    fn windows_tile_time(
        nanos in prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>()],
        origin in prop::option::of(any::<i64>()),
        every in prop_oneof![
            (1..=u64::MAX / 2).prop_map(|nanos| Period::from(Duration::from_nanos(nanos))),
            (1..100_u64).prop_map(|nanos| Period::from(Duration::from_nanos(nanos))),
            (1..400_u32).prop_map(Period::days),
            (1..400_u32).prop_map(Period::weeks),
            (1..400_u32).prop_map(Period::months),
        ],
        zone in prop_oneof![Just(Zone::UTC), Just(berlin()), Just(st_johns()), Just(without_a_midnight()), (-90_000..90_000).prop_map(|secs| Zone::offset(secs).unwrap())],
    ) {
        check_tiles(&by(every, origin.map(at), &zone), nanos)?;
    }
}
