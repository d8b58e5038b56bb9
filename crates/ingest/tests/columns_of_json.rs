//! JSON: columns in one object of any size up to the limit, and strings of digits that come late.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::fmt::Write;

use timestrata_ingest::testing::{DecodedInput, decode_pieces};
use timestrata_ingest::{IngestError, IngestOptions, Registry};

/// Plans by pieces as of a file, or by the first part as of a pipe, and decodes all.
fn read(text: &str, options: &IngestOptions, planned_bytes: usize) -> Result<DecodedInput, IngestError> {
    let registry = Registry::with_defaults();
    let mut planner = registry.by_name("json")?.planner(options)?;
    for piece in text.as_bytes()[..planned_bytes].chunks(1 << 16) {
        planner.push(piece);
    }
    let mut decoder = planner.finish(planned_bytes == text.len())?;
    Ok(decode_pieces(&mut *decoder, text.as_bytes(), 1 << 16, 10_000_000))
}

/// An object of columns with this number of rows, behind a member with an array of texts.
fn columns(rows: usize) -> String {
    let mut times = String::new();
    let mut values = String::new();
    for row in 0..rows {
        let comma = if row == 0 { "" } else { "," };
        write!(times, "{comma}{}", 1_704_067_200 + row * 60).unwrap();
        write!(values, "{comma}{row}.5").unwrap();
    }
    format!("{{\"names\":[\"a\",\"b\"],\"hourly\":{{\"time\":[{times}],\"v\":[{values}]}}}}")
}

fn seconds() -> IngestOptions {
    let mut options = IngestOptions::default();
    options.table.time_format = "s".parse().unwrap();
    options
}

#[test]
fn an_object_of_columns_is_read_up_to_its_limit() {
    let text = columns(100_000);
    assert!(text.len() > 1_500_000, "{}", text.len());
    let found = read(&text, &seconds(), text.len()).unwrap();
    assert!(found.error.is_none() && found.refused.is_empty(), "{:?}", found.error);
    assert_eq!(found.points.len(), 100_000);
    let mut named = seconds();
    named.table.rows_member = Some("hourly".to_owned());
    assert_eq!(read(&text, &named, text.len()).unwrap().points.len(), 100_000);
    let mut small = seconds();
    small.limits.columnar_bytes = 1 << 20;
    for (options, planned) in [(&small, text.len()), (&seconds(), 1 << 20)] {
        let error = read(&text, options, planned).map(|found| found.points.len()).unwrap_err();
        assert!(error.message.contains("an object of columns") && error.message.contains("MiB"), "{error}");
    }
}

#[test]
fn rows_of_a_long_object_are_planned_by_its_first_part() {
    let row = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}";
    let text = format!("{{\"data\":[{}]}}", vec![row; 50_000].join(","));
    assert!(text.len() > 1 << 20);
    for planned in [1 << 20, text.len()] {
        let found = read(&text, &IngestOptions::default(), planned).unwrap();
        assert_eq!((found.points.len(), found.error.is_none()), (50_000, true));
    }
}

#[test]
fn a_late_string_that_begins_with_a_zero_is_refused_and_not_changed() {
    let row = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1,\"n\":\"17\"}\n";
    let late = "{\"time\":\"2024-01-01T00:01:00Z\",\"v\":1,\"n\":\"007\"}\n";
    let text = format!("{}{late}", row.repeat(1_500));
    let found = read(&text, &IngestOptions::default(), text.len()).unwrap();
    assert_eq!((found.points.len(), found.refused.len()), (3_000, 1));
    let refused = format!("{:?}", found.refused);
    assert!(refused.contains("\\\"007\\\" begins with a zero"), "{refused}");
    // An option that names the column as a value says that they are numbers.
    let mut named = IngestOptions::default();
    named.table.values = Some(vec!["n".to_owned()]);
    let found = read(&text, &named, text.len()).unwrap();
    assert_eq!((found.points.len(), found.refused.len()), (1_501, 0));
    let fraction = text.replace("\"007\"", "\"0.5\"");
    assert!(read(&fraction, &IngestOptions::default(), fraction.len()).unwrap().refused.is_empty());
}

#[test]
fn a_late_string_in_a_column_refuses_its_row_alone() {
    let times: Vec<String> = (0..1_500).map(|second| (1_704_067_200 + second).to_string()).collect();
    let mut values = vec!["\"17\""; 1_500];
    values[1_200] = "\"007\"";
    let text = format!("{{\"time\":[{}],\"n\":[{}]}}", times.join(","), values.join(","));
    let found = read(&text, &seconds(), text.len()).unwrap();
    assert_eq!((found.points.len(), found.refused.len()), (1_499, 1));
}
