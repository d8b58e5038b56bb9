use super::*;

/// Compiles a pattern and returns the one-letter texts, of some, that it matches.
fn matches(pattern: &str) -> String {
    let regex = regex::Regex::new(&Pattern::translate(pattern).unwrap().anchored()).unwrap();
    let letters = "aAkKzZ059_-]{}[&~^\\<> \t\n\x0b.:\u{e9}\u{663}\u{212a}";
    letters.chars().filter(|letter| regex.is_match(&letter.to_string())).collect()
}

fn is_match(pattern: &str, text: &str) -> bool {
    let regex = regex::Regex::new(&Pattern::translate(pattern).unwrap().anchored()).unwrap();
    regex.is_match(text)
}

#[test]
fn classes_are_those_of_re2() {
    let table = [
        ("\\d", "059"),
        ("[\\d]", "059"),
        ("\\s", " \t\n"),
        ("\\w", "aAkKzZ059_"),
        ("[^\\W\\d]", "aAkKzZ_"),
        ("[[]", "["),
        ("[]]", "]"),
        ("[]a]", "a]"),
        ("[^]a-zA-Z0-9]", "_-{}[&~^\\<> \t\n\x0b.:\u{e9}\u{663}\u{212a}"),
        ("[a&&k]", "ak&"),
        ("[a~~k]", "ak~"),
        ("[&--]", "-&"),
        ("[a-]", "a-"),
        ("[-a]", "a-"),
        ("[[:alpha:]0]", "aAkKzZ0"),
        ("[^[:^digit:]]", "059"),
        ("[[:]", "[:"),
        ("(?i)k", "kK\u{212a}"),
        ("\\pL", "aAkKzZ\u{e9}\u{212a}"),
        ("\\p{^L}", "059_-]{}[&~^\\<> \t\n\x0b.:\u{663}"),
        ("[\\x41-\\x{42}]", "A"),
        ("[\\101]", "A"),
        ("\\101", "A"),
        ("\\<|\\>|\\_", "_<>"),
        ("{", "{"),
        ("}|]", "]}"),
        ("(?-s:.)", "aAkKzZ059_-]{}[&~^\\<> \t\x0b.:\u{e9}\u{663}\u{212a}"),
    ];
    for (pattern, letters) in table {
        assert_eq!(matches(pattern), letters, "{pattern}");
    }
}

#[test]
fn texts_match_as_in_re2() {
    let table = [
        ("/users/{id}", "/users/{id}", true),
        ("a{,3}", "a{,3}", true),
        ("a{2,3}", "aaa", true),
        ("a{2,3}", "a", false),
        ("a{02}", "a{02}", true),
        ("\\Qa.b\\E.", "a.bc", true),
        ("\\Qa.b\\E.", "axbc", false),
        ("\\Qa|b", "a|b", true),
        ("\\Qab\\E+", "abb", true),
        ("\\b\u{e9}", "\u{e9}", false),
        ("a\\b.*", "a\u{e9}", true),
        ("\\Aa\\z", "a", true),
        ("a\\zz", "az", false),
        ("a.b", "a\nb", true),
        ("(?P<1>a)(?<b>b)", "ab", true),
        ("a # b", "a # b", true),
        ("(?U)a+", "aa", true),
        ("", "", true),
        ("(|a)*", "aa", true),
        ("^*a", "a", true),
    ];
    for (pattern, text, expected) in table {
        assert_eq!(is_match(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn patterns_that_are_none_have_the_errors_of_go() {
    let table = [
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}+", "invalid nested repetition operator: `{2}+`"),
        ("a+??", "invalid nested repetition operator: `+??`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("(+)", "missing argument to repetition operator: `+`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("a)|(b", "unexpected ): `a)|(b`"),
        ("(a", "missing closing ): `(a`"),
        ("[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("\\1", "invalid escape sequence: `\\1`"),
        ("\\u0041", "invalid escape sequence: `\\u`"),
        ("[\\b]", "invalid escape sequence: `\\b`"),
        ("\\xg", "invalid escape sequence: `\\x`"),
        ("\\\u{e9}", "invalid escape sequence: `\\\u{e9}`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P<a b>c)", "invalid named capture: `(?P<a b>c)`"),
        ("(?P<a>b)(?P<a>c)", "duplicate capture group name: `a`"),
    ];
    for (pattern, message) in table {
        assert_eq!(Pattern::translate(pattern).unwrap_err(), message, "{pattern}");
    }
}

#[test]
fn no_text_panics_and_translations_compile_or_are_refused() {
    let parts = ["\\", "Q", "E", "[", "]", "^", "-", ":", "{", "}", "(", "?", "P<", "p", "1", ",", "\u{e9}", "x", "|"];
    let mut seed = 5_u64;
    let mut compiled = 0;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..7 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(parts[usize::try_from(seed >> 33).unwrap() % parts.len()]);
        }
        let Ok(pattern) = Pattern::translate(&text) else { continue };
        compiled += usize::from(regex_syntax::parse(&pattern.anchored()).is_ok());
    }
    assert!(compiled > 1_000, "{compiled}");
}
