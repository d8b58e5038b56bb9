//! What a refusal of a table suggests is what reads it: dates with their clocks, years, days of the year, offsets.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use timestrata_ingest::testing::decode_pieces;
use timestrata_ingest::{Csv, Format, IngestError, IngestOptions, TimeFormat};

struct Read {
    times: Vec<String>,
    notes: Vec<String>,
}

fn read(text: &str, options: &IngestOptions) -> Result<Read, IngestError> {
    let mut planner = Csv.planner(options)?;
    planner.push(text.as_bytes());
    let mut decoder = planner.finish(true)?;
    let notes = decoder.understanding().notes.clone();
    let found = decode_pieces(&mut *decoder, text.as_bytes(), 1 << 16, 1_000);
    assert!(found.error.is_none() && found.refused.is_empty(), "{:?} {:?}", found.error, found.refused);
    let times = found.points.iter().map(|(_, at, _)| at.to_string()).collect();
    Ok(Read { times, notes })
}

/// Returns the suggestions of the error without options.
fn suggested(text: &str) -> String {
    suggested_with(text, &IngestOptions::default())
}

fn suggested_with(text: &str, options: &IngestOptions) -> String {
    let error = read(text, options).map(|read| read.times).unwrap_err();
    let all = error.suggestions.iter().map(|suggestion| format!("--{} {}", suggestion.option, suggestion.value));
    all.collect::<Vec<_>>().join(" ").replace("--no-header  ", "--no-header ")
}

fn times(names: &str, format: TimeFormat) -> IngestOptions {
    let mut options = IngestOptions::default();
    options.table.time = names.split(',').map(str::to_owned).collect();
    options.table.time_format = format;
    options
}

fn pattern(pattern: &str) -> TimeFormat {
    TimeFormat::Pattern(pattern.to_owned())
}

#[test]
fn a_date_is_suggested_with_its_clock() {
    let text = "id,ActivityStartDate,ActivityStartTime/Time,ActivityStartTime/TimeZoneCode,v\n\
                a,1977-04-11,13:30:00,EST,1\nb,1977-04-12,,,2\nc,1977-04-13,14:00:00,EST,3\n";
    let both = "ActivityStartDate,ActivityStartTime/Time";
    assert_eq!(suggested(text), format!("--time {both} --time ActivityStartDate"));
    let complete = text.replace("1977-04-12,,,", "1977-04-12,01:00:00,EST,");
    assert_eq!(suggested_with(&complete, &times(both, TimeFormat::Auto)), "--time-zone -05:00");
    let mut options = times(both, TimeFormat::Auto);
    options.table.time_zone = Some("-05:00".to_owned());
    let read = read(&complete, &options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.times[0], "1977-04-11T18:30:00Z");
    // Of several dates each comes with the clock behind it.
    let text = "start_date,start_time,end_date,end_time,v\n2024-01-01,10:00,2024-01-02,11:00,1\n";
    assert_eq!(suggested(text), "--time start_date,start_time --time end_date,end_time");
    let text = "start_date,start_time,changed_date,v\n2024-01-01,10:00,2024-01-02,1\n";
    assert_eq!(suggested(text), "--time start_date,start_time --time changed_date");
}

#[test]
fn a_clock_that_is_a_value_of_its_day_is_no_clock_of_the_date() {
    let text = "date,sunrise,v\n2024-01-01,08:10,1\n2024-01-02,08:11,2\n";
    assert_eq!(read(text, &IngestOptions::default()).map(|read| read.times.len()).unwrap(), 2);
}

#[test]
fn years_are_no_seconds_since_an_origin() {
    let nile = "\"\",\"time\",\"Nile\"\n\"1\",1871,1120\n\"2\",1872,1160\n";
    assert_eq!(suggested(nile), "--time time --time-format %Y --origin T");
    let found = read(nile, &times("time", pattern("%Y"))).map(|read| read.times).unwrap();
    assert_eq!(found[0], "1871-01-01T00:00:00Z");
    let months = "time,v\n1949,112\n1949.08333333333,118\n1949.16666666667,132\n";
    let error = read(months, &IngestOptions::default()).map(|read| read.times).unwrap_err();
    assert!(error.message.contains("parts of years"), "{error}");
    assert_eq!(suggested("time,v\n-6000,1\n-5999,2\n-5998,3\n"), "--time time --time-format %Y");
    assert_eq!(suggested("date,v\n800102,1\n800103,2\n"), "--time date --time-format %y%m%d");
    assert_eq!(suggested("time,v\n1,1\n2,2\n"), "--time time --origin T");
}

