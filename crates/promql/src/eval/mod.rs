//! Evaluation of queries over a snapshot.

mod aggregate;
mod annotation;
mod binary;
mod budget;
mod calls;
mod column;
mod engine;
mod error;
mod evaluator;
mod fold;
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
mod rank;
mod result;
mod row;
mod scan;
mod sliding;
mod text;
mod window;

pub use annotation::{Annotation, AnnotationKind};
pub use column::STALE_BITS;
pub use engine::Engine;
pub use error::QueryError;
pub use labels::Labels;
pub use options::EngineOptions;
pub use query::{Query, QueryCancellation, QueryFuture};
pub use result::{QueryResult, QueryStatistics, QueryValue, RangeSeries, VectorSample};
