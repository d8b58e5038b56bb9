//! What the printer writes is the tree that it was given.

use proptest::prelude::*;
use timestrata_promql::{Expression, ParserOptions, parse};

use crate::queries::{Grammar, vector};

fn tree(text: &str) -> Expression {
    parse(text, &ParserOptions::experimental()).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn printed_queries_parse_to_the_same_tree(text in vector(Grammar::Whole)) {
        // A division by a literal zero, or a range that is not positive, is refused at once.
        let Ok(parsed) = parse(&text, &ParserOptions::experimental()) else { return Err(TestCaseError::reject("zero")) };
        let expected = parsed.without_spans();
        let printed = parsed.to_string();
        let again = tree(&printed);
        prop_assert_eq!(again.without_spans(), expected.clone());
        prop_assert_eq!(again.to_string(), printed);
        let pretty = parsed.pretty();
        prop_assert_eq!(tree(&pretty).without_spans(), expected);
        prop_assert_eq!(tree(&pretty).pretty(), pretty);
    }

    #[test]
    fn spans_are_within_the_text_and_within_their_parents(text in vector(Grammar::Whole)) {
        let Ok(parsed) = parse(&text, &ParserOptions::experimental()) else { return Err(TestCaseError::reject("zero")) };
        let mut places = Vec::new();
        parsed.walk(&mut |node| {
            places.push(node.span());
            for child in node.children() {
                assert!(child.span().start >= node.span().start && child.span().end <= node.span().end);
            }
        });
        for place in places {
            prop_assert!(text.get(place.start..place.end).is_some_and(|part| !part.is_empty()));
        }
    }
}
