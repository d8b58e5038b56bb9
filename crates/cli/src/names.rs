//! Comma-separated lists of names on the command line, and suggestions for mistyped names.
//! A comma inside quotes or braces belongs to the name, since headers such as `up{a="1",b="2"}` are names too.

/// Names in the given order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NameList(pub(crate) Vec<String>);

/// Splits at commas outside quotes and braces.
#[expect(clippy::unnecessary_wraps, reason = "clap asks value parsers for a Result")]
pub(crate) fn parse_name_list(text: &str) -> Result<NameList, String> {
    Ok(NameList(timestrata_ingest::split_names(text)))
}

/// Returns at most three of `names` that are similar to `wanted`, the most similar first.
pub(crate) fn suggestions<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    const MIN_SIMILARITY: f64 = 0.75;
    let wanted = wanted.to_lowercase();
    let mut like: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (similarity(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= MIN_SIMILARITY)
        .collect();
    like.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    like.dedup_by(|a, b| a.1 == b.1);
    like.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Returns the similarity of two names, from 0 to 1.
///
/// A part of a name counts as similar: `cpu_seconds` suggests `node_cpu_seconds_total`.
fn similarity(wanted: &str, name: &str) -> f64 {
    let inside = if wanted.len() >= 3 && name.contains(wanted) { 0.8 } else { 0.0 };
    strsim::jaro_winkler(wanted, name).max(inside)
}

/// Quotes a text as one word of a shell.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-,:=+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Joins at most `most` names with commas, and appends the number of the others.
pub(crate) fn join_limited<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let text = names.iter().take(most).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_braces_and_quotes_do_not_split() {
        let split = |text| parse_name_list(text).unwrap().0;
        assert_eq!(split("a, b,,c"), ["a", "b", "c"]);
        assert_eq!(split(r#"up{a="1",b="2"},x"#), [r#"up{a="1",b="2"}"#, "x"]);
        assert_eq!(split(r#"up{a="}\",",b="2"},x=i64"#), [r#"up{a="}\",",b="2"}"#, "x=i64"]);
    }

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["temp", "dewp", "humid", "wind_speed", "node_cpu_seconds_total"];
        assert_eq!(suggestions("tmep", names), ["temp"]);
        assert_eq!(suggestions("cpu_seconds", names), ["node_cpu_seconds_total"]);
        assert!(suggestions("zzz", names).is_empty());
    }
}
