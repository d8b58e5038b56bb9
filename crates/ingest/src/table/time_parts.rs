//! Times whose parts are numbers in columns of their own.

use crate::IngestError;
use crate::time::{TimePart, TimeReader};

/// Refuses a year by an option for times that have one, or that are no parts: it would be ignored.
pub(super) fn refuse_unused_year(year: i64, reader: &TimeReader) -> Result<(), IngestError> {
    let is_used = match reader {
        TimeReader::Parts(parts) => parts.contains(&TimePart::GivenYear(year)) && !parts.contains(&TimePart::Year),
        _ => false,
    };
    if is_used {
        return Ok(());
    }
    Err(IngestError::new(format!(
        "the year {year} is for times in columns of numbers without a year, such as month, day and hour; leave it out here"
    )))
}

#[cfg(test)]
mod tests {
    use crate::{IngestError, IngestOptions, Rows, TablePlanner, TableRow, TimeFormat};

    fn options(time: &str, year: Option<i64>) -> IngestOptions {
        let mut options = IngestOptions::default();
        options.table.time = time.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        options.table.year = year;
        options
    }

    /// Returns the time of each row, or the reason why it is refused. The value is the last column.
    fn read(text: &str, mut options: IngestOptions) -> Result<Vec<String>, IngestError> {
        options.table.values = Some(vec!["v".to_owned()]);
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let mut planner = TablePlanner::new(lines.next().unwrap_or_default(), &options);
        let table: Vec<TableRow> = (2..).zip(lines).map(|(line, cells)| TableRow { line, cells }).collect();
        for row in &table {
            planner.add_row(row.clone());
        }
        let (mut mapper, _) = planner.finish()?;
        let mut rows = Rows::with_capacity(100);
        for row in &table {
            mapper.push(row.line, &row.cells[..], &mut rows)?;
        }
        let refused = rows.refused().iter().map(|row| row.reason.clone());
        Ok(rows.timestamps().iter().map(ToString::to_string).chain(refused).collect())
    }

    fn message(text: &str, options: IngestOptions) -> String {
        read(text, options).map_or_else(|error| error.message, |times| format!("read {times:?}"))
    }

    #[test]
    fn a_year_is_refused_beside_times_that_have_one() {
        let is_refused = |text: &str, options: IngestOptions| {
            let message = message(text, options);
            assert!(message.starts_with("the year 2024 is for"), "{message}");
        };
        let fractions = "time,v\n2023-01-01 00:00:00.25,1\n2023-01-01 00:00:00.75,2\n";
        is_refused(fractions, options("", Some(2024)));
        is_refused(fractions, options("time", Some(2024)));
        is_refused("time,v\n2023-01-01 23:59:60,1\n", options("time", Some(2024)));
        is_refused("date,clock,v\n2023-01-01,10:00,1\n", options("date,clock", Some(2024)));
        is_refused("date,hour,v\n2023-01-01,10,1\n", options("date,hour", Some(2024)));
        is_refused("year,doy,v\n2023,10,1\n", options("year,doy", Some(2024)));
        let mut from_origin = options("t", Some(2024));
        from_origin.table.origin = Some(timestrata::Timestamp::UNIX_EPOCH);
        is_refused("t,v\n5,1\n", from_origin);
        let mut seconds = options("t", Some(2024));
        seconds.table.time_format = TimeFormat::Seconds;
        is_refused("t,v\n5,1\n", seconds);
        let times = read("month,day,hour,v\n2,29,1,1\n", options("month,day,hour", Some(2024)));
        assert_eq!(times, Ok(vec!["2024-02-29T01:00:00Z".to_owned()]));
        let times = read("doy,v\n366,1\n", options("doy", Some(2024)));
        assert_eq!(times, Ok(vec!["2024-12-31T00:00:00Z".to_owned()]));
    }
}