#[test]
fn identifiers_are_no_days_of_a_spreadsheet() {
    let rows: Vec<String> = (0..40).map(|n| format!("{},{n}", 68_076 + n / 10)).collect();
    assert_eq!(suggested(&format!("ts_id,v\n{}\n", rows.join("\n"))), "--time COL");
}

#[test]
fn years_of_two_digits_have_the_patterns_that_fit_every_row() {
    assert_eq!(suggested("d,date,v\n1,25/11/83,1\n2,01/12/83,2\n"), "--time date --time-format %d/%m/%y");
    assert_eq!(suggested("date,v\n83/11/25,1\n83/12/01,2\n"), "--time date --time-format %y/%m/%d");
    // 1963 would become 2063.
    for text in ["date,v\n25/11/63,1\n", "date,v\n580329,1\n580405,2\n"] {
        let error = read(text, &IngestOptions::default()).map(|read| read.times).unwrap_err();
        assert!(error.message.contains("in the future") && error.suggestions.is_empty(), "{error:?}");
    }
    let open = "--time date --time-format %d/%m/%y --time date --time-format %y/%m/%d";
    assert_eq!(suggested("date,v\n24/01/02,1\n24/01/13,2\n"), open);
    let notes = read("date,v\n25/11/63,1\n", &times("date", pattern("%d/%m/%y"))).map(|read| read.notes).unwrap();
    assert!(notes.iter().any(|note| note.contains("1969 to 2068")), "{notes:?}");
    assert_eq!(suggested("n,month,v\n1,1/86,1\n2,2/86,2\n"), "--time month --time-format %m/%y");
}

#[test]
fn a_suggested_pattern_has_the_offset_of_the_times() {
    let text = |offset: &str| format!("time,v\n09/01/2016 15:30:00{offset},1\n09/02/2016 15:30:00{offset},2\n");
    for (offset, end, first) in [("+00:00", "%:z", "15:30"), (" +0100", " %z", "14:30"), ("-05:00", "%:z", "20:30")] {
        let error = read(&text(offset), &IngestOptions::default()).map(|read| read.times).unwrap_err();
        let day_first = error.suggestions[0].value.clone();
        assert_eq!(day_first, format!("%d/%m/%Y %H:%M:%S{end}"));
        let found = read(&text(offset), &times("time", pattern(&day_first))).map(|read| read.times).unwrap();
        assert_eq!(found[0], format!("2016-01-09T{first}:00Z"));
    }
}

#[test]
fn a_day_beyond_those_of_a_month_is_a_day_of_the_year() {
    let text = "n,day,time,temp\n1,346,840,36.33\n2,346,850,36.34\n";
    assert_eq!(suggested(text), "--time day,time --year YEAR");
    let mut options = times("day,time", TimeFormat::Auto);
    options.table.year = Some(1974);
    options.table.values = Some(vec!["temp".to_owned()]);
    let found = read(text, &options).map(|read| read.times).unwrap();
    assert_eq!(found, ["1974-12-12T08:40:00Z", "1974-12-12T08:50:00Z"]);
    // Beside a month it is a mistake of its row.
    let mut planner = Csv.planner(&times("year,month,day", TimeFormat::Auto)).unwrap();
    let text = "year,month,day,v\n2024,1,1,1\n2024,2,40,3\n";
    planner.push(text.as_bytes());
    let found = decode_pieces(&mut *planner.finish(true).unwrap(), text.as_bytes(), 1 << 16, 1_000);
    assert_eq!((found.points.len(), found.refused.len()), (1, 1));
}

#[test]
fn a_comment_or_a_bad_time_among_times_is_no_reason_for_a_pattern() {
    let good = "2024-01-01,1\n2024-01-02,2\n";
    assert_eq!(suggested(&format!("time,v\n#x,1\n{good}#y,2\n#z,2\n")), "--comment #");
    assert_eq!(suggested(&format!("time,v\n2024-02-30,1\n2024-02-31,1\n2024-02-32,1\n{good}")), "--time time");
    let mut seconds = IngestOptions::default();
    seconds.table.time_format = TimeFormat::Nanoseconds;
    assert_eq!(suggested_with("time,v\n5,1\n3,1\n", &seconds), "--time time");
}

