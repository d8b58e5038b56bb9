//! Serial days of spreadsheets.

use super::civil::Civil;

/// Days from 1899-12-30, the day 0 of spreadsheets, to 1970-01-01.
const DAYS_TO_1970: f64 = 25_569.0;
/// First serial day after 1900-02-29, a day that only spreadsheets have: the days before are counted differently.
const FIRST_DAY: f64 = 61.0;
const MILLIS_PER_DAY: f64 = 86_400_000.0;
/// Serial day of the year 2262, the last that a timestamp can hold.
const LAST_DAY: f64 = 132_000.0;

/// Parses serial days to a local time, rounded to the millisecond: the decimals of a day are rounded in files.
pub(crate) fn parse(text: &str) -> Result<Civil, String> {
    let days: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of days of a spreadsheet"))?;
    if !(FIRST_DAY..LAST_DAY).contains(&days) {
        return Err(format!("{text:?} is no serial day of a spreadsheet after 1900-02-28"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the bounds above are within i64")]
    let millis = ((days - DAYS_TO_1970) * MILLIS_PER_DAY).round() as i64;
    let of_day = millis.rem_euclid(86_400_000);
    let nanos = of_day % 1_000 * 1_000_000;
    Ok(Civil { days: millis.div_euclid(86_400_000), second: of_day / 1_000, nanos, is_second_sixty: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_days_round_to_the_millisecond() {
        let text = |days| parse(days).map(|at| timestrata::Timestamp::from_nanos(at.utc_nanos().unwrap()).to_string());
        assert_eq!(text("45292.0"), Ok("2024-01-01T00:00:00Z".to_owned()));
        assert_eq!(text("45292.0416666667"), Ok("2024-01-01T01:00:00Z".to_owned()));
        assert!(text("0").is_err() && text("nan").is_err() && text("1e9").is_err() && text("x").is_err());
    }
}
