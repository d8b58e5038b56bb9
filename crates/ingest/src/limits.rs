//! Caps on what a decoder accepts, so that no input takes unbounded memory.

/// Caps on an input. Whatever exceeds one is refused with an error that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest row in bytes; a row of JSON or CSV may span lines. Default: 1 MiB.
    pub row_bytes: usize,
    /// Largest object of columns in bytes, in JSON; it is read as a whole. Default: 16 MiB.
    pub columnar_bytes: usize,
    /// Largest number of columns or fields of a row. Default: 65,536.
    pub fields: usize,
    /// Largest number of series that one input may name. Default: 10 million.
    pub series: usize,
    /// Largest decompressed size in bytes. Default: `u64::MAX`; a server sets it.
    pub decompressed_bytes: u64,
    /// Largest number of points of a body that is decoded whole. Default: `usize::MAX`; a server sets it.
    pub points: usize,
    /// Points after which [`Rows::is_full`](crate::Rows::is_full) is `true`. Default: 100,000.
    pub points_per_batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            row_bytes: 1 << 20,
            columnar_bytes: 16 << 20,
            fields: 1 << 16,
            series: 10_000_000,
            decompressed_bytes: u64::MAX,
            points: usize::MAX,
            points_per_batch: 100_000,
        }
    }
}
