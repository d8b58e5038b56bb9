//! Zones in a column beside the time: offsets are honoured, abbreviations need an option, and nothing is shifted in silence.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use timestrata_ingest::testing::decode_pieces;
use timestrata_ingest::{Csv, Format, IngestError, IngestOptions};

struct Read {
    times: Vec<String>,
    series: Vec<String>,
    notes: String,
    refused: String,
}

fn read(text: &str, options: &IngestOptions) -> Result<Read, IngestError> {
    let mut planner = Csv.planner(options)?;
    planner.push(text.as_bytes());
    let mut decoder = planner.finish(true)?;
    let notes = decoder.understanding().notes.join("\n");
    let found = decode_pieces(&mut *decoder, text.as_bytes(), 1 << 16, 1_000);
    let times = found.points.iter().map(|(_, at, _)| at.to_string()).collect();
    let mut series: Vec<String> = found.points.iter().map(|(key, _, _)| key.to_string()).collect();
    series.dedup();
    Ok(Read { times, series, notes, refused: format!("{:?}", found.refused) })
}

fn options(time: &str, zone: Option<&str>) -> IngestOptions {
    let mut options = IngestOptions::default();
    options.table.time = time.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    options.table.time_zone = zone.map(str::to_owned);
    options
}

fn suggested(text: &str, options: &IngestOptions) -> String {
    let error = read(text, options).map(|read| read.times).unwrap_err();
    let all = error.suggestions.iter().map(|suggestion| format!("--{} {}", suggestion.option, suggestion.value));
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn offsets_and_utc_are_joined_to_the_time() {
    for (zones, expected) in [
        (["+02:00", "+01:00"], ["2024-07-01T10:00:00Z", "2024-12-01T11:00:00Z"]),
        (["-0500", "-0500"], ["2024-07-01T17:00:00Z", "2024-12-01T17:00:00Z"]),
        (["UTC", "Z"], ["2024-07-01T12:00:00Z", "2024-12-01T12:00:00Z"]),
        (["GMT", "UTC+2"], ["2024-07-01T12:00:00Z", "2024-12-01T10:00:00Z"]),
        (["Europe/Berlin", "Europe/Berlin"], ["2024-07-01T10:00:00Z", "2024-12-01T11:00:00Z"]),
    ] {
        let text = format!("time,tz,v\n2024-07-01 12:00,{},1\n2024-12-01 12:00,{},2\n", zones[0], zones[1]);
        let found = read(&text, &options("", None)).unwrap();
        assert_eq!(found.times, expected, "{text}");
        assert!(found.notes.contains("the zones of column tz") && found.series == ["v"], "{}", found.notes);
        // Parts of a time and dates with numbers have zones, too.
        let text = format!("year,month,day,hour,v,tz\n2024,7,1,12,1,{}\n2024,12,1,12,2,{}\n", zones[0], zones[1]);
        let found = read(&text, &options("year,month,day,hour", None)).unwrap();
        assert_eq!((found.times.as_slice(), found.series.len()), (expected.map(str::to_owned).as_slice(), 1), "{text}");
    }
    // The column behind the time may have any name.
    let found = read("time,x,v\n2024-07-01 12:00,+02:00,1\n", &options("", None)).unwrap();
    assert_eq!(found.times, ["2024-07-01T10:00:00Z"]);
    let found = read("time,tz,v\n2024-07-01 12:00,+02:00,1\n2024-07-01 13:00,,2\n", &options("", None)).unwrap();
    assert!(found.times.len() == 1 && found.refused.contains("has no zone"), "{}", found.refused);
}

#[test]
fn abbreviations_are_refused_with_the_zone_that_has_them() {
    let text = |first: &str, second: &str| {
        format!("date,clock,zone,v\n2024-07-01,12:00,{first},1\n2024-12-01,12:00,{second},2\n")
    };
    let both = options("date,clock", None);
    for (first, second, zone) in [
        ("CDT", "CST", "America/Chicago"),
        ("EST", "EST", "-05:00"),
        ("CEST", "CET", "Europe/Berlin"),
        ("EDT", "CST", "ZONE"),
    ] {
        let text = text(first, second);
        assert_eq!(suggested(&text, &both), format!("--time-zone {zone}"));
        if zone != "ZONE" {
            let found = read(&text, &options("date,clock", Some(zone))).unwrap();
            assert_eq!((found.times.len(), found.refused.as_str()), (2, "[]"), "{text}");
        }
    }
    let found = read(&text("CDT", "CST"), &options("date,clock", Some("America/Chicago"))).unwrap();
    assert_eq!(found.times, ["2024-07-01T17:00:00Z", "2024-12-01T18:00:00Z"]);
    // A row that contradicts the zone of the option is refused, also behind the sample.
    for zone in ["America/New_York", "-05:00", "UTC"] {
        let found = read(&text("CDT", "CST"), &options("date,clock", Some(zone))).unwrap();
        assert!(found.times.len() < 2 && found.refused.contains("CST"), "{zone}: {}", found.refused);
    }
    let mut ignored = both.clone();
    ignored.table.values_except = vec!["zone".to_owned()];
    let found = read(&text("CDT", "CST"), &ignored).unwrap();
    assert_eq!(found.times, ["2024-07-01T12:00:00Z", "2024-12-01T12:00:00Z"]);
    assert!(found.notes.contains("is ignored") && found.notes.contains("read as UTC"), "{}", found.notes);
    let message =
        read("time,utc_offset,v\n2024-01-01,7200,1\n", &options("", None)).map(|read| read.times).unwrap_err();
    assert!(message.message.contains("\"7200\""), "{message}");
}

#[test]
fn in_an_hour_that_comes_twice_the_abbreviation_decides() {
    let text = "time,tz,v\n2024-11-03 01:30,CST,1\n2024-11-03 01:45,CDT,2\n";
    let found = read(text, &options("", Some("America/Chicago"))).unwrap();
    assert_eq!(found.times, ["2024-11-03T07:30:00Z", "2024-11-03T06:45:00Z"]);
}

#[test]
fn times_with_a_zone_and_columns_of_other_zones_stay_as_they_are() {
    let found = read("time,timezone,v\n2024-07-01T12:00:00Z,CDT,1\n", &options("", None)).unwrap();
    assert_eq!(found.times, ["2024-07-01T12:00:00Z"]);
    let mut seconds = options("t", None);
    seconds.table.time_format = "s".parse().unwrap();
    assert_eq!(read("t,timezone,v\n1719835200,7200,1\n", &seconds).unwrap().series, ["timezone", "v"]);
    // A zone of a building, a correction, or letters that are no zones.
    for column in ["zone", "offset", "flag"] {
        for cell in ["A", "0.5", "-7"] {
            let text = format!("time,{column},v\n2024-07-01 12:00,{cell},1\n");
            assert_eq!(read(&text, &options("", None)).unwrap().times[0], "2024-07-01T12:00:00Z", "{text}");
        }
    }
}
