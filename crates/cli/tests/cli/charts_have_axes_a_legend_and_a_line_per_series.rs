//! Charts in files and in the terminal, checked in the form that a viewer displays.

use std::fmt::Write;
use std::fs;

use crate::common::{Place, data};

fn weather() -> Place {
    let place = Place::new();
    let file = data("nyc_weather_hourly.csv");
    let options = "--time time_hour --tags origin=station --values temp,pressure";
    place.run(&format!("ingest {} --db w {options}", file.display())).ok();
    place
}

/// Returns the texts of an SVG. plotters writes each text on its own line.
fn texts(svg: &str) -> Vec<String> {
    let elements = svg.split("<text").skip(1).map(|text| text.split_once('>').unwrap().1);
    elements.map(|text| text.split("</text>").next().unwrap().trim().replace("&quot;", "\"")).collect()
}

/// Returns the lines of the series: they are two pixels wide, the axes are not.
fn polylines(svg: &str) -> Vec<&str> {
    svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"2\"")).collect()
}

fn svg(place: &Place, options: &str) -> String {
    assert_eq!(place.run(&format!("query {options} --db w --plot c.svg")).ok(), "");
    fs::read_to_string(place.path("c.svg")).unwrap()
}

#[test]
fn an_svg_has_its_series_times_and_values() {
    let place = weather();
    let svg = svg(&place, "temp --every 1d --agg mean");
    assert!(svg.starts_with("<svg width=\"1200\"") && svg.trim_end().ends_with("</svg>"));
    let texts = texts(&svg);
    for text in [
        "temp: mean by 1d",
        "temp{station=\"EWR\"}",
        "temp{station=\"JFK\"}",
        "temp{station=\"LGA\"}",
        "Jul",
        "Dec",
        "80",
        "2013-01-01 to 2013-12-30, UTC",
    ] {
        assert!(texts.iter().any(|own| own == text), "{text}: {texts:?}");
    }
    let lines = polylines(&svg);
    assert_eq!(lines.len(), 3);
    let points = lines[0].split("points=\"").nth(1).unwrap().split_whitespace().count();
    assert!(points > 360, "{points}");
    let colours: std::collections::BTreeSet<&str> =
        lines.iter().map(|line| line.split("stroke=\"").nth(1).unwrap().split('"').next().unwrap()).collect();
    assert_eq!(colours.len(), 3);
}

#[test]
fn times_are_marked_as_fits_the_span_and_the_zone() {
    let place = weather();
    let texts = |options: &str| texts(&svg(&place, &format!("'temp{{station=\"JFK\"}}' {options}")));
    let day = texts("--from 2013-07-01 --to 2013-07-02");
    assert!(day.contains(&"02:00".to_owned()) && day.contains(&"temp{station=\"JFK\"}".to_owned()), "{day:?}");
    let week = texts("--from 2013-07-01 --to 2013-07-08 --every 1h");
    assert!(week.contains(&"3 Jul".to_owned()), "{week:?}");
    let zone = texts("--from 2013-07-01 --to 2013-07-08 --every 1d --zone -04:00");
    assert!(zone.contains(&"2013-07-01 to 2013-07-07, -04:00".to_owned()), "{zone:?}");
}

#[test]
fn aggregates_are_lines_of_their_own_and_nulls_are_gaps() {
    let place = weather();
    let two = svg(&place, "temp --every 1w --group-all --agg min,max");
    assert_eq!(polylines(&two).len(), 2);
    assert!(texts(&two).contains(&"temp max".to_owned()), "{:?}", texts(&two));
    // The pressure column lacks whole days.
    let gaps = |fill: &str| polylines(&svg(&place, &format!("pressure --every 1h --group-all --fill {fill}"))).len();
    assert_eq!(gaps("none"), 1);
    assert!(gaps("null") > 1);
}

