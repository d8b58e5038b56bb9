//! The formats of this crate other than CSV.
//!
//! Each module has one format; [`register_all`] adds them to a registry.

mod annotated_csv;
mod exposition;
mod line_decoder;
mod line_protocol;
mod number;
mod row_error;
mod series_interner;

pub use annotated_csv::AnnotatedCsv;
pub use exposition::{OpenMetrics, PrometheusText};
pub use line_protocol::LineProtocol;

use crate::Registry;

/// Registers all formats of this module.
pub fn register_all(registry: &mut Registry) {
    registry.register(LineProtocol);
    registry.register(PrometheusText);
    registry.register(OpenMetrics);
    registry.register(AnnotatedCsv);
}

#[cfg(test)]
mod test_support;
