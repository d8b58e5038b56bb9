//! The bundled weather data: the rows of the file by station, and the series made of them.
//!
//! Expected results are computed from this data, never from the database.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use csv::StringRecord;
use timestrata::{Point, SeriesKey, Timestamp};

use crate::failure::{Failure, Result};

const FILE: &str = include_str!("../../data/nyc_weather_hourly.csv");
pub(crate) const FILE_BYTES: u64 = FILE.len() as u64;

/// The nine value columns, in the order of the file.
pub(crate) const COLUMNS: [&str; 9] =
    ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"];
/// Metric of the temperature series with New York local time as timestamps.
pub(crate) const LOCAL: &str = "temp_local";

/// A row of the file.
#[derive(Debug, Clone)]
pub(crate) struct WeatherRow {
    pub(crate) time: Timestamp,
    /// The local date and hour, read as if they were UTC.
    pub(crate) wall_clock: Timestamp,
    pub(crate) values: [Option<f64>; COLUMNS.len()],
}

/// Rows of each station, in file order.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) stations: BTreeMap<String, Vec<WeatherRow>>,
}

pub(crate) fn key(metric: &str, station: &str) -> SeriesKey {
    SeriesKey::new(metric).tag("station", station)
}

impl Weather {
    pub(crate) fn read() -> Result<Self> {
        Self::parse(FILE)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let header = csv.headers()?.clone();
        let at = |name: &str| {
            let place = header.iter().position(|header| header == name);
            place.ok_or_else(|| Failure::failed(format!("the weather has no column {name}")))
        };
        let (station, time) = (at("origin")?, at("time_hour")?);
        let wall_clock = [at("year")?, at("month")?, at("day")?, at("hour")?];
        let mut columns = [0; COLUMNS.len()];
        for (place, name) in columns.iter_mut().zip(COLUMNS) {
            *place = at(name)?;
        }
        let mut stations: BTreeMap<String, Vec<WeatherRow>> = BTreeMap::new();
        for row in csv.records() {
            let row = row?;
            let mut values = [None; COLUMNS.len()];
            for (value, column) in values.iter_mut().zip(columns) {
                *value = if row[column].is_empty() { None } else { Some(cell(&row, column)?) };
            }
            let hour = WeatherRow { time: cell(&row, time)?, wall_clock: moment(&row, wall_clock)?, values };
            stations.entry(row[station].to_owned()).or_default().push(hour);
        }
        Ok(Self { stations })
    }

    pub(crate) fn rows(&self) -> usize {
        self.stations.values().map(Vec::len).sum()
    }

    /// Returns the points of every series, in file order.
    pub(crate) fn expected(&self) -> BTreeMap<SeriesKey, Vec<Point<f64>>> {
        let mut series: BTreeMap<SeriesKey, Vec<Point<f64>>> = BTreeMap::new();
        for (station, hours) in &self.stations {
            for (nth, column) in COLUMNS.into_iter().enumerate() {
                let points = hours.iter().filter_map(|hour| point(hour.time, hour.values[nth]));
                series.insert(key(column, station), points.collect());
            }
            let points = hours.iter().filter_map(|hour| point(hour.wall_clock, hour.values[0]));
            series.insert(key(LOCAL, station), points.collect());
        }
        series
    }
}

fn point(timestamp: Timestamp, value: Option<f64>) -> Option<Point<f64>> {
    value.map(|value| Point { timestamp, value })
}

fn cell<T: FromStr<Err: Display>>(row: &StringRecord, column: usize) -> Result<T> {
    row[column].parse().map_err(|error| Failure::failed(format!("the weather's cell {:?}: {error}", &row[column])))
}

/// Reads year, month, day and hour as UTC.
fn moment(row: &StringRecord, [year, month, day, hour]: [usize; 4]) -> Result<Timestamp> {
    let time =
        jiff::civil::DateTime::new(cell(row, year)?, cell(row, month)?, cell(row, day)?, cell(row, hour)?, 0, 0, 0);
    let time = time.and_then(|time| jiff::tz::TimeZone::UTC.to_timestamp(time));
    let seconds = time.map_err(|error| Failure::failed(format!("the weather's local time: {error}")))?.as_second();
    Ok(Timestamp::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_points_and_the_doubled_hour_of_the_demo() {
        let weather = Weather::read().unwrap();
        assert_eq!((weather.stations.len(), weather.rows()), (3, 26_115));
        let expected = weather.expected();
        let (local, columns): (Vec<_>, Vec<_>) = expected.iter().partition(|(key, _)| key.metric() == LOCAL);
        let points = |series: &[(&SeriesKey, &Vec<Point<f64>>)]| series.iter().map(|(_, points)| points.len()).sum();
        let counts: [usize; 2] = [points(&columns), points(&local)];
        assert_eq!(counts, [211_061, 26_114]);
        for (key, points) in &expected {
            let doubled = points.windows(2).filter(|pair| pair[0].timestamp == pair[1].timestamp).count();
            assert_eq!(doubled, usize::from(key.metric() == LOCAL), "{key}");
            assert!(points.is_sorted_by_key(|point| point.timestamp), "{key}");
        }
    }
}
