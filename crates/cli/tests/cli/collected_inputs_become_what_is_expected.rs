//! Runs every case of a collection of small inputs, as exporters, loggers, meters and spreadsheets write them.
//!
//! Each case has a file, options, and the points that the database must hold afterwards, or the texts of a refusal.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use timestrata::{Db, Selector, SeriesKey, Timestamp, Value, ValueType};

use crate::common::Place;

/// Directory of the collection, unless it is found beside a directory above this crate.
const SHARED: &str = "TIMESTRATA_SHARED";

fn inputs() -> Option<PathBuf> {
    let given = std::env::var_os(SHARED).map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("shared"));
    let found = given.into_iter().chain(above).map(|dir| dir.join("data/inputs"));
    found.into_iter().find(|dir| dir.join("expected.jsonl").exists())
}

/// A point as a series, nanoseconds and a value with its type.
type Point = (String, i64, String);

fn text_of(value: Value) -> String {
    match value {
        Value::F64(number) => format!("f64 {:016x}", number.to_bits()),
        Value::I64(number) => format!("integer {number}"),
        Value::U64(number) => format!("integer {number}"),
        Value::Bool(state) => format!("bool {state}"),
        other => format!("{other:?}"),
    }
}

fn stored(db: &Path) -> Vec<Point> {
    let reader = Db::builder(db).read_only().open_blocking().unwrap();
    let snapshot = reader.snapshot();
    let selector: Selector = "{}".parse().unwrap();
    let mut points = Vec::new();
    for info in snapshot.list_series(&selector) {
        macro_rules! scan {
            ($ty:ty, $value:path) => {
                for point in snapshot.scan(snapshot.series::<$ty>(&info.key).unwrap(), ..) {
                    let point = point.unwrap();
                    points.push((info.key.to_string(), point.timestamp.as_nanos(), text_of($value(point.value))));
                }
            };
        }
        match info.value_type {
            ValueType::F64 => scan!(f64, Value::F64),
            ValueType::I64 => scan!(i64, Value::I64),
            ValueType::U64 => scan!(u64, Value::U64),
            ValueType::Bool => scan!(bool, Value::Bool),
        }
    }
    points
}

/// Parses a series as a selector writes it: a metric with spaces or braces is quoted inside the braces.
fn series_key(text: &str) -> SeriesKey {
    let Some((metric, tags)) = text.strip_prefix("{\"").and_then(|rest| rest.split_once('"')) else {
        return text.parse().unwrap_or_else(|_| SeriesKey::new(text));
    };
    let tags: SeriesKey = format!("m{{{}", tags.trim_start_matches(',')).parse().unwrap();
    tags.with_metric(metric)
}

fn expected_points(points: &[Json]) -> Vec<Point> {
    let point = |point: &Json| {
        let key = series_key(point[0].as_str().unwrap());
        let time: Timestamp = point[1].as_str().unwrap().parse().unwrap();
        let value = match &point[2] {
            Json::Bool(state) => format!("bool {state}"),
            Json::Number(number) if number.is_f64() => format!("f64 {:016x}", number.as_f64().unwrap().to_bits()),
            number => format!("integer {number}"),
        };
        (key.to_string(), time.as_nanos(), value)
    };
    points.iter().map(point).collect()
}

/// Checks a run against one accepted result.
fn check(expected: &Json, place: &Place, code: i64, output: &str) -> Result<(), String> {
    if expected["exit"].as_i64() != Some(code) {
        return Err(format!("exit code {code}"));
    }
    for text in expected["stderr_names"].as_array().unwrap() {
        if !output.contains(text.as_str().unwrap()) {
            return Err(format!("the output does not name {text}"));
        }
    }
    let db = place.path("d");
    if expected["db"] == Json::Bool(false) && db.exists() {
        return Err("a database is left behind".to_owned());
    }
    let Some(points) = expected["points"].as_array() else { return Ok(()) };
    let mut wanted = expected_points(points);
    let mut found = if db.exists() { stored(&db) } else { Vec::new() };
    // Stable: points of one series at one time keep their order.
    wanted.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    found.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    if wanted == found { Ok(()) } else { Err(format!("points {found:?}, expected {wanted:?}")) }
}

#[test]
fn collected_inputs_become_what_is_expected() {
    let Some(inputs) = inputs() else {
        println!("skipped: the collection is not there; {SHARED} can name the directory that holds it");
        return;
    };
    let cases = std::fs::read_to_string(inputs.join("expected.jsonl")).unwrap();
    let (mut passed, mut failed) = (0, Vec::new());
    for case in cases.lines() {
        let case: Json = serde_json::from_str(case).unwrap();
        let name = case["case"].as_str().unwrap();
        let place = Place::new();
        let file = case["file"].as_str().unwrap();
        std::fs::copy(inputs.join(file), place.path(file)).unwrap();
        let options = case["args"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        let words = ["ingest", file, "--db", "d"].into_iter().chain(options);
        let output = place.command(words).output().unwrap();
        let code = output.status.code().map_or(-1, i64::from);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let others = case["or"].as_array().into_iter().flatten();
        let results: Vec<_> =
            std::iter::once(&case).chain(others).map(|accepted| check(accepted, &place, code, &said)).collect();
        if results.iter().any(Result::is_ok) {
            passed += 1;
        } else {
            println!("failed: {name}: {}\n{said}", results[0].as_ref().unwrap_err());
            failed.push(name.to_owned());
        }
    }
    println!("{passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{failed:?}");
}
