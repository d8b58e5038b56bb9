//! Inputs whose rows could become points of other times, names or values than they have.

use crate::testing::decode_pieces;
use crate::{Csv, Format, IngestOptions, TimeFormat};

/// Points as `series time value`, without the date 2024-01-01 and the seconds of midnight; or the error with its suggestions.
fn read_as(format: &dyn Format, text: &str, change: impl Fn(&mut IngestOptions)) -> Result<Vec<String>, String> {
    let mut options = IngestOptions::default();
    change(&mut options);
    let told = |error: crate::IngestError| {
        let options = error.suggestions.iter().map(|one| format!(" --{} {}", one.option, one.value));
        format!("{error}{}", options.collect::<String>())
    };
    let mut planner = format.planner(&options).map_err(told)?;
    planner.push(text.as_bytes());
    let mut decoder = planner.finish(true).map_err(told)?;
    let found = decode_pieces(&mut *decoder, text.as_bytes(), 1 << 16, 1_000);
    if let Some(error) = found.error {
        return Err(told(error));
    }
    if let Some((line, reason)) = found.refused.first() {
        return Err(format!("line {line}: {reason}"));
    }
    let value = |text: &str| match text.strip_prefix("f64 ").and_then(|bits| u64::from_str_radix(bits, 16).ok()) {
        Some(bits) => f64::from_bits(bits).to_string(),
        None => text.to_owned(),
    };
    Ok(found.points.iter().map(|(key, time, text)| format!("{key} {time} {}", value(text))).collect())
}

fn read(text: &str, change: impl Fn(&mut IngestOptions)) -> Result<Vec<String>, String> {
    read_as(&Csv, text, change)
}

fn pattern(options: &mut IngestOptions, text: &str) {
    options.table.time_format = TimeFormat::Pattern(text.to_owned());
}

fn time(options: &mut IngestOptions, names: &str) {
    options.table.time = names.split(',').map(str::to_owned).collect();
}

fn berlin(options: &mut IngestOptions) {
    options.table.time_zone = Some("Europe/Berlin".to_owned());
}

/// Asserts that an input is refused, and that its error has these parts.
#[track_caller]
fn refused(text: &str, change: impl Fn(&mut IngestOptions), parts: &[&str]) {
    match read(text, change) {
        Ok(points) => panic!("{text:?} is read as {points:?}"),
        Err(error) => parts.iter().for_each(|part| assert!(error.contains(part), "{text:?}: {error}")),
    }
}

#[test]
fn the_newest_row_may_come_first_in_an_hour_that_comes_twice() {
    let clocks = ["03:30", "02:30", "02:00", "02:30", "02:00", "01:30"];
    let expected = ["02:30", "01:30", "01:00", "00:30", "00:00"].map(|clock| format!("v 2024-10-27T{clock}:00Z 1"));
    let rows = |header: &str, row: &dyn Fn(&str, &str) -> String| {
        let rows: String = clocks.iter().map(|clock| row(&clock[..2], &clock[3..]) + ",1\n").collect();
        format!("{header},v\n{rows}")
    };
    let check = |text: &str, change: &dyn Fn(&mut IngestOptions)| {
        let found = read(text, change).unwrap();
        assert_eq!(found[..5], expected, "{text}");
    };
    check(&rows("time", &|h, m| format!("27/10/2024 {h}:{m}")), &berlin);
    check(&rows("time", &|h, m| format!("27/10/2024 {h}:{m}")), &|options| {
        berlin(options);
        pattern(options, "%d/%m/%Y %H:%M");
    });
    check(&rows("time", &|h, m| format!("2024-10-27 {h}:{m}[Europe/Berlin]")), &|_| {});
    check(&rows("year,month,day,hour,minute", &|h, m| format!("2024,10,27,{h},{m}")), &|options| {
        berlin(options);
        time(options, "year,month,day,hour,minute");
    });
    check(&rows("date,hour,minute", &|h, m| format!("27/10/2024,{h},{m}")), &|options| {
        berlin(options);
        time(options, "date,hour,minute");
    });
    check(&rows("p", &|h, m| format!("2024-10-27 {h}:{m}/2024-10-28")), &|options| {
        berlin(options);
        time(options, "p");
        options.table.time_format = TimeFormat::PeriodStart;
    });
    let serial = |h: &str, m: &str| {
        let minutes = h.parse::<f64>().unwrap() * 60.0 + m.parse::<f64>().unwrap();
        format!("{:.10}", 45_592.0 + minutes / 1_440.0)
    };
    check(&rows("time", &serial), &|options| {
        berlin(options);
        time(options, "time");
        options.table.time_format = TimeFormat::Excel;
    });
}

