//! Output of the demo: a table of daily values, the hour that the clock change repeats, a chart.
//! Each number comes from a query; the daily values are also computed from the file.

use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use timestrata::{Aggregate, Point, Selector, Snapshot, Timestamp, Value};

use super::weather::{LOCAL, key};
use crate::aligned_table::{Align, AlignedTable};
use crate::failure::{Failure, Result};
use crate::number_format;
use crate::output::StdoutWriter;

const DAY: Duration = Duration::from_hours(24);
const CHART_ROWS: u32 = 12;
/// Days per column of the chart of a year.
const DAYS_PER_COLUMN: usize = 5;

/// One aggregate per day: (day, value).
async fn daily(
    snapshot: &Snapshot,
    station: &str,
    range: Range<Timestamp>,
    aggregate: Aggregate,
) -> Result<Vec<(Timestamp, Value)>> {
    let select = Selector::metric("temp").tag("station", station);
    let windows = snapshot.query(select).range(range).every(DAY).aggregate(aggregate).run().await?;
    let windows = windows.series.iter().flat_map(timestrata::SeriesWindows::windows);
    Ok(windows.filter_map(|window| Some((window.start, window.value?))).collect())
}

/// Prints a week of daily values, each checked against the points of the file.
pub(crate) async fn week(
    stdout: &mut StdoutWriter,
    snapshot: &Snapshot,
    station: &str,
    range: Range<Timestamp>,
    expected: &[Point<f64>],
) -> Result<()> {
    let headers = [("day (UTC)", Align::Left), ("mean", Align::Right), ("min", Align::Right), ("max", Align::Right)];
    let headers = [&headers[..], &[("points", Align::Right)]].concat();
    let mut table = AlignedTable::new(&headers, stdout.colour);
    let means = daily(snapshot, station, range.clone(), Aggregate::Mean).await?;
    let least = daily(snapshot, station, range.clone(), Aggregate::Min).await?;
    let most = daily(snapshot, station, range.clone(), Aggregate::Max).await?;
    let counts = daily(snapshot, station, range, Aggregate::Count).await?;
    for (((mean, least), most), count) in means.iter().zip(&least).zip(&most).zip(&counts) {
        check_mean(mean, expected)?;
        let day = mean.0.to_string();
        let mut cells: Vec<String> = vec![day.chars().take(10).collect()];
        cells.extend([mean.1, least.1, most.1].map(|value| format!("{:.2}", value.as_f64())));
        cells.push(number_format::rounded(count.1));
        table.row(cells, &mut stdout.out)?;
    }
    table.finish(&mut stdout.out)?;
    Ok(())
}

/// Compares the mean of a day with the mean of the points of the file.
fn check_mean((day, mean): &(Timestamp, Value), expected: &[Point<f64>]) -> Result<()> {
    let end = day.saturating_add_nanos(i64::try_from(DAY.as_nanos()).unwrap_or(i64::MAX));
    let values = expected.iter().filter(|point| (*day..end).contains(&point.timestamp)).map(|point| point.value);
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    let by_hand = sum / f64::from(count);
    if (by_hand - mean.as_f64()).abs() > 1e-9 * by_hand.abs().max(1.0) {
        return Err(Failure::Negative(format!("the mean of {day} is {mean}, by hand {by_hand}")));
    }
    Ok(())
}

/// Prints the points of the local-time series around the repeated hour.
pub(crate) async fn doubled_hour(
    stdout: &mut StdoutWriter,
    snapshot: &Snapshot,
    station: &str,
    range: Range<Timestamp>,
) -> Result<()> {
    let series = snapshot.series::<f64>(&key(LOCAL, station))?;
    let points = snapshot.scan(series, range).collect().await?;
    let twins = points.windows(2).filter(|pair| pair[0].timestamp == pair[1].timestamp).count();
    if twins != 1 {
        return Err(Failure::Negative(format!("the doubled hour has {twins} pairs of points at one time, not 1")));
    }
    let mut table = AlignedTable::new(&[("wall clock", Align::Left), ("temp", Align::Right)], stdout.colour);
    for point in points {
        let clock: String = point.timestamp.to_string().replace('T', " ").chars().take(16).collect();
        table.row(vec![clock, number_format::rounded(Value::F64(point.value))], &mut stdout.out)?;
    }
    table.finish(&mut stdout.out)?;
    Ok(())
}

/// Prints the temperature of the year as a chart, with the months below.
pub(crate) async fn chart(
    stdout: &mut StdoutWriter,
    snapshot: &Snapshot,
    station: &str,
    year: Range<Timestamp>,
) -> Result<()> {
    let begin = year.start;
    let means = daily(snapshot, station, year, Aggregate::Mean).await?;
    let columns: Vec<f64> = means.chunks(DAYS_PER_COLUMN).map(mean_of).collect();
    let config = rasciigraph::Config::default().with_height(CHART_ROWS);
    let chart = rasciigraph::plot(columns, config);
    let mut margin = 0;
    for line in chart.lines() {
        margin = line.chars().position(|c| "┤┼".contains(c)).unwrap_or(margin);
        writeln!(stdout.out, "{}", line.trim_end())?;
    }
    writeln!(stdout.out, "{}{}", " ".repeat(margin + 1), months(begin))?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a handful of days")]
fn mean_of(days: &[(Timestamp, Value)]) -> f64 {
    days.iter().map(|(_, value)| value.as_f64()).sum::<f64>() / days.len() as f64
}

/// Returns the names of the months of the year that begins at `begin`.
///
/// Each name starts at the column of the first day of the month.
fn months(begin: Timestamp) -> String {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Ok(first) = jiff::Timestamp::from_second(begin.as_secs()) else { return String::new() };
    let first = first.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut line = String::new();
    for (month, name) in (1_i8..).zip(NAMES) {
        let Ok(date) = jiff::civil::Date::new(first.year(), month, 1) else { return line };
        let column = usize::try_from(date.day_of_year() - 1).unwrap_or(0) / DAYS_PER_COLUMN;
        line.extend(std::iter::repeat_n(' ', column.saturating_sub(line.len())));
        line.push_str(name);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_stand_below_their_first_day() {
        let line = months(Timestamp::from_secs(1_356_998_400));
        assert!(line.starts_with("Jan   Feb  Mar"), "{line}");
        assert_eq!(line.find("Dec"), Some(334 / 5));
    }
}
