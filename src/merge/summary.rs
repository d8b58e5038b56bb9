//! What is known of a run without reading it: enough to stand for its points in a count, a sum or an extreme.
//! Where a summary may stand is decided by the merge, which sees what else lies in its time; it knows no file.

/// The points of one run, at least one, as a few values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary<T> {
    pub(crate) count: u64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    /// The least value that has an order; of two zeros either may stand here. The first value where none has an order.
    pub(crate) min: T,
    /// The greatest, in the same way.
    pub(crate) max: T,
    pub(crate) first: T,
    pub(crate) last: T,
    pub(crate) sum: Total,
}

/// A sum of values of one type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Total {
    /// Of doubles, added in whatever order.
    Float(f64),
    /// Of integers, exact; of booleans, how many are true.
    Integer(i128),
}