#[test]
fn a_date_is_not_the_time_without_the_clock_beside_it() {
    let rows = |header: &str, clocks: [&str; 2]| {
        format!("{header},v\n2024-01-13,{},1\n2024-01-14,{},2\n", clocks[0], clocks[1])
    };
    for (header, clocks) in [
        ("date,time", ["07:00", "08:00"]),
        ("Datum,Uhrzeit", ["07:00", "07:00"]),
        ("date,hour", ["07:00", "07:00"]),
        ("date,hour", ["7", "8"]),
        ("date,heure", ["07:00", "07:00"]),
        ("date,start", ["07:00", "07:00"]),
        ("date,UTC", ["07:00", "07:00"]),
        ("date,hhmm", ["0700", "0800"]),
        ("date,time", ["0700", "0800"]),
        ("date,time", ["070000", "080000"]),
    ] {
        refused(&rows(header, clocks), |_| {}, &[&format!("--time {header} "), "--time "]);
    }
    for (header, clocks) in
        [("date,sunrise", ["07:00", "07:01"]), ("date,high_tide", ["07:00", "07:50"]), ("date,n", ["0700", "0800"])]
    {
        assert!(read(&rows(header, clocks), |_| {}).is_ok(), "{header}");
    }
    let without_hour = read(&rows("date,hour", ["7", "8"]), |o| o.table.values_except = vec!["hour".to_owned()]);
    assert_eq!(without_hour.map(|points| points.len()), Ok(2));
}

#[test]
fn a_first_row_with_a_time_above_times_is_no_header() {
    for text in [
        "2024-01-01 00:00,on\n2024-01-01 00:01,off\n",
        "13/01/2024 00:00,on\n14/01/2024 00:00,off\n",
        "2024-01-01 00:00,NA\n2024-01-01 00:01,2.5\n2024-01-01 00:02,3\n",
        "2024-01-01 00:00;1,5\n2024-01-01 00:01;2,5\n",
        "2024-01-01 00:00,1.5 %\n2024-01-01 00:01,2.5 %\n",
        "2024-01-01 00:00,temp,on\n2024-01-01 00:01,hum,off\n",
        "cpu,2024-01-01 00:00,NA\ncpu,2024-01-01 00:01,2\n",
        "1704067200,on\n1704067260,off\n",
        "2024-01-01 00:00,\n2024-01-01 00:01,2.5\n",
    ] {
        refused(text, |_| {}, &["the first row holds data", "--no-header"]);
    }
    refused("20240101 0715,on\n20240101 0730,off\n", |o| pattern(o, "%Y%m%d %H%M"), &["--no-header"]);
    for text in ["time,2020,2021\n2024-01-01,1,2\n", "date,2024-01-01\n2024-01-02,1\n2024-01-03,2\n"] {
        assert!(!read(text, |_| {}).is_err_and(|error| error.contains("no-header")), "{text}");
    }
}

#[test]
fn a_number_for_no_value_may_be_in_the_notation_of_the_input() {
    let check = |text: &str, missing: &str, change: &dyn Fn(&mut IngestOptions), expected: &[&str]| {
        let found = read(text, |options| {
            change(options);
            options.table.missing = missing.split(',').map(str::to_owned).collect();
        });
        assert_eq!(found.unwrap(), expected, "{text}");
    };
    let first = |value: &str| format!("v 2024-01-01T00:00:00Z {value}");
    check("time;v\n2024-01-01;1,5\n2024-01-02;-9999,0\n", "-9999", &|o| o.table.decimal = ',', &[&first("1.5")]);
    let thousands = "time,v\n2024-01-01,\"1,500\"\n2024-01-02,\"-9,999\"\n";
    check(thousands, "-9999", &|o| o.table.thousands = Some(','), &[&first("1500")]);
    check("time,v\n2024-01-01,45 %\n2024-01-02,-9999 %\n", "-9999", &|o| o.table.units = true, &[&first("45")]);
    let big = "time,v\n2024-01-01,9007199254740993\n2024-01-02,9007199254740992\n";
    let u64s = |o: &mut IngestOptions| o.types = vec![("v".to_owned(), timestrata::ValueType::U64)];
    check(big, "9007199254740992", &u64s, &[&first("U64(9007199254740993)")]);
    check("time,v\n2024-01-01,1\n2024-01-02,-nan\n2024-01-03,+NaN\n", "x", &|_| {}, &[&first("1")]);
    let decimals = |o: &mut IngestOptions| {
        o.table.decimal = ',';
        o.table.missing = vec!["-9999".to_owned(), "9".to_owned()];
    };
    refused("time;v\n2024-01-01;0,0\n", decimals, &["one number or two", "--missing -9999.9 --missing -9999.0,9.0"]);
    refused("time,v\n2024-01-01,1.234\n", |o| o.table.thousands = Some('.'), &["--decimal ,"]);
}

