//! What a child process is given, and what it answers: the same JSON for Rust and Python.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::workload::{Expected, Shape};

/// What one child process measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Writes all points without fsync, and closes.
    Ingest,
    /// Opens what `Ingest` has written, and reads.
    Read,
    /// One client, each batch durable before the next.
    DurableOne,
    /// Several clients, each batch durable before the client's next.
    DurableMany,
    /// Durable writes of one point: one thread, then several.
    Single,
}

impl Step {
    /// Returns what the step measures, in the order of its report.
    pub(crate) fn measures(self) -> &'static [Measure] {
        use Measure as M;
        match self {
            Self::Ingest => &[M::Ingest, M::IngestCpu, M::Close, M::PeakMemory, M::FileBytes, M::DiskBytes],
            Self::Read => &[M::Open, M::Scan, M::Hour, M::Latest],
            Self::DurableOne => &[M::DurableOne, M::AckMedian, M::AckP99, M::AckRatio, M::Bare],
            Self::DurableMany => &[M::DurableMany, M::ManyP99],
            Self::Single => &[M::SingleMedian, M::SingleMany],
        }
    }
}

/// A row of the table. Units of the values: seconds, bytes, and points or acknowledgements per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    Ingest,
    /// User and system time of the process, per point.
    IngestCpu,
    Close,
    PeakMemory,
    /// Sum of the lengths of all files, per point.
    FileBytes,
    /// Blocks of all files, as `du` counts them, per point.
    DiskBytes,
    DurableOne,
    AckMedian,
    AckP99,
    /// Median acknowledgement beside the median bare write and fdatasync of the same child.
    AckRatio,
    Bare,
    DurableMany,
    ManyP99,
    SingleMedian,
    SingleMany,
    Open,
    Scan,
    Hour,
    Latest,
}

/// The value of a measure, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Value(f64),
    /// The engine answered, and not with what was written.
    Wrong(String),
    Failed(String),
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) measure: Measure,
    pub(crate) outcome: Outcome,
}

impl Figure {
    pub(crate) fn value(measure: Measure, value: f64) -> Self {
        Self { measure, outcome: Outcome::Value(value) }
    }

    /// Returns the same failure for every measure of a step.
    pub(crate) fn failures(step: Step, error: &str) -> Vec<Self> {
        let failed = |measure: &Measure| Self { measure: *measure, outcome: Outcome::Failed(error.to_owned()) };
        step.measures().iter().map(failed).collect()
    }
}

/// What a child process is given, as a file of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) engine: String,
    pub(crate) step: Step,
    /// Directory of the database.
    pub(crate) dir: PathBuf,
    /// A file that the child may make for its bare writes, on the same file system.
    pub(crate) bare_file: PathBuf,
    pub(crate) shape: Shape,
    pub(crate) expected: Expected,
    /// Clients of `DurableMany`.
    pub(crate) clients: u32,
    /// Threads of `Single`.
    pub(crate) threads: u32,
    /// Length of each of the two phases of `Single`, and limit of the repeated reads, in seconds.
    pub(crate) seconds: f64,
    /// The points in files, for a child that cannot generate them fast: one file, or one of each client.
    pub(crate) samples: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_the_python_script_is_a_report() {
        let text = r#"[{"measure": "ingest", "outcome": {"value": 2.5}},
            {"measure": "latest", "outcome": {"wrong": "1 point"}}, {"measure": "open", "outcome": {"failed": "x"}}]"#;
        let figures: Vec<Figure> = serde_json::from_str(text).unwrap();
        assert_eq!(figures[0], Figure::value(Measure::Ingest, 2.5));
        assert_eq!(figures[1].outcome, Outcome::Wrong("1 point".to_owned()));
        assert_eq!(figures[2].outcome, Outcome::Failed("x".to_owned()));
    }
}
