//! Parse speed of each text format, without storing: MB/s and million points/s on one core.
//!
//! `cargo bench -p timestrata-ingest --bench parse [NAME]`

mod inputs;

use std::fmt::Write as _;
use std::time::Instant;

use inputs::{HOSTS, decode, line_protocol};

/// Rows of an input.
const ROWS: usize = 1_000_000;

fn main() {
    let wanted = std::env::args().nth(1).filter(|name| !name.starts_with('-')).unwrap_or_default();
    let inputs: Vec<(&str, &str, String)> = vec![
        ("line-protocol, 1 field", "line-protocol", line_protocol(ROWS, 1)),
        ("line-protocol, 10 fields", "line-protocol", line_protocol(ROWS, 10)),
        ("prometheus", "prometheus", prometheus()),
        ("graphite", "graphite", graphite()),
        ("annotated-csv", "annotated-csv", annotated_csv()),
        ("json, 4 values", "json", json_lines()),
    ];
    for (title, format, input) in inputs {
        if title.contains(&wanted) {
            measure(title, format, input.as_bytes());
        }
    }
}

/// Decodes an input three times and prints the fastest run.
fn measure(title: &str, format: &str, input: &[u8]) {
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