#[test]
fn a_zone_of_the_pattern_is_no_utc() {
    let text = "time,v\n2024-01-01 00:00:00 America/New_York,1\n";
    let found = read(text, |o| {
        time(o, "time");
        pattern(o, "%Y-%m-%d %H:%M:%S %Q");
    });
    assert_eq!(found.unwrap(), ["v 2024-01-01T05:00:00Z 1"]);
}

#[test]
fn a_second_header_ends_the_input() {
    let rows = |count: usize| -> String {
        let row = |n| format!("2024-01-01 00:{:02}:{:02},{n},{n}\n", n / 60, n % 60);
        (0..count).map(row).collect::<Vec<_>>().concat()
    };
    for count in [1, 40, 1_100] {
        for (header, second) in
            [("time,a,b", "Time,B,A"), ("time,2021,2020", "time,2020,2021"), ("time,a,b", "timestamp,bb,aa")]
        {
            let text = format!("{header}\n{}{second}\n{}", rows(count), rows(2));
            refused(&text, |o| o.skip_bad = true, &["a second header names other columns"]);
        }
        let repeated = format!("time,a,b\n{}TIME,A,B\n{}", rows(count), rows(2));
        assert_eq!(read(&repeated, |_| {}).map(|points| points.len()), Ok(2 * (count + 2)));
    }
}

#[test]
fn an_hour_that_comes_twice_may_begin_in_one_input_and_come_again_in_the_next() {
    let run = |texts: &[&str]| -> Vec<String> {
        let clocks = crate::SeriesClocks::default();
        let points = texts.iter().flat_map(|text| {
            let options = |options: &mut IngestOptions| {
                berlin(options);
                options.series_clocks = Some(clocks.clone());
            };
            read(text, options).unwrap()
        });
        points.map(|point| point["v 2024-10-2".len()..][..6].to_owned()).collect()
    };
    let early = "time,v\n2024-10-27 01:30,0\n2024-10-27 02:00,1\n2024-10-27 02:30,2\n";
    let late = "time,v\n2024-10-27 02:00,3\n2024-10-27 02:30,4\n2024-10-27 03:00,5\n";
    assert_eq!(run(&[early, late]), ["6T23:3", "7T00:0", "7T00:3", "7T01:0", "7T01:3", "7T02:0"]);
    // A series whose last row is outside the hour is at its first pass again.
    let other = "time,v\n2024-10-27 01:00,0\n";
    assert_eq!(run(&[early, other, "time,v\n2024-10-27 02:00,1\n"])[3..], ["6T23:0", "7T00:0"]);
}

#[test]
fn spaces_within_quotes_and_strings_belong_to_a_tag() {
    let tags = |o: &mut IngestOptions| o.table.tags = vec!["h".to_owned()];
    let expected = ["{h=\" a\"} 2024-01-01T00:00:00Z 5", "{h=\"a\"} 2024-01-01T00:00:00Z 6", " 2024-01-01T00:00:00Z 7"];
    let expected = expected.map(|point| format!("v{point}"));
    let text = "time,h,v\n2024-01-01,\" a\",\" 5 \"\n\" 2024-01-01\", a ,6\n2024-01-01,\" \",7\n";
    assert_eq!(read(text, tags).unwrap(), expected);
    let row = |tag: &str, value: &str| format!("{{\"time\":\"2024-01-01 \",\"h\":\"{tag}\",\"v\":{value}}}\n");
    let text = [row(" a", "5"), row("a", "6"), row(" ", "7")].concat();
    assert_eq!(read_as(&crate::formats::Json, &text, tags).unwrap(), expected);
    let long = "time,m,v\n2024-01-01,\"a \",1\n2024-01-01,a,2\n";
    let found = read(long, |o| (o.table.metric, o.table.value) = (Some("m".to_owned()), Some("v".to_owned())));
    assert_eq!(found.unwrap(), ["{\"a \"} 2024-01-01T00:00:00Z 1", "a 2024-01-01T00:00:00Z 2"]);
}

#[test]
fn quotes_that_hold_other_rows_are_refused() {
    let row = |n: usize, note: &str| format!("2024-01-01 00:0{n}:00,{n},{note}\n");
    let text = ["time,v,note\n".to_owned(), row(0, "\"a"), row(1, "b"), row(2, "c\""), row(3, "d")].concat();
    refused(&text, |_| {}, &["line 2: the quotes of the row hold other rows"]);
    let text = ["time,v,note\n".to_owned(), row(0, "\"a"), row(1, "b\"").trim_end().to_owned()].concat();
    refused(&text, |_| {}, &["line 2: the quotes"]);
    for text in [
        "time,v,note\n2024-01-01,1,\"a\nb, c,d\n\ne\"\n2024-01-02,2,x\n",
        "note,time,v\n\"a\nb\",2024-01-01,1\n\"a\nb\",2024-01-02,2\n",
    ] {
        assert_eq!(read(text, |_| {}).map(|points| points.len()), Ok(2), "{text}");
    }
}
