//! What a refusal suggests reads the input as it is meant; a reading that the input does not show is not suggested.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use crate::testing::decode_pieces;
use crate::{Csv, Format, IngestError, IngestOptions, TimeFormat};

/// Times, values and refused lines of an input, and the option that would distinguish its rows.
struct Read {
    times: Vec<String>,
    series: Vec<String>,
    values: Vec<String>,
    refused: Vec<u64>,
    hint: String,
}

fn read(text: &str, options: &IngestOptions) -> Result<Read, IngestError> {
    let mut planner = Csv.planner(options)?;
    planner.push(text.as_bytes());
    let mut decoder = planner.finish(true)?;
    let found = decode_pieces(&mut *decoder, text.as_bytes(), 1 << 16, 1_000);
    assert!(found.error.is_none(), "{:?}", found.error);
    let hint = decoder.distinguishing().map(|hint| format!("--{} {}", hint.option, hint.value));
    Ok(Read {
        times: found.points.iter().map(|(_, at, _)| at.to_string()).collect(),
        values: found.points.iter().map(|(_, _, value)| value.clone()).collect(),
        series: found.points.iter().map(|(key, _, _)| key.to_string()).collect(),
        refused: found.refused.iter().map(|(line, _)| *line).collect(),
        hint: hint.unwrap_or_default(),
    })
}

/// Returns the options of the time: columns, and a format that may be empty.
fn times(names: &str, format: &str) -> IngestOptions {
    let mut options = IngestOptions::default();
    options.table.time = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    options.table.time_format = if format.is_empty() { TimeFormat::Auto } else { format.parse().unwrap() };
    options
}

/// Returns the error of an input as its suggestions, or the times that were read.
fn suggested_with(text: &str, options: &IngestOptions) -> String {
    match read(text, options) {
        Ok(read) => format!("read {:?}", read.times),
        Err(error) => {
            let all =
                error.suggestions.iter().map(|suggestion| format!("--{} {}", suggestion.option, suggestion.value));
            all.collect::<Vec<_>>().join(" ").replace("--no-header  ", "--no-header ")
        }
    }
}

fn suggested(text: &str) -> String {
    suggested_with(text, &IngestOptions::default())
}

#[track_caller]
fn reads(text: &str, options: &IngestOptions, expected: &[&str]) {
    match read(text, options) {
        Ok(read) => {
            assert_eq!((read.times, read.refused), (expected.iter().map(ToString::to_string).collect(), vec![]));
        }
        Err(error) => panic!("{error} {:?}", error.suggestions),
    }
}

