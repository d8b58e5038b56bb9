//! The text of a series in an export: `temp{site="a"}`, or `{"P{W}","a b"="c"}` with quotes around names that are not plain.
//!
//! It is the text form of [`SeriesKey`] with quotes around more names: of those without quotes no reader takes another
//! meaning. It is one line of printable characters.

use timestrata::SeriesKey;

/// Returns the text of a series.
pub(crate) fn series_text(key: &SeriesKey) -> String {
    let mut text = String::new();
    let mut parts: Vec<String> = Vec::new();
    if is_plain(key.metric()) {
        text.push_str(key.metric());
    } else {
        parts.push(quoted(key.metric()));
    }
    let name = |name: &str| if is_plain(name) { name.to_owned() } else { quoted(name) };
    parts.extend(key.tags().map(|(key, value)| format!("{}={}", name(key), quoted(value))));
    if !parts.is_empty() {
        text.push('{');
        text.push_str(&parts.join(","));
        text.push('}');
    }
    text
}

/// Returns the series of a text of [`series_text`]; `None` for any other text.
pub(crate) fn parse_series_text(text: &str) -> Option<SeriesKey> {
    let (mut metric, parts) = match text.split_once('{') {
        Some((metric, parts)) => (metric.to_owned(), parts.strip_suffix('}')?),
        None => (text.to_owned(), ""),
    };
    if !metric.is_empty() && !is_plain(&metric) {
        return None;
    }
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut rest = parts;
    while !rest.is_empty() {
        let (name, after) = if rest.starts_with('"') {
            unquoted(rest)?
        } else {
            let (name, _) = rest.split_once('=').filter(|(name, _)| is_plain(name))?;
            (name.to_owned(), &rest[name.len()..])
        };
        rest = match after.strip_prefix('=') {
            Some(value) => {
                let (value, after) = unquoted(value)?;
                tags.push((name, value));
                after
            }
            None if metric.is_empty() && tags.is_empty() => {
                metric = name;
                after
            }
            None => return None,
        };
        rest = match rest.strip_prefix(',') {
            Some("") => return None,
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    let key = tags.into_iter().collect::<SeriesKey>().with_metric(metric);
    // A key that names a tag twice is invalid, too.
    key.validate().is_ok().then_some(key)
}

fn is_plain(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
    !name.is_empty() && name.chars().all(is_allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // All control characters are below U+0100.
            c if c.is_control() => quoted.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Splits a quoted text from what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut found = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((found, &inner[at + 1..])),
            '\\' => found.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let is_code = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                    let code = is_code.then(|| u32::from_str_radix(&digits, 16).ok()).flatten()?;
                    char::from_u32(code)?
                }
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            c => found.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_names_one_series() {
        for key in [
            SeriesKey::new("temp"),
            SeriesKey::new("temp").tag("site", "a,b\"c\\n"),
            SeriesKey::new("P{W}").tag("=", "a"),
            SeriesKey::new("a\0b").tag("\t", "\r\n\u{85}\u{7f}"),
            SeriesKey::new("a{b=\"c\"}"),
            SeriesKey::new("1").tag("a b", "}"),
        ] {
            assert!(!series_text(&key).contains(char::is_control));
            assert_eq!(series_text(&key).parse::<SeriesKey>().unwrap(), key);
            assert_eq!(parse_series_text(&series_text(&key)), Some(key));
        }
        assert_eq!(parse_series_text("a{b=\"\"}"), Some(SeriesKey::new("a")), "an empty value is no tag");
        for text in ["a{b=\"\\u12\"}", "a{b=\"\\ud800\"}", "a{b=\"\\x\"}"] {
            assert_eq!(parse_series_text(text), None, "{text}");
        }
        for text in
            ["", "{}", "a{", "a{b}", "a{b=c}", "a{b=\"c\",}", "a{b=\"c\",b=\"d\"}", "P{W}", "a b", "{\"a\",\"b\"}"]
        {
            assert_eq!(parse_series_text(text), None, "{text}");
        }
    }
}
