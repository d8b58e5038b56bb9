//! Entry points for fuzzing. They may change in any release.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};

use crate::{Engine, EngineOptions, Expression, MAX_TEXT_BYTES, ParserOptions, Query, QueryValue, STALE_BITS, parse};

/// Length to which the evaluator's inputs are cut.
const MAX_EVALUATED_BYTES: usize = 64 << 10;
/// How long a query of the evaluator may run, and how much longer it may take until it notices.
const TIMEOUT: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
/// First and last step of the evaluator's range queries, and the time between two, in seconds.
const START: i64 = 600;
const END: i64 = 1_200;
const STEP: u32 = 60;

/// A database of counters, gauges, buckets and whole numbers, with gaps, NaN, infinities and stale markers.
static DATABASE: LazyLock<Option<Snapshot>> = LazyLock::new(|| {
    let db = Db::builder("fuzz").in_memory().open_blocking().ok()?;
    let mut batch = Batch::new();
    for (host, number) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
        let key = |metric: &str| SeriesKey::new(metric).tag("host", host).tag("job", "x");
        for at in 0..40_u32 {
            let time = Timestamp::from_secs(i64::from(at) * 30);
            let specials = [f64::NAN, f64::INFINITY, f64::from_bits(STALE_BITS), -1.5];
            let special = specials.get(usize::try_from(at % 9).unwrap_or(9)).copied();
            batch.push_key(&key("x"), time, special.unwrap_or(f64::from(at % 7) * number));
            batch.push_key(&key("y_total"), time, f64::from(at % 25) * number);
            batch.push_key(&key("z"), time, i64::MAX - i64::from(at));
            for bound in ["1", "2", "+Inf"] {
                batch.push_key(&key("h_bucket").tag("le", bound), time, f64::from(at) * number);
            }
        }
    }
    db.write_blocking(batch).ok()?;
    Some(db.snapshot())
});

