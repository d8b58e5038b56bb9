//! Names of OTLP metrics, units and attributes in the style of Prometheus.
//!
//! The rules are those of the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", as Prometheus
//! applies them: other characters than letters, digits, `_` and `:` become `_`, the unit is a suffix in plain words, a
//! monotonic sum ends with `_total`, a gauge of the unit `1` with `_ratio`.

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
    ("1", ""),
    ("%", "percent"),
];
/// Words of units behind a slash.
const PER_UNITS: &[(&str, &str)] =
    &[("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// Kind of a metric, as far as it affects the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum NamedKind {
    Gauge,
    MonotonicSum,
    Other,
}

/// Returns the name of a metric; `None` if no character of it may be in a name.
pub(super) fn metric_name(name: &str, unit: &str, kind: NamedKind) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == ':';
    let mut words: Vec<&str> = name.split(|c| !is_part(c)).filter(|word| !word.is_empty()).collect();
    let (main, per) = unit_suffixes(unit);
    let per = if per == "per_" { "" } else { per.strip_suffix('_').unwrap_or(&per) };
    let [has_main, has_per] = [main.as_str(), per].map(|suffix| suffix.is_empty() || words.contains(&suffix));
    if !has_main {
        words.push(if has_per { &main } else { main.strip_suffix('_').unwrap_or(&main) });
    }
    if !has_per {
        words.push(per);
    }
    let suffix = match kind {
        NamedKind::MonotonicSum => "total",
        NamedKind::Gauge if unit == "1" => "ratio",
        _ => "",
    };
    if !suffix.is_empty() {
        words.retain(|word| *word != suffix);
        words.push(suffix);
    }
    let joined = words.join("_");
    let joined = if joined.starts_with(|c: char| c.is_ascii_digit()) { format!("_{joined}") } else { joined };
    joined.contains(|c| c != '_').then_some(joined)
}

/// Returns the unit in words, such as `bytes_per_second`; empty if there is none.
pub(super) fn unit_name(unit: &str) -> String {
    let (main, per) = unit_suffixes(unit);
    let joined = match (main.as_str(), per.as_str()) {
        (_, "") => main,
        ("", _) => per,
        _ => format!("{main}_{per}"),
    };
    let joined = joined.strip_prefix('_').unwrap_or(&joined);
    joined.strip_suffix('_').unwrap_or(joined).to_owned()
}

/// Returns the words of the parts of a unit before and behind the slash.
fn unit_suffixes(unit: &str) -> (String, String) {
    let words = |table: &[(&'static str, &'static str)], unit: &str| -> String {
        let unit = unit.trim();
        if unit.contains(['{', '}']) {
            return String::new();
        }
        let known = table.iter().find(|(notation, _)| *notation == unit).map(|(_, words)| *words);
        known.unwrap_or(unit).to_owned()
    };
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let per = words(PER_UNITS, per);
    let per = if per.is_empty() { per } else { format!("per_{per}") };
    (plain_unit(&words(UNITS, main)), plain_unit(&per))
}

/// Replaces what no name may have by one underscore, without one at the start.
fn plain_unit(unit: &str) -> String {
    let mut plain = String::with_capacity(unit.len());
    for c in unit.chars() {
        if c.is_ascii_alphanumeric() || c == ':' {
            plain.push(c);
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain
}

/// Returns the name of a label; `None` if no character of it may be in a label.
pub(super) fn label_name(key: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let label: String = key.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if !label.contains(|c| c != '_') {
        return None;
    }
    Some(match label.as_bytes() {
        [b'0'..=b'9', ..] => format!("key_{label}"),
        [b'_', b'_', ..] => label,
        [b'_', ..] => format!("key{label}"),
        _ => label,
    })
}

#[cfg(test)]
mod tests {
    use super::NamedKind::{Gauge, MonotonicSum, Other};
    use super::*;

    #[test]
    fn names_are_those_of_prometheus() {
        for (name, unit, kind, expected) in [
            ("http.server.duration", "s", Other, "http_server_duration_seconds"),
            ("system.cpu.time", "s", MonotonicSum, "system_cpu_time_seconds_total"),
            ("system.cpu.utilization", "1", Gauge, "system_cpu_utilization_ratio"),
            ("requests.total", "{request}", MonotonicSum, "requests_total"),
            ("net.io", "By/s", Gauge, "net_io_bytes_per_second"),
            ("disk_bytes", "By", Gauge, "disk_bytes"),
            ("1st", "", Gauge, "_1st"),
            // A suffix that is there in another place moves to the end, or stays.
            ("total.of.jobs", "", MonotonicSum, "of_jobs_total"),
            ("ratio_of_hits", "1", Gauge, "of_hits_ratio"),
            ("seconds.waited", "s", Gauge, "seconds_waited"),
            ("items", "1", MonotonicSum, "items_total"),
            ("queue.size", "1", Other, "queue_size"),
            ("calls", "1/s", Gauge, "calls_per_second"),
            ("calls", "1/s", MonotonicSum, "calls_per_second_total"),
            ("transfer", "By/{packet}", Gauge, "transfer_bytes"),
            ("speed", "km/h", Gauge, "speed_km_per_hour"),
            ("rate", "m/m", Gauge, "rate_meters_per_minute"),
            ("disk", "TiBy", Gauge, "disk_tibibytes"),
            ("fan", "{rpm}", Gauge, "fan"),
            ("odd", "a@@b#/c d", Gauge, "odd_a_b_per_c_d"),
            ("double__under", "x__y", Gauge, "double_under_x_y"),
            ("humidity", "%", Gauge, "humidity_percent"),
            ("up", " s ", Gauge, "up_seconds"),
            ("a:b", "", Gauge, "a:b"),
            ("größe", "", Gauge, "gr_e"),
        ] {
            assert_eq!(metric_name(name, unit, kind).as_deref(), Some(expected), "{name} {unit}");
        }
        assert_eq!(
            [metric_name("@#$%", "", Gauge), metric_name("", "", Other), metric_name("ようこそ", "", Gauge)],
            [const { None }; 3]
        );
    }

    #[test]
    fn units_are_words() {
        for (unit, expected) in [
            ("s", "seconds"),
            ("By/s", "bytes_per_second"),
            ("1/s", "per_second"),
            ("1", ""),
            ("{request}", ""),
            ("By/{packet}", "bytes"),
            ("custom unit", "custom_unit"),
            ("", ""),
        ] {
            assert_eq!(unit_name(unit), expected, "{unit}");
        }
    }

    #[test]
    fn labels_are_those_of_prometheus() {
        for (key, expected) in [
            ("service.name", Some("service_name")),
            ("with:colons", Some("with_colons")),
            ("CamelCase", Some("CamelCase")),
            ("a!b&c)", Some("a_b_c_")),
            ("2x", Some("key_2x")),
            ("_a", Some("key_a")),
            ("__a", Some("__a")),
            (".a", Some("key_a")),
            ("größe", Some("gr__e")),
            ("字符", None),
            ("__", None),
            ("", None),
        ] {
            assert_eq!(label_name(key).as_deref(), expected, "{key}");
        }
    }
}
