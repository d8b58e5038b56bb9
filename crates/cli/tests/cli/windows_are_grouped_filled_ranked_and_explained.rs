//! Each option of `timestrata query` that shapes windows, checked with values that are easy to compute by hand, and the
//! refused combinations.

use crate::common::Place;

/// Database with minutes 0, 1 and 4 of three hosts in two regions.
fn place() -> Place {
    let place = Place::new();
    let rows = [
        "1970-01-01T00:00:00Z,a,eu,1",
        "1970-01-01T00:01:00Z,a,eu,3",
        "1970-01-01T00:04:00Z,a,eu,9",
        "1970-01-01T00:00:00Z,b,eu,10",
        "1970-01-01T00:04:30Z,b,eu,20",
        "1970-01-01T00:00:00Z,c,us,100",
    ];
    place.file("f.csv", format!("time,host,region,cpu\n{}\n", rows.join("\n")));
    place.run("ingest f.csv --db d --tags host,region").ok();
    place
}

/// Returns the rows of a query as CSV without quotes. The first column is the host or region of the series.
fn csv(place: &Place, options: &str) -> Vec<String> {
    let out = place.run(&format!("query cpu --db d --format csv {options}")).ok();
    let mut csv = csv::Reader::from_reader(out.as_bytes());
    let header = csv.headers().unwrap().iter().skip(1).collect::<Vec<_>>().join(",");
    let rows = csv.records().map(|row| {
        let row = row.unwrap();
        let tags: String = row[0].split('"').skip(1).step_by(2).collect::<Vec<_>>().join("/");
        let time = row[1].strip_prefix("1970-01-01T").unwrap_or(&row[1]).to_owned();
        [&[tags, time], &row.iter().skip(2).map(str::to_owned).collect::<Vec<_>>()[..]].concat().join(",")
    });
    std::iter::once(header).chain(rows).collect()
}

#[test]
fn several_aggregates_are_a_column_each() {
    let place = place();
    let found = csv(&place, "--agg min,max,count,p50,max,quantile=0.999");
    assert_eq!(
        found,
        [
            "time,min,max,count,p50,p99.9",
            "a/eu,00:00:00Z,1,9,3,3,3",
            "b/eu,00:00:00Z,10,20,2,10,10",
            "c/us,00:00:00Z,100,100,1,100,100"
        ]
    );
    let json = place.run("query cpu{host=\"a\"} --db d --agg count,p95 --format json").ok();
    assert!(json.ends_with("\"time\":\"1970-01-01T00:00:00Z\",\"count\":3,\"p95\":3}\n"), "{json}");
}

#[test]
fn groups_are_made_by_tags_or_of_all() {
    let place = place();
    assert_eq!(csv(&place, "--group-by region --agg sum"), ["time,sum", "eu,00:00:00Z,43", "us,00:00:00Z,100"]);
    assert_eq!(csv(&place, "--group-by region,host --agg max").len(), 4);
    assert_eq!(csv(&place, "--group-all --agg sum,count"), ["time,sum,count", ",00:00:00Z,143,6"]);
    assert_eq!(csv(&place, "--group-all"), csv(&place, "--group-all --agg mean"));
}

