//! `timestrata promql`: queries at one time and over a range, in every format.

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    let rows: Vec<String> = (0..=10).map(|n| format!("{},a,{}\n{},b,{}\n", n * 60, n * 60, n * 60, n * 120)).collect();
    place.file("f.csv", format!("t,host,requests_total\n{}", rows.concat()));
    place.run("ingest f.csv --db d --time t --time-format s --tags host").ok();
    place
}

#[test]
fn a_query_has_one_time_or_a_range_of_them() {
    let place = place();
    let query = |rest: &str| place.run(&format!("promql {rest} --db d --format csv")).ok();
    assert_eq!(
        query("'sum by (host) (rate(requests_total[5m]))' --at 1970-01-01T00:10:00Z"),
        "series,time,value\n\"{host=\"\"a\"\"}\",1970-01-01T00:10:00Z,1\n\"{host=\"\"b\"\"}\",1970-01-01T00:10:00Z,2\n"
    );
    assert_eq!(
        query("'sum(requests_total)' --from 1970-01-01T00:01:00Z --to 1970-01-01T00:02:00Z --step 30s"),
        "series,time,value\n{},1970-01-01T00:01:00Z,180\n{},1970-01-01T00:01:30Z,180\n{},1970-01-01T00:02:00Z,360\n"
    );
    assert_eq!(query("'2 ^ 10' --at 1970-01-01").lines().nth(1), Some("{},1970-01-01T00:00:00Z,1024"));
    assert_eq!(query("'limitk(1, requests_total)' --experimental --at 1970-01-01").lines().count(), 2);
}

#[test]
fn json_has_the_form_of_prometheus_and_notes_have_a_place() {
    let place = place();
    let ended =
        place.run("promql 'rate(requests_total{host=\"a\"}[2m]) > 0' --db d --at 1970-01-01T00:05:00Z --format json");
    assert_eq!(
        ended.ok(),
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"host\":\"a\"},\"value\":[300,\"1\"]}]}}\n"
    );
    let ended = place.run("promql 'quantile(2, requests_total)' --db d --at 1970-01-01T00:05:00Z");
    assert!(ended.err.contains("quantile value should be between 0 and 1, got 2 (1:10)"), "{}", ended.err);
    let plan = place.run("promql 'requests_total + requests_total' --db d --at 1970-01-01 --explain").ok();
    assert!(plan.contains("2 series") && plan.contains("used 2x"), "{plan}");
}

#[test]
fn errors_name_the_place_and_an_empty_answer_is_a_negative_result() {
    let place = place();
    assert!(place.run("promql 'sum(' --db d").fails(2).contains("1:5: parse error"));
    assert!(place.run("promql 'nothing' --db d --at 1970-01-01").fails(1).contains("no result"));
    assert!(place.run("promql 'limitk(1, requests_total)' --db d").fails(2).contains("parse error"));
    assert!(place.run("promql 'requests_total' --db d --to 1970-01-02").fails(2).contains("--from"));
    let long = place.run("promql 'requests_total' --db d --from 1970-01-01 --to 1971-01-01 --step 1s");
    assert!(long.fails(2).contains("more than 11000 steps"));
}

#[test]
fn the_commands_of_the_documentation_run() {
    let place = Place::new();
    // Every half hour from 2013-06-30T22:00:00Z.
    let row = |at: i64, station: &str| format!("{},{station},{at},{}\n", 1_372_629_600 + at * 1_800, at % 30);
    let rows: Vec<String> = (0..31 * 48).map(|at| row(at, "JFK") + &row(at, "LGA")).collect();
    place.file("f.csv", format!("t,station,rain_total,temp\n{}", rows.concat()));
    place.run("ingest f.csv --db weather.db --time t --time-format s --tags station").ok();
    let documentation = include_str!("../../../../docs/promql.md");
    let blocks = documentation.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let commands: Vec<&str> = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("timestrata ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        assert!(place.run(command).ok().contains("JFK"), "{command}");
    }
}
