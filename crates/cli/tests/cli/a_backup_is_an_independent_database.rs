//! `backup` makes a database that is usable like its original. It changes nothing in a target that it refuses.

use crate::common::{Place, data};

fn filled(options: &str) -> Place {
    let place = Place::new();
    let file = data("nyc_weather_hourly.csv");
    place.run(&format!("ingest {} --db w --time time_hour --tags origin=station {options}", file.display())).ok();
    place
}

#[test]
fn it_answers_as_the_one_it_is_of() {
    let place = filled("--values temp,visib --duplicates last");
    let query = "'temp{station=\"JFK\"}'";
    let points = place.points(&format!("--db w {query}"));
    let out = place.run("backup backups/monday --db w").ok();
    assert!(out.starts_with("w -> backups/monday\n"), "{out}");
    assert!(out.contains("points    52,229 in files, of 6 series, up to seq "), "{out}");
    assert!(out.contains(" linked, 0 copied\n"), "{out}");

    std::fs::remove_dir_all(place.path("w")).unwrap();
    assert!(place.run("verify --db backups/monday").ok().contains("every checksum and invariant holds"));
    assert_eq!(place.points(&format!("--db backups/monday {query}")), points);
    assert!(
        place.run("stats --db backups/monday").ok().contains("policy    keep the last of several points at one time\n")
    );
}

#[test]
fn a_directory_that_holds_something_is_refused() {
    let place = filled("--values temp");
    let error = place.run("backup w/inside --db w").fails(2);
    assert!(error.contains("w/inside lies inside the database w; name a directory outside it"), "{error}");
    place.run("backup b --db w").ok();
    let error = place.run("backup b --db w").fails(2);
    assert!(error.contains("b is not empty (found "), "{error}");
    let error = place.run("backup c --db nothing").fails(2);
    assert!(error.contains("no database in nothing") && !place.path("c").exists(), "{error}");
}

#[test]
fn rows_outside_of_the_times_that_are_taken_are_bad_ones() {
    let place = Place::new();
    place.file("f.csv", "time,x\n2013-01-01,1\n1970-01-01,2\n2200-01-01,3\n2013-01-02,4\n");
    let limits = "--refuse-before 2000-01-01 --refuse-after now";
    let error = place.run(&format!("ingest f.csv --db d --time time {limits}")).fails(2);
    assert!(error.contains("f.csv line 3: column time: 1970-01-01T00:00:00Z is older than 2000-01-01T"), "{error}");
    assert!(error.contains("all rows before it are durable (1 in this run)"), "{error}");
    let out = place.run(&format!("ingest f.csv --db d --time time {limits} --skip-bad --from-line 3")).ok();
    assert!(out.contains("rows      1, 2 refused"), "{out}");
    assert!(out.contains("line 4: column time: 2200-01-01T00:00:00Z is later than 20"), "{out}");
    let values: Vec<String> = place.points("--db d x").into_iter().map(|[_, _, value]| value).collect();
    assert_eq!(values.iter().map(|value| value.parse().unwrap()).collect::<Vec<f64>>(), [1.0, 4.0]);
}

#[test]
fn another_treatment_of_duplicates_is_refused() {
    let place = Place::new();
    place.file("f.csv", "time,x\n2013-01-01,1\n");
    place.run("ingest f.csv --db d --time time --duplicates first").ok();
    let error = place.run("ingest f.csv --db d --time time --duplicates all").fails(2);
    assert!(error.contains("option duplicates: the policy of the database is `keep the first`"), "{error}");
    place.run("ingest f.csv --db d --time time").ok();
}
