//! Protocols by which points arrive.

/// Protocol by which points arrive; a label of the server's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    /// Prometheus remote write 1.0.
    RemoteWrite1,
    /// Prometheus remote write 2.0.
    RemoteWrite2,
    /// OpenTelemetry metrics over HTTP.
    Otlp,
    /// InfluxDB line protocol.
    Influx,
    /// Text in the format of Prometheus.
    Exposition,
    /// JSON lines, CSV and other formats by media type.
    Import,
    /// Graphite lines over TCP.
    Graphite,
    /// statsd over UDP.
    Statsd,
    /// collectd's `write_http`.
    Collectd,
}

impl Protocol {
    /// Every protocol, in the order of the discriminants.
    pub(crate) const ALL: [Self; 9] = [
        Self::RemoteWrite1,
        Self::RemoteWrite2,
        Self::Otlp,
        Self::Influx,
        Self::Exposition,
        Self::Import,
        Self::Graphite,
        Self::Statsd,
        Self::Collectd,
    ];

    /// Returns the name, as a value of the label `protocol`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RemoteWrite1 => "remote-write-1",
            Self::RemoteWrite2 => "remote-write-2",
            Self::Otlp => "otlp",
            Self::Influx => "influx",
            Self::Exposition => "exposition",
            Self::Import => "import",
            Self::Graphite => "graphite",
            Self::Statsd => "statsd",
            Self::Collectd => "collectd",
        }
    }
}
