//! Evaluation of queries over a snapshot.

mod aggregate;
mod annotation;
mod binary;
mod budget;
mod calls;
mod engine;
mod error;
mod evaluator;
mod functions;
mod invariant;
mod json;
mod kahan;
mod labels;
mod leaf;
mod matching;
mod number;
mod options;
mod query;
mod result;
mod row;
mod scan;
mod text;
mod window;

pub use annotation::{Annotation, AnnotationKind};
pub use engine::Engine;
pub use error::QueryError;
pub use labels::Labels;
pub use options::EngineOptions;
pub use query::{Query, QueryCancellation, QueryFuture};
pub use result::{QueryResult, QueryStatistics, QueryValue, RangeSeries, VectorSample};
pub use row::STALE_BITS;
