//! Series of a value list.

use timestrata::{SeriesKey, Value, ValueType};

use crate::formats::number::parse_as;
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, TypedSeries};
use crate::table::is_integer_beyond_f64;

/// Name of the data source of types with one value.
const PLAIN_SOURCE: &str = "value";

/// Data sources of the common types with several values, from collectd's types.db.
const SOURCES: &[(&str, &[&str])] = &[
    ("if_octets", &["rx", "tx"]),
    ("if_packets", &["rx", "tx"]),
    ("if_errors", &["rx", "tx"]),
    ("if_dropped", &["rx", "tx"]),
    ("io_octets", &["rx", "tx"]),
    ("io_packets", &["rx", "tx"]),
    ("io_ops", &["read", "write"]),
    ("disk_octets", &["read", "write"]),
    ("disk_ops", &["read", "write"]),
    ("disk_time", &["read", "write"]),
    ("disk_merged", &["read", "write"]),
    ("disk_io_time", &["io_time", "weighted_io_time"]),
    ("load", &["shortterm", "midterm", "longterm"]),
    ("ps_count", &["processes", "threads"]),
    ("ps_cputime", &["user", "syst"]),
    ("ps_disk_octets", &["read", "write"]),
    ("ps_disk_ops", &["read", "write"]),
    ("ps_pagefaults", &["minflt", "majflt"]),
    ("ps_state", &["running", "sleeping", "zombies", "stopped", "paging", "blocked"]),
    ("vmpage_faults", &["minflt", "majflt"]),
    ("vmpage_io", &["in", "out"]),
    ("dns_octets", &["queries", "responses"]),
    ("mysql_octets", &["rx", "tx"]),
    ("node_octets", &["rx", "tx"]),
    ("df", &["used", "free"]),
    ("serial_octets", &["rx", "tx"]),
    ("compression", &["uncompressed", "compressed"]),
];

/// Parses a value. Sources of collectd may be whole numbers, which an `f64` does not always hold.
pub(super) fn parse_value(text: &str, series: TypedSeries, source: impl FnOnce() -> String) -> Result<Value, RowError> {
    if matches!(series.ty, None | Some(ValueType::F64)) && is_integer_beyond_f64(text) {
        let ty = if text.starts_with('-') { ValueType::I64 } else { ValueType::U64 };
        let source = source();
        let reason = format!("no f64 is equal to {text}, a whole number: keep the values of {source} as {ty}");
        return Err(RowError::refused(reason).suggest("types", format!("{source}={ty}")));
    }
    let refusal = || RowError::refused(format!("the value {} is not a number", shown(text.as_bytes())));
    parse_as(text.as_bytes(), series.ty).ok_or_else(refusal)
}

/// Identifier of a value list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Identifier<'a> {
    pub(super) host: &'a str,
    pub(super) plugin: &'a str,
    pub(super) plugin_instance: &'a str,
    pub(super) ty: &'a str,
    pub(super) type_instance: &'a str,
}

impl<'a> Identifier<'a> {
    /// Parses `host/plugin-instance/type-instance`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let (host, plugin, ty) = (parts.next()?, parts.next()?, parts.next()?);
        let (plugin, plugin_instance) = plugin.split_once('-').unwrap_or((plugin, ""));
        let (ty, type_instance) = ty.split_once('-').unwrap_or((ty, ""));
        let whole = Self { host, plugin, plugin_instance, ty, type_instance };
        (!plugin.is_empty() && !ty.is_empty()).then_some(whole)
    }

    /// Returns the series of a data source.
    pub(super) fn key(&self, source: &str, options: &SeriesOptions) -> SeriesKey {
        let field = if source == PLAIN_SOURCE { "" } else { source };
        let tags = [
            ("host", self.host),
            ("instance", self.plugin_instance),
            ("type", self.ty),
            ("type_instance", self.type_instance),
            ("_field", field),
        ];
        let key: SeriesKey = tags.into_iter().collect();
        key.with_metric(options.metric(self.plugin))
    }
}

/// Returns the name of data source number `at` of a type with `len` values.
pub(super) fn source_name(ty: &str, at: usize, len: usize) -> String {
    if len == 1 {
        return PLAIN_SOURCE.to_owned();
    }
    let known = SOURCES.iter().find(|(name, sources)| *name == ty && sources.len() == len);
    known.and_then(|(_, sources)| sources.get(at)).map_or_else(|| at.to_string(), ToString::to_string)
}
