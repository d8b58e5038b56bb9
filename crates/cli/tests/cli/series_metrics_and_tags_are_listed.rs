//! Lists series, metrics, tags and tag values, of the whole database and of a selection.

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    place.file("f.csv", "t,host,region,cpu,ram\n1,a,eu,1.5,2.5\n2,b,us,1.5,2.5\n3,c,eu,1.5,2.5\n");
    place.run("ingest f.csv --db d --time t --time-format s --tags host,region").ok();
    place
}

#[test]
fn names_are_listed_instead_of_series() {
    let place = place();
    let list = |args: &str| place.run(&format!("series {args} --db d --format csv")).ok();
    assert_eq!(list("").lines().count(), 7);
    assert_eq!(list("--metrics"), "name,kind,unit,description\ncpu,unknown,,\nram,unknown,,\n");
    assert_eq!(list("--tags"), "name\nhost\nregion\n");
    assert_eq!(list("--values host"), "name\na\nb\nc\n");
    assert_eq!(list("{region=(\"eu\",\"asia\")} --values host"), "name\na\nc\n");
    assert_eq!(list("cpu --metrics"), "name,kind,unit,description\ncpu,unknown,,\n");
    assert_eq!(list("{__name__=~\"r.*\"} --metrics").lines().nth(1), Some("ram,unknown,,"));
    assert_eq!(list("--limit 2").lines().count(), 3);
    assert_eq!(place.run("series --tags --db d --format json").ok().lines().next(), Some(r#"{"name":"host"}"#));
}

#[test]
fn one_thing_is_listed_at_a_time() {
    let place = place();
    assert!(place.run("series --tags --metrics --db d").fails(2).contains("cannot be used with"));
}
