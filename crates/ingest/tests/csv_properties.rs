//! Properties of the CSV decoder: what is written is read back, pieces change nothing, and no input is too much.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use proptest::prelude::*;
use timestrata::{SeriesKey, Timestamp, Value};
use timestrata_ingest::testing::{DecodedInput, decode_pieces};
use timestrata_ingest::{Csv, Delimiter, Format, IngestError, IngestOptions, TimeFormat};

fn decode(text: &[u8], options: &IngestOptions, step: usize) -> Result<DecodedInput, IngestError> {
    let mut planner = Csv.planner(options)?;
    for piece in text.chunks(step) {
        planner.push(piece);
    }
    Ok(decode_pieces(&mut *planner.finish(true)?, text, step, 16))
}

fn variants() -> Vec<IngestOptions> {
    let mut all = vec![IngestOptions::default(); 5];
    all[1].table.time = vec!["t".to_owned()];
    all[1].table.time_format = TimeFormat::Seconds;
    all[1].csv.no_header = true;
    all[1].csv.columns = vec!["t".to_owned(), "v".to_owned()];
    all[2].csv.delimiter = Some(Delimiter::Spaces);
    all[2].table.units = true;
    all[3].encoding = Some("utf-16le".to_owned());
    all[4].table.decimal = ',';
    all[4].table.thousands = Some('.');
    all[4].table.time_zone = Some("Europe/Berlin".to_owned());
    all
}

/// Text that is often almost a table.
fn table_text() -> impl Strategy<Value = String> {
    let cell = prop_oneof![
        "[0-9]{1,4}(\\.[0-9]{1,3})?",
        Just("2024-01-01 00:00:00".to_owned()),
        Just("31/12/2024 10:00 PM".to_owned()),
        Just("2024-10-27T02:30:00[Europe/Berlin]".to_owned()),
        Just("24:00".to_owned()),
        Just("NA".to_owned()),
        Just("45 %".to_owned()),
        Just("\"a\"\"b\n\"".to_owned()),
        Just("\"".to_owned()),
        Just("time".to_owned()),
        Just("v".to_owned()),
        "\\PC{0,6}",
    ];
    let row = prop::collection::vec(cell, 1..5).prop_map(|cells| cells.join(","));
    prop::collection::vec(row, 0..8).prop_map(|rows| rows.join("\n"))
}

fn text_of(value: Value) -> String {
    match value {
        Value::F64(number) => format!("f64 {:016x}", number.to_bits()),
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics_and_pieces_change_nothing(text in table_text(), step in 1_usize..40) {
        for options in variants() {
            let whole = decode(text.as_bytes(), &options, text.len().max(1));
            prop_assert_eq!(whole, decode(text.as_bytes(), &options, step));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), step in 1_usize..40) {
        for options in variants() {
            let whole = decode(&bytes, &options, bytes.len().max(1));
            prop_assert_eq!(whole, decode(&bytes, &options, step));
        }
    }

    #[test]
    fn what_a_csv_writer_writes_is_read_back(
        rows in prop::collection::vec((0_i64..4_000_000_000, -1e12_f64..1e12, "[a-z,;\" ]{0,6}[a-z]"), 1..50),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["time", "host", "v"]).unwrap();
        for (second, number, host) in &rows {
            let time = Timestamp::from_secs(*second).to_string();
            writer.write_record([&time, host, &number.to_string()]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let mut options = IngestOptions::default();
        options.csv.delimiter = Some(Delimiter::Byte(b','));
        options.table.tags = vec!["host".to_owned()];
        let found = decode(&text, &options, 64).unwrap();
        prop_assert_eq!(&found.error, &None);
        prop_assert_eq!(&found.refused, &vec![]);
        let expected: Vec<_> = rows
            .iter()
            .map(|(second, number, host)| {
                // Without quotes, the spaces are around the cell.
                let host = if host.contains([',', '"']) { host } else { host.trim() };
                let key = SeriesKey::new("v").tag("host", host);
                (key, Timestamp::from_secs(*second), text_of(Value::F64(*number)))
            })
            .collect();
        prop_assert_eq!(found.points, expected);
    }
}

#[test]
fn a_row_beyond_the_limit_is_refused_with_its_line() {
    let mut options = IngestOptions::default();
    options.limits.row_bytes = 1_000;
    let long = format!("time,v\n2024-01-01,1\n2024-01-02,{}\n", "1".repeat(5_000));
    let error = match decode(long.as_bytes(), &options, 100) {
        Ok(decoded) => decoded.error.unwrap(),
        Err(error) => error,
    };
    assert_eq!(error.line, Some(3));
    assert!(error.message.contains("longer than 1000 bytes"), "{error}");
}

/// Plans a text of which more may follow, as that of a pipe.
fn plan_of_pipe(text: &str) -> Result<(), IngestError> {
    let mut planner = Csv.planner(&IngestOptions::default())?;
    planner.push(text.as_bytes());
    planner.finish(false).map(drop)
}

#[test]
fn an_input_is_taken_for_a_header_alone_only_if_it_is_one() {
    let refused = |text: &str| decode(text.as_bytes(), &IngestOptions::default(), text.len()).unwrap_err().message;
    assert!(decode(b"time,v\n", &IngestOptions::default(), 3).is_ok());
    assert!(refused("time,v\ntime,v\n\"2024-01-01,1\n2024-01-02,2\n").contains("no row of data"));
    assert!(refused("time,v\n\"2024-01-01,1\n").contains("never closed"));
    assert!(refused("Sorry, no data\n").contains("no rows"));
    assert!(refused("2024-01-01,on\n").contains("no rows"));
    // The rows of a pipe may follow.
    assert!(plan_of_pipe("time,host,v\n").is_err());
    assert!(plan_of_pipe("time,host,v\n2024-01-01,a,1\n").is_ok());
}

#[test]
fn lines_and_rows_are_skipped_whole_or_not_at_all() {
    let rows = "2024-01-01,1\n".repeat(2_000);
    let mut options = IngestOptions::default();
    options.csv.skip_after_header = 1_500;
    let error = decode(format!("time,v\n{rows}").as_bytes(), &options, 4_096).unwrap_err();
    assert!(error.message.starts_with("skip-after-header 1500 skips all"), "{}", error.message);
    for (skip, text) in [(10, "a\nb\n2024-01-01,1"), (9_000, &*"2024-01-01,1\n".repeat(9_001))] {
        let mut options = IngestOptions::default();
        options.csv.skip_lines = skip;
        options.csv.no_header = true;
        options.csv.columns = vec!["time".to_owned(), "v".to_owned()];
        let error = decode(text.as_bytes(), &options, 4_096).unwrap_err();
        assert!(error.message.contains("is behind the end"), "{}", error.message);
    }
}
