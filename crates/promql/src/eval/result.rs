//! Results of queries.

use timestrata::Timestamp;

use super::annotation::Annotation;
use super::labels::Labels;

/// Result of a query.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QueryResult {
    /// Value.
    pub value: QueryValue,
    /// Warnings and infos.
    pub annotations: Vec<Annotation>,
    /// Work that was done.
    pub statistics: QueryStatistics,
}

/// Value of a query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum QueryValue {
    /// One number at one time.
    Scalar {
        /// Time of the query.
        time: Timestamp,
        /// The number.
        value: f64,
    },
    /// One text.
    String {
        /// Time of the query.
        time: Timestamp,
        /// The text.
        value: String,
    },
    /// One sample of each series, in the order of the query: `sort` and `topk` order by value.
    Vector(Vec<VectorSample>),
    /// Several samples of each series, ordered by labels.
    Matrix(Vec<RangeSeries>),
}

/// Sample of an instant vector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VectorSample {
    /// Labels.
    pub labels: Labels,
    /// Time of the query.
    pub time: Timestamp,
    /// Value.
    pub value: f64,
}

/// Series of a range vector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RangeSeries {
    /// Labels.
    pub labels: Labels,
    /// Times and values in ascending order of time; at least one.
    pub points: Vec<(Timestamp, f64)>,
}

/// Work of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueryStatistics {
    /// Samples that were read or computed.
    pub samples: u64,
    /// Series that selectors matched.
    pub series: u64,
    /// Blocks that were not read, because their summaries took the place of their samples.
    pub summaries: u64,
    /// Selectors that were read; equal ones are read once.
    pub reads: u64,
    /// Leaves: selectors, and functions over ranges of them.
    pub leaves: u64,
    /// Parts of the expression that took the value of the same part elsewhere.
    pub shared_parts: u64,
}
