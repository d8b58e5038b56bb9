//! On-disk formats: WAL segments, SSTs, the manifest and the series log; and the reports of `inspect`.
//!
//! This layer encodes and decodes files and checks them. The layers above decide when a file is written, which files
//! count, and when a file is removed. docs/format.md specifies the bytes.

pub(crate) mod bytes;
pub(crate) mod finding;
pub(crate) mod inspect;
pub(crate) mod manifest;
pub(crate) mod sst;
pub(crate) mod wal;
