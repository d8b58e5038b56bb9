//! The suite is in the language, and complete; its queries parse, and those that do not fail as they must.

use timestrata_promql::{ParserOptions, parse};

use crate::files::suite_files;
use crate::language::eval::{Annotation, Eval, Expectation, Message};
use crate::language::{CommandKind, parse_file};

/// Returns the queries of the suite with their files and lines; `None` if the suite is not there.
fn cases() -> Option<Vec<(String, Eval)>> {
    let mut cases = Vec::new();
    for (name, text) in suite_files()? {
        let commands = parse_file(&text).unwrap_or_else(|error| panic!("{name}:{}: {}", error.line, error.message));
        for command in commands {
            if let CommandKind::Eval(eval) = command.kind {
                cases.push((format!("{name}:{}", command.line), *eval));
            }
        }
    }
    Some(cases)
}

#[test]
fn every_case_is_counted() {
    let Some(cases) = cases() else { return };
    let files = suite_files().unwrap();
    assert_eq!((files.len(), cases.len()), (21, 2_214));
}

#[test]
fn every_query_parses_unless_it_must_fail() {
    let Some(cases) = cases() else { return };
    for (place, eval) in cases {
        let Err(error) = parse(&eval.query, &ParserOptions::experimental()) else { continue };
        let fails: Vec<&Message> = eval
            .expectations
            .iter()
            .filter_map(|line| match line {
                Expectation::Annotation(Annotation::Fail, message) => Some(message),
                _ => None,
            })
            .collect();
        assert!(!fails.is_empty(), "{place}: {}: {error}", eval.query);
        for message in fails {
            match message {
                Message::Any => {}
                Message::Exact(text) => assert!(error.to_string().contains(text), "{place}: {error} is not {text}"),
                Message::Regex(pattern) => {
                    let regex = regex::Regex::new(pattern).unwrap();
                    assert!(regex.is_match(&error.to_string()), "{place}: {error} does not match {pattern}");
                }
            }
        }
    }
}

/// What is printed, on one line or formatted, parses to the tree that was printed.
#[test]
fn every_query_is_printed_as_its_tree() {
    let Some(cases) = cases() else { return };
    for (place, eval) in cases {
        let options = ParserOptions::experimental();
        let Ok(tree) = parse(&eval.query, &options) else { continue };
        for printed in [tree.to_string(), tree.pretty()] {
            let again = parse(&printed, &options).unwrap_or_else(|error| panic!("{place}: {printed}: {error}"));
            assert_eq!(again.without_spans(), tree.without_spans(), "{place}: {printed}");
        }
    }
}
