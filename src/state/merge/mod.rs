//! The k-way merge: the points of one series from files and memtables as one sequence of chunks.
//!
//! The chunks are columns in time order.
//!
//! Queries and compactions read through it. It depends on no file and no memtable: a [`PointSource`] yields the points
//! of one file or memtable list in time order, run by run (a run is one block or one chunk). The
//! [`HiddenRanges`](crate::state::hidden_ranges::HiddenRanges) of the source are the times of deleted or expired
//! points.
//!
//! ```text
//!   source 0 (oldest file)  [ 1  4  7 ][ 9 ........ ]        queue after point 1: keys (next time, source), descending
//!   source 1 (newer file)         [ 5  5  8 ]                   (20, 2) (5, 1) (4, 0)
//!   source 2 (memtable)                          [ 20 .. ]                     ^ head: read next
//!                 |
//!                 |  remove hidden points  ->  merge by (time, source, arrival)  ->  apply the duplicate policy
//!                 v
//!   chunks:  [ 1 4 5 5 7 8 ] [ 9 ........ ] [ 20 .. ]
//!                              ^ a long run that no other source overlaps is returned whole, without a copy
//! ```
//!
//! # The algorithm
//!
//! The queue holds one sorted key per source: the time of the next point of the source, or a lower bound of this time
//! while no run is buffered. A source is opened or read only at the head of the queue, with one exception: the search
//! for a run summary also makes the bound of the second source exact. From the run at the head the iterator takes the
//! points before the second key of the queue, found by a galloping search, then moves the source to its new position.
//! Sources seldom interleave, so a source usually stays at the head, and its runs are returned whole by a swap of
//! buffers. Where the runs of the first two sources interleave with few points of each, they are merged point by point up
//! to the third key, without moves in the queue.
//!
//! # Invariants
//!
//! - Points come in the order of time; at equal times from the oldest source to the newest, and within a source in
//!   order of arrival.
//! - Hidden points are removed before the duplicate policy is applied. Queries and compactions use this same order, so
//!   that a compaction changes no result.
//! - A source is not read while its lower bound is later than the point that is taken next, and never if all its
//!   remaining times are hidden. At most one run per source is buffered.
//! - A chunk has at least one point. Under `KeepFirst` and `KeepLast` no two chunks share a timestamp.
//! - A source that has no more points is dropped at once, and with it its file.
//! - After an error no further chunk is returned.

mod column_buffer;
mod interleave;
mod merge_iterator;
mod merge_lane;
mod newest_point;
mod run_summary;
mod source;

pub(crate) use column_buffer::partition_point_galloping;
pub(crate) use merge_iterator::MergeIterator;
pub(crate) use newest_point::newest_point;
pub(crate) use run_summary::{RunSum, RunSummary};
pub(crate) use source::{BoxPointSource, PointSource, newest_visible_index};
