use crate::{ParserOptions, parse};

fn tree(text: &str) -> crate::Expression {
    parse(text, &ParserOptions::experimental()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_canonical_text_is_that_of_the_reference() {
    let texts = [
        ("sum(x)by(a,b)", "sum by (a, b) (x)"),
        ("SUM without(a)(x)", "sum without (a) (x)"),
        ("sum by () (x)", "sum(x)"),
        ("topk(5,x)", "topk(5, x)"),
        ("a+on(b)group_left(c)d", "a + on (b) group_left (c) d"),
        ("a+ignoring()group_right d", "a + ignoring () group_right () d"),
        ("a==bool b", "a == bool b"),
        ("a+fill(1)b", "a + fill (1) b"),
        ("a+fill_right(-1)fill_left(NaN)b", "a + fill_left (NaN) fill_right (-1) b"),
        ("x{a='b',\"c d\"!~\"e\"}", "x{a=\"b\",\"c d\"!~\"e\"}"),
        ("{\"a.b\"}", "{__name__=\"a.b\"}"),
        ("x[300]offset-60@5", "x[5m] @ 5.000 offset -1m"),
        ("x[90d]", "x[90d]"),
        ("x[14d]", "x[2w]"),
        ("x[0.0015]", "x[0.0015]"),
        ("rate(x[5m])[1h:]@end()", "rate(x[5m])[1h:] @ end()"),
        ("x[5m]smoothed", "x[5m] smoothed"),
        ("x[step()+1m*(2-1)]", "x[step() + 1m * (2 - 1)]"),
        ("x offset-min_of(1,step())", "x offset -min_of(1, step())"),
        ("-x^2", "-x ^ 2"),
        ("1e20", "100000000000000000000"),
        ("0x10", "16"),
        ("90m", "1h30m"),
        ("-Inf", "-Inf"),
        ("Inf^2", "Inf ^ 2"),
        ("`a\\b`", "\"a\\\\b\""),
        ("'\\xff'", "\"\\xff\""),
    ];
    for (text, expected) in texts {
        assert_eq!(tree(text).to_string(), expected);
        assert_eq!(tree(expected).without_spans(), tree(text).without_spans(), "{text}");
    }
}

#[test]
fn long_queries_are_split() {
    let name = "a_name_that_is_long_enough_for_two_of_them_to_need_more_than_one_line";
    let expected = format!(
        "  -topk(
    5,
    abs(
        {name}
      + on (b) group_left ()
        {name}
    )
  )
*
  (
      {name}
    /
      {name}
  )"
    );
    let text = format!("-topk(5, abs({name} + on (b) group_left () {name})) * ({name} / {name})");
    assert_eq!(tree(&text).pretty(), expected);
    assert_eq!(tree(&expected).without_spans(), tree(&text).without_spans());
    assert_eq!(tree("a + b").pretty(), "a + b");
}