/// Evaluates any bytes as a query, at one time and over a range, with tight limits.
///
/// # Panics
///
/// If a query runs much longer than its timeout, or a point of the answer is at no step.
pub fn evaluator(input: &[u8]) {
    let mut text = String::from_utf8_lossy(input).into_owned();
    text.truncate(text.floor_char_boundary(MAX_EVALUATED_BYTES));
    let Some(snapshot) = DATABASE.as_ref() else { return };
    let engine = Engine::new(EngineOptions {
        parser: ParserOptions::experimental(),
        max_samples: 1_000_000,
        max_series: 10_000,
        max_memory_bytes: 8 << 20,
        timeout: Some(TIMEOUT),
        threads: Some(1),
        ..EngineOptions::default()
    });
    let (start, end) = (Timestamp::from_secs(START), Timestamp::from_secs(END));
    let step = Duration::from_secs(u64::from(STEP));
    for query in [engine.instant(snapshot, &text, end), engine.range(snapshot, &text, start, end, step)] {
        let started = Instant::now();
        let result = query.and_then(Query::run_blocking);
        assert!(started.elapsed() < TIMEOUT + GRACE, "{:?} for {text}", started.elapsed());
        match result {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(result) => {
                assert!(!result.to_json().is_empty());
                if let QueryValue::Matrix(list) = &result.value {
                    assert!(list.iter().all(|series| !series.points.is_empty()), "{text}");
                }
            }
        }
    }
}

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

    use super::{evaluator, parser};

    /// Returns the inputs of some folders of fuzz/.
    fn corpus(folders: &[&str]) -> Vec<Vec<u8>> {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let files = folders.iter().flat_map(|folder| std::fs::read_dir(fuzz.join(folder)).into_iter().flatten());
        let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no corpus");
        paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Calls an entry point with each input of some folders of fuzz/.
    fn run_corpus(folders: &[&str], entry_point: fn(&[u8])) {
        for input in &corpus(folders) {
            entry_point(input);
        }
    }

    /// Parts of queries that changed inputs get.
    const PARTS: [&str; 24] = [
        "(",
        ")",
        "[5m]",
        "[1h:1s]",
        " offset -1d",
        " @ end()",
        " by (host)",
        "sum",
        "rate(",
        "x",
        "h_bucket",
        "{host=~\".*\"}",
        " or ",
        " / on () group_left ",
        "-",
        "^",
        "1e308",
        "NaN",
        "0x7f",
        "\"\\xff\"",
        ", ",
        " bool ",
        " anchored",
        "#\n",
    ];

    /// Calls an entry point with inputs of some folders that are changed at random places, from a seed.
    ///
    /// `TIMESTRATA_CHANGED_QUERIES` sets their number, `TIMESTRATA_SEED` the seed.
    fn run_changed(folders: &[&str], entry_point: fn(&[u8])) {
        let setting = |name: &str, default: u64| {
            std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(default)
        };
        let mut state = setting("TIMESTRATA_SEED", 1);
        // SplitMix64 (Steele, Lea and Flood, 2014).
        let mut below = |bound: usize| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed ^ (mixed >> 31)) % (bound.max(1) as u64)).unwrap()
        };
        let inputs = corpus(folders);
        for _ in 0..setting("TIMESTRATA_CHANGED_QUERIES", 300) {
            let mut input = inputs[below(inputs.len())].clone();
            for _ in 0..=below(4) {
                let (from, len) = (below(input.len() + 1), below(12));
                let range = from..(from + len).min(input.len());
                let part = match below(5) {
                    0 => Vec::new(),
                    1 => input[range.clone()].repeat(below(4)),
                    2 => vec![below(256).try_into().unwrap(); len],
                    3 => {
                        let other = &inputs[below(inputs.len())];
                        let start = below(other.len() + 1);
                        other[start..(start + below(64)).min(other.len())].to_vec()
                    }
                    _ => PARTS[below(PARTS.len())].as_bytes().to_vec(),
                };
                let replaced = if below(2) == 0 { range } else { from..from };
                input.splice(replaced, part);
            }
            entry_point(&input);
        }
    }

    #[test]
    fn changed_queries_of_the_fuzz_corpus_are_parsed_or_refused() {
        run_changed(&["corpus/promql_parser", "corpus/promql_evaluator"], parser);
    }

    #[test]
    fn changed_queries_of_the_fuzz_corpus_are_evaluated_or_refused() {
        run_changed(&["corpus/promql_parser", "corpus/promql_evaluator"], evaluator);
    }

    #[test]
    fn every_query_of_the_fuzz_corpus_is_parsed_or_refused() {
        run_corpus(&["corpus/promql_parser", "regressions/promql_parser"], parser);
    }

    #[test]
    fn every_query_of_the_fuzz_corpus_is_evaluated_or_refused() {
        let folders = ["corpus/promql_parser", "corpus/promql_evaluator", "regressions/promql_evaluator"];
        run_corpus(&folders, evaluator);
    }

    /// Texts of 64 KiB whose work could grow with the square of their length.
    #[test]
    fn long_texts_are_evaluated_or_refused() {
        let fill = |head: &str, part: &str, tail: &str| {
            let count = (64 * 1024 - head.len() - tail.len()) / part.len();
            format!("{head}{}{tail}", part.repeat(count))
        };
        let deep = |head: &str, inner: &str, tail: &str| format!("{}{inner}{}", head.repeat(120), tail.repeat(120));
        let texts = [
            fill("x", "+x", ""),
            fill("sum by(a", ",a", ")(x)"),
            fill("label_join(x,\"a\",\"b\"", ",\"host\"", ")"),
            fill("x{", "host=~\"(a|b)d*\",", "}"),
            fill("label_replace(x,\"a\",\"", "$1", "\",\"host\",\"(.*)\")"),
            format!("{{__name__=~\"{}\"}}", "(x|y)*".repeat(9_000)),
            deep("max_over_time(", "x", "[1h:1s])"),
            deep("sum_over_time(", "x", "[10000w:1ms])"),
            deep("-", "x", ""),
            deep("(x or ", "x", ")"),
            deep("label_join(", "x", ",\"host\",\"-\",\"host\",\"host\")"),
            deep("count_values(\"v\",", "x", ")"),
            "x[1s:1ns]".to_owned(),
            "absent_over_time(x[9000000000000s:1s])".to_owned(),
        ];
        for text in texts {
            evaluator(text.as_bytes());
        }
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
