//! Entry points for fuzzing. They may change in any release.

use crate::{Expression, MAX_TEXT_BYTES, ParserOptions, parse};

/// Parses any bytes as a query, with and without the experimental grammar.
///
/// # Panics
///
/// If a printed tree parses to another one, or a span is outside of the text.
pub fn parser(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for options in [ParserOptions::default(), ParserOptions::experimental()] {
        match parse(&text, &options) {
            Ok(expression) => check_tree(&text, options, &expression),
            Err(error) => {
                let span = error.span();
                assert!(span.start <= text.len() && span.end <= text.len(), "{error}");
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

fn check_tree(text: &str, options: ParserOptions, expression: &Expression) {
    expression.walk(&mut |node| {
        let span = node.span();
        assert!(text.get(span.start..span.end).is_some_and(|part| !part.is_empty()), "{span:?} of {text}");
    });
    let expected = expression.without_spans();
    for printed in [expression.to_string(), expression.pretty()] {
        // The indentation of a deep tree may be longer than a query may be.
        if printed.len() > MAX_TEXT_BYTES {
            continue;
        }
        let again = parse(&printed, &options);
        assert!(again.is_ok_and(|again| again.without_spans() == expected), "{text} is printed as {printed}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parser;

    #[test]
    fn every_query_of_the_fuzz_corpus_is_parsed_or_refused() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let mut count = 0;
        for folder in [fuzz.join("corpus/promql_parser"), fuzz.join("regressions/promql_parser")] {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                parser(&std::fs::read(entry.unwrap().path()).unwrap());
                count += 1;
            }
        }
        assert!(count > 0, "no corpus");
    }

    /// Texts of 64 KiB whose work could grow with the square of their length, or exhaust the stack.
    #[test]
    fn long_texts_are_parsed_or_refused() {
        let fill = |head: &str, part: &str, tail: &str| {
            let count = (64 * 1024 - head.len() - tail.len()) / part.len();
            format!("{head}{}{tail}", part.repeat(count))
        };
        let texts = [
            fill("", "(", ""),
            fill("", "-", "x"),
            fill("x", "+x", ""),
            fill("1", "^1", ""),
            fill("x", "[1m:]", ""),
            fill("x", " offset 1m", ""),
            fill("x[1m", "+1m", "]"),
            fill("x[", "(", "]"),
            fill("abs(x", ",x", ")"),
            fill("label_join(x,\"a\",\"b\"", ",\"\"", ")"),
            fill("sum by(a", ",a", ")(x)"),
            format!("x + on({}) group_left({}) y", "ab,".repeat(10_000), "ba,".repeat(10_000)),
            fill("x{", "a=\"\",", "}"),
            fill("x{", "a=~\"(b|c)d*\",", "}"),
            fill(&format!("{{{}", "a=~\"\\\\w{5}\",".repeat(200)), "b=\"\",", "}"),
            fill("x{a=~\"", "(", "\"}"),
            fill("x{a=~\"", "{", "\"}"),
            fill("x{a=~\"", "{1", "\"}"),
            fill("x{a=~\"[", "[:", "]\"}"),
            fill("x{a=~\"", "\\\\Q", "\"}"),
            fill("\"", "\\x41", "\""),
            fill("\"", "\u{e9}", "\""),
            fill("1", "1", ""),
            fill("1", "1e+", ""),
            fill("", "1d", ""),
            fill("", "a:", ""),
            fill("", "#", ""),
            fill("", "\n", "x"),
            format!("{}label_join(x,\"a\",\"b\"{}){}", "abs(".repeat(200), ",\"\"".repeat(20_000), ")".repeat(200)),
        ];
        for text in texts {
            parser(text.as_bytes());
        }
    }
}
