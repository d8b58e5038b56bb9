//! A parser of other authors, `promql-parser`, gives the stable grammar the same meaning. It prints what it has read,
//! and this crate reads that: both trees are equal. It lacks positions, the experimental grammar and the newest
//! functions.

use proptest::prelude::*;
use timestrata_promql::{ParserOptions, parse};

use crate::queries::{Grammar, vector};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn another_parser_reads_the_same(text in vector(Grammar::Stable)) {
        let ours = parse(&text, &ParserOptions::default());
        let theirs = promql_parser::parser::parse(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}\n{:?}\n{:?}", text, ours, theirs);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            let theirs = theirs.to_string();
            let reread = parse(&theirs, &ParserOptions::default());
            let reread = reread.unwrap_or_else(|error| panic!("{text}\n{theirs}\n{error}"));
            prop_assert_eq!(reread.without_spans().to_string(), ours.without_spans().to_string(), "{}\n{}", text, theirs);
        }
    }
}

/// Texts that both parsers refuse.
#[test]
fn another_parser_refuses_the_same() {
    let texts = [
        "",
        "1+",
        "a b",
        "(a",
        "a)",
        "rate(x)",
        "sum(1)",
        "1 == 1",
        "1 or a",
        "a + bool b",
        "x[5m][5m]",
        "x[0s]",
        "{}",
        "{a=~\".*\"}",
        "x{a=\"b}",
        "nope(x)",
        "abs(x,)",
        "topk(x)",
        "sum(x) by a",
        "x offset",
        "x @",
        "x[5m:1m:1m]",
        "a and on(b) group_left c",
        "x offset 1m offset 1m",
        "-\"a\"",
        "a == bool",
        "5m5",
        "1..2",
        "x{a=b}",
        "on",
    ];
    for text in texts {
        let ours = parse(text, &ParserOptions::default());
        let theirs = promql_parser::parser::parse(text);
        assert!(ours.is_err() && theirs.is_err(), "{text}: {ours:?} {theirs:?}");
    }
}
