//! Messages of remote write 1.0 (`prometheus.WriteRequest`) and 2.0 (`io.prometheus.write.v2.Request`), as tests write
//! them: another implementation of the encoding than that of the decoder.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(in crate::bodies) struct RemoteWriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::bodies) timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::bodies) metadata: Vec<MetricMetadata>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::bodies) struct MetricMetadata {
    #[prost(int32, tag = "1")]
    pub(in crate::bodies) kind: i32,
    #[prost(string, tag = "2")]
    pub(in crate::bodies) family: String,
    #[prost(string, tag = "4")]
    pub(in crate::bodies) help: String,
    #[prost(string, tag = "5")]
    pub(in crate::bodies) unit: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::bodies) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::bodies) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::bodies) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::bodies) exemplars: Vec<CountedMessage>,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::bodies) histograms: Vec<CountedMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::bodies) struct Label {
    #[prost(string, tag = "1")]
    pub(in crate::bodies) name: String,
    #[prost(string, tag = "2")]
    pub(in crate::bodies) value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::bodies) struct Sample {
    #[prost(double, tag = "1")]
    pub(in crate::bodies) value: f64,
    /// Milliseconds since the epoch.
    #[prost(int64, tag = "2")]
    pub(in crate::bodies) timestamp: i64,
    /// Milliseconds since the epoch; of version 2.0 alone.
    #[prost(int64, tag = "3")]
    pub(in crate::bodies) start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::bodies) struct Request {
    #[prost(string, repeated, tag = "4")]
    pub(in crate::bodies) symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub(in crate::bodies) timeseries: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::bodies) struct TimeSeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    pub(in crate::bodies) labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::bodies) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::bodies) histograms: Vec<CountedMessage>,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::bodies) exemplars: Vec<CountedMessage>,
    #[prost(message, optional, tag = "5")]
    pub(in crate::bodies) metadata: Option<MetadataV2>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::bodies) struct MetadataV2 {
    #[prost(int32, tag = "1")]
    pub(in crate::bodies) kind: i32,
    #[prost(uint32, tag = "3")]
    pub(in crate::bodies) help_ref: u32,
    #[prost(uint32, tag = "4")]
    pub(in crate::bodies) unit_ref: u32,
}

/// Message whose content does not matter.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::bodies) struct CountedMessage {}
