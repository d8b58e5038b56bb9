//! `inspect` of a file that a compaction wrote: series by key, and for each block its series, codecs, bytes and
//! statistics.

use crate::common::{Place, data};

#[test]
fn inspect_shows_the_blocks_of_a_file() {
    let place = Place::new();
    let file = data("nyc_weather_hourly.csv");
    let values = "--tags origin=station --values temp,wind_speed";
    place.run(&format!("ingest {} --db w --time time_hour {values}", file.display())).ok();
    place.run("compact --db w").ok();
    let paths = std::fs::read_dir(place.path("w")).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "sst"));
    let ssts: Vec<String> = paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(ssts.len(), 1, "{ssts:?}");

    let told = place.run(&format!("inspect w/{} --all", ssts[0])).ok();
    let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    // The file holds a year of each station, one station after the other: one or two blocks per series. The wind
    // speed has a few dozen values, which are no short decimals.
    let blocks_of = |key: &str| {
        rows.iter().filter(|row| row.len() == 18 && row[1] == key).map(|row| row.join(" ")).collect::<Vec<_>>()
    };
    let wind = blocks_of("wind_speed{station=\"JFK\"}");
    let has_codec =
        |block: &String, codecs: [&str; 2]| codecs.iter().any(|codec| block.contains(&format!(" {codec} ")));
    assert!(!wind.is_empty() && wind.iter().all(|block| has_codec(block, ["distinct", "pco"])), "{told}");
    let temp = blocks_of("temp{station=\"JFK\"}");
    assert!(!temp.is_empty() && temp.iter().all(|block| has_codec(block, ["alp", "pco"])), "{told}");
    assert!(rows.iter().any(|row| row.ends_with(&["f64", "keep", "all", "temp{station=\"EWR\"}"])), "{told}");
    // Output that is not a terminal gets every row, with or without `--all`.
    assert_eq!(place.run(&format!("inspect w/{}", ssts[0])).ok(), told);
    assert!(place.run("verify --db w").ok().contains("every checksum and invariant holds"));
}
