//! Labels of a series, in the order of their names.

use timestrata::SeriesKey;

use crate::answer::put_json_text;

/// Label of the metric name.
pub(super) const METRIC_NAME: &str = "__name__";

/// Returns the labels of a series, sorted by name: its tags, and its metric as `__name__`. No value is empty.
pub(in crate::endpoints) fn series_labels(key: &SeriesKey) -> impl Iterator<Item = (&str, &str)> {
    // Tags are sorted by name.
    let tags = || key.tags().filter(|(_, value)| !value.is_empty());
    let before = tags().take_while(|(name, _)| *name < METRIC_NAME);
    let behind = tags().filter(|(name, _)| *name > METRIC_NAME);
    before.chain([(METRIC_NAME, key.metric())]).chain(behind)
}

/// Writes the labels of a series as an object.
pub(super) fn put_json_labels(key: &SeriesKey, json: &mut String) {
    for (at, (name, value)) in series_labels(key).enumerate() {
        json.push(if at == 0 { '{' } else { ',' });
        put_json_text(json, name);
        json.push(':');
        put_json_text(json, value);
    }
    json.push('}');
}

/// Returns the name that a label has behind `U__`, in which `_XX_` is a character by its hexadecimal number and `__` is
/// one `_`. Another name stays as it is; `None` if the escape is not valid.
pub(super) fn unescaped_name(name: &str) -> Option<String> {
    let Some(mut rest) = name.strip_prefix("U__") else { return Some(name.to_owned()) };
    let mut unescaped = String::with_capacity(rest.len());
    while let Some(at) = rest.find('_') {
        unescaped.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('_') {
            unescaped.push('_');
            rest = behind;
            continue;
        }
        let (digits, behind) = rest.split_once('_')?;
        let is_number = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let letter = u32::from_str_radix(digits, 16).ok().filter(|_| is_number).and_then(char::from_u32)?;
        unescaped.push(letter);
        rest = behind;
    }
    unescaped.push_str(rest);
    Some(unescaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_with_the_metric_in_its_place() {
        let key = SeriesKey::new("up").tag("job", "a").tag("Zone", "b");
        assert_eq!(series_labels(&key).collect::<Vec<_>>(), [("Zone", "b"), ("__name__", "up"), ("job", "a")]);
        let mut json = String::new();
        put_json_labels(&key, &mut json);
        assert_eq!(json, r#"{"Zone":"b","__name__":"up","job":"a"}"#);
    }

    #[test]
    fn escaped_names_are_read() {
        for (escaped, name) in
            [("job", "job"), ("U__a_2e_b", "a.b"), ("U__a__b", "a_b"), ("U___1F600___x", "\u{1F600}_x"), ("U__", "")]
        {
            assert_eq!(unescaped_name(escaped).as_deref(), Some(name), "{escaped}");
        }
        for bad in ["U__a_zz_", "U__a_2e", "U__a_110000_", "U__a_d800_"] {
            assert_eq!(unescaped_name(bad), None, "{bad}");
        }
    }
}