#[test]
fn dates_of_digits_alone_are_no_counts() {
    for (text, expected) in [
        (
            "STATIONS_ID;MESS_DATUM;TT\n44;2024010100;5.5\n44;2024010101;5.6\n",
            "--time MESS_DATUM --time-format %Y%m%d%H",
        ),
        ("t,v\n2024010100,1\n2024010101,2\n", "--time t --time-format %Y%m%d%H"),
        ("x,v\n2024010100,1\n2024010101,2\n", "--time x --time-format %Y%m%d%H"),
        ("t,v\n202401,1\n202402,2\n", "--time t --time-format %Y%m"),
        ("t,v\n202401012330,1\n202401012340,2\n", "--time t --time-format %Y%m%d%H%M"),
        ("t,v\n20240101233000,1\n20240101233010,2\n", "--time t --time-format %Y%m%d%H%M%S"),
        ("date,v\n15012024,1\n01022024,2\n", "--time date --time-format %d%m%Y"),
        ("date,v\n01152024,1\n02012024,2\n", "--time date --time-format %m%d%Y"),
        ("date,v\n200113,1\n200114,2\n", "--time date --time-format %y%m%d --time date --time-format %d%m%y"),
        ("date,v\n199901,1\n199902,2\n", "--time date --time-format %Y%m"),
        ("time,v\n1704067200,1\n1704067260,2\n", "--time time --time-format s"),
    ] {
        assert_eq!(suggested(text), expected, "{text}");
    }
    let hours = "t,v\n2024010100,1\n2024010124,2\n";
    assert_eq!(suggested_with(hours, &times("t", "")), "--time-format %Y%m%d%H");
    reads(hours, &times("t", "%Y%m%d%H"), &["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]);
    reads("t,v\n202401,1\n", &times("t", "%Y%m"), &["2024-01-01T00:00:00Z"]);
    reads("t,v\n15012024,1\n", &times("t", "%d%m%Y"), &["2024-01-15T00:00:00Z"]);
}

#[test]
fn counts_of_this_century_have_their_unit_in_any_order() {
    for text in [
        "t,s,v\n1704067200,a,1\n1704067200,b,2\n1704067260,a,2\n1704067260,b,2\n",
        "t,v\n1704067260,1\n1704067200,2\n",
        "id,t,v\n3,1704067260,1\n1,1704067200,2\n2,1704067230,2\n",
    ] {
        assert_eq!(suggested(text), "--time t --time-format s", "{text}");
    }
    assert_eq!(suggested("x,v\n1704067200,1\n1704067200,2\n1704067260,2\n"), "--time x --time-format s");
    assert_eq!(suggested("x,v\n1704067260000,1\n1704067200000,2\n"), "--time x --time-format ms");
    // Counters that rise and fall are no times.
    assert_eq!(suggested("bytes,v\n1704067200,1\n2704067260,2\n1804067200,3\n"), "--time COL");
}

#[test]
fn dates_without_a_year_are_no_months() {
    let open = "--time date --time-format %m/%d --year YEAR --time date --time-format %m/%y";
    assert_eq!(suggested("date,v\n01/15,1\n01/16,2\n01/17,3\n"), open);
    let names = "--time date --time-format %b-%d --year YEAR --time date --time-format %b-%y";
    assert_eq!(suggested("date,v\nJan-15,1\nJan-16,2\nJan-17,3\n"), names);
    let months = "--time date --time-format %m/%y --time date --time-format %m/%d --year YEAR";
    assert_eq!(suggested("date,v\n11/15,1\n12/15,2\n01/16,3\n"), months);
    assert_eq!(suggested("date,v\n15/01,1\n16/01,2\n"), "--time date --time-format %d/%m --year YEAR");
    assert_eq!(suggested("date,v\n15/1 10:00,1\n16/1 10:30,2\n"), "--time date --time-format %d/%m %H:%M --year YEAR");
    assert_eq!(suggested("date,v\n01.15,1\n01.16,2\n"), "--time date --time-format %m.%d --year YEAR");
    assert_eq!(suggested("n,month,v\n1,1/86,1\n2,2/86,2\n"), "--time month --time-format %m/%y");
    assert_eq!(suggested("date,v\n01/2015,1\n13/2015,2\n"), "--time date --time-format PATTERN");

    let mut options = times("date", "%m/%d");
    assert_eq!(suggested_with("date,v\n02/29,1\n", &options), "--year YEAR");
    options.table.year = Some(2024);
    reads("date,v\n02/29,1\n03/01,2\n", &options, &["2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"]);
    options.table.time_format = TimeFormat::Pattern("%m/%d/%Y".to_owned());
    assert!(read("date,v\n02/29/2024,1\n", &options).is_err());
    let mut points = times("date", "%m.%d");
    points.table.year = Some(2024);
    reads("date,v\n01.15,1\n", &points, &["2024-01-15T00:00:00Z"]);
}

#[test]
fn a_clock_of_six_digits_belongs_to_its_date() {
    for (clocks, expected) in [
        (["093000", "093100"], ["09:30:00", "09:31:00"]),
        (["93000", "93100"], ["09:30:00", "09:31:00"]),
        (["000005", "000100"], ["00:00:05", "00:01:00"]),
        (["235959", "240000"], ["23:59:59", ""]),
    ] {
        let text = format!("date,time,v\n20240115,{},1\n20240115,{},2\n", clocks[0], clocks[1]);
        assert_eq!(suggested(&text), "--time date,time", "{clocks:?}");
        let at = |clock: &str| match clock {
            "" => "2024-01-16T00:00:00Z".to_owned(),
            clock => format!("2024-01-15T{clock}Z"),
        };
        let mut options = times("date,time", "");
        options.table.values = Some(vec!["v".to_owned()]);
        let [first, second] = expected.map(at);
        reads(&text, &options, &[&first, &second]);
        let dashed = text.replace("20240115", "2024-01-15");
        reads(&dashed, &options, &[&first, &second]);
    }
    reads("year,doy,hhmmss,v\n2024,15,93000,1\n", &times("year,doy,hhmmss", ""), &["2024-01-15T09:30:00Z"]);
}

#[test]
fn a_preamble_of_the_width_of_the_rows_is_no_header() {
    let rows = "2024-01-01 00:00:00,0\n2024-01-01 00:01:00,1\n2024-01-01 00:02:00,2\n";
    for (preamble, line) in
        [("Interval,60\n", 2), ("Device,ABC\nSerial,123\n", 3), ("Serial,123\nLogger,5\n\n", 4), ("Device,ABC\n", 2)]
    {
        assert_eq!(suggested(&format!("{preamble}time,v\n{rows}")), format!("--header-line {line}"), "{preamble}");
    }
    // Units, also with a word for the unit of the time, and numbers as names stay behind their header.
    assert_eq!(suggested(&format!("time,v\nUTC,kW\n{rows}")), "--skip-after-header 1");
    assert_eq!(suggested(&format!("when,v\ntime,kW\n{rows}")), "--header-line 2");
    assert_eq!(
        suggested(&format!("time,60\n{rows}")),
        "read [\"2024-01-01T00:00:00Z\", \"2024-01-01T00:01:00Z\", \
                \"2024-01-01T00:02:00Z\"]"
    );
    let noaa =
        "#YY  MM DD hh mm WDIR WSPD\n#yr  mo dy hr mn degT m/s\n2024 01 01 00 00 120  5.5\n2024 01 01 01 00 130  MM\n";
    assert_eq!(suggested(noaa), "--header-line 1");
    let mut options = times("#YY,MM,DD,hh,mm", "");
    options.csv.skip_after_header = 1;
    options.table.missing = vec!["MM".to_owned()];
    options.table.values = Some(vec!["WDIR".to_owned()]);
    reads(noaa, &options, &["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"]);
    options.table.time.clear();
    assert_eq!(suggested_with(noaa, &options), "--time #YY,MM,DD,hh,mm");
}

#[test]
fn decimal_commas_without_quotes_are_no_columns() {
    let comma = "time,v\n2024-01-01,1,5\n2024-01-02,2,7\n";
    let mut options = IngestOptions::default();
    for decimal in ['.', ','] {
        options.table.decimal = decimal;
        let error = read(comma, &options).map(|read| read.times).unwrap_err();
        assert!(
            error.message.contains("decimal commas") && error.suggestions.is_empty(),
            "{error} {:?}",
            error.suggestions
        );
    }
    let error = read("time,v\nJan 1, 2024,1\nJan 2, 2024,2\n", &IngestOptions::default()).map(|read| read.times);
    let error = error.unwrap_err();
    assert!(error.message.contains("\"Jan 1, 2024\"") && error.suggestions.is_empty(), "{error}");
    assert!(suggested("time,v\n2024-01-01,1.5,a\n2024-01-02,2.5,b\n").contains("--columns time,v,v3"));
}

fn hint(text: &str) -> String {
    read(text, &IngestOptions::default()).unwrap().hint
}

#[test]
fn shared_times_are_told_apart_by_identifiers_and_parts_of_the_time() {
    assert_eq!(
        hint("time,a,b,v\n2024-01-01,1,1,11\n2024-01-01,1,2,12\n2024-01-01,2,1,21\n2024-01-01,2,2,22\n"),
        "--tags a,b"
    );
    let rooms: Vec<String> = (1..=3)
        .flat_map(|day| (0..4).map(move |at| format!("2024-01-0{day},{},{},{day}.{at}1", at / 2 + 1, at % 2 + 1)))
        .collect();
    assert_eq!(hint(&format!("time,floor,room,v\n{}\n", rooms.join("\n"))), "--tags floor,room");
    // Two measurements that differ by chance identify nothing.
    let chance = "time,a,b\n2024-01-01,1,5\n2024-01-01,1,6\n2024-01-01,2,5\n2024-01-01,2,6\n";
    assert_eq!(hint(chance), "");
    let milliseconds = "date,ms,v\n2024-01-01 00:00:00,0,1\n2024-01-01 00:00:00,500,2\n2024-01-01 00:00:01,0,2\n";
    assert_eq!(hint(milliseconds), "--time date,ms");
    let read_times = ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:01Z"];
    reads(milliseconds, &times("date,ms", ""), &read_times);
    let seconds = "date,seconds,v\n2024-01-13,0,1\n2024-01-13,86399.5,2\n2024-01-13,86400,2\n";
    assert_eq!(hint(seconds), "--time date,seconds");
    let read_times = ["2024-01-13T00:00:00Z", "2024-01-13T23:59:59.5Z", "2024-01-14T00:00:00Z"];
    reads(seconds, &times("date,seconds", ""), &read_times);
    let epoch = "timestamp,date,v\n1704067200,2024-01-01,5\n1704067260,2024-01-01,6\n";
    assert_eq!(suggested(epoch), "--time timestamp --time-format s --time date");
    let daily = "timestamp,date,v\n1704067200,2024-01-01,5\n1704153600,2024-01-02,6\n";
    assert_eq!(read(daily, &IngestOptions::default()).unwrap().refused, [0_u64; 0]);
}

#[test]
fn exports_and_lines_of_other_formats_name_what_reads_them() {
    let influx = ",result,table,_start,_stop,_time,_value,_field,_measurement,host\n\
                  ,,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:00:00Z,1.5,f,m,a\n\
                  ,,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:00:00Z,9,g,m,a\n";
    let all = "--time _time --metric _measurement --value _value --tags _field,host";
    assert_eq!(suggested(influx), all);
    let bounds = "start,stop,time,v\n2024-01-01,2024-02-01,2024-01-02,1\n2024-01-01,2024-02-01,2024-01-03,2\n";
    assert!(suggested(bounds).starts_with("--time time "), "{}", suggested(bounds));
    let graphite = "a 1 1704067200\na 2 1704067260\na 3 1704067320\n";
    assert_eq!(suggested(graphite), "--format graphite --no-header --columns v1,v2,time");
    assert_eq!(suggested("a,1,1704067200\na,2,1704067260\n"), "--no-header --columns v1,v2,time");
    // Times as names of columns are no data.
    assert_eq!(suggested("country,1704067200,1704067260\nChad,1,2\n"), "--time COL");
}

#[test]
fn a_second_may_have_a_fraction_in_its_column() {
    let text = "year,month,day,hour,minute,second,v\n2024,1,1,0,0,5.5,1\n2024,1,1,0,0,6.25,2\n";
    assert_eq!(suggested(text), "--time year,month,day,hour,minute,second");
    let expected = ["2024-01-01T00:00:05.5Z", "2024-01-01T00:00:06.25Z"];
    reads(text, &times("year,month,day,hour,minute,second", ""), &expected);
    let named = text.replace("minute,second", "MI,SS.sss");
    reads(&named, &times("year,month,day,hour,MI,SS.sss", ""), &expected);
    let error = read("year,doy,v\n2024,1.5,1\n", &times("year,doy", "")).map(|read| read.times).unwrap_err();
    assert!(error.message.contains("only seconds may have a fraction"), "{error}");
}

#[test]
fn separators_of_numbers_apply_to_times_that_are_numbers() {
    let read_as = |cells: &str, format: &str, origin: bool, expected: &[&str]| {
        let mut options = times("t", format);
        options.table.decimal = ',';
        options.table.origin = origin.then(|| timestrata::Timestamp::from_secs(1_704_067_200));
        let rows: Vec<String> = cells.split(' ').map(|cell| format!("{cell};3,7")).collect();
        reads(&format!("t;u\n{}\n", rows.join("\n")), &options, expected);
    };
    read_as("0,0 0,5", "", true, &["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"]);
    read_as("0:00:01,5", "", true, &["2024-01-01T00:00:01.5Z"]);
    read_as("1704067200,5", "s", false, &["2024-01-01T00:00:00.5Z"]);
    read_as("45292,5", "excel", false, &["2024-01-01T12:00:00Z"]);
    let mut options = times("t", "s");
    options.table.thousands = Some('.');
    options.table.decimal = ',';
    reads("t;v\n1.704.067.200,5;3\n", &options, &["2024-01-01T00:00:00.5Z"]);
    options = times("t", "");
    options.table.decimal = ',';
    assert_eq!(suggested_with("t;v\n1704067200,5;1\n1704067201,5;1\n", &options), "--time-format s");
    options = times("year,month,day,hour,minute,second", "");
    options.table.decimal = ',';
    reads("year;month;day;hour;minute;second;v\n2024;1;1;0;0;5,5;1\n", &options, &["2024-01-01T00:00:05.5Z"]);
}

#[test]
fn one_bad_time_does_not_hide_the_column_of_the_time() {
    let refused = |text: &str| read(text, &IngestOptions::default()).map_or_else(|_| vec![0], |read| read.refused);
    for at in [0, 1, 5, 12, 18] {
        for bad in ["2024-01-01 24:30", "2024-02-30 00:00", "x"] {
            let rows: Vec<String> = (0..20)
                .map(|row| if row == at { format!("{bad},1") } else { format!("2024-01-01 00:{row:02}:00,1") })
                .collect();
            assert_eq!(refused(&format!("time,v\n{}\n", rows.join("\n"))), [at + 2], "{bad} in row {at}");
        }
    }
    assert_eq!(refused("time,v\n2024-02-30 00:00,1\n2024-02-29 00:00,2\n"), [2]);
    assert_eq!(refused("time,v\n2024-02-29 00:00,1\n2024-02-30 00:00,2\n"), [3]);
    // Several bad rows at the start of many good ones.
    let rows: Vec<String> = (0..100)
        .map(|row| if row < 3 { "x,1".to_owned() } else { format!("2024-01-01 00:{:02}:00,1", row % 60) })
        .collect();
    assert_eq!(refused(&format!("time,v\n{}\n", rows.join("\n"))), [2, 3, 4]);
    assert_eq!(suggested("a,b\n2024-01-01,x\ny,z\n"), "--time COL");
}

#[test]
fn types_of_the_options_apply_to_an_export() {
    let types = vec![("m".to_owned(), timestrata::ValueType::I64)];
    let options = IngestOptions { types, ..IngestOptions::default() };
    let export = "series,type,time,value\nm,f64,2024-01-01T00:00:00Z,1\nn,f64,2024-01-01T00:00:00Z,1\n";
    assert_eq!(read(export, &options).unwrap().values, ["I64(1)", "f64 3ff0000000000000"]);
    // What the type cannot hold is refused with its row.
    assert_eq!(read(&export.replace(",1\nn", ",1.5\nn"), &options).unwrap().refused, [2]);
    let query = "series,time,value\nm,2024-01-01T00:00:00Z,1\n";
    assert_eq!(read(query, &options).unwrap().values, ["I64(1)"]);
}

#[test]
fn a_foreign_table_of_series_has_the_defaults_of_foreign_tables() {
    let read = |text: &str| read(text, &IngestOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    for missing in ["NA", "nan"] {
        let found =
            read(&format!("series,time,value\nGDP,2024-01-01,1.5\nCPI,2024-01-01,{missing}\nCPI,2024-01-02,2\n"));
        assert_eq!((found.series, found.refused), (vec!["GDP".to_owned(), "CPI".to_owned()], vec![]), "{missing}");
    }
    let found = read("series,time,value\nGDP,01/02/2024,1.5\nCPI,13/02/2024,2\n");
    assert_eq!(found.times, ["2024-02-01T00:00:00Z", "2024-02-13T00:00:00Z"]);
    // The output of a query is exact, with its NaN.
    let found = read("series,time,value\n\"m{a=\"\"b\"\"}\",2024-01-01T00:00:00Z,NaN\nm,2024-01-01T00:00:00Z,true\n");
    assert_eq!(found.series, ["m{a=\"b\"}", "m"]);
}

#[test]
fn apostrophes_may_be_separators_of_thousands() {
    let swiss = "time,v\n2024-01-01,1'234.5\n2024-01-02,2\n";
    assert_eq!(suggested(swiss), "--thousands ' --values-except v");
    let mut options = IngestOptions::default();
    options.table.thousands = Some('\'');
    assert_eq!(read(swiss, &options).unwrap().times.len(), 2);
}

#[test]
fn a_date_at_midnight_may_have_its_clock_in_another_column() {
    let options = times("date,clock", "");
    for midnight in ["0:00", "00:00", "00:00:00", "12:00:00 AM", "12:00 AM"] {
        let text = format!("date,clock,v\n1/13/2024 {midnight},9:05:00 AM,1\n1/2/2024 {midnight},9:05:00 PM,1\n");
        reads(&text, &options, &["2024-01-13T09:05:00Z", "2024-01-02T21:05:00Z"]);
        assert_eq!(suggested(&text), "--time date,clock --time date", "{midnight}");
    }
    reads("date,clock,v\n2024-01-01 00:00:00,9:05,1\n", &options, &["2024-01-01T09:05:00Z"]);
    let found = read("date,clock,v\n2024-01-01 10:00,9:05,1\n2024-01-01 00:00,9:06,1\n", &options).unwrap();
    assert_eq!(found.refused, [2]);
}
