//! `describe` and the options of `ingest` that give metrics a kind, a unit and a description.

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    place.file("f.csv", "t,host,cpu,ram\n1,a,1.5,2.5\n2,b,1.5,2.5\n");
    place
}

const INGEST: &str = "ingest f.csv --db d --time t --time-format s --tags host --prefix rig_";

#[test]
fn a_metric_is_described_and_a_part_is_changed_alone() {
    let place = place();
    place.run(INGEST).ok();
    let describe = |args: &str| place.run(&format!("describe {args} --db d --format csv")).ok();
    let header = "name,kind,unit,description\n";
    assert_eq!(describe(""), header);
    assert_eq!(describe("rig_cpu"), format!("{header}rig_cpu,unknown,,\n"));
    assert_eq!(describe("rig_cpu --kind gauge --unit percent"), format!("{header}rig_cpu,gauge,percent,\n"));
    assert_eq!(describe("rig_cpu --description load"), format!("{header}rig_cpu,gauge,percent,load\n"));
    assert_eq!(describe("later --unit s"), format!("{header}later,unknown,s,\n"), "a metric without a series");
    let json = place.run("series rig_cpu --metrics --db d --format json").ok();
    assert_eq!(json, "{\"name\":\"rig_cpu\",\"kind\":\"gauge\",\"unit\":\"percent\",\"description\":\"load\"}\n");
    assert_eq!(describe("rig_cpu --remove"), format!("{header}rig_cpu,unknown,,\n"));
    assert_eq!(describe(""), format!("{header}later,unknown,s,\n"));
    place.run("backup b --db d").ok();
    assert_eq!(place.run("describe --db b --format csv").ok(), describe(""));
}

#[test]
fn wrong_arguments_are_named() {
    let place = place();
    place.run(INGEST).ok();
    assert!(place.run("describe rig_cpu --kind speed --db d").fails(2).contains("it is none of unknown, gauge,"));
    assert!(place.run("describe --unit s --db d").fails(2).contains("required"));
    assert!(place.run("describe rig_cpu --unit s --remove --db d").fails(2).contains("cannot be used with"));
    assert!(place.run("describe none --db d").fails(1).contains("no metric none"));
}

#[test]
fn an_ingest_describes_its_metrics() {
    let place = place();
    let options = "--kinds cpu=gauge,ram=gauge --metric-units ram=bytes --describe ram=a=b";
    place.run(&format!("{INGEST} {options}")).ok();
    let listed = || place.run("series --metrics --db d --format csv").ok();
    assert_eq!(listed(), "name,kind,unit,description\nrig_cpu,gauge,,\nrig_ram,gauge,bytes,a=b\n");
    place.run(&format!("{INGEST} --metric-units rig_cpu=percent")).ok();
    assert_eq!(listed(), "name,kind,unit,description\nrig_cpu,gauge,percent,\nrig_ram,gauge,bytes,a=b\n");
    for (options, text) in [
        ("--metric-units host=s", "--metric-units host=s: write COLUMN=TEXT with a value column; these are cpu, ram"),
        ("--metric-units cpu", "--metric-units cpu: write COLUMN=TEXT"),
        ("--kinds cpu=fast", "invalid metric kind \"fast\""),
    ] {
        let message = place.run(&format!("{INGEST} {options}")).fails(2);
        assert!(message.contains(text), "{message}");
    }
}
