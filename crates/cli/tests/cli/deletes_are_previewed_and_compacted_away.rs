//! `delete` shows the points that it would hide, and hides them only with `--yes`. `compact` removes the hidden points,
//! and `stats` shows both states.

use crate::common::{Place, data};

#[test]
fn deletes_are_previewed_and_compacted_away() {
    let place = Place::new();
    let file = data("nyc_weather_hourly.csv");
    place.run(&format!("ingest {} --db w --time time_hour --tags origin=station --values temp", file.display())).ok();
    let points = |query: &str| place.points(&format!("--db w {query}")).len();
    let (jfk, lga) = (points("'temp{station=\"JFK\"}'"), points("'temp{station=\"LGA\"}'"));

    let delete = "delete 'temp{station=\"JFK\"}' --to 2013-07-01 --db w";
    let shown = place.run(delete).ok();
    assert!(shown.contains("temp{station=\"JFK\"}\n"), "{shown}");
    assert!(shown.contains("nothing is deleted yet: add --yes to delete"), "{shown}");
    assert_eq!(points("'temp{station=\"JFK\"}'"), jfk, "only shown");

    let done = place.run(&format!("{delete} --yes")).ok();
    assert!(done.contains("deleted"), "{done}");
    let left = points("'temp{station=\"JFK\"}'");
    assert!(left < jfk && left > 0, "{left} of {jfk}");
    assert_eq!(points("'temp{station=\"LGA\"}'"), lga, "another series");

    let compacted = place.run("compact --db w").ok();
    assert!(compacted.contains("after   1 files"), "{compacted}");
    let stats = place.run("stats --db w").ok();
    assert!(stats.contains("base") && !stats.contains("deletes"), "{stats}");
    assert_eq!(points("'temp{station=\"JFK\"}'"), left);
    assert!(place.run("verify --db w").ok().contains("every checksum and invariant holds"));
}

#[test]
fn a_delete_of_no_series_names_those_there_are() {
    let place = Place::new();
    place.file("f.csv", "time,x\n2013-01-01,1\n");
    place.run("ingest f.csv --db d --time time").ok();
    let answer = place.run("delete y --db d --yes").fails(1);
    assert!(answer.contains("no metric y"), "{answer}");
}
