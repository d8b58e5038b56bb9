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
pub use statsd::Statsd;

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