#[test]
fn a_png_has_the_size_of_the_chart_and_takes_the_place_of_the_old_one() {
    let place = weather();
    place.file("c.png", "old");
    place.run("query temp --db w --every 1d --plot c.png").ok();
    let png = fs::read(place.path("c.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!(number(16), 1_200);
    assert!((600..700).contains(&number(20)), "{}", number(20));
    assert!(png.ends_with(b"IEND\xaeB`\x82"));
    let left: Vec<String> = fs::read_dir(place.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_failed_chart_leaves_the_old_file() {
    let place = weather();
    place.file("c.svg", "old");
    place.run("query temp --db w --from 2020-01-01 --every 1d --plot c.svg").fails(1);
    assert_eq!(fs::read_to_string(place.path("c.svg")).unwrap(), "old");
}

#[test]
fn the_terminal_shows_lines_with_numbers_months_and_a_legend() {
    let place = weather();
    let out = place.run("query temp --db w --every 1w --plot").ok();
    assert_eq!(out, place.run("query temp --db w --every 1w --plot -").ok());
    for text in ["temp: mean by 1w", "1 ── temp{station=\"EWR\"}", "3 ── temp{station=\"LGA\"}", "Jul", " 80 ┤", "┬"]
    {
        assert!(out.contains(text), "{text}\n{out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 100) && !out.contains('\u{1b}'), "{out}");
}

#[test]
fn more_series_than_the_chart_can_distinguish_are_reported() {
    let place = Place::new();
    let header = (0..20).fold(String::new(), |header, n| format!("{header},m{n:02}"));
    let row = |minute: u32| format!("1970-01-01T00:{minute:02}:00Z{}\n", ",1.5".repeat(20));
    place.file("f.csv", format!("time{header}\n{}{}", row(0), row(1)));
    place.run("ingest f.csv --db w").ok();
    let ended = place.run("query {} --db w --plot c.svg");
    assert_eq!(ended.err, "note: the first 14 of 20 lines are drawn; --top or --group-by chooses\n");
    assert_eq!(polylines(&fs::read_to_string(place.path("c.svg")).unwrap()).len(), 14);
}

#[test]
fn texts_wider_than_the_chart_are_cut_where_one_sees_it() {
    let place = Place::new();
    let name = "very_long_".repeat(30);
    place.file("f.csv", format!("time,x,host\n1970-01-01,1,{name}\n1970-01-02,2,{name}\n1970-01-03,2,short\n"));
    place.run("ingest f.csv --db w --tags host").ok();
    let texts = texts(&svg(&place, &format!("'x{{host=~\"{name}|short\"}}'")));
    let cut: Vec<&String> = texts.iter().filter(|text| text.ends_with('…')).collect();
    assert_eq!(cut.len(), 2, "{texts:?}");
    assert!(texts.contains(&"x{host=\"short\"}".to_owned()), "{texts:?}");
    place.run(&format!("query x{{host=\"{name}\"}} --db w --plot c.png")).ok();
    let out = place.run("query x --db w --plot").ok();
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
}

#[test]
fn what_cannot_be_drawn_is_refused_and_makes_no_file() {
    let place = Place::new();
    let rows = (0..200_001).fold(String::new(), |mut rows, second| {
        writeln!(rows, "{second},1.5").unwrap();
        rows
    });
    place.file("many.csv", format!("t,many\n{rows}"));
    place.file("none.csv", "t,none\n0,NaN\n1,inf\n");
    for file in ["many.csv", "none.csv"] {
        place.run(&format!("ingest {file} --db w --time t --time-format s --values-except t")).ok();
    }
    let error = place.run("query many --db w --plot c.svg").fails(2);
    assert!(error.contains("more than 200,000 points to draw: add --every"), "{error}");
    let error = place.run("query none --db w --plot c.svg").fails(1);
    assert!(error.contains("none has no number that could be drawn"), "{error}");
    assert!(!place.path("c.svg").exists());
    place.run("query many --db w --every 1m --plot c.svg").ok();
}