#[test]
fn the_row_of_names_is_before_the_data_and_not_in_the_preamble() {
    let logger = "Start: 2000-01-27\n\nSerial number:,a,a\nName:,X+Y,Light\nGroup:,0,1\nSample rate:,10,10\nStore rate:,1,1\n\
                  Mode:,Sum,Average\nBins:,0,0\n2000-01-27 19:00:00,26,53\n2000-01-27 19:01:00,27,54\n\
                  2000-01-27 19:02:00,27,54\n2000-01-27 19:03:00,27,54\n2000-01-27 19:04:00,27,54\n2000-01-27 19:05:00,27,54\n\
                  2000-01-27 19:06:00,27,54\n2000-01-27 19:07:00,27,54\n";
    assert_eq!(suggested(logger), "--skip-lines 9 --no-header --columns time,v1,v2");
    let padded = "TOA5,site,CR1000,,,\nTimestamp,RECORD,a,b,c,d\nTS,RN,m/s,m/s,m/s,m/s\n,,Avg,Avg,Avg,Avg\n\
                  2016-01-09 15:30:00,0,1,2,3,4\n2016-01-09 15:40:00,1,1,2,3,4\n";
    assert_eq!(suggested(padded), "--header-line 2 --header-line 1");
}

#[test]
fn a_zone_may_be_an_offset_and_a_bracket_may_stand_apart() {
    let mut options = times("time", TimeFormat::Auto);
    for (zone, expected) in [("+02:00", "2023-12-31T22:00:00Z"), ("-0530", "2024-01-01T05:30:00Z")] {
        options.table.time_zone = Some(zone.to_owned());
        let found = read("time,v\n2024-01-01 00:00,1\n", &options).map(|read| read.times).unwrap();
        assert_eq!(found, [expected]);
    }
    options.table.time_zone = Some("+2x".to_owned());
    assert!(read("time,v\n2024-01-01 00:00,1\n", &options).is_err());
    let text = "time,v\n2014-05-07 13:29:50.439000+0100 [Europe/London],1\n";
    let found = read(text, &IngestOptions::default()).map(|read| read.times).unwrap();
    assert_eq!(found, ["2014-05-07T12:29:50.439Z"]);
}

#[test]
fn seconds_and_milliseconds_belong_to_the_time() {
    let text = "it year mo dy hr mn sc msc rho\n200 2014 04 10 00 00 00 000 0.5\n214 2014 04 10 00 00 05 238 0.75\n";
    let all = "year,mo,dy,hr,mn,sc,msc";
    assert_eq!(suggested(text), format!("--time {all}"));
    let mut options = times(all, TimeFormat::Auto);
    options.table.values = Some(vec!["rho".to_owned()]);
    let found = read(text, &options).map(|read| read.times).unwrap();
    assert_eq!(found, ["2014-04-10T00:00:00Z", "2014-04-10T00:00:05.238Z"]);
    let short = "YYYY MM DD HH MN SS msc v\n2014 4 10 0 0 0 0 39.38\n2014 4 10 0 1 0 0 39.38\n";
    assert_eq!(suggested(short), "--time YYYY,MM,DD,HH,MN,SS,msc");
}

#[test]
fn julian_days_are_no_days_of_a_spreadsheet() {
    let error = read("datetime(mjd),v\n57023.0,1\n57023.003,2\n", &IngestOptions::default()).map(|read| read.times);
    let error = error.unwrap_err();
    assert!(error.message.contains("Julian days"), "{error}");
}

