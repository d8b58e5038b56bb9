//! `timestrata promql --check`: a formatted query, or where it is wrong.

use crate::common::Place;

#[test]
fn a_valid_query_is_printed_formatted() {
    let place = Place::new();
    place.file("q.promql", "sum(rate(x{a='b'}[300])) # per second\n by (c)\n");
    assert_eq!(place.run("promql --check q.promql").ok(), "sum by (c) (rate(x{a=\"b\"}[5m]))\n");
}

#[test]
fn a_wrong_query_is_shown_with_carets() {
    let place = Place::new();
    place.file("q.promql", "sum(\n  rate(x)\n)\n");
    let ended = place.run("promql --check q.promql");
    let message = "expected type range vector in call to function \"rate\", got instant vector";
    assert_eq!(ended.out, format!("q.promql:2:8: {message}\n  rate(x)\n       ^\n"));
    assert!(ended.fails(1).contains("2:8: parse error"));
}

#[test]
fn experimental_grammar_needs_its_option() {
    let place = Place::new();
    place.file("q.promql", "limitk(1, x)");
    place.run("promql --check q.promql").fails(1);
    assert_eq!(place.run("promql --check q.promql --experimental").ok(), "limitk(1, x)\n");
}

#[test]
fn a_file_that_cannot_be_read_is_wrong_usage() {
    let place = Place::new();
    assert!(place.run("promql --check missing.promql").fails(2).contains("missing.promql"));
    place.run("promql --check q.promql --at 2024").fails(2);
    place.run("promql").fails(2);
}
