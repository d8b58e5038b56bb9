use super::TokenKind::{
    Add, Assign, Colon, Duration, End, Identifier, LeftBracket, MetricIdentifier, Number, RightBracket,
};
use super::*;

fn kinds(text: &str) -> Vec<TokenKind> {
    let tokens = lex(text);
    assert_eq!(tokens.error, None, "{text}");
    tokens.tokens.into_iter().map(|token| token.kind).collect()
}

fn error(text: &str) -> String {
    lex(text).error.unwrap().message
}

#[test]
fn numbers_have_many_forms() {
    let values = [
        ("1", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1e3),
        ("1E-3", 1e-3),
        ("0x1F", 31.0),
        ("0X_1f", 31.0),
        ("017", 15.0),
        ("089", 89.0),
        ("0b101", 5.0),
        ("1_000.5", 1000.5),
        ("99999999999999999999", 1e20),
    ];
    for (text, value) in values {
        assert_eq!(parse_number(text), Some(value), "{text}");
    }
    for text in ["1__0", "1_", "0x", "1.2.3", "1e", "1_.5", "0xg", "."] {
        assert_eq!(parse_number(text), None, "{text}");
    }
    assert!(parse_number("NaN").unwrap().is_nan());
}

#[test]
fn units_of_a_duration_come_in_their_order() {
    assert_eq!(parse_duration("1h30m"), Ok(5400.0));
    assert_eq!(parse_duration("1y2w3d4h5m6s7ms"), Ok(33_019_506.007));
    assert_eq!(parse_duration("5m1h"), Err("not a valid duration string: \"5m1h\"".to_owned()));
    assert_eq!(parse_duration("5m5m"), Err("not a valid duration string: \"5m5m\"".to_owned()));
    assert_eq!(parse_duration("1000y"), Err("duration out of range".to_owned()));
    assert_eq!(parse_duration("99999999999999999999s"), Err("duration out of range".to_owned()));
}

#[test]
fn a_colon_is_part_of_a_name_but_not_in_brackets() {
    assert_eq!(kinds("a:b[5m:1m]"), [MetricIdentifier, LeftBracket, Duration, Colon, Duration, RightBracket, End]);
    assert_eq!(kinds("1e+5+x"), [Number, Add, Identifier, End]);
    assert_eq!(kinds("# all\n=# of it"), [Assign, End]);
}

#[test]
fn quoted_texts_keep_every_byte() {
    assert_eq!(unquote(r#""a\n\x41\101\u00e9\"""#), "a\nAA\u{e9}\"".as_bytes());
    assert_eq!(unquote(r#""\xff""#), [0xff]);
    assert_eq!(unquote(r"`\n`"), b"\\n");
    assert_eq!(unquote(r"'\''"), b"'");
    assert_eq!(quote("a\"\n\u{1}\u{e9}"), "\"a\\\"\\n\\x01\u{e9}\"");
}

#[test]
fn errors_name_the_character() {
    assert_eq!(error("a)"), "unexpected right parenthesis ')'");
    assert_eq!(error("(a"), "unclosed left parenthesis");
    assert_eq!(error("a[5m"), "unclosed left bracket");
    assert_eq!(error("a{"), "unexpected end of input inside braces");
    assert_eq!(error("a{b$}"), "unexpected character inside braces: '$'");
    assert_eq!(error("a ? b"), "unexpected character: '?'");
    assert_eq!(error("a =~ b"), "unexpected character after '=': '~'");
    assert_eq!(error("'a"), "unterminated quoted string");
    assert_eq!(error("`a"), "unterminated raw string");
    assert_eq!(error(r#""\q""#), "unknown escape sequence U+0071 'q'");
    assert_eq!(error(r#""\xg0""#), "illegal character U+0067 'g' in escape sequence");
    assert_eq!(error(r#""\ud800""#), "escape sequence is an invalid Unicode code point");
    assert_eq!(error("5q"), "bad number or duration syntax: \"5q\"");
}