#[test]
fn a_row_of_data_is_not_replaced_by_names() {
    let text = "1961 JAN 1 =JD 2437300.5 UTC= 1.42 S + (MJD - 37300.) X 0.001 S\n\
                1961 AUG 1 =JD 2437512.5 UTC= 1.37 S + (MJD - 37300.) X 0.001 S\n";
    let names: Vec<String> = (1..=15).map(|at| format!("name{at}")).collect();
    assert_eq!(suggested(text), format!("--no-header --columns {}", names.join(",")));
    let mut options = IngestOptions::default();
    let names = "year,month,day,a,jd,b,v,c,d,e,f,g,h,rate,i";
    options.csv.columns = names.split(',').map(str::to_owned).collect();
    assert_eq!(suggested_with(text, &options), "--no-header --header-line 1");
    options.csv.no_header = true;
    assert_eq!(suggested_with(text, &options), "--time year,month,day");
    options.table.time = ["year", "month", "day"].map(str::to_owned).to_vec();
    options.table.values = Some(vec!["v".to_owned()]);
    let found = read(text, &options).map(|read| read.times).unwrap();
    assert_eq!((found[0].as_str(), found.last().unwrap().as_str()), ("1961-01-01T00:00:00Z", "1961-08-01T00:00:00Z"));
}

#[test]
fn names_of_months_with_short_years_have_a_pattern() {
    let text = "date,v\n5-Jan-09,1\n6-Jan-09,2\n";
    assert_eq!(suggested(text), "--time date --time-format %d-%b-%y");
    let found = read(text, &times("date", pattern("%d-%b-%y"))).map(|read| read.times).unwrap();
    assert_eq!(found[0], "2009-01-05T00:00:00Z");
}

#[test]
fn times_come_before_their_dates() {
    let text = "date,ts,count\n2010-09-20,2010-09-20 12:00:00,11\n2010-09-20,2010-09-20 13:00:00,12\n";
    assert_eq!(suggested(text), "--time ts --time date");
}

#[test]
fn comments_do_not_count_among_the_lines_that_show_the_delimiter() {
    let text = format!("{}2024-01-01T00:00:00Z   1   2\n2024-01-01T00:01:00Z   3   4\n", "# a\n".repeat(500));
    let mut options = IngestOptions::default();
    options.csv.comment = Some("#".to_owned());
    assert_eq!(suggested_with(&text, &options), "--no-header --columns time,v1,v2");
}

#[test]
fn titles_and_settings_before_rows_without_names_lead_to_the_rows() {
    let settings = "test\nheader\nvalues\n\n#COOR\nSMG\n\n#START\n\
                    2000 01 01 00 00 00 000 0.0 1.0E+01\n2000 01 01 00 01 00 000 1.0 1.1E+01\n2000 01 01 00 02 00 000 2.0 1.2E+01\n";
    let names = "year,month,day,hour,minute,second,millisecond,v1,v2";
    assert_eq!(suggested(settings), format!("--skip-lines 8 --no-header --columns {names}"));
    let wind = "IMF that switches from 99% Ionosphere hydrogen to\n99% solar wind hydrogen after 1 hour of simulation\n\n\
                Use with ModEquationMultiSwIono\n\n#TIMEDELAY\n      0.00000\n\n#SATELLITEXYZ  3D Position of the satellite\n\
                65.0         X location\n0.0          Y location\n0.0          Z location\n\n#VAR\n#START\n\
                2002 12 23 0 00 00 000 0.00 3.00 -400.00\n2002 12 23 3 59 00 000 0.00 3.00 -400.00\n\
                2002 12 23 4 00 00 000 0.00 3.00 -400.00\n";
    let names = "year,month,day,hour,minute,second,millisecond,v1,v2,v3";
    assert_eq!(suggested(wind), format!("--skip-lines 15 --no-header --columns {names}"));
    let mut options = IngestOptions::default();
    options.csv.skip_lines = 15;
    options.csv.no_header = true;
    options.csv.columns = names.split(',').map(str::to_owned).collect();
    let time = "year,month,day,hour,minute,second,millisecond";
    assert_eq!(suggested_with(wind, &options), format!("--time {time}"));
    options.table.time = time.split(',').map(str::to_owned).collect();
    let found = read(wind, &options).map(|read| read.times).unwrap();
    assert_eq!((found[3].as_str(), found.len()), ("2002-12-23T03:59:00Z", 9));
    // A mark of comments leads to the rows, too.
    let commented =
        format!("#TIMEDELAY\n0.0\n#POSITION\n0.0\n0.0\n#START\n{}", &settings[settings.find("2000").unwrap()..]);
    assert_eq!(suggested(&commented), "--comment #");
    let mut options = IngestOptions::default();
    options.csv.comment = Some("#".to_owned());
    assert!(suggested_with(&commented, &options).starts_with("--skip-lines 6 --no-header --columns year,month"));
}

