//! Names of OTLP metrics and attributes in the style of Prometheus.
//!
//! The rules are those of the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility": other characters
//! than letters, digits, `_` and `:` become `_`, the unit is a suffix in plain words, a monotonic sum ends with `_total`.

use std::borrow::Cow;

/// Words of units, by their UCUM notation.
const UNITS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];
/// Words of units behind a slash.
const PER_UNITS: &[(&str, &str)] =
    &[("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// Kind of a metric, as far as it affects the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedKind {
    Gauge,
    MonotonicSum,
    Other,
}

/// Returns the name of a metric.
pub(super) fn metric_name(name: &str, unit: &str, kind: NamedKind) -> String {
    let mut words: Vec<String> = words_of(name);
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let lookup = |table: &[(&str, &str)], unit: &str| -> Option<String> {
        let unit = unit.trim();
        if unit.is_empty() || unit.contains(['{', '}']) {
            return None;
        }
        let known = table.iter().find(|(notation, _)| *notation == unit).map(|(_, word)| (*word).to_owned());
        known.or_else(|| Some(words_of(unit).join("_")).filter(|word| !word.is_empty()))
    };
    let main = if main.trim() == "1" { None } else { lookup(UNITS, main) };
    for suffix in [main, lookup(PER_UNITS, per).map(|word| format!("per_{word}"))].into_iter().flatten() {
        if !words.contains(&suffix) && !words.join("_").ends_with(&suffix) {
            words.push(suffix);
        }
    }
    let suffix = match kind {
        NamedKind::MonotonicSum => "total",
        NamedKind::Gauge if unit.trim() == "1" => "ratio",
        _ => "",
    };
    if !suffix.is_empty() {
        words.retain(|word| word != suffix);
        words.push(suffix.to_owned());
    }
    let joined = words.join("_");
    if joined.starts_with(|c: char| c.is_ascii_digit()) { format!("_{joined}") } else { joined }
}

fn words_of(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'));
    split.filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// Returns the name of a label.
pub(super) fn label_name(key: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let label = if key.chars().all(is_plain) {
        Cow::Borrowed(key)
    } else {
        Cow::Owned(key.chars().map(|c| if is_plain(c) { c } else { '_' }).collect())
    };
    match label.chars().next() {
        Some('0'..='9') => Cow::Owned(format!("key_{label}")),
        Some('_') if !label.starts_with("__") => Cow::Owned(format!("key{label}")),
        _ => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        for (name, unit, kind, expected) in [
            ("http.server.duration", "s", NamedKind::Other, "http_server_duration_seconds"),
            ("system.cpu.time", "s", NamedKind::MonotonicSum, "system_cpu_time_seconds_total"),
            ("system.cpu.utilization", "1", NamedKind::Gauge, "system_cpu_utilization_ratio"),
            ("requests.total", "{request}", NamedKind::MonotonicSum, "requests_total"),
            ("net.io", "By/s", NamedKind::Gauge, "net_io_bytes_per_second"),
            ("disk_bytes", "By", NamedKind::Gauge, "disk_bytes"),
            ("1st", "", NamedKind::Gauge, "_1st"),
        ] {
            assert_eq!(metric_name(name, unit, kind), expected);
        }
        assert_eq!(label_name("service.name"), "service_name");
        assert_eq!(label_name("2x"), "key_2x");
        assert_eq!(label_name("_a"), "key_a");
    }
}
