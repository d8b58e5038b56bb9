//! What the demo prints of the data: a table of daily values, the hour that the clock change doubles, a chart.
//! Each number comes from a query; the daily ones are computed again from the file.

use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use timestrata::{Aggregate, Point, Select, Snapshot, Timestamp, Value};

use super::weather::{LOCAL, key};
use crate::failure::{Failure, Result};
use crate::figures;
use crate::output::Stdout;
use crate::table::{Align, Table};

const DAY: Duration = Duration::from_hours(24);
const CHART_ROWS: u32 = 12;
/// The chart shows a year; each of its columns is the mean of so many days.
const DAYS_A_COLUMN: usize = 5;

/// One aggregate a day: (day, value).
async fn daily(
    snapshot: &Snapshot,
    station: &str,
    range: Range<Timestamp>,
    aggregate: Aggregate,
) -> Result<Vec<(Timestamp, Value)>> {
    let select = Select::metric("temp").tag("station", station);
    let windows = snapshot.query(select).range(range).every(DAY).aggregate(aggregate).run().await?;
    let windows = windows.series.iter().flat_map(timestrata::SeriesWindows::windows);
    Ok(windows.filter_map(|window| Some((window.start, window.value?))).collect())
}

/// A week of daily values, each checked against the points of the file.
pub(crate) async fn week(
    stdout: &mut Stdout,
    snapshot: &Snapshot,
    station: &str,
    range: Range<Timestamp>,
    expected: &[Point<f64>],
) -> Result<()> {
    let headers = [("day (UTC)", Align::Left), ("mean", Align::Right), ("min", Align::Right), ("max", Align::Right)];
    let headers = [&headers[..], &[("points", Align::Right)]].concat();
    let mut table = Table::new(&headers, stdout.colour);
    let means = daily(snapshot, station, range.clone(), Aggregate::Mean).await?;
    let least = daily(snapshot, station, range.clone(), Aggregate::Min).await?;
    let most = daily(snapshot, station, range.clone(), Aggregate::Max).await?;
    let counts = daily(snapshot, station, range, Aggregate::Count).await?;
    for (((mean, least), most), count) in means.iter().zip(&least).zip(&most).zip(&counts) {
        check_mean(mean, expected)?;
        let day = mean.0.to_string();
        let mut cells: Vec<String> = vec![day.chars().take(10).collect()];
        cells.extend([mean.1, least.1, most.1].map(|value| format!("{:.2}", value.as_f64())));
        cells.push(figures::rounded(count.1));
        table.row(cells, &mut stdout.out)?;
    }
    table.finish(&mut stdout.out)?;
    Ok(())
}

/// The same day by hand.
fn check_mean((day, mean): &(Timestamp, Value), expected: &[Point<f64>]) -> Result<()> {
    let end = day.saturating_add_nanos(i64::try_from(DAY.as_nanos()).unwrap_or(i64::MAX));
    let values = expected.iter().filter(|point| (*day..end).contains(&point.timestamp)).map(|point| point.value);
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    let by_hand = sum / f64::from(count);
    if (by_hand - mean.as_f64()).abs() > 1e-9 * by_hand.abs().max(1.0) {
        return Err(Failure::No(format!("the mean of {day} is {mean}, by hand {by_hand}")));
    }
    Ok(())
}

/// The points of the wall clock's series around the hour that it shows twice.
pub(crate) async fn doubled_hour(
    stdout: &mut Stdout,
    snapshot: &Snapshot,
    station: &str,
    range: Range<Timestamp>,
) -> Result<()> {
    let series = snapshot.typed::<f64>(&key(LOCAL, station))?;
    let points = snapshot.scan(series, range).collect().await?;
    let twins = points.windows(2).filter(|pair| pair[0].timestamp == pair[1].timestamp).count();
    if twins != 1 {
        return Err(Failure::No(format!("the doubled hour has {twins} pairs of points at one time, not 1")));
    }
    let mut table = Table::new(&[("wall clock", Align::Left), ("temp", Align::Right)], stdout.colour);
    for point in points {
        let clock: String = point.timestamp.to_string().replace('T', " ").chars().take(16).collect();
        table.row(vec![clock, figures::rounded(Value::F64(point.value))], &mut stdout.out)?;
    }
    table.finish(&mut stdout.out)?;
    Ok(())
}

/// The year's temperature as a line, with the months below.
pub(crate) async fn chart(
    stdout: &mut Stdout,
    snapshot: &Snapshot,
    station: &str,
    year: Range<Timestamp>,
) -> Result<()> {
    let begin = year.start;
    let means = daily(snapshot, station, year, Aggregate::Mean).await?;
    let columns: Vec<f64> = means.chunks(DAYS_A_COLUMN).map(mean_of).collect();
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

/// The names of the months of a year that begins at `begin`, each above its first day's column.
fn months(begin: Timestamp) -> String {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Ok(first) = jiff::Timestamp::from_second(begin.as_secs()) else { return String::new() };
    let first = first.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut line = String::new();
    for (month, name) in (1_i8..).zip(NAMES) {
        let Ok(date) = jiff::civil::Date::new(first.year(), month, 1) else { return line };
        let column = usize::try_from(date.day_of_year() - 1).unwrap_or(0) / DAYS_A_COLUMN;
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
