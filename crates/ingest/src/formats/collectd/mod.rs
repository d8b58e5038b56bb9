//! collectd: `PUTVAL` lines of the exec and unixsock plugins, and the JSON of `write_http`.
//!
//! Lines of `write_graphite` are [`Graphite`](super::Graphite). The series are those of InfluxDB's collectd service: the
//! plugin is the metric, the data source is the tag `_field` (a source named `value` has no such tag), and host,
//! instances and type are tags:
//!
//! `web-1/cpu-0/cpu-idle` is `cpu{host="web-1",instance="0",type="cpu",type_instance="idle"}`.
//!
//! `PUTVAL` lines do not name their data sources; those of the common types of several values are known (`rx`, `tx` of
//! `if_octets`), others are numbered from 0. A value `U`, `null` or `nan` is missing and counted.

mod json_format;
mod lines;
mod series;

pub use json_format::CollectdJson;
pub use lines::CollectdLines;
