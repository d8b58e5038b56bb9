//! The formats of this crate other than CSV.
//!
//! Each module has one format; [`register_all`] adds them to a registry.

mod annotated_csv;
mod collectd;
mod exposition;
mod graphite;
pub(crate) mod json;
mod line_decoder;
mod line_protocol;
pub(crate) mod number;
mod row_error;
mod sadf;
mod series_interner;
mod statsd;

pub use annotated_csv::AnnotatedCsv;
pub use collectd::{CollectdJson, CollectdLines};
pub use exposition::{OpenMetrics, PrometheusText};
pub use graphite::Graphite;
pub use json::Json;
pub use line_protocol::LineProtocol;
pub use sadf::{SadfDatabase, SadfPretty};
pub use statsd::{Statsd, StatsdAggregator, StatsdOptions};

use crate::Registry;

/// Registers all formats of this module.
pub fn register_all(registry: &mut Registry) {
    registry.register(LineProtocol);
    registry.register(PrometheusText);
    registry.register(OpenMetrics);
    registry.register(AnnotatedCsv);
    registry.register(Graphite);
    registry.register(Statsd);
    registry.register(CollectdLines);
    registry.register(CollectdJson);
    registry.register(Json);
    registry.register(SadfDatabase);
    registry.register(SadfPretty);
}

#[cfg(test)]
pub(crate) mod test_support;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;

    #[test]
    fn each_format_is_chosen_by_its_content_beside_all_others() {
        let mut registry = Registry::with_defaults();
        register_all(&mut registry);
        for (name, head) in [
            ("csv", "time,v\n2024-01-01T00:00:00Z,1\n"),
            ("csv", "time;v\n2024-01-01 00:00:00;1,5\n"),
            ("line-protocol", "cpu,host=a usage_user=1.5,n=3i 1704067200000000000\n"),
            ("prometheus", "# TYPE x_total counter\nx_total{job=\"a\"} 5 1704067200000\n"),
            ("openmetrics", "# TYPE x counter\nx_total{job=\"a\"} 5 1704067200.000\n# EOF\n"),
            ("annotated-csv", "#group,false\n#datatype,string\n"),
            ("graphite", "web.cpu.idle 99.5 1704067200\n"),
            ("statsd", "hits:3|c|@0.1\n"),
            ("collectd", "PUTVAL h/cpu-0/cpu-idle interval=10 N:1\n"),
            ("collectd-json", "[{\"values\":[1],\"dstypes\":[\"gauge\"],\"dsnames\":[\"value\"],\"plugin\":\"a\"}]"),
            ("sadf", "# hostname;interval;timestamp;CPU;%user\nweb;600;2024-01-01 00:10:01 UTC;-1;1.5\n"),
            ("sadf-p", "web\t600\t2024-01-01 00:10:01 UTC\tall\t%user\t1.50\n"),
            ("json", "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}\n"),
        ] {
            let chosen = registry.choose("input", head.as_bytes()).map(|format| format.name().to_owned());
            assert_eq!(chosen.as_deref(), Ok(name), "{head}");
        }
    }
}
