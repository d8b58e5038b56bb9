//! Label sets: `metric{a="b", "c d"='e'}`.

use std::collections::BTreeMap;

/// Labels by name; the metric name is `__name__`.
pub(crate) type Labels = BTreeMap<String, String>;

/// Parses a label set at the start of a text. Returns it with the rest of the text.
pub(crate) fn parse_labels(text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    let end = text.find(|c: char| !is_name(c) && c != ':').unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if !name.is_empty() {
        labels.insert("__name__".to_owned(), name.to_owned());
    }
    let Some(inside) = rest.strip_prefix('{') else { return (!name.is_empty()).then_some((labels, rest)) };
    rest = inside.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (label, after) = if rest.starts_with(['"', '\'', '`']) { unquote(rest)? } else { identifier(rest)? };
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix('=') {
            let (value, after) = unquote(after.trim_start())?;
            labels.insert(label, value);
            rest = after.trim_start();
        } else {
            labels.insert("__name__".to_owned(), label);
        }
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.starts_with('}') {
            return None;
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn identifier(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c| !is_name(c))?;
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// Parses a text in quotes at the start of a text. Returns it, with the rest of the text.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
    let (mut value, mut chars) = (Vec::new(), text[1..].char_indices());
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((String::from_utf8(value).ok()?, &text[at + 2..]));
        }
        if c != '\\' || quote == '`' {
            value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next()?.1 {
            'n' => value.push(b'\n'),
            't' => value.push(b'\t'),
            'r' => value.push(b'\r'),
            'x' => {
                let digits: String = chars.by_ref().take(2).map(|(_, c)| c).collect();
                value.push(u8::from_str_radix(&digits, 16).ok()?);
            }
            other => value.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    None
}

#[test]
fn names_and_values_may_be_quoted() {
    let (labels, rest) = parse_labels("x:y{a=\"1\\\"\", 'b c' = `\\`,} 5").unwrap();
    let pairs: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("__name__", "x:y"), ("a", "1\""), ("b c", "\\")]);
    assert_eq!(rest, " 5");
    assert_eq!(parse_labels("{\"a.b\"}").unwrap().0["__name__"], "a.b");
    assert!(parse_labels("{a=1}").is_none());
}
