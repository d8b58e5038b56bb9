//! Parse speed of each text format, without storing: MB/s and million points/s on one core.
//!
//! `cargo bench -p timestrata-ingest --bench parse [NAME]`

use std::fmt::Write as _;
use std::time::Instant;

use timestrata_ingest::formats::{LineProtocol, register_all};
use timestrata_ingest::{Format, IngestOptions, Registry, Rows};

/// Rows of an input.
const ROWS: usize = 1_000_000;
/// Series of a field.
const HOSTS: usize = 100;
/// Bytes that a decoder gets at once.
const PIECE: usize = 1 << 20;

fn main() {
    let wanted = std::env::args().nth(1).filter(|name| !name.starts_with('-')).unwrap_or_default();
    let mut registry = Registry::empty();
    register_all(&mut registry);
    let inputs: Vec<(&str, &str, String)> = vec![
        ("line-protocol, 1 field", LineProtocol.name(), line_protocol(1)),
        ("line-protocol, 10 fields", LineProtocol.name(), line_protocol(10)),
        ("prometheus", "prometheus", prometheus()),
        ("graphite", "graphite", graphite()),
        ("annotated-csv", "annotated-csv", annotated_csv()),
        ("json, 4 values", "json", json_lines()),
    ];
    for (title, format, input) in inputs {
        if title.contains(&wanted) {
            let format = registry.by_name(format).expect("the format is registered");
            measure(title, &*format, input.as_bytes());
        }
    }
}

/// Decodes an input three times and prints the fastest run.
fn measure(title: &str, format: &dyn Format, input: &[u8]) {
    let mut best = f64::INFINITY;
    let mut points = 0;
    for _ in 0..3 {
        let start = Instant::now();
        points = decode(format, input);
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let (megabytes, millions) = (input.len() as f64 / 1e6 / best, points as f64 / 1e6 / best);
    println!("{title:28} {megabytes:7.0} MB/s {millions:6.2} M points/s");
}

fn decode(format: &dyn Format, input: &[u8]) -> usize {
    let mut planner = format.planner(&IngestOptions::default()).expect("the options fit");
    planner.push(&input[..PIECE.min(input.len())]);
    let mut decoder = planner.finish(false).expect("the input is understood");
    let mut rows = Rows::with_capacity(100_000);
    let (mut at, mut points) = (0, 0);
    while at < input.len() {
        let end = (at + PIECE).min(input.len());
        at += decoder.decode(&input[at..end], end == input.len(), &mut rows).expect("the input is good");
        assert!(rows.refused().is_empty());
        points += rows.values().len();
        if rows.is_full() {
            rows.clear();
        } else {
            points -= rows.values().len();
        }
    }
    points + rows.values().len()
}

fn line_protocol(fields: usize) -> String {
    let mut text = String::new();
    for row in 0..ROWS / fields {
        let _ = write!(text, "cpu,host=host_{},region=eu-west-1,rack=7 ", row % HOSTS);
        for field in 0..fields {
            let separator = if field == 0 { "" } else { "," };
            let _ = write!(text, "{separator}usage_{field}={}.{:02}", (row * 7 + field) % 100, row % 100);
        }
        let _ = writeln!(text, " {}", 1_704_067_200_000_000_000_usize + row * 10_000_000);
    }
    text
}

fn prometheus() -> String {
    let mut text = String::from("# TYPE http_requests_total counter\n");
    for row in 0..ROWS {
        let (host, code) = (row % HOSTS, [200, 404, 500][row % 3]);
        let _ = writeln!(
            text,
            "http_requests_total{{instance=\"host-{host}:9100\",job=\"node\",code=\"{code}\"}} {} {}",
            row * 3,
            1_704_067_200_000_usize + row
        );
    }
    text
}

fn graphite() -> String {
    let mut text = String::new();
    for row in 0..ROWS {
        let _ =
            writeln!(text, "dc1.host-{}.cpu.usage {}.{:02} {}", row % HOSTS, row % 100, row % 97, 1_704_067_200 + row);
    }
    text
}

fn annotated_csv() -> String {
    let mut text = String::from(
        "#group,false,false,false,false,true,true,true\n#datatype,string,long,dateTime:RFC3339,double,string,string,string\n\
         #default,_result,,,,,,\n,result,table,_time,_value,_field,_measurement,host\n",
    );
    for row in 0..ROWS {
        let (minute, second) = (row / 60 % 60, row % 60);
        let host = row % HOSTS;
        let _ = writeln!(text, ",,0,2024-01-01T00:{minute:02}:{second:02}Z,{}.5,usage_user,cpu,host-{host}", row % 100);
    }
    text
}

fn json_lines() -> String {
    let mut text = String::new();
    for row in 0..ROWS / 4 {
        let (minute, second, value) = (row / 60 % 60, row % 60, row % 100);
        let _ = write!(text, "{{\"time\":\"2024-01-01T00:{minute:02}:{second:02}Z\",\"host\":\"a\",");
        let _ = writeln!(text, "\"v\":{value}.5,\"w\":{value},\"x\":{value}.25,\"y\":-{value}.125}}");
    }
    text
}
