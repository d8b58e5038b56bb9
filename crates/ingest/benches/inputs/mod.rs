//! Inputs of the benches, and how they are decoded.

use std::fmt::Write as _;

use timestrata_ingest::formats::register_all;
use timestrata_ingest::{IngestOptions, Registry, Rows};

/// Series of a field.
pub(crate) const HOSTS: usize = 100;
/// Bytes that a decoder gets at once.
const PIECE: usize = 1 << 20;

/// Returns lines of line protocol with this number of points, and of fields a line.
pub(crate) fn line_protocol(points: usize, fields: usize) -> String {
    let mut text = String::new();
    for row in 0..points / fields {
        let _ = write!(text, "cpu,host=host_{},region=eu-west-1,rack=7 ", row % HOSTS);
        for field in 0..fields {
            let separator = if field == 0 { "" } else { "," };
            let _ = write!(text, "{separator}usage_{field}={}.{:02}", (row * 7 + field) % 100, row % 100);
        }
        let _ = writeln!(text, " {}", 1_704_067_200_000_000_000_usize + row * 10_000_000);
    }
    text
}

/// Decodes an input without storing it.
pub(crate) fn decode(format: &str, input: &[u8]) -> usize {
    let mut registry = Registry::empty();
    register_all(&mut registry);
    let format = registry.by_name(format).expect("the format is registered");
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