#[test]
fn names_in_a_row_that_is_shorter_than_the_rows_are_kept_where_their_places_are_certain() {
    let title = "Oval at Lon= 0.00 2.00 4.00\nYYYY MM DD HH MN SS msc colat\n\
                 2014 4 10 0 0 0 0 39.38 39.40 39.41\n2014 4 10 0 2 0 0 32.14 32.20 32.30\n2014 4 10 0 4 0 0 32.14 32.20 32.30\n";
    let names = "YYYY,MM,DD,HH,MN,SS,msc,colat_1,colat_2,colat_3";
    assert_eq!(suggested(title), format!("--skip-lines 2 --no-header --columns {names}"));
    let mut options = IngestOptions::default();
    options.csv.skip_lines = 2;
    options.csv.no_header = true;
    options.csv.columns = names.split(',').map(str::to_owned).collect();
    assert_eq!(suggested_with(title, &options), "--time YYYY,MM,DD,HH,MN,SS,msc");
    // As R writes a table.
    let text = "date v\n1 2024-01-01 5\n2 2024-01-02 6\n";
    assert_eq!(suggested(text), "--skip-lines 1 --no-header --columns row,date,v");
}

#[test]
fn a_month_of_six_digits_is_no_count_of_seconds() {
    let text = "Date,v\n192607,1\n192608,2\n";
    assert_eq!(suggested(text), "--time Date --time-format %Y%m");
    let found = read(text, &times("Date", pattern("%Y%m"))).map(|read| read.times).unwrap();
    assert_eq!(found, ["1926-07-01T00:00:00Z", "1926-08-01T00:00:00Z"]);
    let open = "--time Date --time-format %Y%m --time Date --time-format %y%m%d --time Date --time-format %d%m%y";
    assert_eq!(suggested("Date,v\n201201,1\n201202,2\n"), open);
    // Numbers of which some are times of this century in no unit, and years that cannot be stored.
    let numbers = "at,v\n1479597200000,1\n-14200000,2\n";
    assert_eq!(suggested_with(numbers, &times("at", TimeFormat::Auto)), "--origin T");
    assert_eq!(suggested_with("year,v\n1565,1\n1570,2\n", &times("year", TimeFormat::Auto)), "--time-format %Y");
}

#[test]
fn names_above_a_ruled_line_or_with_a_delimiter_at_their_end_are_the_header() {
    let ruled = "              MONTHLY MEAN\n=======================\nYear    a   b   c\n-----------------------\n\
                 1749    58.0  62.6  70.0\n1750    73.3  75.9  89.2\n1751    70.0  43.5  45.3\n";
    assert_eq!(suggested(ruled), "--header-line 3");
    let padded = "Series Id:           LNS14000000Q\n\nType of data:        Percent or rate\n\nSeries id,Year,Period,Value,\n\
                  LNS14000000Q,1959,Q01,5.8\nLNS14000000Q,1959,Q02,5.1\nLNS14000000Q,1959,Q03,5.3\n";
    assert_eq!(suggested(padded), "--header-line 5");
    let mut options = IngestOptions::default();
    options.csv.header_line = Some(5);
    assert_eq!(suggested_with(padded, &options), "--time Year,Period");
    options.table.time = vec!["Year".to_owned(), "Period".to_owned()];
    let found = read(padded, &options).map(|read| read.times).unwrap();
    assert_eq!(found, ["1959-01-01T00:00:00Z", "1959-04-01T00:00:00Z", "1959-07-01T00:00:00Z"]);
}

#[test]
fn a_weekday_that_contradicts_its_date_is_named_without_a_suggestion() {
    let text = "time,v\n\"Tue, 01 Jan 2024 00:00:00 +0000\",1\n";
    let mut unnamed = IngestOptions::default();
    unnamed.table.time_format = pattern("%a %d/%m/%Y");
    for (text, options) in [(text, IngestOptions::default()), ("time,v\nMon 02/01/2024,1\n", unnamed)] {
        let error = read(text, &options).map(|read| read.times).unwrap_err();
        assert!(error.message.contains("and its date is a") && error.suggestions.is_empty(), "{error:?}");
    }
}
