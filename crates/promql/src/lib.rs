//! PromQL, the query language of Prometheus, for the timestrata engine.
//!
//! [`parse`] turns text into an [`Expression`] whose types are checked and whose nodes carry their place in the text.
//!
//! ```
//! use timestrata_promql::{ParserOptions, ValueType, parse};
//!
//! let expression = parse("sum by (job) (rate(http_requests_total[5m]))", &ParserOptions::default())?;
//! assert_eq!(expression.value_type(), ValueType::Vector);
//! # Ok::<(), timestrata_promql::ParseError>(())
//! ```
#![forbid(unsafe_code)]

pub mod ast;
mod duration;
mod eval;
mod lexer;
mod options;
mod parse;
mod parse_error;
mod pattern;
mod position;
mod print;
mod store_selector;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use ast::{Expression, Function, Span, ValueType};
pub use duration::parse_duration;
pub use eval::{
    Annotation, AnnotationKind, Engine, EngineOptions, JsonExtras, JsonPieces, Labels, Query, QueryCancellation,
    QueryError, QueryFuture, QueryResult, QueryStatistics, QueryValue, RangeSeries, STALE_BITS, VectorSample,
};
pub use options::{Feature, ParserOptions};
pub use parse::{MAX_DEPTH, MAX_TEXT_BYTES, parse};
pub use parse_error::ParseError;
pub use position::Position;
pub use store_selector::{parse_selector, store_selector};

/// Runs the examples of docs/promql.md.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/promql.md")]
mod documentation {}