#[test]
fn empty_windows_are_filled_as_requested() {
    let place = place();
    let filled = |fill: &str| {
        let rows = csv(&place, &format!("--every 1m --agg mean --group-by region --fill {fill}"));
        let eu = rows.iter().filter(|row| row.starts_with("eu"));
        eu.map(|row| row.rsplit(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(filled("none"), ["5.5", "3", "14.5"]);
    assert_eq!(filled("null"), ["5.5", "3", "", "", "14.5"]);
    assert_eq!(filled("previous"), ["5.5", "3", "3", "3", "14.5"]);
    assert_eq!(filled("0"), ["5.5", "3", "0", "0", "14.5"]);
    assert_eq!(filled("-1.5"), ["5.5", "3", "-1.5", "-1.5", "14.5"]);
    assert!(filled("linear")[2].starts_with("6.83"));
    let table = place.run("query cpu --db d --every 1m --group-all --fill null").ok();
    assert!(table.lines().any(|line| line.ends_with(" -")), "{table}");
    let json = place.run("query cpu --db d --every 1m --group-all --fill null --format json").ok();
    assert!(json.contains("\"mean\":null"), "{json}");
}

#[test]
fn windows_overlap_contain_their_end_and_look_back() {
    let place = place();
    let of = |options: &str| {
        let rows = csv(&place, &format!("--every 1m {options}"));
        rows[1..].iter().filter(|row| row.starts_with("a/eu,")).map(|row| row[5..].to_owned()).collect::<Vec<_>>()
    };
    let overlapping = ["23:59:00Z,1", "00:00:00Z,2", "00:01:00Z,1", "00:03:00Z,1", "00:04:00Z,1"];
    let ends: Vec<String> = of("--over 2m --agg count").iter().map(|row| row[row.len() - 11..].to_owned()).collect();
    assert_eq!(ends, overlapping);
    let closed = ["23:59:00Z,1", "00:00:00Z,1", "00:03:00Z,1"];
    let ends: Vec<String> = of("--closed end --agg count").iter().map(|row| row[row.len() - 11..].to_owned()).collect();
    assert_eq!(ends, closed);
    let late = "--from 1970-01-01T00:01:00Z --agg increase";
    assert_eq!(of(late), ["00:04:00Z,6"]);
    assert_eq!(of(&format!("{late} --lookback 59s")), ["00:04:00Z,6"]);
    assert_eq!(of(&format!("{late} --lookback 1m")), ["00:01:00Z,2", "00:04:00Z,6"]);
    assert_eq!(of("--agg sum --apply cumulative_sum"), ["00:00:00Z,1", "00:01:00Z,4", "00:04:00Z,13"]);
    assert_eq!(of("--agg sum --apply moving_mean=2"), ["00:00:00Z,1", "00:01:00Z,2", "00:04:00Z,9"]);
    let refused = place.run("query cpu --db d --every 1d --over 2m --agg count").fails(2);
    assert!(refused.contains("--over needs an --every of a fixed length"), "{refused}");
    let refused = place.run("query cpu --db d --lookback 2m --from 1970-01-01").fails(2);
    assert!(refused.contains("--lookback needs windows"), "{refused}");
}

#[test]
fn times_of_points_are_printed_as_times() {
    let place = place();
    let found = csv(&place, "--agg last_time,distinct,mode,slope,prediction=60s");
    assert_eq!(found[0], "time,last_time,distinct,mode,slope,prediction(60s)");
    assert!(found[1].starts_with("a/eu,00:00:00Z,1970-01-01T00:04:00Z,3,1,0.03"), "{found:?}");
    assert_eq!(found[3], "c/us,00:00:00Z,1970-01-01T00:00:00Z,1,100,,");
    let json = place.run("query cpu --db d --agg last_time --zone +01:00 --format json").ok();
    assert!(json.contains(r#""last_time":"1970-01-01T01:04:00+01:00""#), "{json}");
    let refused = place.run("query cpu --db d --every 1m --agg last_time --plot").fails(2);
    assert!(refused.contains("last_time is a time"), "{refused}");
}

#[test]
fn series_are_ranked_by_the_first_aggregate_or_another() {
    let place = place();
    let hosts = |options: &str| {
        let rows = csv(&place, options);
        rows[1..].iter().map(|row| row[..1].to_owned()).collect::<String>()
    };
    assert_eq!(hosts("--top 2 --agg max,count"), "cb");
    assert_eq!(hosts("--bottom 2 --agg max"), "ab");
    assert_eq!(hosts("--top 1 --by count"), "a");
    assert_eq!(hosts("--top 9"), "cba");
}

#[test]
fn a_sum_of_integers_beyond_their_type_names_the_aggregate_without_this_limit() {
    let place = Place::new();
    place.file("f.csv", format!("t,host,bytes\n1,a,{most}\n2,a,1\n3,a,5\n1,b,7\n", most = u64::MAX));
    place.run("ingest f.csv --db d --time t --time-format s --tags host --types bytes=u64").ok();
    let error = place.run("query bytes --db d --agg sum").fails(2);
    let expected = r#"the sum of bytes{host="a"} in the window at 1970-01-01T00:00:01Z exceeds the range of u64"#;
    assert!(error.contains(expected) && error.contains("--agg 'sum as f64'"), "{error}");
    let rows = place.run("query bytes --db d --agg 'sum as f64,count' --by sum --top 1 --format csv").ok();
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows[0], "series,time,sum as f64,count");
    let cells: Vec<&str> = rows[1].rsplit(',').collect();
    assert_eq!((rows.len(), cells[0], cells[2]), (2, "3", "1970-01-01T00:00:01Z"));
    assert_eq!(cells[1].parse(), Ok(18_446_744_073_709_551_616.0));
    let filled = place
        .points("bytes{host=\"a\"} --db d --every 1s --agg sum --fill 0 --from 1970-01-01 --to 1970-01-01T00:00:04Z");
    let values: Vec<&str> = filled.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(values, ["0", "18446744073709551615", "1", "5"]);
}

#[test]
fn rows_are_cut_and_turned_round() {
    let place = place();
    let minute = |time: &str| time[time.len() - 6..time.len() - 4].to_owned();
    let times = |options: &str| {
        let rows = csv(&place, options);
        rows[1..].iter().map(|row| minute(row.split(',').nth(1).unwrap())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(times("--every 1m"), "00 01 04 00 04 00");
    assert_eq!(times("--every 1m --order newest"), "04 01 00 04 00 00");
    assert_eq!(times("--every 1m --order newest --windows 1"), "04 04 00");
    assert_eq!(times("--every 1m --offset 2 --limit 3"), "04 00 04");
    assert_eq!(times("--offset 1 --limit 1"), "01");
    assert_eq!(times("--every 2m --origin 1970-01-01T00:01:00Z"), "59 01 03 59 03 59");
}

#[test]
fn days_and_dates_go_by_the_clocks_of_the_zone() {
    let place = Place::new();
    place.file("f.csv", "t,kwh\n2026-10-24T21:30:00Z,1\n2026-10-24T22:30:00Z,2\n2026-10-25T22:30:00Z,4\n");
    place.run("ingest f.csv --db d --time t").ok();
    let points = |options: &str| {
        let rows = place.points(&format!("kwh --db d --zone CET-1CEST,M3.5.0,M10.5.0/3 {options}"));
        rows.into_iter().map(|[_, time, value]| format!("{time} {value}")).collect::<Vec<_>>()
    };
    assert_eq!(points("--every day --agg sum"), ["2026-10-24T00:00:00+02:00 1", "2026-10-25T00:00:00+02:00 6"]);
    assert_eq!(points("--every 1mo --agg sum"), ["2026-10-01T00:00:00+02:00 7"]);
    assert_eq!(points("--from 2026-10-25"), ["2026-10-25T00:30:00+02:00 2", "2026-10-25T23:30:00+01:00 4"]);
    let fixed = place.points("kwh --db d --zone +02:00 --every 1d --agg sum");
    assert_eq!(fixed[2][1..], ["2026-10-26T00:00:00+02:00", "4"]);
}

#[test]
fn explain_reports_what_was_read_and_does_not_change_the_result() {
    let place = Place::new();
    let rows = (0..1_000).fold(String::new(), |rows, second| format!("{rows}{second},{second}.5,{second}\n"));
    place.file("f.csv", format!("t,cpu,other\n{rows}"));
    place.run("ingest f.csv --db d --time t --time-format s").ok();
    let plain = place.run("query cpu --db d --agg max --format csv").ok();
    let ended = place.run("query cpu --db d --agg max --format csv --explain");
    assert_eq!(ended.out, plain);
    let counts = |name: &str| {
        let line = ended.err.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().to_owned()
    };
    assert_eq!(counts("series selected"), "1 of 2");
    assert_eq!(counts("blocks answered by statistics"), "1 of 2");
    assert_eq!(counts("points answered by statistics"), "1,000");
    assert_eq!(counts("points decoded"), "0");
    assert_eq!(counts("bytes read"), "0 B");
    assert_eq!(counts("blocks pruned by series"), "1 of 2");
    assert_eq!(counts("files pruned by time"), "0 of 1");
    assert_eq!(counts("blocks pruned by time"), "0 of 2");
    assert!(counts("time in all").ends_with(" ms"));
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let place = place();
    for (options, said) in [
        ("--agg maen", "did you mean mean"),
        ("--agg mean,median", "did you mean p50?"),
        ("--agg p101", "p0 to p100"),
        ("--every fortnight", "1mo, 1y, or hour, day"),
        ("--every 1m --fill prevoius", "did you mean previous"),
        ("--fill 0", "--every"),
        ("--order newest", "--every"),
        ("--windows 3", "--every"),
        ("--origin 1970-01-01", "--every"),
        ("--top 1 --bottom 1", "cannot be used with"),
        ("--top 0", "0 is not in 1.."),
        ("--by max", "--top"),
        ("--group-by host --group-all", "cannot be used with"),
        ("--zone Middle-earth/Shire", "zone"),
        ("--explain", "add --agg or --every"),
        ("--plot c.gif", ".svg or .png"),
        ("--plot c.svg --limit 3", "cannot be used with"),
        ("--plot c.svg --agg max", "add --every"),
        ("--plot missing/c.svg", "cannot write missing/c.svg"),
    ] {
        let error = place.run(&format!("query cpu --db d {options}")).fails(2);
        assert!(error.contains(said), "{options}: {error}");
    }
    let error = place.run("query --plot cpu --db d").fails(2);
    assert!(error.contains("put --plot last"), "{error}");
}

#[test]
fn a_group_by_tag_that_no_series_has_is_refused_with_the_nearest_name() {
    let place = place();
    let error = place.run("query cpu --db d --group-by regoin").fails(2);
    assert!(error.contains("\"regoin\", which none of the selected series has: did you mean region?"), "{error}");
    let error = place.run("query cpu --db d --group-by zzz").fails(2);
    assert!(error.contains("their tags are host, region"), "{error}");
    let error = place.run("query cpu --db d --every 1d --over 2h").fails(2);
    assert!(error.contains("--over needs an --every of a fixed length"), "{error}");
}

/// 1970 had winter time in January, the range is in summer time: windows of six hours begin at local midnight.
#[test]
fn windows_of_a_fixed_length_follow_the_zone_at_the_start_of_the_range() {
    let place = Place::new();
    let rows: Vec<String> =
        (0..48).map(|hour| format!("2024-07-{:02}T{:02}:00:00Z,{hour}", 1 + hour / 24, hour % 24)).collect();
    place.file("f.csv", format!("time,v\n{}\n", rows.join("\n")));
    place.run("ingest f.csv --db d").ok();
    for from in ["", "--from 2024-07-01T02:00", "--from 2024-07-01T05:00"] {
        let out =
            place.run(&format!("query v --db d --every 6h --zone Europe/Berlin --agg count --format csv {from}")).ok();
        let starts: Vec<&str> = out.lines().skip(1).filter_map(|row| row.split(',').nth(1)).collect();
        assert_eq!(starts[..2], ["2024-07-01T00:00:00+02:00", "2024-07-01T06:00:00+02:00"], "{from}: {out}");
    }
    let origin = place
        .run("query v --db d --every 6h --zone Europe/Berlin --origin 2024-07-01T01:00 --agg count --format csv")
        .ok();
    assert!(origin.contains("2024-07-01T01:00:00+02:00"), "{origin}");
}
